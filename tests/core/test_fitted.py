"""Fitted maps: many classes, SQL to the last rows, and what export gets wrong elsewhere."""

import duckdb
import numpy as np
import pytest
from scipy.special import expit

from trueup.calibration import (
    BetaCalibration,
    IsotonicCalibration,
    PlattScaling,
    TemperatureScaling,
)
from trueup.core import Evidence, FitError, Probabilities
from trueup.core.events import log_odds
from trueup.worlds import confident_by_factor


def run_sql(fitted, said: np.ndarray) -> np.ndarray:
    """The correction as DuckDB computes it over a table of event probabilities."""
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (i INTEGER, p DOUBLE)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", list(enumerate(said.tolist())))
        rows = connection.execute(fitted.sql("FROM t ORDER BY i", ["p"], event=True)).fetchall()
    return np.array(rows)[:, 0]


@pytest.mark.parametrize("method", [PlattScaling(), BetaCalibration(), IsotonicCalibration()])
def test_export_equals_the_map_on_every_row(method):
    """A peer's exported sigmoid was wrong on 98 % of rows, by up to .45, and said nothing."""
    learn = confident_by_factor(2.0, shift=0.5, rows=2_000, seed=1).evidence
    fitted = method.fit(learn)
    ends = 10.0 ** -np.arange(1, 20)
    said = np.r_[expit(np.random.default_rng(0).normal(0, 3, 2_000)), 0.0, 0.5, 1.0, ends, 1 - ends]
    wrong = np.abs(run_sql(fitted, said) - fitted.apply(Probabilities(said)).probs[:, 1])
    assert wrong.max() < 1e-9


def test_one_against_the_rest_uses_every_class():
    e = confident_by_factor(2.0, rows=3_000, classes=4, seed=2).evidence
    fitted = PlattScaling().fit(e)
    assert len(fitted.map.maps) == 4 and set(fitted.map.parameters) == {
        f"{name}[{j}]" for name in ("slope", "intercept") for j in range(4)
    }
    assert fitted.apply(e.prediction).probs.sum(axis=1) == pytest.approx(1.0)


def test_one_class_that_does_not_converge_is_told_of_all():
    e = confident_by_factor(2.0, rows=300, classes=3, seed=3).evidence
    said = e.prediction.probs.copy()
    said[:, 2] = np.where(e.truth == 2, 0.9, 1e-3)  # perfectly told apart
    said /= said.sum(axis=1, keepdims=True)
    assert not BetaCalibration().fit(Evidence(Probabilities(said), e.truth)).converged


def test_log_odds_keep_their_digits_near_one():
    small = np.array([1e-3, 1e-6, 1e-9])
    found = log_odds(np.log1p(-small))
    assert found == pytest.approx(np.log1p(-small) - np.log(small), rel=1e-12)


def test_apply_wants_the_classes_of_the_fit():
    fitted = TemperatureScaling().fit(confident_by_factor(2.0, rows=100, classes=3).evidence)
    with pytest.raises(FitError, match=r"on 3 classes, asked to correct 2 classes\. Pass a pred"):
        fitted.apply(Probabilities([0.5]))


def test_logits_are_corrected_beyond_the_floor_of_probabilities():
    fitted = TemperatureScaling().fit(confident_by_factor(2.0, rows=5_000, seed=4).evidence)
    far = Probabilities.from_logits([[0.0, 100.0]], event=True)
    after = fitted.apply(far).log_probs()[0]
    assert after[1] - after[0] == pytest.approx(100.0 / fitted.map.temperature)
