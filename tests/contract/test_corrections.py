"""The contract of every correction, generated from the cards."""

from __future__ import annotations

import dataclasses
import pickle
from dataclasses import replace

import duckdb
import numpy as np
import pytest
from scipy.special import expit, softmax

from contract.excuses import excused
from corrections import applied, beside, with_roles
from corrections import correction as settings
from trueup.calibration import log_loss
from trueup.core import Evidence, FitError, Points, Probabilities
from trueup.core.cards import Card, read_cards
from trueup.core.errors import EvidenceError
from trueup.core.fitted import Fitted
from trueup.worlds import calibrated, confident_by_factor


CARDS = [card for card in read_cards() if card.family == "recalibrate"]
KINDS = ("event", "two", "three")

pytestmark = pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
kinds = pytest.mark.parametrize("kind", KINDS)


def evidence(kind: str, *, rows: int = 400, seed: int = 0, **roles) -> Evidence:
    """Over-confident evidence of an event, of its two classes, or of three classes."""
    made = confident_by_factor(2.0, rows=rows, classes=3 if kind == "three" else 2, seed=seed)
    probs = made.evidence.prediction.probs
    said = Probabilities(probs[:, 1] if kind == "event" else probs)
    return with_roles(Evidence(said, made.evidence.truth, **roles))


def outputs(card: Card, made: Evidence, *, on: Evidence | None = None) -> np.ndarray:
    """Corrected probabilities of ``on`` after a fit on ``made``."""
    return applied(settings(card).fit(made), on or made).probs


@kinds
def test_inputs_are_untouched(card, kind):
    made = evidence(kind, weight=np.linspace(0.5, 2, 400))
    arrays = [made.prediction.probs, made.truth, made.weight, made.rows.ids]
    arrays += [made.by["group"], made.features]
    before = [a.copy() for a in arrays]
    for a in arrays:
        a.flags.writeable = False
    applied(settings(card).fit(made), made)
    assert all(np.array_equal(a, b) for a, b in zip(arrays, before, strict=True))


@kinds
def test_same_fit_twice_gives_the_same_map(card, kind):
    made = evidence(kind)
    assert np.array_equal(outputs(card, made), outputs(card, made))


@kinds
def test_row_order_does_not_matter(card, kind):
    made = evidence(kind, weight=np.linspace(0.5, 2, 400))
    shuffled = made.take(np.random.default_rng(1).permutation(len(made)))
    assert outputs(card, made) == pytest.approx(outputs(card, shuffled, on=made), abs=1e-9)


@kinds
def test_float32_equals_float64(card, kind):
    made = evidence(kind)
    said = made.prediction.probs.astype(np.float32)
    half = replace(made, prediction=Probabilities(said[:, 1] if kind == "event" else said))
    assert outputs(card, made) == pytest.approx(outputs(card, half), abs=1e-4)


@kinds
def test_integer_weights_equal_repeated_rows(card, kind):
    excused(card, "weights equal repeats")
    made = evidence(kind)
    counts = np.random.default_rng(2).integers(0, 4, len(made))
    weighted = replace(made, weight=counts)
    repeated = made.take(np.repeat(np.arange(len(made)), counts))
    assert outputs(card, weighted) == pytest.approx(outputs(card, repeated, on=made), abs=1e-6)


@kinds
def test_shares_of_weight_are_not_taken_for_rows(card, kind):
    """Weights that sum to one must not turn every guard for small counts on."""
    made = evidence(kind)
    shares = replace(made, weight=np.full(len(made), 1 / len(made)))
    assert outputs(card, shares) == pytest.approx(outputs(card, made), abs=1e-6)


@kinds
@pytest.mark.parametrize("truth", [0, 1])
def test_one_row_is_finite_and_quiet(card, kind, truth):
    row = evidence(kind).take(slice(0, 1))
    fitted = settings(card).fit(replace(row, truth=np.array([truth])))
    after = applied(fitted, evidence(kind)).probs
    assert fitted.converged in (True, False) and np.isfinite(after).all()


def test_no_rows_is_an_error(card):
    empty = Evidence(Probabilities(np.empty((0, 3))), np.empty(0, int))
    with pytest.raises(FitError, match=rf"{card.name}\.fit: there are no rows"):
        settings(card).fit(empty)


def test_another_kind_of_prediction_is_an_error(card):
    points = Evidence(Points([1.0, 2.0]), [1.0, 2.0])
    if "points" not in settings(card).kinds:
        with pytest.raises(FitError, match=rf"{card.name}\.fit: the prediction is of kind 'point"):
            settings(card).fit(points)
    fitted = settings(card).fit(evidence("event"))
    with pytest.raises(FitError, match=rf"{card.name}\.apply: fitted on 2 classes, asked .* 3"):
        fitted.apply(evidence("three").prediction)
    with pytest.raises(FitError, match=rf"{card.name}\.apply: .* points"):
        fitted.apply(points.prediction)


def test_nan_is_refused(card):
    with pytest.raises(EvidenceError, match="NaN or infinite: 1 of 2 rows, the first at"):
        settings(card).fit(Evidence(Probabilities([0.5, np.nan]), [0, 1]))


@pytest.mark.parametrize("classes", [2, 3])
def test_leaves_what_is_already_perfect(card, classes):
    """On new rows the loss does not rise beyond 0.002 nats, at a false-alarm rate of 1e-4."""
    excused(card, "leaves what is already perfect")
    make = (lambda seed: calibrated(30_000, seed=seed)) if classes == 2 else (
        lambda seed: confident_by_factor(1.0, rows=30_000, classes=3, seed=seed))  # fmt: skip
    learn, new = with_roles(make(3).evidence), with_roles(make(4).evidence, seed=8)
    after = replace(new, prediction=applied(settings(card).fit(learn), new))
    rise = log_loss.difference(log_loss.cube(new), log_loss.cube(after), level=0.9998)
    assert rise.high < 0.002


@kinds
def test_outputs_are_probabilities_of_the_same_classes(card, kind):
    made = evidence(kind)
    names = tuple("abc"[: made.prediction.k])
    fitted, said = settings(card).fit(made), made.prediction.probs
    named = Probabilities(said[:, 1] if kind == "event" else said, classes=names)
    after = applied(fitted, replace(made, prediction=named))
    assert (after.classes, after.event) == (names, kind == "event")
    assert after.probs.shape == said.shape and len(applied(fitted, made.take([]))) == 0
    assert ((after.probs >= 0) & (after.probs <= 1)).all()
    assert after.probs.sum(axis=1) == pytest.approx(1.0, abs=1e-12)
    assert np.exp(after.log_probs()) == pytest.approx(after.probs, abs=1e-12)


def test_only_a_fitted_applies(card):
    fitted = settings(card).fit(evidence("event"))
    assert isinstance(fitted, Fitted) and fitted.method == card.name
    assert not hasattr(settings(card), "apply") and callable(fitted.apply)
    assert len(fitted.rows) == 400
    assert all(isinstance(v, float) for v in fitted.map.parameters.values())


def test_settings_are_frozen_and_few(card):
    made = settings(card)
    names = [f.name for f in dataclasses.fields(made)]
    assert len(names) <= 6 and made == settings(card)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, (names or ["anything"])[0], 1)


@kinds
def test_pickle_keeps_the_map(card, kind):
    made = evidence(kind)
    fitted = settings(card).fit(made)
    again = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(applied(again, made).probs, applied(fitted, made).probs)


@kinds
def test_sql_equals_numpy(card, kind):
    """Plain rows, rows at the very ends of the scale, and rows a hair away from them."""
    fitted = settings(card).fit(evidence(kind))
    rng = np.random.default_rng(5)
    if kind == "three":
        said = softmax(rng.normal(0, 3, (60, 3)), axis=1)
        edges = [[1.0, 0, 0], [0, 0.5, 0.5], [1 - 2e-12, 1e-12, 1e-12], [1e-17, 0.3, 0.7]]
        said = np.vstack([said, edges])
        prediction, columns = Probabilities(said), ["a", "b", "c"]
    else:
        p = np.concatenate([expit(rng.normal(0, 4, 60)), [0, 1, 0.5, 1e-17, 1e-12, 1 - 1e-12]])
        said = np.column_stack([p]) if kind == "event" else np.column_stack([1 - p, p])
        prediction = Probabilities(p if kind == "event" else said)
        columns = ["a", "b"][: said.shape[1]]
    made = with_roles(Evidence(prediction, np.zeros(len(prediction), int)))
    read = beside(fitted, made)
    extra = [f'"{c}"' for need in fitted.needs.values() for c in need.columns]
    wide = [said, *(np.asarray(v).reshape(len(said), -1) for v in read.values())]
    rows = [[x for part in wide for x in part[i].tolist()] for i in range(len(said))]
    names = [*columns, *extra]
    with duckdb.connect() as connection:
        kinds = ["VARCHAR" if isinstance(x, str) else "DOUBLE" for x in rows[0]]
        declared = ", ".join(f"{c} {t}" for c, t in zip(names, kinds, strict=True))
        connection.execute(f"CREATE TABLE t (i INTEGER, {declared})")
        marks = ", ".join("?" * (1 + len(names)))
        connection.executemany(f"INSERT INTO t VALUES ({marks})",
                               [[i, *row] for i, row in enumerate(rows)])  # fmt: skip
        query = fitted.sql("FROM t ORDER BY i", columns, event=kind == "event")
        got = np.array(connection.execute(query).fetchall())
        given = "".join(f", {t!r}::{t} AS {c}" if t == "VARCHAR" else f", 0.5 AS {c}"
                        for c, t in zip(extra, kinds[len(columns):], strict=True))  # fmt: skip
        relation = f"SELECT NULL AS a, 0.5 AS b, 0.5 AS c{given}"
        nothing = fitted.sql(relation, columns, event=kind == "event")
        assert connection.execute(nothing).fetchall() == [(None,) * len(columns)]
    after = fitted.apply(prediction, **read).probs
    assert got == pytest.approx(after[:, 1:] if kind == "event" else after, abs=1e-9)


@kinds
def test_exact_zeros_and_ones_are_data(card, kind):
    made = evidence(kind)
    said = made.prediction.probs.copy()
    said[:20], said[20:40] = np.eye(made.prediction.k)[0], np.eye(made.prediction.k)[-1]
    sure = replace(made, prediction=Probabilities(said[:, 1] if kind == "event" else said))
    assert np.isfinite(applied(settings(card).fit(sure), sure).log_probs()).all()
