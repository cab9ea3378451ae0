"""Adaptive conformal inference: intervals of series that keep their coverage in any world."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.calibration.conformal.online import AdaptiveRun, AdaptiveState
from trueup.calibration.conformal.ranks import check_level
from trueup.core.cards import Card
from trueup.core.errors import EvidenceError, UsageError


CARD = Card(
    name="AdaptiveConformal",
    question="calibration",
    family="conformal",
    summary="intervals of time series that widen after misses: long-run coverage in any world",
    axes={"score": "residual, plain or scaled", "construction": "online, one rate or several",
          "guarantee": "over time, for any sequence; none for several rates"},
    paper="Gibbs & Candes 2021, NeurIPS, arXiv:2106.00170; "
          "several rates: Zaffran et al. 2022, ICML, arXiv:2202.07282",
    also=("forecast",),
    exports=("AdaptiveConformal",),
    claims=("long-run coverage of any sequence",),
    cost="O(s w log w) a step for s series that remember w scores each",
    not_for="rows without order: see ConformalIntervals; a guarantee at every single time",
)  # fmt: skip


@dataclass(frozen=True)
class AdaptiveConformal:
    r"""Split conformal intervals whose level follows the misses, online, series side by side.

    At time t the interval is :math:`f_t \pm d_t q`, where q is the conformal quantile of the
    remembered scores :math:`|y - f| / d` at level :math:`1 - \alpha_t`, and then

    .. math:: \alpha_{t+1} = \alpha_t + \gamma (\alpha - 1[y_t \text{ missed}]) .

    For any sequence at all the share of misses after T steps is within
    :math:`(\max(\alpha, 1 - \alpha) + \gamma) / (\gamma T)` of :math:`\alpha` = 1 - ``level``: see
    ``bound``. Below 0 the interval is everything (ends are infinite); above 1 it is empty, given as
    the point :math:`f_t` and counted as a miss. A small rate is steady, a large one quick: take
    several and their ends are mixed with weights that learn (AgACI, by Bernstein online aggregation
    of the pinball loss), which has no such bound but needs no choice.

    Parameters
    ----------
    level
        Share of truths inside in the long run, in (0, 1).
    rate
        The rate :math:`\gamma` > 0, or several.
    window
        Scores that are remembered, at least 1.
    pooled
        Whether series share what they remember, as steps of one horizon or like customers may: with
        two scores each, twenty series reach level 40 / 41 together and 2 / 3 alone.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.normal(size=5_000) * np.where(np.arange(5_000) < 2_500, 1, 4)
    >>> found = AdaptiveConformal(level=0.9, rate=0.02, window=250).run(np.zeros(5_000), truth)
    >>> float(found.inside[2_600:3_000].mean().round(1))
    0.9
    """

    level: float = 0.9
    rate: float | tuple[float, ...] = 0.01
    window: int = 500
    pooled: bool = False

    def __post_init__(self) -> None:
        check_level("AdaptiveConformal", self.level)
        if not len(self.rates) or not (self.rates > 0).all() or self.window < 1:
            raise UsageError(
                "AdaptiveConformal",
                f"rate is {self.rate}, window {self.window}",
                do="Pass one or more rates above 0, as 0.01, and a window of 1 or more",
            )

    @property
    def rates(self) -> np.ndarray:
        """(k,) the rates."""
        return np.atleast_1d(np.asarray(self.rate, dtype=np.float64))

    def bound(self, steps: int) -> float:
        """How far the share of misses may be from 1 - ``level`` after so many steps, at most."""
        if len(self.rates) > 1:
            raise UsageError("AdaptiveConformal.bound", "several rates have none", do="Pass one")
        gamma, alpha = float(self.rates[0]), 1 - self.level
        return (max(alpha, 1 - alpha) + gamma) / (gamma * steps)

    def start(self, series: int = 1, *, scores: np.ndarray | None = None) -> AdaptiveState:
        """A state for ``series`` series, that remembers ``scores`` (n, series) to begin with."""
        state = AdaptiveState(self, series)
        for row in _wide("AdaptiveConformal.start", np.empty((0, series)) if scores is None
                         else scores, series):  # fmt: skip
            state.remember(row)
        return state

    def run(
        self, forecast: np.ndarray, truth: np.ndarray, *, scale: np.ndarray | None = None
    ) -> AdaptiveRun:
        """Intervals of whole series, each made before its truth is seen.

        Parameters
        ----------
        forecast, truth
            (t,) or (t, s) numbers in the order of time; a truth that is NaN is not known.
        scale
            Positive spreads of the same shape; None for 1.
        """
        forecast, truth = np.asarray(forecast, float), np.asarray(truth, float)
        scale = np.ones_like(forecast) if scale is None else np.asarray(scale, float)
        if forecast.shape != truth.shape or scale.shape != truth.shape or truth.ndim not in (1, 2):
            raise EvidenceError(
                "AdaptiveConformal.run",
                f"forecast {forecast.shape}, truth {truth.shape}, scale {scale.shape}",
                do="Pass arrays (t,) or (t, s) of one shape",
            )
        series = int(np.prod(truth.shape[1:]))
        state, ends = self.start(series), np.empty((2, len(truth), series))
        inside = np.zeros((len(truth), series), dtype=bool)
        columns = (each.reshape(len(truth), series) for each in (forecast, truth, scale))
        for t, (f, y, d) in enumerate(zip(*columns, strict=True)):
            step = state.intervals(f, scale=d)
            ends[:, t] = step.low, step.high
            inside[t] = (step.low <= y) & (y <= step.high)
            state.update(step, y)
        low, high = ends.reshape(2, *truth.shape)
        return AdaptiveRun(low, high, inside.reshape(truth.shape), ~np.isnan(truth), self.level)


def _wide(who: str, scores, series: int) -> np.ndarray:
    """Scores (n, series), 0 or more."""
    wide = np.asarray(scores, dtype=np.float64)
    wide = wide[:, None] if wide.ndim == 1 else wide
    if wide.ndim != 2 or wide.shape[1] != series or (wide < 0).any():
        raise EvidenceError(
            who, f"scores have shape {wide.shape} for {series} series, the least is "
            f"{np.nanmin(wide, initial=np.inf)}",
            do="Pass absolute residuals, a column a series",
        )  # fmt: skip
    return wide
