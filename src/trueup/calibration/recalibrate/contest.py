"""Corrections against each other, each on rows that its fit has not seen."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from trueup.core.cards import Card, all_cards
from trueup.core.correction import AbstractCorrection
from trueup.core.evidence import Evidence


Fold = tuple[Evidence, Evidence]
"""Rows to learn from, rows to judge by."""


def entrants(*, k: int, rows: int, small: float) -> list[tuple[Card, AbstractCorrection]]:
    """The corrections of the catalogue that suit ``rows`` rows of ``k`` classes.

    Those that read more than probabilities are not among them.

    Parameters
    ----------
    small
        Up to this many numbers, rows times classes, those of heavy effort are among them.
    """
    cards = [card for card in all_cards() if card.family == "recalibrate"]
    made = [(card, getattr(importlib.import_module(card.module), card.name)) for card in cards]
    return [
        (card, kind())
        for card, kind in made
        if k >= kind.least_classes and kind.effort.allows(rows * k, small=small) and not kind.reads
    ]


def folds_of(evidence: Evidence, count: int, *, seed: int = 0) -> np.ndarray:
    """Fold (n,) of every row; clusters stay whole, blocks of time stay neighbours.

    Single rows are drawn by the order of what they say, not of the table, so that the order of a
    table does not matter.
    """
    rng = np.random.default_rng(seed)
    if evidence.grouping == "row":
        place = np.empty(len(evidence), dtype=np.int64)
        place[_by_content(evidence, rng)] = np.arange(len(evidence))
        groups = len(evidence)
    else:
        used, place = np.unique(evidence.groups(), return_inverse=True)
        groups = len(used)
    if evidence.grouping == "block":
        return place * min(count, groups) // groups
    return (rng.permutation(groups) % count)[place]


def _by_content(evidence: Evidence, rng: np.random.Generator) -> np.ndarray:
    """An order (n,) of rows that depends on their contents alone; equal rows are exchangeable."""
    probs = evidence.prediction.probs  # type: ignore[union-attr]
    # Rounded, because sums of a matrix product may depend on the place of a row.
    said = np.round(probs @ rng.random(probs.shape[1]), 12)
    weight = np.zeros(len(said)) if evidence.weight is None else evidence.weight
    return np.lexsort((weight, evidence.truth, said))


def split_by(evidence: Evidence, fold: np.ndarray) -> list[Fold]:
    """Evidence without each fold, and of it."""
    return [(evidence.take(fold != f), evidence.take(fold == f)) for f in np.unique(fold)]


def held_out(settings: AbstractCorrection, folds: Sequence[Fold]) -> np.ndarray | None:
    """Log-probability of what happened on every judging row, fold by fold.

    None where a fit has no minimum, reads what is not in ``by``, or says what is not finite.
    """
    found = []
    for learn, judge in folds:
        fitted = settings.fit(learn)
        if not fitted.converged or not fitted.needs.keys() <= judge.by.keys():
            return None
        logs = fitted.correct(judge).log_probs()
        found.append(logs[np.arange(len(judge)), judge.truth])
    said = np.concatenate(found)
    return said if np.isfinite(said).all() else None


def in_turns(task, items: Sequence) -> list:
    """The task for every item, two at a time, with linear algebra in one thread each."""
    # Threads of linear algebra inside threads of ours would wait for each other.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(2) as pool:
        return list(pool.map(task, items))
