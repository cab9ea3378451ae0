"""Corrections: fitted on some groups, chosen on others, proven on groups that neither has seen."""

from __future__ import annotations

import importlib
import math
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from threadpoolctl import threadpool_limits

from trueup.audit.bench import AbstractBench
from trueup.calibration import DoNothing, log_loss
from trueup.core.cards import Card, all_cards
from trueup.core.cube import Cube
from trueup.core.fitted import AbstractCorrection, Fitted
from trueup.core.outcome import Outcome
from trueup.core.proof import Proof, judge
from trueup.core.splits import Split, split_groups


PLENTY = 20_000
"""With this many rows three folds choose as well as five."""


@dataclass(frozen=True, eq=False)
class Remedy:
    """A correction that was tried, and its proof.

    Attributes
    ----------
    name
        Short name: ``"temperature"``.
    fitted
        The correction.
    proof
        What it did on rows that it never saw.
    held_out_loss
        Its log loss on the folds that choose; the least one is put to the proof.
    """

    name: str
    title: str
    paper: str
    fitted: Fitted
    proof: Proof
    held_out_loss: float


@dataclass(frozen=True, eq=False)
class Trial:
    """Everything that was tried.

    Attributes
    ----------
    remedies
        The candidates, best on the choosing folds first.
    chosen
        The remedy that was proven, or None: then the model is best left alone.
    best
        Name of the candidate that won the choice, ``"none"`` for doing nothing.
    before, after
        Cubes of the proof rows before and after the chosen (else the best) remedy.
    """

    remedies: list[Remedy]
    chosen: Remedy | None
    best: str
    split: Split
    after: Cube | None = field(default=None)


def try_all(bench: AbstractBench, *, k: int, in_time: bool, level: float) -> Trial:
    """Fit, choose and prove every correction of the catalogue that suits ``k`` classes.

    Nothing is tried where there are too few groups to learn from some and to prove on others.
    """
    folds = 5 if bench.sizes().sum() < PLENTY else 3
    split = split_groups(bench.sizes(), in_time=in_time, folds=folds)
    if split.learn.sum() < 2 or not split.prove.any():
        return Trial([], None, "none", split)
    cards = [card for card in all_cards() if card.family == "recalibrate"]
    nothing = _held_out(DoNothing(), bench, split)
    kinds = [(card, getattr(importlib.import_module(card.module), card.name)) for card in cards]
    made = [(card, kind()) for card, kind in kinds if not kind.reads]
    suited = [(c, s) for c, s in made if c.name != "DoNothing" and k >= s.least_classes]
    # Threads of linear algebra inside threads of ours would wait for each other.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(2) as pool:
        remedies = list(pool.map(lambda pair: _tried(*pair, bench, split, level), suited))
    # Of two that do equally well, the one with fewer numbers.
    remedies.sort(key=lambda r: (round(r.held_out_loss, 9), len(r.fitted.map.parameters)))
    best = remedies[0] if remedies[0].held_out_loss < nothing else None
    proven = best is not None and best.proof.outcome is Outcome.PROVEN
    after = bench.cubes(best.fitted, split.prove)[1] if best and proven else None
    return Trial(remedies, best if proven else None, best.name if best else "none", split, after)


def short_name(name: str) -> str:
    """``TemperatureScaling`` -> ``temperature``."""
    head = re.sub(r"(Scaling|Calibration|Binning)$", "", name)
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", head).lower()


def _tried(card: Card, settings: AbstractCorrection, bench, split: Split, level: float) -> Remedy:
    fitted = settings.fit(bench.evidence(split.learn))
    cubes = bench.cubes(fitted, split.prove)
    estimates = [log_loss.estimate(cube, level=level) for cube in cubes]
    difference = log_loss.difference(*cubes, level=level)
    outcome = judge(difference, converged=fitted.converged)
    learned = int(bench.sizes()[split.learn].sum())
    proof = Proof("log_loss", *estimates, difference, outcome, card.name, learned, cubes[0].n)
    loss = _held_out(settings, bench, split)
    return Remedy(short_name(card.name), card.name, card.paper, fitted, proof, loss)


def _held_out(settings: AbstractCorrection, bench: AbstractBench, split: Split) -> float:
    """Mean log loss on folds that the fit did not see; infinite where a fit has no minimum."""
    loss = weight = 0.0
    for fold in range(split.folds.max() + 1):
        fitted = settings.fit(bench.evidence(split.learn & (split.folds != fold)))
        if not fitted.converged:
            return math.inf
        table = bench.cubes(fitted, split.folds == fold)[1].table
        fold_loss, fold_weight = table.total("loss", "w").sum(axis=0)
        loss, weight = loss + fold_loss, weight + fold_weight
    value = loss / weight if weight else math.inf
    return value if np.isfinite(value) else math.inf
