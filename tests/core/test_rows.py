"""Leakage: a proof refuses rows that the fit has seen, however the arrays were cut."""

import numpy as np
import pytest

from trueup.calibration import TemperatureScaling, log_loss
from trueup.core import Evidence, LeakageError, Probabilities, Rows
from trueup.core.proof import prove
from trueup.worlds import confident_by_factor


def arrays(n: int = 400, *, classes: int = 3, seed: int = 0):
    made = confident_by_factor(2.0, rows=n, classes=classes, seed=seed).evidence
    return made.prediction.probs, made.truth


def evidence(p, y) -> Evidence:
    return Evidence(Probabilities(p), y)


def test_one_row_of_the_same_evidence_is_enough():
    e = evidence(*arrays())
    fitted = TemperatureScaling().fit(e.take(slice(0, 201)))
    with pytest.raises(
        LeakageError,
        match=r"prove: TemperatureScaling was fitted on 1 of the 200 rows of 'on'; a correction "
        r"always looks good on rows that it has seen\. Pass evidence that was held out of fit\.",
    ):
        prove(None, fitted, on=e.take(slice(200, None)), score=log_loss)
    with pytest.raises(LeakageError, match="1 of the 200 rows"):
        prove(fitted, None, on=e.take(slice(200, None)), score=log_loss)
    assert prove(None, fitted, on=e.take(slice(201, None)), score=log_loss).learned_on == 201


@pytest.mark.parametrize("classes", [2, 3])
def test_rows_are_recognised_when_arrays_were_cut_outside(classes):
    p, y = arrays(classes=classes)
    p = p[:, 1] if classes == 2 else p
    fitted = TemperatureScaling().fit(evidence(p[:200], y[:200]))
    with pytest.raises(LeakageError, match="200 of the 400 rows"):
        prove(None, fitted, on=evidence(p, y), score=log_loss)
    with pytest.raises(LeakageError, match="50 of the 250 rows"):
        prove(None, fitted, on=evidence(p[150:][::-1], y[150:][::-1]), score=log_loss)
    assert prove(None, fitted, on=evidence(p[200:], y[200:]), score=log_loss).proven_on == 200


def test_rows_are_recognised_among_some_that_recur():
    """A few saturated scores must not switch the recognition off."""
    p, y = arrays(classes=2)
    p = np.where(p[:, 1] > 0.9, 1.0, p[:, 1])
    fitted = TemperatureScaling().fit(evidence(p[:200], y[:200]))
    with pytest.raises(LeakageError, match=r"fitted on \d+ of the 400 rows"):
        prove(None, fitted, on=evidence(p, y), score=log_loss)


@pytest.mark.parametrize("digits", [1, 2, 3, 4])
@pytest.mark.parametrize("n", [60, 1_000, 20_000])
def test_rounded_scores_that_meet_by_chance_are_not_leakage(n, digits):
    p, y = arrays(n, classes=2, seed=digits)
    p = np.round(p[:, 1], digits)
    a, b = (evidence(p[i::2], y[i::2]).rows for i in (0, 1))
    assert a.shared_with(b) == 0


@pytest.mark.parametrize("seed", range(20))
def test_float32_scores_that_meet_by_chance_are_not_leakage(seed):
    p, y = arrays(10_000, classes=2, seed=seed)
    p = p[:, 1].astype(np.float32)
    a, b = (evidence(p[i::2], y[i::2]).rows for i in (0, 1))
    assert a.shared_with(b) == 0


def test_a_corrected_prediction_keeps_the_identity_of_its_rows():
    e = evidence(*arrays())
    fitted = TemperatureScaling().fit(e)
    again = Evidence(fitted.apply(e.prediction), e.truth, rows=e.rows)
    with pytest.raises(LeakageError, match="400 of the 400"):
        prove(None, fitted, on=again, score=log_loss)


def test_keys_say_who_is_who():
    p, _ = arrays(6)
    a = Rows.of([p], keys=np.array([1, 2, 3, 4, 5, 6]))
    b = Rows.of([p[::-1]], keys=np.array([6, 7, 8, 9, 10, 11]))
    assert a.shared_with(b) == 1 and len(a.take([0, 1])) == 2 and a.contents is None
    assert a.take([0]).shared_with(b) == 0


def test_minus_zero_is_zero_and_column_order_matters():
    x, y = np.array([0.0, 1.0]), np.array([2.0, 3.0])
    assert Rows.of([x, y]).shared_with(Rows.of([-x * np.array([1, -1]), y])) == 2
    assert Rows.of([x, y]).shared_with(Rows.of([y, x])) == 0


def test_no_rows_share_nothing():
    none = evidence(np.empty((0, 3)), [])
    assert none.rows.shared_with(evidence(*arrays(5)).rows) == 0 and len(none.rows) == 0


@pytest.mark.parametrize("columns", [1, 2, 7])
def test_contents_are_equal_exactly_where_values_are(columns):
    """Few values, single precision, several blocks: the hardest case for a quick hash."""
    table = np.random.default_rng(0).random((60_000, columns)).round(1).astype(np.float32)
    table = table[:, 0] if columns == 1 else table
    found = Rows.of([table, np.zeros(60_000)]).contents
    same = np.unique(table.reshape(60_000, -1), axis=0, return_inverse=True)[1].ravel()
    assert len(np.unique(found)) == len(np.unique(np.column_stack([same, found]), axis=0))
    assert len(np.unique(found)) == same.max() + 1


def test_the_order_of_columns_and_of_rows_matters():
    a, b = np.random.default_rng(1).random((2, 500))
    pair = np.column_stack([a, b])
    assert not np.isin(Rows.of([pair]).contents, Rows.of([pair[:, ::-1]]).contents).any()
    assert not np.isin(Rows.of([a, b]).contents, Rows.of([b, a]).contents).any()
    assert not np.isin(Rows.of([a]).ids, Rows.of([a[::-1]]).ids).any()
    assert np.array_equal(Rows.of([a]).contents[::-1], Rows.of([a[::-1]]).contents)
