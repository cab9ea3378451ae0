"""Oracles: the law of the range of Brownian motion by its density, by MAPIE and by simulation."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from trueup.calibration import ks_test, kuiper_test
from trueup.calibration.measures.walks import survival_of_range
from trueup.worlds import confident_by_factor


MAPIE = {0.8: 0.005963665192105679, 1.0: 0.06336458792045059, 1.5: 0.48705924576975174,
         2.5: 0.9503272638181753, 3.5: 0.9981389673881882}  # fmt: skip
"""``kuiper_cdf`` of MAPIE 1.6.0."""


@pytest.mark.parametrize("x", MAPIE)
def test_law_of_the_range(x):
    assert 1 - survival_of_range(x) == pytest.approx(MAPIE[x], abs=1e-12)


def test_law_is_the_integral_of_the_density_of_feller():
    k = np.arange(1, 60)

    def density(r):
        return 8 * ((-1.0) ** (k - 1) * k**2 * norm.pdf(k * r)).sum()

    assert survival_of_range(1.6) == pytest.approx(quad(density, 1.6, 20)[0], abs=1e-7)
    assert survival_of_range(2.0) == pytest.approx(survival_of_range(2.0 + 1e-9), abs=1e-8)


def test_law_of_a_simulated_walk():
    """A discrete walk has a slightly shorter range than Brownian motion."""
    steps = np.random.default_rng(0).choice([-1.0, 1.0], (4_000, 2_000))
    paths = np.cumsum(steps, axis=1) / np.sqrt(2_000)
    reach = np.maximum(paths.max(axis=1), 0) - np.minimum(paths.min(axis=1), 0)
    for x in (1.2, 1.8, 2.5):
        assert (reach > x).mean() == pytest.approx(survival_of_range(x), abs=0.04)


def test_p_value_keeps_digits_where_a_peer_loses_them():
    """MAPIE 1.6.0: 9.26e-13, what is left of 1 - cdf; the tail is 1e-19 (two normal tails)."""
    e = confident_by_factor(2.0, shift=0.3, rows=2_000, seed=7).evidence
    assert 1e-20 < kuiper_test(e.truth, e.prediction).value < 1e-18
    assert survival_of_range(9.2634854) == pytest.approx(8 * norm.sf(9.2634854), rel=1e-6)


def test_it_finds_what_changes_sign_sooner_than_ks():
    ks, kuiper = [], []
    for seed in range(40):
        e = confident_by_factor(1.35, rows=1_500, seed=seed).evidence
        ks.append(ks_test(e.truth, e.prediction).value)
        kuiper.append(kuiper_test(e.truth, e.prediction).value)
    assert np.median(kuiper) < 0.5 * np.median(ks)
