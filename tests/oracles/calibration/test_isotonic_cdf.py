"""Oracles: NumPy's quantiles, a slow loop, exact laws, and the forecasts of a hub."""

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import skewnorm

from corrections import score_of_rows
from real_forecasts import by_cluster, flusight
from trueup.calibration import IsotonicCDF
from trueup.calibration.distributions.isotonic_cdf import empirical_quantiles
from trueup.core import Evidence, Normal, Quantiles
from trueup.core.errors import EvidenceError
from trueup.worlds import forecasts


def test_quantiles_of_rows_are_those_of_numpy_and_weights_repeats():
    rng = np.random.default_rng(0)
    x, levels = rng.normal(size=57), np.array([0.001, 0.1, 0.37, 0.5, 0.9, 0.999])
    plain = empirical_quantiles(x, np.ones(57), levels)
    assert plain == pytest.approx(np.quantile(x, levels, method="hazen"), abs=1e-12)
    counts = rng.integers(0, 4, 57)
    repeated = np.quantile(np.repeat(x, counts), levels, method="hazen")
    assert empirical_quantiles(x, counts + 0.0, levels) == pytest.approx(repeated, abs=1e-12)


def test_a_normal_law_becomes_the_quantiles_of_its_own_errors():
    e = forecasts("normal", spread=0.3, bias=0.5, rows=900).evidence
    fitted = IsotonicCDF(levels=(0.1, 0.5, 0.8)).fit(e)
    z = np.quantile((e.truth - e.prediction.mean) / e.prediction.sd, (0.1, 0.5, 0.8),
                    method="hazen")  # fmt: skip
    meant = e.prediction.mean[:, None] + e.prediction.sd[:, None] * z
    assert fitted.apply(e.prediction).values == pytest.approx(meant, abs=1e-12)
    assert fitted.gives.names == ("q0.1", "q0.5", "q0.8")


def test_quantiles_equal_a_slow_loop():
    """Normal scores of shares, straight lines between them; inside the levels that are reached."""
    e = forecasts("quantiles", spread=1.6, bias=0.3, rows=400, seed=1).evidence
    weight = np.random.default_rng(0).integers(1, 4, 400)
    after = IsotonicCDF().fit(Evidence(e.prediction, e.truth, weight=weight)).apply(e.prediction)
    levels, values = e.prediction.levels, e.prediction.values
    share = [
        (sum(w for w, y, v in zip(weight, e.truth, values[:, j], strict=True) if y <= v) + 0.5)
        / (weight.sum() + 1)
        for j in range(23)
    ]
    for j in range(2, 21):
        target = ndtri(levels[j])
        k = next(k for k in range(22) if share[k] <= levels[j] <= share[k + 1])
        low, high = ndtri(share[k]), ndtri(share[k + 1])
        part = (target - low) / (high - low)
        place = ndtri(levels[k]) * (1 - part) + ndtri(levels[k + 1]) * part
        i = max(i for i in range(22) if ndtri(levels[i]) <= place)
        step = (place - ndtri(levels[i])) / (ndtri(levels[i + 1]) - ndtri(levels[i]))
        meant = values[:, i] * (1 - step) + values[:, i + 1] * step
        assert after.values[:, j] == pytest.approx(meant, abs=1e-9)


def test_a_law_that_is_off_by_a_line_is_mended_beyond_all_that_it_said():
    """Shares without chance: tails of a normal law go on as a line in normal scores, exactly."""
    n, levels = 40_000, np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    truth = ndtri((np.arange(n) + 0.5) / n)
    said = Quantiles(levels, np.tile(0.4 + 0.3 * ndtri(levels), (n, 1)))
    after = IsotonicCDF().fit(Evidence(said, truth)).apply(said).values[0]
    assert after == pytest.approx(ndtri(levels), abs=2e-3)


def test_crossing_quantiles_are_pooled_and_stay_finite():
    rng = np.random.default_rng(0)
    said = Quantiles([0.1, 0.5, 0.9], rng.normal(size=(300, 3)))
    after = IsotonicCDF().fit(Evidence(said, rng.normal(size=300))).apply(said)
    assert np.isfinite(after.values).all()


def test_skewness_is_recovered_where_one_factor_cannot():
    """Standard errors of the skew: quantiles of the law itself, at 20,000 rows within 0.03."""
    law = skewnorm(6)
    truth = law.rvs(20_000, random_state=0)
    said = Normal(np.zeros(20_000), np.ones(20_000))
    after = IsotonicCDF(levels=(0.05, 0.5, 0.95)).fit(Evidence(said, truth)).apply(said)
    assert after.values[0] == pytest.approx(law.ppf([0.05, 0.5, 0.95]), abs=0.03)


def test_levels_outside_are_an_error():
    with pytest.raises(EvidenceError, match=r"levels must lie in \(0, 1\)"):
        IsotonicCDF(levels=(0.0, 0.5))


def held(q: Quantiles, truth: np.ndarray) -> np.ndarray:
    """Whether the central 90 % interval holds each truth."""
    low, high = (q.values[:, np.isclose(q.levels, level)][:, 0] for level in (0.05, 0.95))
    return ((low <= truth) & (truth <= high)).astype(float)


def test_a_hub_that_is_too_sure_learns_its_levels_for_new_states():
    """FluSight 2024-25, the ensemble: every other state teaches, the others judge.

    Over all rows its central 90 % intervals hold 78 % of what happened.
    """
    e, state, _ = flusight()
    assert held(e.prediction, e.truth).mean() == pytest.approx(0.7778, abs=1e-4)
    learn = np.isin(state, np.unique(state)[::2])
    new = e.take(~learn)
    after = IsotonicCDF().fit(e.take(learn)).apply(new.prediction)
    before = by_cluster(held(new.prediction, new.truth), state[~learn])
    now = by_cluster(held(after, new.truth), state[~learn])
    assert before[0] + 3 * before[1] < 0.9
    assert abs(now[0] - 0.9) < 3 * now[1] < 0.06
    fall, chance = by_cluster(
        score_of_rows(after, new.truth) - score_of_rows(new.prediction, new.truth), state[~learn]
    )
    assert fall + 3 * chance < 0


def test_what_the_rise_of_a_season_taught_harms_its_fall():
    """A negative control: the first half of the dates tells nothing of the second."""
    e, _, date = flusight()
    learn = date < np.unique(date)[len(np.unique(date)) // 2]
    new = e.take(~learn)
    after = IsotonicCDF().fit(e.take(learn)).apply(new.prediction)
    rise, chance = by_cluster(
        score_of_rows(after, new.truth) - score_of_rows(new.prediction, new.truth), date[~learn]
    )
    assert rise - 3 * chance > 0
