"""Corrections of forecasts: fitted on some groups, chosen on others, proven on groups apart."""

from __future__ import annotations

import contextlib
import importlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from trueup.audit.numbers.groups import by_value
from trueup.audit.remedies import (
    PLENTY,
    Remedy,
    Trial,
    numbers_of,
    settled,
    short_name,
)
from trueup.calibration.recalibrate import do_nothing, per_group
from trueup.core.cards import Card, all_cards
from trueup.core.correction import AbstractCorrection
from trueup.core.errors import FitError
from trueup.core.evidence import Evidence, Grouping
from trueup.core.fitted import AbstractMap, Fitted
from trueup.core.forms import Form
from trueup.core.laws import median_of
from trueup.core.measure import AbstractMeasure
from trueup.core.outcome import Outcome
from trueup.core.proof import Proof, judge
from trueup.core.row_score import AbstractRowSums
from trueup.core.rows import Rows
from trueup.core.splits import Split, split_groups
from trueup.core.tables.kernel import Sample
from trueup.core.tables.number_kernel import prediction_of


FAMILY = "distributions"
ALIKE = ({"normal", "ensemble"},)
"""Kinds whose scores can be compared with each other."""


def entrants(form: Form) -> list[tuple[Card, AbstractCorrection]]:
    """Corrections of the catalogue that take this form and give one that scores alike."""
    found = []
    for card in all_cards():
        if card.family != FAMILY:
            continue
        made = getattr(importlib.import_module(card.module), card.name)()
        given = made.gives(form).kind if form.kind in made.kinds else ""
        if given == form.kind or any({given, form.kind} <= kinds for kinds in ALIKE):
            found.append((card, made))
    return found


@dataclass(frozen=True, eq=False)
class NumberBench:
    """A seeded sample of rows of a table of forecasts.

    ``by`` are the columns (n,) whose values may get a correction each.
    """

    sample: Sample
    form: Form
    count: int
    kind: str
    by: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def exact(self) -> bool:
        """Whether the sample is the whole table."""
        return self.sample.every == 1

    def sizes(self) -> np.ndarray:
        """(groups,) rows of every group; rows of weight 0 do not count."""
        counted = None if self.sample.weight is None else self.sample.weight > 0
        return np.bincount(self.sample.group, counted, minlength=self.count).astype(float)

    def evidence(self, groups: np.ndarray) -> Evidence:
        """Evidence of the groups where ``groups`` is True."""
        keep = groups[self.sample.group]
        return Evidence(
            prediction_of(self.form, self.sample.probs[keep]),
            self.sample.truth[keep],
            weight=None if self.sample.weight is None else self.sample.weight[keep],
            grouped=Grouping(self.sample.group[keep], self.count, self.kind),
            by={column: names[keep] for column, names in self.by.items()},
            rows=Rows.of([], keys=np.flatnonzero(keep)),
        )


def try_corrections(
    bench: NumberBench, score: AbstractMeasure, *, in_time: bool, level: float, smooth: bool = True
) -> Trial:
    """Fit, choose and prove every correction that suits the forecasts of ``bench``.

    Nothing is tried where there are too few groups to learn from some and to prove on others.
    Corrections for each value of a column must beat the one that wins without them, and doing
    nothing. Unless ``smooth`` only those that keep the kind of prediction may win.
    """
    sizes = bench.sizes()
    split = split_groups(sizes, in_time=in_time, folds=5 if sizes.sum() < PLENTY else 3)
    if split.learn.sum() < 2 or not split.prove.any() or split.folds.max() < 1:
        return Trial([], None, "none", split)
    course = _Course(bench, split, score, level)
    found = [tried for pair in entrants(bench.form) if (tried := course.tried(*pair))]
    if not found:
        return Trial([], None, "none", split)
    nothing = float(course.weight @ course.before)
    remedies = course.ranked(found)
    best = remedies[0] if remedies[0].held_out_loss < nothing else None
    if not smooth and best is not None and best.fitted.gives != best.fitted.takes:
        best = None
    remedies, best = course.by_columns(remedies, best)
    proven = best is not None and best.proof.outcome is Outcome.PROVEN
    return Trial(remedies, best if proven else None, best.name if best else "none", split)


@dataclass(frozen=True, eq=False)
class _Course:
    """What every correction has to pass."""

    bench: NumberBench
    split: Split
    score: AbstractMeasure
    level: float

    @cached_property
    def learn(self) -> Evidence:
        """Rows to learn from."""
        return self.bench.evidence(self.split.learn)

    @cached_property
    def prove(self) -> Evidence:
        """Rows to prove on."""
        return self.bench.evidence(self.split.prove)

    @cached_property
    def folds(self) -> list[tuple[Evidence, Evidence]]:
        """What each fold of groups learns from, and what it judges by."""
        every = [self.split.folds == fold for fold in range(self.split.folds.max() + 1)]
        every = [fold for fold in every if (self.bench.sizes() * fold).any()]
        bench, learn = self.bench, self.split.learn
        return [(bench.evidence(learn & ~fold), bench.evidence(fold)) for fold in every]

    @cached_property
    def before(self) -> np.ndarray:
        """Score (n,) of every judged row as it is."""
        return np.concatenate([_rows(self.score, judged) for _, judged in self.folds])

    @cached_property
    def weight(self) -> np.ndarray:
        """Shares of the rows of all folds."""
        each = [np.ones(len(j)) if j.weight is None else j.weight for _, j in self.folds]
        weight = np.concatenate(each)
        return weight / weight.sum()

    @cached_property
    def group(self) -> np.ndarray:
        """Group (n,) of every judged row."""
        return np.concatenate([judged.groups() for _, judged in self.folds])

    def tried(self, card: Card, settings: AbstractCorrection) -> tuple[Remedy, np.ndarray] | None:
        """The correction with its proof, and its score of every judged row; None without a fit."""
        with contextlib.suppress(FitError):
            fitted = settings.fit(self.learn)
            said = [self._judged(settings, *fold) for fold in self.folds]
            rows = np.concatenate(said)
            loss = float(self.weight @ rows)
            loss = loss if math.isfinite(loss) else math.inf
            names = (short_name(card.name), card.name, card.paper)
            proof = self._proof(card, fitted)
            return Remedy(*names, fitted, proof, loss, _numbers(fitted.map)), rows
        return None

    def by_columns(
        self, remedies: list[Remedy], best: Remedy | None
    ) -> tuple[list[Remedy], Remedy | None]:
        """All remedies with those for each value of a column, the winner first, and the winner."""
        won = []
        for column in self.bench.by:
            found, first = self._by_column(column, best)
            remedies = remedies + found
            won += [first] * (first is not None)
        best = settled(min(won, key=lambda remedy: remedy.held_out_loss, default=None), best)
        first = best or remedies[0]
        others = [remedy for remedy in remedies if remedy is not first]
        return [first, *sorted(others, key=lambda remedy: remedy.held_out_loss)], best

    def _by_column(self, column: str, best: Remedy | None) -> tuple[list[Remedy], Remedy | None]:
        """Corrections for each value of ``column``, and the one that beats ``best``, if any."""
        pairs = {card.name: (card, made) for card, made in entrants(self.bench.form)}
        to_beat = (do_nothing.CARD, do_nothing.DoNothing()) if best is None else pairs[best.title]
        winner = None
        if best is not None and best.fitted.map.parameters:
            winner = (best.name, words_of(best.title), to_beat[1])
        values = len(np.unique(self.learn.by[column]))
        tried = [self.tried(*to_beat)]
        for name, words, settings in by_value(column, values, self.bench.form.kind, winner):
            made = self.tried(per_group.CARD, settings)
            if made is not None:
                remedy = replace(made[0], name=name, title=words, column=column)
                tried.append((remedy, made[1]))
        known = [each for each in tried if each is not None]
        first = self.ranked(known)[0]
        return [remedy for remedy, _ in known if remedy.column], first if first.column else None

    def _judged(self, settings: AbstractCorrection, learn: Evidence, on: Evidence) -> np.ndarray:
        fitted = settings.fit(learn)
        if not fitted.converged or not fitted.needs.keys() <= on.by.keys():
            return np.full(len(on), math.inf)
        return _rows(self.score, replace(on, prediction=fitted.correct(on)))

    def _proof(self, card: Card, fitted: Fitted) -> Proof:
        after = replace(self.prove, prediction=fitted.correct(self.prove))
        cubes = [self.score.cube(evidence) for evidence in (self.prove, after)]
        estimates = [self.score.estimate(cube, level=self.level) for cube in cubes]
        difference = self.score.difference(*cubes, level=self.level)
        outcome = judge(difference, converged=fitted.converged)
        counts = (card.name, len(self.learn), len(self.prove))
        return Proof(self.score.name, *estimates, difference, outcome, *counts)

    def ranked(self, tried: list[tuple[Remedy, np.ndarray]]) -> list[Remedy]:
        """The simplest of those that do as well as the best, then all others by their score."""
        by_loss = sorted(
            tried, key=lambda pair: (round(pair[0].held_out_loss, 12), pair[0].numbers)
        )
        least = by_loss[0][1]
        good = [remedy for remedy, rows in by_loss if self._as_well(rows, least)]
        first = min(good or [by_loss[0][0]], key=lambda remedy: remedy.numbers)
        return [first, *(remedy for remedy, _ in by_loss if remedy is not first)]

    def _as_well(self, rows: np.ndarray, least: np.ndarray) -> bool:
        """Whether a score is within a standard error of the least, rows of a group together."""
        if not (np.isfinite(rows).all() and np.isfinite(least).all()):
            return False
        gap = rows - least
        mean = float(self.weight @ gap)
        left = np.bincount(self.group, self.weight * (gap - mean), minlength=self.bench.count)
        return mean <= math.sqrt(float((left**2).sum()))


def words_of(name: str) -> str:
    """``SpreadScaling`` -> ``spread scaling``; ``EMOS`` stays.

    Examples
    --------
    >>> words_of("QuantileMapping")
    'quantile mapping'
    """
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).split()
    return " ".join(word if word.isupper() else word.lower() for word in words)


def _numbers(learned: AbstractMap) -> int:
    """How many numbers a map has learned: those it names, where it names them all."""
    if isinstance(learned, per_group.GroupMaps):
        apart = [each for each in learned.maps if each is not learned.pooled]
        return sum(map(_numbers, (*apart, learned.pooled)))
    named = getattr(learned, "numbers", None)
    return len(named) if isinstance(named, tuple) else numbers_of(learned)


def _rows(score: AbstractMeasure, evidence: Evidence) -> np.ndarray:
    """Score (n,) of every row."""
    if isinstance(score, AbstractRowSums):
        return score.columns(evidence.prediction, evidence.truth)[score.name]
    return np.abs(median_of(evidence.prediction) - evidence.truth)
