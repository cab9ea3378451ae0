"""Oracles: p-values written out, step-down by hand, and data sets whose risks are known."""

import math

import numpy as np
import pytest
from scipy.special import betainc
from scipy.stats import binom

from trueup.calibration import LearnThenTest
from trueup.calibration.conformal.learn_then_test import MULTIPLICITIES, P_VALUES
from trueup.core.errors import EvidenceError, UsageError


RATE = 1e-4
"""False-alarm rate of each comparison."""


def by_hand(name, losses, risk):
    """The p-value of one threshold, by sums and loops."""
    n, mean = len(losses), sum(losses) / len(losses)
    a = min(mean, risk)
    h = (a * math.log(a / risk) if a else 0) + (1 - a) * math.log((1 - a) / (1 - risk))

    def at_most(k):  # a binomial's distribution function as an incomplete beta integral
        return 1.0 if k >= n else float(betainc(n - k, k + 1, 1 - risk))

    one = math.exp(-n * h)
    two = min(1.0, math.e * at_most(math.ceil(sum(losses) - 1e-9)))
    held, most, total, spread, variance = 1.0, 1.0, 0.5, 0.25, 0.25
    for i, loss in enumerate(losses, start=1):
        held *= 1 - min(1, math.sqrt(2 * math.log(10) / (n * variance))) * (loss - risk)
        most, total = max(most, held), total + loss
        spread += (loss - total / (i + 1)) ** 2
        variance = spread / (i + 1)
    known = {"hoeffding": one, "bentkus": two, "hoeffding_bentkus": min(one, two)}
    return known.get(name, 1 / most if name == "betting" else at_most(round(sum(losses))))


@pytest.mark.parametrize("name", P_VALUES)
def test_p_values_equal_their_formulas(name):
    rng = np.random.default_rng(0)
    for n in (1, 7, 50, 400):
        for risk in (0.05, 0.3):
            losses = rng.random((n, 6)) < [0, 0.02, 0.1, 0.3, 0.5, 1]
            losses = losses if name == "binomial" else losses * rng.random((n, 6))
            found = LearnThenTest(risk, p_value=name).fit(losses, np.arange(6)).bounds
            expected = [by_hand(name, losses[:, j].tolist(), risk) for j in range(6)]
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-300)


def test_multiplicities_by_hand():
    p = np.array([0.01, 0.04, 0.02, 0.2, 0.001])
    found = {name: np.flatnonzero(test(p, 0.1)).tolist() for name, test in MULTIPLICITIES.items()}
    assert found["fixed_sequence"] == [0, 1, 2]
    assert found["bonferroni"] == [0, 2, 4]
    assert found["holm"] == [0, 1, 2, 4]  # 0.001 * 5, 0.01 * 4, 0.02 * 3, 0.04 * 2, 0.2


RISKS = np.array([0.02, 0.05, 0.1, 0.13, 0.2, 0.13, 0.1, 0.05, 0.13, 0.5])
"""True risks along a grid: neither rising nor falling."""


@pytest.mark.parametrize("multiplicity", MULTIPLICITIES)
@pytest.mark.parametrize("name", P_VALUES)
@pytest.mark.parametrize("kind", ["coins", "shares"])
def test_nothing_wrong_is_allowed_but_as_often_as_said(name, multiplicity, kind):
    """Over 400 data sets, those in which any threshold of risk above .12 is allowed."""
    if (name, kind) == ("binomial", "shares"):
        pytest.skip("the binomial p-value is for losses of 0 and 1")
    rng, wrong = np.random.default_rng(1), 0
    for _ in range(400):
        losses = (rng.random((150, 10)) < RISKS) * 1.0
        if kind == "shares":  # in [0, 1] with the same mean
            losses = rng.beta(RISKS, 1 - RISKS, (150, 10))
        found = LearnThenTest(0.12, 0.8, p_value=name, multiplicity=multiplicity)
        wrong += found.fit(losses, RISKS).allowed[RISKS > 0.12].any()
    assert wrong <= binom.ppf(1 - RATE, 400, 0.2)


def test_better_p_values_allow_more():
    """Of 200 data sets with a rising risk: how far along the grid each may go, on average."""
    rng = np.random.default_rng(2)
    risks, reach = np.linspace(0.01, 0.2, 40), {}
    drawn = [
        (rng.random((300, 40)) < risks, rng.uniform(0, 2 * risks, (300, 40))) for _ in range(200)
    ]
    for name in P_VALUES:
        which = 0 if name == "binomial" else 1
        settings = LearnThenTest(0.1, p_value=name)
        reach[name] = np.mean([settings.fit(d[which], risks).allowed.sum() for d in drawn])
    assert reach["hoeffding"] <= reach["hoeffding_bentkus"] < reach["betting"]
    assert reach["bentkus"] <= reach["hoeffding_bentkus"] < 40 * 0.1 / 0.2 + 1


def test_a_larger_loss_is_a_matter_of_unit():
    losses = np.random.default_rng(3).random((100, 5)) * [0.02, 0.1, 0.3, 0.5, 1]
    one = LearnThenTest(0.2).fit(losses, np.arange(5))
    ten = LearnThenTest(2.0, largest=10.0).fit(10 * losses, np.arange(5))
    np.testing.assert_allclose(one.bounds, ten.bounds, rtol=1e-9)
    assert one.place == ten.place and ten.risk.value == pytest.approx(10 * one.risk.value)
    assert (one.risk.low, one.risk.high, one.risk.level) == (0.0, 0.2, 0.9)


def test_nothing_allowed():
    found = LearnThenTest().fit(np.ones((50, 3)), [1, 2, 3])
    assert found.place is None and math.isnan(found.risk.low)


def test_bad_settings_are_refused():
    with pytest.raises(UsageError, match="level is 1"):
        LearnThenTest(level=1)
    with pytest.raises(UsageError, match="p_value is 'clt'"):
        LearnThenTest(p_value="clt")
    with pytest.raises(UsageError, match="multiplicity is 'none'"):
        LearnThenTest(multiplicity="none")
    with pytest.raises(EvidenceError, match="binomial p-value is for losses of 0"):
        LearnThenTest(p_value="binomial").fit([[0.5]], [1])
