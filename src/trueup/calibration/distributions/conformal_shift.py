"""Conformal shift: intervals made as wide as new rows need them, with a guarantee."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import ndtri

from trueup.calibration.distributions.bias_correction import weighted_median
from trueup.calibration.distributions.isotonic_cdf import LEVELS, quantile_form
from trueup.calibration.distributions.middles import column_levels, spread_weights
from trueup.core.cards import Card
from trueup.core.correction import AbstractCorrection
from trueup.core.errors import FitError
from trueup.core.evidence import Evidence
from trueup.core.expressions import Expr, Join, Linear, Pick, operate
from trueup.core.fitted import AbstractMap
from trueup.core.forms import Form, columns_of, form_of
from trueup.core.validate import inside


CARD = Card(
    name="ConformalShift",
    question="calibration",
    family="distributions",
    summary="widen or narrow every central interval by the conformal quantile of its misses",
    axes={"map": "a shift a level", "loss": "conformal quantile of the misses"},
    paper="Romano, Patterson & Candes 2019, NeurIPS, arXiv:1905.03222, theorems 1 and 2; Sesia & "
    "Candes 2020, Stat 9(1), arXiv:1909.05433 (misses in units of the width)",
    claims=("covers its level", "covers its level at every sample size", "does no harm"),
    cost="a sort of n numbers a level",
    not_for="rows that depend on each other or drift: the guarantee is for exchangeable rows",
    excused={
        "one row": "no level below 1 is reachable by one row but up to 1/2, and the error says so"
    },
)


@dataclass(frozen=True)
class Shifted(AbstractMap):
    """``weight @ x + shift``, then nested: no interval ends inside a shorter one.

    Parameters
    ----------
    weight, shift
        (m, w) and (m,) of the columns that come out.
    below, above
        Number of columns below the middle, and of the first above it; between lies the median.
    words, numbers
        The numbers worth showing, and their names.
    """

    weight: np.ndarray
    shift: np.ndarray
    below: int
    above: int
    words: tuple[str, ...]
    numbers: tuple[float, ...]

    def expression(self, logs: Expr) -> Expr:
        moved = Linear(logs, self.weight, self.shift)
        inner = (max(self.below - 1, 0), min(self.above, moved.width - 1))
        if self.above > self.below:
            inner = (self.below,)
        middle: Expr = Linear(
            Pick(moved, inner), np.full((1, len(inner)), 1.0 / len(inner)), np.zeros(1)
        )
        lows: list[Expr] = [middle]
        highs: list[Expr] = [middle]
        for j in range(self.below - 1, -1, -1):
            lows.append(operate("least", lows[-1], moved[j]))
        for j in range(self.above, moved.width):
            highs.append(operate("greatest", highs[-1], moved[j]))
        median = [middle] * (self.above - self.below)
        return Join((*reversed(lows[1:]), *median, *highs[1:]))

    @property
    def parameters(self) -> dict[str, float]:
        return dict(zip(self.words, self.numbers, strict=True))


@dataclass(frozen=True)
class ConformalShift(AbstractCorrection):
    r"""Move the ends of every central interval by the conformal quantile of its misses.

    Use it when the share of truths inside an interval must be what was promised: on new rows that
    are exchangeable with the n of the fit, an interval at level :math:`c` holds the truth with
    probability :math:`c` at least, and less than :math:`c + 1/(n + 1)` where misses have no ties.
    It promises the average over rows, not each of them.

    The miss of a row is :math:`E = \max(q_{low} - y,\ y - q_{high})`, negative where the truth lies
    inside. Q, the :math:`\lceil (n + 1) c \rceil`-th smallest of the misses, goes off the lower end
    and onto the upper one. Not symmetric, each end has a quantile of its own,
    :math:`q_{low} - y` at :math:`1 - \tau` and :math:`y - q_{high}` at :math:`\tau`: intervals then
    get wider, and leave out as much on either side. ``scaled`` counts misses in stated spreads, so
    that wide rows move more. At last every interval is made to hold all shorter ones, which keeps
    the promise. The median stays where it is; not symmetric, it moves by the median error.

    Parameters
    ----------
    symmetric
        Whether both ends of an interval move by one number. Levels without a partner on the other
        side of the median always move alone.
    scaled
        Whether misses are counted in the stated spread of their row.
    levels
        Levels (q,) of what comes out for normal laws, rising, in (0, 1); other kinds keep theirs.

    Raises
    ------
    FitError
        A level is beyond n / (n + 1), the largest that n rows can promise.

    Examples
    --------
    >>> from trueup.worlds import forecasts
    >>> learn = forecasts("intervals", spread=0.3, rows=500, seed=0).evidence     # says 90 %
    >>> new = forecasts("intervals", spread=0.3, rows=5_000, seed=1).evidence
    >>> after = ConformalShift().fit(learn).apply(new.prediction)
    >>> held = (after.low <= new.truth) & (new.truth <= after.high)
    >>> bool(0.87 < held.mean() < 0.93)
    True
    """

    symmetric: bool = True
    scaled: bool = False
    levels: tuple[float, ...] = LEVELS
    kinds: ClassVar[tuple[str, ...]] = ("quantiles", "intervals", "normal")

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", tuple(map(float, self.levels)))
        inside("ConformalShift", "levels", np.array(self.levels))

    def gives(self, takes: Form) -> Form:
        return quantile_form(self.levels) if takes.kind == "normal" else takes

    def learn_from(self, evidence: Evidence, weight: np.ndarray) -> tuple[AbstractMap, bool]:
        form, columns = form_of(evidence.prediction), columns_of(evidence.prediction)
        levels = column_levels(self.gives(form))
        stated, spread = np.eye(form.width), spread_weights(form)
        if form.kind == "normal":
            stated = np.column_stack([np.ones(len(levels)), ndtri(levels)])
        unit = columns @ spread if self.scaled else np.ones(len(columns))
        if not (unit > 0).all():
            raise FitError(
                "ConformalShift.fit",
                f"{(unit <= 0).sum()} of {len(unit)} rows state no spread",
                do="Pass scaled=False",
            )
        # How far the truth lies above each column; what lies below it is its negative.
        above = (evidence.truth[:, None] - columns @ stated.T) / unit[:, None]
        moves = self._moves(levels, above, weight)
        words = tuple(f"shift at {level:g}" for level in levels.tolist())
        below = int((levels < 0.5 - 1e-9).sum())
        named = (
            below,
            below + int((abs(levels - 0.5) <= 1e-9).sum()),
            words,
            tuple(moves.tolist()),
        )
        if self.scaled:
            return Shifted(stated + np.outer(moves, spread), np.zeros(len(moves)), *named), True
        return Shifted(stated, moves, *named), True

    def _moves(self, levels: np.ndarray, above: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """(q,) what is added to each column."""
        moves = np.zeros(len(levels))
        for j, level in enumerate(levels):
            partner = np.flatnonzero(np.abs(levels - (1 - level)) < 1e-9)
            if abs(level - 0.5) < 1e-9:
                moves[j] = 0.0 if self.symmetric else weighted_median(above[:, j], weight)
            elif not self.symmetric or not len(partner):
                side = 1.0 if level > 0.5 else -1.0
                wanted = max(level, 1 - level)
                moves[j] = side * conformal_quantile(side * above[:, j], weight, wanted)
            elif level < 0.5:
                k = partner[0]
                miss = np.maximum(-above[:, j], above[:, k])
                moves[k] = conformal_quantile(miss, weight, levels[k] - level)
                moves[j] = -moves[k]
        return moves


def conformal_quantile(scores: np.ndarray, weight: np.ndarray, level: float) -> float:
    """The ceil((n + 1) level)-th smallest of n ``scores``; n is the sum of the weights."""
    n = float(weight.sum())
    wanted = (n + 1.0) * level - 1e-9
    if wanted > n:
        raise FitError(
            "ConformalShift.fit",
            f"level {level:g} is beyond {n / (n + 1):.4g}, the largest that {n:g} rows can promise",
            do=f"Pass {int(np.ceil(level / (1 - level) - 1e-9))} rows at least, or lower levels",
        )
    order = np.argsort(scores)
    place = int(np.searchsorted(np.cumsum(weight[order]), wanted))
    return float(scores[order[min(place, len(order) - 1)]])
