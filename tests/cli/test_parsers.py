"""Properties of what is read from people: gates, roles, names of classes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.audit.judge import MEASURES
from trueup.cli import plain
from trueup.cli.audit import holds, parse_gate
from trueup.core.errors import EvidenceError, TrueupError, UsageError
from trueup.core.estimate import Estimate
from trueup.core.tables.labels import read_labels
from trueup.core.tables.names import quoted
from trueup.core.tables.roles import Leniency, Roles, assign
from trueup.core.tables.source import Table


NAMES = [measure.name for measure in MEASURES]
SIGNS = {">": np.greater, "<": np.less, ">=": np.greater_equal, "<=": np.less_equal}
finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.sampled_from(NAMES), st.sampled_from(sorted(SIGNS)), finite, st.text(" \t", max_size=2))
def test_a_gate_is_read_as_it_was_written(name, sign, limit, space):
    assert parse_gate(f"{space}{name}{space}{sign}{space}{limit!r}{space}") == (name, sign, limit)


@given(st.text(max_size=30))
def test_any_other_text_is_refused_by_name(text):
    try:
        name, sign, limit = parse_gate(text)
    except UsageError as error:
        assert "cannot read" in str(error)
    else:
        assert name in NAMES
        assert sign in SIGNS
        assert not math.isnan(limit)


@given(st.sampled_from(sorted(SIGNS)), finite, finite)
def test_a_gate_holds_as_arithmetic_says(sign, value, limit):
    assert holds(("auc", sign, limit), {"auc": Estimate(value)}) == SIGNS[sign](value, limit)


def test_a_gate_on_what_is_not_known_is_an_error_not_a_pass():
    for sign in SIGNS:
        with pytest.raises(EvidenceError, match="auc is not known here"):
            holds(("auc", sign, 0.5), {"auc": Estimate(math.nan)})


@given(st.text())
def test_plain_text_cannot_steer_a_terminal(text):
    shown = plain(text)
    assert "\x1b" not in shown
    assert len(shown.splitlines()) <= 1
    shown.encode("utf-8")  # lone surrogates, too, can be printed
    assert plain(shown) == shown


def columns(**kinds: str) -> Table:
    return Table(connection=None, name="t", pieces=[("x", "n", 9)], columns=kinds)  # type: ignore[arg-type]


KINDS = st.sampled_from(["FLOAT", "DOUBLE", "BIGINT", "VARCHAR", "DATE", "BOOLEAN", "DECIMAL(4,3)"])
WORDS = st.one_of(
    st.sampled_from(["y", "truth", "label", "p", "prob", "score", "p_a", "p_b", "p0", "p1", "price",
                     "pressure", "weight", "time", "date", "model", "region"]),
    st.text(min_size=1, max_size=6),
)  # fmt: skip


@given(st.dictionaries(WORDS, KINDS, max_size=8))
def test_guesses_are_columns_each_used_once_and_fit_their_part(kinds):
    table = columns(**kinds)
    try:
        roles = assign(table, Roles())
    except UsageError as error:
        assert "which column" in str(error)
        return
    used = roles.columns()
    assert set(used) <= set(kinds)
    assert len(used) == len(set(used))
    assert all(table.kind(name) == "number" for name in roles.probs)
    assert (len(roles.probs) == 1) == roles.event
    assert not roles.weight or table.kind(roles.weight) in ("number", "integer")
    assert not roles.time or table.kind(roles.time) in ("number", "integer", "time")
    assert {"truth", "probs"} <= set(roles.guessed)


@given(st.dictionaries(WORDS, KINDS, min_size=2, max_size=6), st.data())
def test_what_was_said_is_never_overruled(kinds, data):
    truth = data.draw(st.sampled_from(sorted(kinds)))
    prob = data.draw(st.sampled_from(sorted(kinds)))
    roles = assign(columns(**kinds), Roles(truth=truth, probs=(prob,), event=True))
    assert (roles.truth, roles.probs) == (truth, (prob,))
    assert not {"truth", "probs"} & set(roles.guessed)


def test_words_that_begin_like_probabilities_are_not_taken_for_them():
    with pytest.raises(UsageError, match="which columns hold the prediction"):
        assign(columns(y="BIGINT", price="DOUBLE", pressure="DOUBLE"), Roles())


def test_two_candidates_are_ambiguous():
    roles = assign(columns(y="BIGINT", p="DOUBLE", date="DATE", time="DATE"), Roles())
    assert roles.time == ""


labels = st.lists(st.text(min_size=1, max_size=8), min_size=2, max_size=6, unique=True)


@given(labels, st.sampled_from(["p_", "prob_", "y_proba_", "logreg-p."]), st.randoms())
def test_classes_follow_the_names_of_their_columns(names, head, rng):
    order = list(names)
    rng.shuffle(order)
    kinds = {"y": "VARCHAR"} | {head + name: "DOUBLE" for name in order}
    roles = Roles("y", tuple(head + name for name in order))
    try:
        found, sql = read_labels(columns(**kinds), roles, [(n, 1) for n in names], Leniency())
    except EvidenceError:  # "a" and "x_a" both end column "p_x_a": then nothing is guessed
        assert any(a != b and a.endswith(("_" + b, "-" + b, "." + b)) for a in names for b in names)
    else:
        assert set(found) == set(names)
        assert "CASE" in sql
        assert list(found) == order


@given(st.permutations(range(4)), st.integers(0, 3))
def test_numbered_columns_stand_for_their_numbers(order, start):
    names = tuple(f"p{j + start}" for j in order)
    kinds = {"y": "BIGINT"} | dict.fromkeys(names, "DOUBLE")
    values = [(str(j + start), 1) for j in range(4)]
    found, _ = read_labels(columns(**kinds), Roles("y", names), values, Leniency())
    assert list(found) == [str(j + start) for j in order]


@given(st.text(max_size=20))
@settings(max_examples=60, deadline=None)
def test_quoted_names_are_names(text):
    import duckdb

    if "\0" in text or not text:
        return
    with duckdb.connect() as connection:
        described = connection.execute(f"SELECT 1 AS {quoted(text)}").description
    assert described[0][0] == text


@given(st.one_of(st.none(), st.integers(), st.text(), st.lists(st.integers())))
@settings(max_examples=30, deadline=None)
def test_whatever_is_audited_a_refusal_is_ours(data):
    import trueup as tu

    with pytest.raises(TrueupError):
        tu.audit(data)
