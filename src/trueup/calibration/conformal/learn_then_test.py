"""Learn then test: thresholds whose risk is low enough with a stated confidence.

Examples
--------
>>> rng = np.random.default_rng(0)
>>> cuts = np.linspace(0.99, 0.5, 50)                 # act where the confidence exceeds a cut
>>> wrong = rng.random((1_000, 50)) < (1 - cuts) / 2  # the risk at a cut is half of 1 - cut
>>> LearnThenTest(risk=0.1, level=0.9).fit(wrong, cuts).threshold
0.84
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from trueup.calibration.conformal.losses import (
    RiskThreshold,
    check_losses,
    check_risk,
    last_of,
)
from trueup.core.cards import Card
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.estimate import Estimate
from trueup.core.multiple import holm


CARD = Card(
    name="LearnThenTest",
    question="calibration",
    family="conformal",
    summary="thresholds, of any shape of risk, at which the risk is low with a stated confidence",
    axes={
        "bound": "hoeffding, bentkus, hoeffding_bentkus, binomial, betting",
        "multiplicity": "fixed_sequence, holm, bonferroni",
        "guarantee": "with confidence",
    },
    paper="Angelopoulos, Bates, Candes, Jordan, Lei 2021, arXiv:2110.01052; betting: "
    "Waudby-Smith, Ramdas 2020, arXiv:2010.09686",
    claims=("wrong thresholds are allowed no more often than said",),
    cost="O(n t) for n rows and t thresholds",
    not_for="few rows and a loss that rises along the grid: ConformalRiskControl allows more",
)


@dataclass(frozen=True)
class LearnThenTest:
    r"""Find thresholds whose risk is at most ``risk``, all at once with confidence ``level``.

    Use it where the promise must hold for the very data set at hand, or where the loss does not
    rise along the grid: precision, several thresholds at once, the choice among whole pipelines.
    Each threshold is a hypothesis "its risk exceeds ``risk``"; those that a test rejects may be
    used, and the last of them is returned.

    p-values, of losses in :math:`[0, 1]` with mean :math:`\hat R` over n rows, at risk
    :math:`\alpha`:

    * ``"hoeffding"``: :math:`\exp(-n\,h(\min(\hat R, \alpha), \alpha))` with
      :math:`h(a, b) = a \ln\frac{a}{b} + (1 - a) \ln\frac{1 - a}{1 - b}`;
    * ``"bentkus"``: :math:`e\,P(\mathrm{Bin}(n, \alpha) \le \lceil n \hat R \rceil)`;
    * ``"hoeffding_bentkus"``: the smaller of both;
    * ``"binomial"``: :math:`P(\mathrm{Bin}(n, \alpha) \le n \hat R)`, for losses of 0 and 1 only;
    * ``"betting"``: 1 over the most that a gambler held who bets against the hypothesis row after
      row; smallest where losses vary little, and the only one in which rows must come in an order
      that says nothing.

    Parameters
    ----------
    risk
        Mean loss that is allowed at most. In (0, largest).
    level
        Share of data sets of which everything that is allowed is truly allowed. In (0, 1).
    p_value
        One of those above.
    multiplicity
        ``"fixed_sequence"`` tests along the grid and stops at the first that fails: best where the
        order is known. ``"holm"`` and ``"bonferroni"`` do not care for the order.
    largest
        Largest loss that is possible.
    """

    risk: float = 0.1
    level: float = 0.9
    p_value: str = "hoeffding_bentkus"
    multiplicity: str = "fixed_sequence"
    largest: float = 1.0

    def __post_init__(self) -> None:
        check_risk("LearnThenTest", self.risk, self.largest)
        if not 0 < self.level < 1:
            raise UsageError("LearnThenTest", f"level is {self.level}", do="Pass a share in (0, 1)")
        for name, known in (("p_value", P_VALUES), ("multiplicity", MULTIPLICITIES)):
            if getattr(self, name) not in known:
                said = f"{name} is {getattr(self, name)!r}"
                raise UsageError("LearnThenTest", said, do=f"Pass one of {', '.join(known)}")

    def fit(self, losses, thresholds) -> RiskThreshold:
        """The thresholds that labelled rows allow.

        Parameters
        ----------
        losses
            (n, t) loss of each row at each threshold, from 0 to ``largest``.
        thresholds
            (t,) the grid, **from the safest to the most useful**; (t, d) where each is d numbers.

        Raises
        ------
        EvidenceError
            Shapes that do not fit, losses out of range, or a binomial p-value of other losses than
            0 and 1.
        """
        shares, grid = check_losses("LearnThenTest.fit", losses, thresholds, self.largest)
        p = P_VALUES[self.p_value](shares, self.risk / self.largest)
        allowed = MULTIPLICITIES[self.multiplicity](p, 1.0 - self.level)
        place, threshold = last_of(grid, allowed)
        mean = np.nan if place is None else self.largest * float(shares[:, place].mean())
        low, high = (np.nan, np.nan) if place is None else (0.0, self.risk)
        risk = Estimate(mean, low, high, self.level, len(shares), how=f"{self.p_value} test")
        return RiskThreshold(place, threshold, risk, allowed, p)


def hoeffding(shares: np.ndarray, risk: float) -> np.ndarray:
    """p-values (t,) by Hoeffding's inequality in its sharper form."""
    mean = np.minimum(shares.mean(axis=0), risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        first = np.where(mean > 0, mean * np.log(mean / risk), 0.0)
    return np.exp(-len(shares) * (first + (1 - mean) * np.log((1 - mean) / (1 - risk))))


def bentkus(shares: np.ndarray, risk: float) -> np.ndarray:
    """p-values (t,) by Bentkus' inequality."""
    from scipy.stats import binom

    # A sum that is whole but for rounding must not be raised to the next whole number.
    total = np.ceil(shares.sum(axis=0) - 1e-9)
    return np.minimum(np.e * binom.cdf(total, len(shares), risk), 1.0)


def hoeffding_bentkus(shares: np.ndarray, risk: float) -> np.ndarray:
    """p-values (t,): both inequalities hold for every mean, so the smaller does."""
    return np.minimum(hoeffding(shares, risk), bentkus(shares, risk))


def binomial(shares: np.ndarray, risk: float) -> np.ndarray:
    """Exact p-values (t,) of losses of 0 and 1."""
    from scipy.stats import binom

    if not np.isin(shares, (0.0, 1.0)).all():
        raise EvidenceError(
            "LearnThenTest.fit",
            "losses lie between 0 and largest",
            why="the binomial p-value is for losses of 0 and largest",
            do="Use p_value='hoeffding_bentkus'",
        )
    return binom.cdf(np.rint(shares.sum(axis=0)), len(shares), risk)


def betting(shares: np.ndarray, risk: float) -> np.ndarray:
    """p-values (t,) of a gambler whose stakes follow the spread of the rows before."""
    n = len(shares)
    count = np.arange(1, n + 1)[:, None]
    # Mean and variance are drawn towards 1/2 and 1/4, and a stake knows only the rows before it.
    mean = (0.5 + np.cumsum(shares, axis=0)) / (count + 1)
    variance = (0.25 + np.cumsum((shares - mean) ** 2, axis=0)) / (count + 1)
    before = np.vstack([np.full((1, shares.shape[1]), 0.25), variance[:-1]])
    stake = np.minimum(1.0, np.sqrt(2 * np.log(10.0) / (n * before)))
    held = np.cumsum(np.log1p(-stake * (shares - risk)), axis=0)
    return np.minimum(1.0, np.exp(-held.max(axis=0)))


def fixed_sequence(p: np.ndarray, error: float) -> np.ndarray:
    """Those before the first that fails."""
    return np.logical_and.accumulate(p <= error)


def by_holm(p: np.ndarray, error: float) -> np.ndarray:
    """Those whose step-down adjusted p-value is small enough."""
    return holm(p) <= error


def bonferroni(p: np.ndarray, error: float) -> np.ndarray:
    """Those whose p-value is small enough for as many tests."""
    return p <= error / len(p)


P_VALUES: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "hoeffding_bentkus": hoeffding_bentkus,
    "hoeffding": hoeffding,
    "bentkus": bentkus,
    "binomial": binomial,
    "betting": betting,
}
MULTIPLICITIES: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "fixed_sequence": fixed_sequence,
    "holm": by_holm,
    "bonferroni": bonferroni,
}
