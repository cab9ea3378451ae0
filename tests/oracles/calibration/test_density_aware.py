"""Oracles: scikit-learn's neighbours, a slow search over weights, numeric gradients."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.neighbors import NearestNeighbors

from trueup.calibration import (
    DensityAware,
    DoNothing,
    IsotonicCalibration,
    TemperatureScaling,
    neighbour_distances,
)
from trueup.core import Evidence, FitError, Probabilities, UsageError


def far_and_near(rows: int = 4_000, *, seed: int = 0) -> Evidence:
    """Rows whose true scale is 1 + 2 s, with a second feature that says nothing."""
    rng = np.random.default_rng(seed)
    s, z = rng.random((rows, 2)), rng.normal(0, 1.5, (rows, 3))
    truth = (z - np.log(-np.log(rng.random((rows, 3))))).argmax(axis=1)
    return Evidence(Probabilities.from_logits(z * (1 + 2 * s[:, :1])), truth, features=s)


def test_distances_equal_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    rows, known = rng.normal(size=(300, 7)), rng.normal(size=(900, 7))
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (rows, known)]
    for k in (1, 10, 900):
        meant = NearestNeighbors(n_neighbors=k).fit(unit[1]).kneighbors(unit[0])[0][:, -1] ** 2
        found = neighbour_distances(rows, reference=known, neighbours=k)
        assert found == pytest.approx(meant, abs=1e-12)


def test_weights_equal_a_slow_search():
    e = far_and_near()
    logs, rows = e.prediction.log_probs(), np.arange(len(e))

    def loss(theta):
        scale = np.maximum(theta[0] + e.features @ np.maximum(theta[1:], 0), 0.05)
        z = logs / scale[:, None]
        return -(z - np.log(np.exp(z).sum(axis=1, keepdims=True)))[rows, e.truth].mean()

    meant = minimize(loss, [1.0, 1.0, 0.1], method="Nelder-Mead",
                     options={"xatol": 1e-6, "fatol": 1e-12, "maxiter": 4_000}).x  # fmt: skip
    m = DensityAware(base=DoNothing()).fit(e).map
    assert (m.shift, *m.weights) == pytest.approx((meant[0], *np.maximum(meant[1:], 0)), abs=5e-3)


def test_useless_features_leave_temperature_scaling():
    e = far_and_near()
    plain = Evidence(e.prediction, e.truth, features=np.ones((len(e), 1)))
    found = DensityAware().fit(plain).correct(plain).probs
    assert found == pytest.approx(TemperatureScaling().fit(e).apply(e.prediction).probs, abs=1e-6)


def test_the_base_follows():
    e = far_and_near()
    m = DensityAware(base=DoNothing()).fit(e)
    after = Evidence(m.correct(e), e.truth)
    meant = IsotonicCalibration().fit(after).apply(after.prediction).probs
    found = DensityAware(base=IsotonicCalibration()).fit(e).correct(e).probs
    assert found == pytest.approx(meant, abs=1e-12)


def test_far_rows_are_never_made_surer():
    """Distance that goes with being too timid gets no weight: the paper's bound at 0."""
    e = far_and_near()
    turned = Evidence(e.prediction, e.truth, features=1 - e.features[:, :1])
    assert DensityAware().fit(turned).map.weights.tolist() == [0.0]


def test_what_is_missing_is_told():
    plain = Evidence(Probabilities([0.5, 0.6]), [0, 1])
    with pytest.raises(FitError, match=r"DensityAware\.fit: the evidence has no features\. Pass"):
        DensityAware().fit(plain)
    two = Evidence(Probabilities([0.5, 0.6]), [0, 1], features=np.ones((2, 2)))
    with pytest.raises(FitError, match=r"1 columns are named for features of shape \(2, 2\)"):
        DensityAware(columns=("a",)).fit(two)
    with pytest.raises(UsageError, match=r"neighbour_distances: 3 neighbours, features \(1, 2\)"):
        neighbour_distances([[1, 0]], reference=[[1, 0]], neighbours=3)


def test_named_columns_are_those_of_the_query():
    e = far_and_near(200)
    fitted = DensityAware(columns=("near", "other")).fit(e)
    query = fitted.sql("FROM t", ["a", "b", "c"], event=False)
    assert '"near"' in query and '"other"' in query and fitted.needs["features"].width == 2
