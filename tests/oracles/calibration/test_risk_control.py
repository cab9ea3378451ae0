"""Oracles: the quantile of split conformal, a slow loop, and risks known in closed form."""

import math

import numpy as np
import pytest
from scipy.stats import binom

from trueup.calibration import ConformalRiskControl
from trueup.core.errors import EvidenceError, UsageError


RATE = 1e-4
"""False-alarm rate of each comparison."""


@pytest.mark.parametrize("risk", [0.05, 0.1, 0.25])
@pytest.mark.parametrize("n", [19, 100, 999])
def test_a_loss_of_not_in_the_set_is_split_conformal(risk, n):
    """Scores below the threshold are in the set: the threshold is the usual quantile."""
    scores = np.random.default_rng(n).random(n)
    falling = np.sort(scores)[::-1]
    found = ConformalRiskControl(risk).fit(scores[:, None] > falling, falling)
    k = math.ceil((n + 1) * (1 - risk) - 1e-9)
    assert found.threshold == np.sort(scores)[k - 1]


def test_equals_a_loop():
    rng = np.random.default_rng(1)
    for _ in range(50):
        n, t = rng.integers(1, 30), rng.integers(1, 10)
        losses = 3 * np.maximum.accumulate(rng.random((n, t)) ** 3, axis=1)
        last = None
        for j in range(t):
            if (sum(losses[:, j]) + 3.0) / (n + 1) > 0.8:
                break
            last = j
        found = ConformalRiskControl(0.8, largest=3.0).fit(losses, np.arange(t) * 10)
        assert found.place == last and found.threshold == (None if last is None else 10 * last)
        if last is not None:
            assert found.risk.value == pytest.approx(losses[:, last].mean(), rel=1e-12)


def missed(rng, rows, cuts):
    """Share of the true labels (of 8) that a cut misses, and 0 where there is none."""
    said = rng.random((rows, 8))
    true = rng.random((rows, 8)) < said**2
    lost = (true[:, None] & (said[:, None] < cuts[:, None])).sum(axis=2)
    return lost / np.maximum(true.sum(axis=1), 1)[:, None]


@pytest.mark.parametrize("n", [20, 200])
@pytest.mark.parametrize("risk", [0.1, 0.3])
def test_the_expected_loss_of_the_next_row_is_held(n, risk):
    """A loss in [0, 1] turned into a coin of that chance: the count of heads is binomial."""
    cuts, heads, seeds = np.linspace(0, 1, 101), 0, 1_000
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        losses = missed(rng, n + 1, cuts)
        found = ConformalRiskControl(risk).fit(losses[:n], cuts)
        heads += rng.random() < (0.0 if found.place is None else losses[n, found.place])
    assert heads <= binom.ppf(1 - RATE, seeds, risk)
    # The bound of the paper from below: risk less 2 / (n + 1), and less what the grid is coarse.
    assert heads >= binom.ppf(RATE, seeds, max(risk - 2 / (n + 1) - 0.02, 0))


def test_too_few_rows_allow_nothing():
    found = ConformalRiskControl(0.1).fit(np.zeros((5, 2)), [0.5, 0.1])
    assert found.place is None and str(found) == "no threshold is allowed"
    assert not found.allowed.any() and math.isnan(found.risk.value)


def test_thresholds_may_be_of_several_numbers():
    found = ConformalRiskControl(0.5).fit(np.zeros((5, 2)), [[1, 2], [3, 4]])
    assert found.threshold == (3, 4) and str(found).startswith("threshold (3, 4), mean loss")


@pytest.mark.parametrize(
    ("losses", "thresholds", "said"),
    [
        ([[0.0, 1.0]], [1], "do not fit"),
        (np.zeros((0, 1)), [1], "do not fit"),
        ([[0.0, 2.0]], [1, 2], "losses reach from 0 to 2"),
        ([[-1.0, 1.0]], [1, 2], "losses reach from -1 to 1"),
        ([[1.0, 0.0]], [1, 2], "losses fall along the grid in 1 of 1 rows"),
    ],
)
def test_bad_losses_are_refused(losses, thresholds, said):
    with pytest.raises(EvidenceError, match=said):
        ConformalRiskControl().fit(losses, thresholds)


@pytest.mark.parametrize("settings", [{"risk": 0}, {"risk": 1}, {"risk": 1, "largest": 0.5}])
def test_bad_settings_are_refused(settings):
    with pytest.raises(UsageError, match="Pass a risk between 0 and largest"):
        ConformalRiskControl(**settings)
