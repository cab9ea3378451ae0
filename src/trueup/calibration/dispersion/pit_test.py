r"""PIT test: could these truths have been drawn from the laws that were stated for them?

.. math:: X^2 = \sum_b \frac{(M_b - W \pi_b)^2}{W_2 \pi_b}

of the mass M in the bins of the transform, with :math:`\pi` the share each should hold, is
chi-squared of the number of bins less one for independent rows. With clusters the covariance of
the masses is taken from the groups: :math:`X^2` is then a mixture of chi-squared variables whose
weights (design effects) enter by their mean and their spread (Satterthwaite; Rao & Scott). Rows
that are spread over bins vary less, so the test can only be too quiet about ties.

Twenty blocks of a series do not tell ten bins apart. There the masses are projected on two to four
orthogonal polynomials of the level (bias, spread, skewness, tails: Neyman's smooth test), whose
covariance is taken from the slow waves of the blocks; the statistic is Hotelling's :math:`T^2`. How
long rows depend on each other is read from the design effect of the first two. A series that is
worth fewer than 44 independent rows cannot be judged: the p-value is NaN and ``how`` says so.

Examples
--------
>>> from trueup.worlds import forecasts
>>> narrow = forecasts("normal", spread=0.8, rows=2_000).evidence
>>> pit_test(narrow.truth, narrow.prediction).value < 1e-6
True
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, fdtrc

from trueup.calibration.dispersion.pit import pit_cube
from trueup.calibration.dispersion.pit_series import series_test
from trueup.core.cards import Card
from trueup.core.central import LAWS
from trueup.core.cube import Cube
from trueup.core.estimate import Estimate
from trueup.core.evidence import Evidence
from trueup.core.grid import check_bins
from trueup.core.measure import AbstractStatistic


CARD = Card(
    name="pit_test",
    question="calibration",
    family="dispersion",
    summary="p-value: could the truths have been drawn from the stated laws?",
    paper=(
        "Rao & Scott 1981, JASA 76(374), for clusters; Lazarus, Lewis, Stock & Watson 2018, "
        "JBES 36(4), for series"
    ),
    claims=("holds its false-alarm rate",),
    cost="O(n); of m members O(n m)",
    not_for="how much is wrong: with a million rows a harmless error is significant",
    excused={"interval": "a p-value has none"},
)


@dataclass(frozen=True)
class PitTest(AbstractStatistic):
    """p-value of the hypothesis that every truth was drawn from the law stated for it.

    Parameters
    ----------
    bins
        Most bins; fewer where ranks or levels are fewer, or rows are few.
    """

    bins: int = 10
    name = "pit_p_value"
    label = "PIT test (p-value)"
    better = "higher"
    reach = (0.0, 1.0)
    kinds = LAWS

    def __post_init__(self) -> None:
        check_bins("pit_test", self.bins)

    def cube(self, evidence: Evidence) -> Cube:
        """Mass and expected mass by group and bin."""
        self.check_kind(evidence)
        return pit_cube(evidence, bins=self._bins(len(evidence)))[0]

    def _bins(self, rows: int) -> int:
        return max(min(self.bins, rows // LEAST_A_BIN), 2)

    def estimate(self, cube: Cube, *, level: float = 0.95) -> Estimate:
        """The p-value, without an interval; NaN where a series is too short to be judged."""
        if cube.n and cube.grouping == "block":
            found = series_test(cube)
            return Estimate(found.p_value, level=level, n=cube.n, how=found.how)
        return Estimate(_p_value(cube), level=level, n=cube.n, how="chi-squared over bins")


LEAST_A_BIN = 5
"""Rows that a bin should hold for a chi-squared law to be fair."""


def _p_value(cube: Cube) -> float:
    if not cube.n:
        return math.nan
    w, w2 = cube.table.total("w", "w2").sum(axis=0)
    share = cube.table["expected"].sum(axis=0) / w
    gap = cube.table["mass"] - cube.table["expected"]
    scaled = gap.sum(axis=0) / np.sqrt(w2 * share)
    statistic = float(scaled @ scaled)
    if cube.grouping == "row":
        return float(chdtrc(len(share) - 1, statistic))
    used = cube.table["n"].sum(axis=1) > 0
    return _mixture(statistic, (gap / np.sqrt(w2 * share))[used], cube.table["w"][used].sum(axis=1))


def _mixture(statistic: float, gap: np.ndarray, w: np.ndarray) -> float:
    """p-value where the covariance of the scaled gaps comes from groups (g, bins)."""
    g = len(gap)
    if g < 3:
        return math.nan
    # The mean gap is taken out, so that a miscalibrated law is not mistaken for a dependent one.
    gap = gap - w[:, None] * gap.sum(axis=0) / w.sum()
    freedom = w.sum() ** 2 / (w**2).sum() - 1
    covariance = gap.T @ gap * (freedom + 1) / freedom
    mean, squares = np.trace(covariance), (covariance**2).sum()
    # The squares of estimated weights are too large by what the covariance is not known.
    squares = (squares - mean**2 / freedom) * freedom**2 / ((freedom - 1) * (freedom + 2))
    df = float(np.clip(mean**2 / squares if squares > 0 else np.inf, 1.0, gap.shape[1] - 1))
    return float(fdtrc(df, df * freedom, statistic / mean))


pit_test = PitTest()
