"""The contract of every correction of forecasts of numbers, for every kind that it takes."""

from __future__ import annotations

import dataclasses
import pickle
from dataclasses import replace

import duckdb
import numpy as np
import pytest
from scipy.stats import norm

from contract.excuses import excused
from corrections import (
    applied,
    beside,
    comparable,
    number_cases,
    number_evidence,
    score_of_rows,
    takes_numbers,
    with_roles,
)
from corrections import correction as settings
from trueup.core import Evidence, FitError, Probabilities, Quantiles
from trueup.core.errors import EvidenceError
from trueup.core.fitted import Fitted
from trueup.core.forms import columns_of, form_of
from trueup.core.laws import NUMBERS
from trueup.worlds import forecasts


CASES = number_cases()

pytestmark = pytest.mark.parametrize(
    ("card", "kind"), CASES, ids=[f"{card.name}-{kind}" for card, kind in CASES]
)


def outputs(card, made: Evidence, *, on: Evidence | None = None) -> np.ndarray:
    """Columns of the corrected prediction of ``on`` after a fit on ``made``."""
    return columns_of(applied(settings(card).fit(made), on or made))


def moved(made: Evidence, dtype) -> Evidence:
    """The evidence with its prediction in another type of numbers."""
    said = made.prediction
    names = [f.name for f in dataclasses.fields(said) if f.name not in ("level", "levels")]
    return replace(made, prediction=replace(said, **{
        name: getattr(said, name).astype(dtype) for name in names}))  # fmt: skip


def test_inputs_are_untouched(card, kind):
    made = number_evidence(kind, weight=np.linspace(0.5, 2, 400))
    arrays = [v for v in vars(made.prediction).values() if isinstance(v, np.ndarray)]
    arrays += [made.truth, made.weight, made.rows.ids, made.by["group"], made.features]
    before = [a.copy() for a in arrays]
    for a in arrays:
        a.flags.writeable = False
    applied(settings(card).fit(made), made)
    assert all(np.array_equal(a, b) for a, b in zip(arrays, before, strict=True))


def test_same_fit_twice_gives_the_same_map(card, kind):
    made = number_evidence(kind)
    assert np.array_equal(outputs(card, made), outputs(card, made))


def test_row_order_does_not_matter(card, kind):
    made = number_evidence(kind, weight=np.linspace(0.5, 2, 400))
    shuffled = made.take(np.random.default_rng(1).permutation(len(made)))
    assert outputs(card, made) == pytest.approx(outputs(card, shuffled, on=made), abs=1e-9)


def test_float32_equals_float64(card, kind):
    made = number_evidence(kind)
    half = moved(made, np.float32)
    assert outputs(card, made) == pytest.approx(outputs(card, half), abs=1e-4)


def test_integer_weights_equal_repeated_rows(card, kind):
    excused(card, "weights equal repeats", kind)
    made = number_evidence(kind)
    counts = np.random.default_rng(2).integers(0, 4, len(made))
    weighted = replace(made, weight=counts)
    repeated = made.take(np.repeat(np.arange(len(made)), counts))
    assert outputs(card, weighted) == pytest.approx(outputs(card, repeated, on=made), abs=1e-6)


def test_shares_of_weight_are_not_taken_for_rows(card, kind):
    made = number_evidence(kind)
    shares = replace(made, weight=np.full(len(made), 1 / len(made)))
    assert outputs(card, shares) == pytest.approx(outputs(card, made), abs=1e-6)


@pytest.mark.parametrize("truth", [0.0, 1e6])
def test_one_row_is_finite_and_quiet(card, kind, truth):
    excused(card, "one row", kind)
    row = number_evidence(kind).take(slice(0, 1))
    fitted = settings(card).fit(replace(row, truth=np.array([truth])))
    after = columns_of(applied(fitted, number_evidence(kind)))
    assert fitted.converged in (True, False) and np.isfinite(after).all()


def test_a_truth_that_is_met_exactly_is_finite(card, kind):
    """Every row hits its stated middle: no spread at all would be best."""
    made = number_evidence(kind)
    middle = columns_of(made.prediction).mean(axis=1) if kind != "normal" else made.prediction.mean
    after = outputs(card, replace(made, truth=middle))
    assert np.isfinite(after).all()


def test_no_rows_is_an_error(card, kind):
    empty = number_evidence(kind).take(slice(0, 0))
    with pytest.raises(FitError, match=rf"{card.name}\.fit: there are no rows"):
        settings(card).fit(empty)


def test_another_kind_of_prediction_is_an_error(card, kind):
    fitted = settings(card).fit(number_evidence(kind))
    for other in NUMBERS:
        if other not in takes_numbers(card):
            with pytest.raises(FitError, match=rf"{card.name}\.fit: the prediction is of kind"):
                settings(card).fit(number_evidence(other))
        if other != kind:
            with pytest.raises(FitError, match=rf"{card.name}\.apply: fitted on .*, asked to"):
                fitted.apply(number_evidence(other).prediction)
    with pytest.raises(FitError, match=rf"{card.name}\.apply: fitted on"):
        fitted.apply(Probabilities([0.5]))


def test_other_levels_or_members_are_an_error(card, kind):
    fitted = settings(card).fit(number_evidence(kind))
    said = number_evidence(kind).prediction
    other = {
        "quantiles": lambda: Quantiles(said.levels[1:], said.values[:, 1:]),
        "ensemble": lambda: replace(said, members=said.members[:, 1:]),
        "intervals": lambda: replace(said, level=0.5),
    }.get(kind)
    if other is not None:
        with pytest.raises(FitError, match=r"\.apply: fitted on .*, asked to correct"):
            fitted.apply(other())


def test_nan_is_refused(card, kind):
    made = number_evidence(kind)
    truth = np.where(np.arange(len(made)) == 3, np.nan, made.truth)
    with pytest.raises(EvidenceError, match="NaN or infinite"):
        settings(card).fit(replace(made, truth=truth))


def test_leaves_what_is_already_perfect(card, kind):
    """On new rows the score rises by less than 1 %, at a false-alarm rate of 1e-4."""
    excused(card, "leaves what is already perfect", kind)
    learn, new = (with_roles(forecasts(kind, rows=20_000, seed=s).evidence) for s in (3, 4))
    after = applied(settings(card).fit(learn), new)
    if form_of(after).kind not in NUMBERS:
        pytest.skip("what comes out is no forecast of a number")
    before = score_of_rows(comparable(new.prediction, after), new.truth)
    rise = score_of_rows(after, new.truth) - before
    high = rise.mean() + norm.ppf(1 - 1e-4) * rise.std() / np.sqrt(len(rise))
    assert high < 0.01 * before.mean()


def test_what_comes_out_has_the_form_that_was_said(card, kind):
    made = number_evidence(kind)
    fitted = settings(card).fit(made)
    after = applied(fitted, made)
    assert form_of(after) == fitted.gives == settings(card).gives(form_of(made.prediction))
    assert len(after) == len(made) and len(applied(fitted, made.take([]))) == 0
    assert len(fitted.gives.names) == fitted.gives.width


def test_only_a_fitted_applies(card, kind):
    fitted = settings(card).fit(number_evidence(kind))
    assert isinstance(fitted, Fitted) and fitted.method == card.name
    assert not hasattr(settings(card), "apply") and len(fitted.rows) == 400
    assert all(isinstance(v, float) for v in fitted.map.parameters.values())


def test_settings_are_frozen_and_few(card, kind):
    made = settings(card)
    names = [f.name for f in dataclasses.fields(made)]
    assert len(names) <= 6 and made == settings(card)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, (names or ["anything"])[0], 1)


def test_pickle_keeps_the_map(card, kind):
    made = number_evidence(kind)
    fitted = settings(card).fit(made)
    again = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(columns_of(applied(again, made)), columns_of(applied(fitted, made)))


def test_sql_equals_numpy(card, kind):
    """Rows far from those of the fit, and a row with a missing number."""
    fitted = settings(card).fit(number_evidence(kind))
    made = number_evidence(kind, rows=60, seed=9, spread=3.0, bias=-4.0)
    said = columns_of(made.prediction)
    names = [f'c "{j}"' for j in range(said.shape[1])]
    read = beside(fitted, made)
    extra = [c for need in fitted.needs.values() for c in need.columns]
    wide = [said, *(np.asarray(v).reshape(len(said), -1) for v in read.values())]
    rows = [[x for part in wide for x in part[i].tolist()] for i in range(len(said))]
    rows.append([None, *rows[0][1:]])
    with duckdb.connect() as connection:
        kinds = ["VARCHAR" if isinstance(x, str) else "DOUBLE" for x in rows[0]]
        quoted = ['"' + c.replace('"', '""') + '"' for c in (*names, *extra)]
        declared = ", ".join(f"{c} {t}" for c, t in zip(quoted, kinds, strict=True))
        connection.execute(f"CREATE TABLE t (i INTEGER, {declared})")
        marks = ", ".join("?" * (1 + len(quoted)))
        connection.executemany(f"INSERT INTO t VALUES ({marks})",
                               [[i, *row] for i, row in enumerate(rows)])  # fmt: skip
        out = fitted.gives.width
        query = fitted.sql("FROM t ORDER BY i", names, event=False)
        got = [row[-out:] for row in connection.execute(query).fetchall()]
    after = columns_of(fitted.apply(made.prediction, **read))
    assert np.array(got[:-1]) == pytest.approx(after, abs=1e-9)
    assert got[-1] == (None,) * out
