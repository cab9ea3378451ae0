"""Oracles: Python's sort, SciPy's isotonic regression row by row, and a property of the WIS."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from corrections import score_of_rows
from trueup.calibration import Monotone
from trueup.core import Evidence, FitError, Quantiles
from trueup.worlds import forecasts


def ordered(said: Quantiles, how: str) -> np.ndarray:
    fitted = Monotone(how=how).fit(Evidence(said, np.zeros(len(said))))
    return fitted.apply(said).values


@pytest.mark.parametrize("width", [1, 2, 5, 23])
def test_rows_equal_sort_and_isotonic_regression(width):
    values = np.random.default_rng(width).normal(size=(60, width)).round(1)
    said = Quantiles((np.arange(width) + 1) / (width + 1), values)
    assert np.array_equal(ordered(said, "sort"), [sorted(row) for row in values.tolist()])
    meant = np.array([isotonic_regression(row).x for row in values])
    assert ordered(said, "isotonic") == pytest.approx(meant, abs=1e-12)


@given(st.integers(1, 9).flatmap(lambda k: st.tuples(
    st.lists(st.integers(1, 999), min_size=k, max_size=k, unique=True),
    st.lists(st.floats(-1e3, 1e3), min_size=k, max_size=k), st.floats(-1e3, 1e3))))  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_the_wis_never_rises(case):
    levels, values, truth = case
    said = Quantiles(np.sort(levels) / 1_000, np.array([values]))
    y = np.array([truth])
    for how in ("sort", "isotonic"):
        after = ordered(said, how)
        assert (np.diff(after, axis=1) >= 0).all()
        rise = score_of_rows(Quantiles(said.levels, after), y) - score_of_rows(said, y)
        assert rise[0] <= 1e-9


def test_what_is_in_order_stays_as_it_is():
    said = forecasts("quantiles", rows=50).evidence.prediction
    assert np.array_equal(ordered(said, "sort"), said.values)
    assert ordered(said, "isotonic") == pytest.approx(said.values, abs=1e-12)


def test_a_way_that_is_none_is_an_error():
    with pytest.raises(FitError, match=r"Monotone: how is 'drop'. Use one of sort, isotonic"):
        Monotone(how="drop")
