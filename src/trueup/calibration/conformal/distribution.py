"""Conformal predictive systems: a whole law for every row, with calibrated quantiles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from trueup.calibration.conformal.frames import check_score, frame_of
from trueup.calibration.conformal.ranks import check_level, upper_quantile
from trueup.calibration.recalibrate.grouping import (
    check_column,
    groups_of,
    key_of,
    rows_by_group,
)
from trueup.core.cards import Card
from trueup.core.correction import AbstractCorrection
from trueup.core.effort import Effort
from trueup.core.errors import FitError, UsageError
from trueup.core.evidence import Evidence
from trueup.core.expressions import Expr, Input, Join, Lookup, Scaled, evaluate, operate
from trueup.core.fitted import AbstractMap
from trueup.core.forms import Form, columns_of, form_of
from trueup.core.laws import NUMBERS
from trueup.core.predictions import Prediction
from trueup.core.validate import finite, same_length


CARD = Card(
    name="ConformalDistribution",
    question="calibration",
    family="conformal",
    summary="quantiles with a guarantee, and whole laws as steps, from any forecast of a number",
    axes={"score": "signed residual, plain or scaled by the stated spread",
          "construction": "split predictive system",
          "guarantee": "every quantile over all rows, or within every group"},
    paper="Vovk, Shen, Manokhin & Xie 2019, Machine Learning 108; "
          "Vovk, Petej, Nouretdinov, Manokhin & Gammerman 2020, COPA",
    claims=("finite-sample marginal coverage", "coverage in every group"),
    exports=("ConformalDistribution", "predictive_system"),
    cost="O(n log n) for the fit, O(q) a row; the score of a whole law O(log n) a row",
    not_for="quantiles further out than 1 / (n + 1); laws whose shape differs from row to row",
)  # fmt: skip

SHIFTED = ("usual", "residual", "scaled")


@dataclass(frozen=True)
class ConformalDistribution(AbstractCorrection):
    r"""Quantiles of a new row: the median it states plus ranked residuals of known rows.

    With residuals :math:`r_i = (y_i - m_i) / d_i` in the unit :math:`d` of the score, the quantile
    at level a of a new row is :math:`m + d\, r_{(k)}`, k = a (n + 1) made whole, downwards below
    the median and upwards from it on. So the truth falls below a lower quantile at most as often,
    and below an upper one at least as often as its level says, within 1 / (n + 1), whatever the
    model, and the interval between two of them covers at least the difference of their levels.

    For the whole law as a step function, its PIT and its CRPS, see ``predictive_system``.

    Parameters
    ----------
    levels
        Rising levels in (0, 1), between 1 / (n + 1) and n / (n + 1).
    score
        ``"residual"`` adds the same to every row; ``"scaled"`` multiplies by the stated spread;
        ``"usual"`` is ``scaled`` where a spread is stated.
    per
        ``"all"``, or the name of a column of ``Evidence.by`` whose groups get residuals of their
        own. Groups never seen take those of all rows; ``Fitted.unseen`` tells.

    Examples
    --------
    >>> from trueup.worlds import forecasts
    >>> world = forecasts("points", rows=20_000).evidence
    >>> fitted = ConformalDistribution((0.1, 0.5, 0.9)).fit(world.take(slice(0, 10_000)))
    >>> made = fitted.apply(world.prediction.take(slice(10_000, None)))
    >>> (world.truth[10_000:, None] <= made.values).mean(axis=0).round(1)
    array([0.1, 0.5, 0.9])
    """

    levels: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)
    score: str = "usual"
    per: str = "all"
    kinds: ClassVar[tuple[str, ...]] = NUMBERS
    effort: ClassVar[Effort] = Effort.ASKED

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", tuple(float(level) for level in self.levels))
        for level in self.levels:
            check_level("ConformalDistribution", level)
        if not self.levels or (np.diff(self.levels) <= 0).any():
            raise UsageError(
                "ConformalDistribution", f"levels are {self.levels}", do="Pass rising levels"
            )
        _check_shift("ConformalDistribution", self.score)
        check_column("ConformalDistribution", self.per)

    def gives(self, takes: Form) -> Form:
        return Form("quantiles", len(self.levels), self.levels)

    def learn_from(self, evidence: Evidence, weight: np.ndarray) -> tuple[AbstractMap, bool]:
        takes = form_of(evidence.prediction)
        score = shift_of(self.score, takes)
        residuals = scaled_residuals(evidence.prediction, evidence.truth, score)
        pooled = self._steps(residuals, weight)
        if self.per == "all":
            return Ranked(score, takes, pooled[None]), True
        names, group = groups_of("ConformalDistribution", evidence, self.per)
        parts = rows_by_group(group, len(names))
        own = [
            self._steps(residuals[rows], weight[rows], of=f"group {name!r}")
            for name, rows in zip(names, parts, strict=True)
        ]
        return Ranked(score, takes, np.array([*own, pooled]), self.per, names), True

    def _steps(self, residuals: np.ndarray, weight: np.ndarray, of: str = "") -> np.ndarray:
        """What (q,) is added at every level."""
        ranked = partial(upper_quantile, weight=weight, who="ConformalDistribution.fit", of=of)
        return np.array([
            ranked(residuals, level=level) if level >= 0.5 else -ranked(-residuals, level=1 - level)
            for level in self.levels
        ])  # fmt: skip


@dataclass(frozen=True, eq=False)
class Ranked(AbstractMap):
    """The middle of a row plus ``steps`` times its unit.

    Parameters
    ----------
    score, takes
        What middle and unit are.
    steps
        (g + 1, q) residuals at the levels, a row a group; the last serves all others.
    column, names
        The column of groups and their names.
    """

    score: str
    takes: Form
    steps: np.ndarray
    column: str = ""
    names: tuple[str, ...] = ()

    def expression(self, logs: Expr) -> Expr:
        frame = frame_of(self.score, self.takes, logs, level=0.5)
        count = self.steps.shape[1]
        if self.column:
            own = Lookup(key_of(self.column), self.names, self.steps)
        else:
            own = Scaled(Join((logs[0],) * count), 0.0, self.steps[0])
        added = own if frame.up is None else operate("multiply", frame.up, own)
        return operate("add", frame.low, added)

    @property
    def parameters(self) -> dict[str, float]:
        last = self.steps[-1]
        return {"lowest step": float(last[0]), "highest step": float(last[-1])}


@dataclass(frozen=True, eq=False)
class PredictiveSystem:
    """The law of a new row: its middle plus its unit times a residual of a known row.

    Attributes
    ----------
    score
        ``"residual"`` or ``"scaled"``.
    takes
        Form of the predictions.
    residuals
        (n,) rising residuals of the known rows.
    """

    score: str
    takes: Form
    residuals: np.ndarray

    def cdf(self, prediction: Prediction, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bounds (m,) of the probability of a number ``at`` (m,) or less.

        They differ by 1 / (n + 1), and by more where residuals are tied.
        """
        less, same = self._counts(prediction, at)
        n = len(self.residuals)
        return less / (n + 1), (less + same + 1) / (n + 1)

    def pit(self, prediction: Prediction, truth: np.ndarray, *, seed: int = 0) -> np.ndarray:
        """The probability integral transform (m,), exactly uniform for exchangeable rows."""
        less, same = self._counts(prediction, truth)
        chance = np.random.default_rng(seed).random(len(less))
        return (less + chance * (same + 1)) / (len(self.residuals) + 1)

    def crps(self, prediction: Prediction, truth: np.ndarray) -> np.ndarray:
        """The CRPS (m,) of the law with mass 1 / n on every residual, in O(log n) a row."""
        z, unit = self._placed(prediction, truth)
        r, n = self.residuals, len(self.residuals)
        below = np.searchsorted(r, z, side="right")
        sums = np.concatenate([[0.0], np.cumsum(r)])
        apart = z * (2 * below - n) - 2 * sums[below] + sums[-1]
        among = (2 * np.arange(1, n + 1) - n - 1) @ r / n**2
        return unit * (apart / n - among)

    def _counts(self, prediction: Prediction, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Residuals (m,) below, and at, the place of every row."""
        z, _ = self._placed(prediction, at)
        less = np.searchsorted(self.residuals, z, side="left")
        return less, np.searchsorted(self.residuals, z, side="right") - less

    def _placed(self, prediction: Prediction, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if form_of(prediction) != self.takes:
            raise FitError(
                "PredictiveSystem",
                f"made of {self.takes}, asked for {form_of(prediction)}",
                do="Pass predictions of the same kind",
            )
        at = finite("PredictiveSystem", at, 1)
        middle, unit = _placing(prediction, self.score)
        same_length("PredictiveSystem", middle, at)
        return (at - middle) / unit, unit


def predictive_system(evidence: Evidence, *, score: str = "usual") -> PredictiveSystem:
    """The whole law of every new row as a step function, from rows that the model has not seen.

    Use it for probabilities of exceeding a number, for the CRPS, or for the PIT. Its laws all have
    the shape of the known residuals; ``score="scaled"`` gives each the width that the model states.

    Parameters
    ----------
    evidence
        Predictions of a number, and the truth.
    score
        ``"residual"``, ``"scaled"`` or ``"usual"``, which scales where a spread is stated.

    Examples
    --------
    >>> from trueup.worlds import forecasts
    >>> world = forecasts("normal", spread=0.5, rows=2_000).evidence
    >>> new = world.take(slice(1_000, None))
    >>> system = predictive_system(world.take(slice(0, 1_000)))
    >>> float(system.pit(new.prediction, new.truth).mean().round(1))
    0.5
    >>> float(system.crps(new.prediction, new.truth).mean().round(1))      # perfect: 0.6
    0.6
    """
    _check_shift("predictive_system", score)
    if evidence.prediction.kind not in NUMBERS or not len(evidence) or evidence.weight is not None:
        weighed = " with weights" if evidence.weight is not None else ""
        raise FitError(
            "predictive_system",
            f"{len(evidence)} rows of kind '{evidence.prediction.kind}'{weighed}",
            do=f"Pass rows without weights of one of {', '.join(NUMBERS)}",
        )
    takes = form_of(evidence.prediction)
    score = shift_of(score, takes)
    residuals = scaled_residuals(evidence.prediction, evidence.truth, score)
    return PredictiveSystem(score, takes, np.sort(residuals))


def shift_of(score: str, takes: Form) -> str:
    """``score``, or where it is usual the one that uses the stated spread if there is one."""
    spread = takes.kind not in ("points",) and takes.width > 1
    return score if score != "usual" else "scaled" if spread else "residual"


def scaled_residuals(prediction: Prediction, truth: np.ndarray, score: str) -> np.ndarray:
    """Signed residuals (n,) in the unit of the score."""
    middle, unit = _placing(prediction, score)
    return (truth - middle) / unit


def _placing(prediction: Prediction, score: str) -> tuple[np.ndarray, np.ndarray]:
    """Middle (n,) of every row and its unit (n,), or (1,) for all."""
    takes = form_of(prediction)
    frame = frame_of(score, takes, Input(takes.input, takes.width), level=0.5)
    given = {takes.input: columns_of(prediction)}
    middle = evaluate(frame.low, given)[:, 0]
    return middle, np.ones(1) if frame.up is None else evaluate(frame.up, given)[:, 0]


def _check_shift(who: str, score: str) -> None:
    check_score(who, score)
    if score not in SHIFTED:
        raise UsageError(who, f"score is {score!r}", do=f"Use one of {', '.join(SHIFTED)}")
