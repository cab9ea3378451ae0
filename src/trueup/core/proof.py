"""Proof: two predictions of the same truth, compared on rows that the correction never saw."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from trueup.core.errors import EvidenceError, LeakageError, UsageError
from trueup.core.estimate import Estimate
from trueup.core.evidence import Evidence
from trueup.core.fitted import Fitted
from trueup.core.laws import like_with_like
from trueup.core.measure import AbstractMeasure
from trueup.core.outcome import Outcome
from trueup.core.predictions import Prediction


LEAST_ROWS = 30
"""With fewer rows than this no outcome is claimed."""


@dataclass(frozen=True)
class Proof:
    """What a change of the prediction did to its score.

    Attributes
    ----------
    score
        Name of the score.
    before, after, difference
        Estimates; ``difference`` is after minus before, paired row by row.
    outcome
        What came of it.
    method
        Name of the correction, empty for a bare prediction.
    learned_on, proven_on
        Rows used by the fit (0 for a bare prediction) and rows of the proof.
    margin
        Loss that was allowed before anyone looked, in the unit of the score; 0 where only a gain
        was asked for.
    """

    score: str
    before: Estimate
    after: Estimate
    difference: Estimate
    outcome: Outcome
    method: str = ""
    learned_on: int = 0
    proven_on: int = 0
    margin: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.method or 'after'}: {self.score} {self.before:.4f} -> {self.after:.4f}, "
            f"difference {self.difference} on {self.proven_on:,} rows: {self.outcome.value}. "
            f"{self.outcome.sentence}"
        )

    def to_dict(self) -> dict:
        """A dict for JSON."""
        row = {name: getattr(self, name).to_dict() for name in ("before", "after", "difference")}
        counts: dict = {"learned_on": self.learned_on, "proven_on": self.proven_on}
        if self.margin:
            counts["margin"] = self.margin
        return {
            "score": self.score,
            "method": self.method,
            "outcome": self.outcome.value,
            **row,
            **counts,
        }


def prove(
    before,
    after,
    *,
    on: Evidence,
    score: AbstractMeasure,
    level: float = 0.95,
    margin: float = 0.0,
) -> Proof:
    """Compare two predictions of the truth of ``on``, row by row.

    Where one side is of quantiles or intervals and the other a whole law, both are compared at the
    same levels.

    Parameters
    ----------
    before, after
        A ``Fitted``, a prediction of the rows of ``on``, or None for the prediction in ``on``.
    on
        Evidence that no fit has seen.
    score
        What to compare by.
    level
        Level of the interval; the outcome is judged at it too.
    margin
        Loss, in the unit of the score, that is worth what the change saves; set it before you look.
        Where the interval of the difference lies below it, the outcome is ``not_worse``.

    Raises
    ------
    LeakageError
        ``before`` or ``after`` was fitted on rows of ``on``.

    Examples
    --------
    >>> from trueup.calibration import TemperatureScaling, log_loss
    >>> from trueup.worlds import confident_by_factor
    >>> evidence = confident_by_factor(2.0, rows=4_000).evidence
    >>> half = len(evidence) // 2
    >>> fitted = TemperatureScaling().fit(evidence.take(slice(half)))
    >>> prove(None, fitted, on=evidence.take(slice(half, None)), score=log_loss).outcome.value
    'proven'
    """
    check_margin(margin)
    sides = [_predicted(side, on) for side in (before, after)]
    same = like_with_like(sides[0].prediction, sides[1].prediction)
    sides = [replace(side, prediction=p) for side, p in zip(sides, same, strict=True)]
    cubes = [score.cube(side) for side in sides]
    estimates = [score.estimate(cube, level=level) for cube in cubes]
    difference = score.difference(*cubes, level=level)
    fitted = after if isinstance(after, Fitted) else None
    return Proof(
        score.name,
        estimates[0],
        estimates[1],
        difference,
        judge(
            difference,
            better=score.better,
            converged=fitted is None or fitted.converged,
            margin=margin,
        ),
        fitted.method if fitted else "",
        len(fitted.rows) if fitted else 0,
        len(on),
        margin,
    )


def check_margin(margin: float) -> None:
    """Refuse a margin that is not a number >= 0."""
    if not 0 <= margin < math.inf:
        raise UsageError("prove", f"margin is {margin}", do="Pass a loss >= 0 that is allowed")


def judge(
    difference: Estimate, *, better: str = "lower", converged: bool = True, margin: float = 0.0
) -> Outcome:
    """The outcome that a paired difference supports.

    Examples
    --------
    >>> judge(Estimate(0.001, -0.002, 0.004, n=500), margin=0.01).value
    'not_worse'
    """
    low, high = difference.low, difference.high
    if better == "higher":
        low, high = -high, -low
    gain = -difference.value if better == "lower" else difference.value
    if not converged:
        return Outcome.DIVERGED
    if not math.isfinite(difference.value):
        return Outcome.NONFINITE
    if difference.n < LEAST_ROWS or math.isnan(low):
        return Outcome.NOT_ENOUGH_EVIDENCE
    if high < 0:
        return Outcome.PROVEN
    if high < margin:
        return Outcome.NOT_WORSE
    return Outcome.NO_IMPROVEMENT if gain <= 0 else Outcome.NOT_ENOUGH_EVIDENCE


def _predicted(side, on: Evidence) -> Evidence:
    if side is None:
        return on
    if isinstance(side, Fitted):
        seen = on.rows.shared_with(side.rows)
        if seen:
            raise LeakageError(
                "prove",
                f"{side.method} was fitted on {seen} of the {len(on)} rows of 'on'",
                why="a correction always looks good on rows that it has seen",
                do="Pass evidence that was held out of fit",
            )
        return replace(on, prediction=side.correct(on))
    if not isinstance(side, Prediction) or len(side) != len(on):
        raise EvidenceError(
            "prove",
            f"got {type(side).__name__} for {len(on)} rows",
            do="Pass a Fitted, a prediction of the rows of 'on', or None",
        )
    return replace(on, prediction=side)
