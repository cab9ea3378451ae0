"""Corrections: fitted on some groups, chosen on others, proven on groups that neither has seen."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cached_property

import numpy as np

from trueup.audit.bench import AbstractBench, CellBench
from trueup.audit.groups import candidates
from trueup.calibration import DoNothing, log_loss
from trueup.calibration.recalibrate.contest import Fold, entrants, held_out, in_turns
from trueup.core.cards import Card
from trueup.core.correction import AbstractCorrection
from trueup.core.cube import Cube
from trueup.core.evidence import Evidence
from trueup.core.fitted import Fitted
from trueup.core.outcome import Outcome
from trueup.core.proof import Proof, judge
from trueup.core.splits import Split, split_groups


PLENTY = 20_000
"""With this many rows three folds choose as well as five."""

SMALL = 100_000
"""Up to this many numbers to learn from, rows times classes, heavy corrections are tried too."""


@dataclass(frozen=True, eq=False)
class Remedy:
    """A correction that was tried, and its proof.

    Attributes
    ----------
    name
        Short name: ``"temperature"``, or ``"per_group:region"``.
    title
        Name of its card, or in words what it does for each value of ``column``.
    fitted
        The correction.
    proof
        What it did on rows that it never saw.
    held_out_loss
        Its log loss on the folds that choose.
    numbers
        How many numbers its map holds.
    column
        The column whose values it tells apart, empty for none.
    """

    name: str
    title: str
    paper: str
    fitted: Fitted
    proof: Proof
    held_out_loss: float
    numbers: int
    column: str = ""


@dataclass(frozen=True, eq=False)
class Trial:
    """Everything that was tried.

    Attributes
    ----------
    remedies
        The candidates: the one that won the choice, then by their loss on the choosing folds.
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


def try_all(
    bench: AbstractBench,
    *,
    k: int,
    in_time: bool,
    level: float,
    groups: Mapping[str, CellBench] | None = None,
) -> Trial:
    """Fit, choose and prove every correction of the catalogue that suits ``k`` classes.

    Nothing is tried where there are too few groups to learn from some and to prove on others.
    Corrections by the values of a column, each on its bench of ``groups``, must beat the one that
    wins without them.
    """
    folds = 5 if bench.sizes().sum() < PLENTY else 3
    split = split_groups(bench.sizes(), in_time=in_time, folds=folds)
    if split.learn.sum() < 2 or not split.prove.any():
        return Trial([], None, "none", split)
    learn = bench.evidence(split.learn)
    course = _Course(bench, split, learn, _folds(bench, split), level)
    nothing = course.loss(course.said(DoNothing()))
    every = entrants(k=k, rows=len(learn), small=SMALL)
    suited = [(card, s) for card, s in every if not isinstance(s, DoNothing)]
    remedies = course.ranked(in_turns(lambda pair: course.tried(*pair), suited))
    best = remedies[0] if remedies[0].held_out_loss < nothing else None
    to_beat = next(pair for pair in every if pair[0].name == (best.title if best else "DoNothing"))
    loss, won = best.held_out_loss if best else nothing, []
    for column, cells in (groups or {}).items():
        on = _Course(cells, split, cells.evidence(split.learn), _folds(cells, split), level)
        found, winner = on.by_group(column, to_beat, loss)
        remedies, won = remedies + found, won + winner
    best = settled(min(won, key=_loss, default=None), best)
    first = best or remedies[0]
    others = sorted([remedy for remedy in remedies if remedy is not first], key=_loss)
    proven = best is not None and best.proof.outcome is Outcome.PROVEN
    judged = (groups or {})[best.column] if best and best.column else bench
    after = judged.cubes(best.fitted, split.prove)[1] if best and proven else None
    chosen = best if proven else None
    return Trial([first, *others], chosen, best.name if best else "none", split, after)


TWICE = 1.22
"""Half-width of a 97.5 % interval over that of a 95 % one, by Student's t on 6 degrees or more."""


def settled(by_group: Remedy | None, overall: Remedy | None) -> Remedy | None:
    """The winner by group; where its proof fails and that of the ``overall`` one holds, that one.

    The choice was made before the proof, but rows of the proof are then asked twice, so the second
    answer must hold with an interval of half the error: wider by ``TWICE``.
    """
    held = overall is not None and overall.proof.outcome is Outcome.PROVEN
    if held and overall is not None:
        off = overall.proof.difference
        held = abs(off.value) > TWICE * (off.high - off.low) / 2
    if by_group is None or (held and by_group.proof.outcome is not Outcome.PROVEN):
        return overall
    return by_group


def short_name(name: str) -> str:
    """``TemperatureScaling`` -> ``temperature``."""
    head = re.sub(r"(Scaling|Calibration|Binning)$", "", name)
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", head).lower()


@dataclass(frozen=True, eq=False)
class _Course:
    """What every correction has to pass."""

    bench: AbstractBench
    split: Split
    learn: Evidence
    folds: list[Fold]
    level: float

    def tried(self, card: Card, settings: AbstractCorrection) -> tuple[Remedy, np.ndarray | None]:
        """The correction with its proof, and what it said on the choosing folds."""
        fitted = settings.fit(self.learn)
        cubes = self.bench.cubes(fitted, self.split.prove)
        estimates = [log_loss.estimate(cube, level=self.level) for cube in cubes]
        difference = log_loss.difference(*cubes, level=self.level)
        outcome = judge(difference, converged=fitted.converged)
        learned = int(self.bench.sizes()[self.split.learn].sum())
        proof = Proof("log_loss", *estimates, difference, outcome, card.name, learned, cubes[0].n)
        said, names = self.said(settings), (short_name(card.name), card.name, card.paper)
        return Remedy(*names, fitted, proof, self.loss(said), numbers_of(fitted.map)), said

    def said(self, settings: AbstractCorrection) -> np.ndarray | None:
        """Log-probabilities of what happened on folds that the fit did not see."""
        return held_out(settings, self.folds)

    def loss(self, said: np.ndarray | None) -> float:
        """Mean log loss; infinite where a fit has no minimum."""
        return float(-(self.weight @ said)) if said is not None and len(said) else math.inf

    @cached_property
    def weight(self) -> np.ndarray:
        """Shares of the rows of all folds."""
        weight = np.concatenate([_weight(chosen) for _, chosen in self.folds])
        return weight / weight.sum()

    def ranked(self, tried: list[tuple[Remedy, np.ndarray | None]]) -> list[Remedy]:
        """The simplest of those that do as well as the best, then all others by their loss.

        A loss within a standard error of the least is no worse than the least: among many
        corrections the least is partly luck, and one with fewer numbers is easier to live with.
        """
        by_loss = sorted(tried, key=lambda pair: (round(pair[0].held_out_loss, 9), pair[0].numbers))
        least = by_loss[0][1]
        good = [remedy for remedy, said in by_loss if self._as_well(said, least)] or [by_loss[0][0]]
        first = min(good, key=lambda remedy: remedy.numbers)
        return [first, *(remedy for remedy, _ in by_loss if remedy is not first)]

    def by_group(
        self, column: str, to_beat: tuple[Card, AbstractCorrection], loss: float
    ) -> tuple[list[Remedy], list[Remedy]]:
        """Corrections by the values of ``column``, and the one that beats ``to_beat``, if any.

        Cells by value are wider than those on which ``to_beat`` has its ``loss``. So it is fitted
        on them as well, and the others get its ``loss`` plus the difference from it here.
        """
        rows = candidates(column, len(np.unique(self.learn.by[column])))
        tried = in_turns(lambda pair: self.tried(*pair), [to_beat, *(row[:2] for row in rows)])
        first, here = self.ranked(tried)[0], tried[0][0]
        apart = loss - here.held_out_loss if math.isfinite(here.held_out_loss) else 0.0
        found = [
            replace(
                remedy,
                name=f"{remedy.name}:{column}",
                title=words,
                held_out_loss=remedy.held_out_loss + apart,
                column=column,
            )
            for (remedy, _), (*_, words) in zip(tried[1:], rows, strict=True)
        ]
        return found, [remedy for remedy in found if remedy.fitted is first.fitted]

    def _as_well(self, said: np.ndarray | None, least: np.ndarray | None) -> bool:
        if said is None or least is None:
            return False
        gap = least - said
        mean = self.weight @ gap
        rows = self.bench.sizes()[self.split.learn].sum()
        return bool(mean <= math.sqrt(self.weight @ (gap - mean) ** 2 / rows))


def _loss(remedy: Remedy) -> float:
    return remedy.held_out_loss


def numbers_of(value: object) -> int:
    """How many numbers a map holds."""
    if isinstance(value, str):
        return 0
    if is_dataclass(value):
        return sum(numbers_of(getattr(value, f.name)) for f in fields(value))
    if isinstance(value, tuple):
        return sum(map(numbers_of, value))
    return int(np.size(value))  # type: ignore[arg-type]


def _folds(bench: AbstractBench, split: Split) -> list[Fold]:
    """What each fold of groups learns from, and what it judges by."""
    every = [split.folds == fold for fold in range(split.folds.max() + 1)]
    return [(bench.evidence(split.learn & ~fold), bench.evidence(fold)) for fold in every]


def _weight(evidence: Evidence) -> np.ndarray:
    return np.ones(len(evidence)) if evidence.weight is None else evidence.weight
