"""Oracles: SciPy on the simplex, the mixture that made the data, rows called impossible."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import softmax

from trueup.calibration import EnsembleTemperatureScaling, TemperatureScaling, log_loss
from trueup.core import Evidence, Probabilities
from trueup.worlds import confident_by_factor


def parts(e: Evidence, temperature: float) -> np.ndarray:
    """(n, 3) likelihood of the truth under the tempered, the original, the uniform forecast."""
    rows, k = np.arange(len(e)), e.prediction.k
    cooled = softmax(e.prediction.log_probs() / temperature, axis=1)
    columns = cooled[rows, e.truth], e.prediction.probs[rows, e.truth], np.full(len(e), 1 / k)
    return np.column_stack(columns)


def mixed_world(seed: int, *, rows: int = 6_000) -> Evidence:
    """An over-confident model of which 15 % of the labels are drawn at random."""
    e = confident_by_factor(2.0, rows=rows, classes=4, seed=seed).evidence
    rng = np.random.default_rng(seed)
    noisy = np.where(rng.random(rows) < 0.15, rng.integers(0, 4, rows), e.truth)
    return Evidence(e.prediction, noisy)


@pytest.mark.parametrize("seed", range(3))
def test_weights_equal_a_search_on_the_simplex(seed):
    e = mixed_world(seed)
    m = EnsembleTemperatureScaling().fit(e).map
    likelihood = parts(e, m.temperature)
    best = min(
        minimize(
            lambda s: -np.log(likelihood @ (s**2 / (s**2).sum())).mean(), start, tol=1e-12
        ).fun
        for start in ([1.0, 1.0, 1.0], [1.0, 0.2, 0.5])
    )  # fmt: skip
    share = np.array([m.tempered, m.original, m.uniform])
    assert share.sum() == pytest.approx(1.0) and (share >= 0).all()
    assert -np.log(likelihood @ share).mean() <= best + 1e-6


def test_temperature_is_that_of_temperature_scaling():
    e = mixed_world(5)
    found = EnsembleTemperatureScaling().fit(e).map.temperature
    assert found == pytest.approx(TemperatureScaling().fit(e).map.temperature, rel=1e-9)


def test_random_labels_bring_the_uniform_part_in():
    learn, new = mixed_world(6), mixed_world(7)
    mixed, plain = EnsembleTemperatureScaling().fit(learn), TemperatureScaling().fit(learn)
    assert mixed.map.uniform > 0.02
    loss = [log_loss(new.truth, f.apply(new.prediction)).value for f in (mixed, plain)]
    assert loss[0] < loss[1]


def test_rows_called_impossible_get_a_floor():
    rng = np.random.default_rng(8)
    said = np.clip(np.eye(3)[rng.integers(0, 3, 1_000)], 0, 1)
    truth = np.where(rng.random(1_000) < 0.1, rng.integers(0, 3, 1_000), said.argmax(axis=1))
    e = Evidence(Probabilities(said), truth)
    after = EnsembleTemperatureScaling().fit(e).apply(e.prediction)
    assert after.probs.min() > 0.01 and log_loss(truth, after).value < 0.6


def test_equals_its_formula():
    e = mixed_world(9, rows=500)
    m = EnsembleTemperatureScaling().fit(e)
    a, p = m.map, e.prediction.probs
    want = a.tempered * softmax(np.log(p) / a.temperature, axis=1) + a.original * p + a.uniform / 4
    assert m.apply(e.prediction).probs == pytest.approx(want, abs=1e-12)
