"""Expressions: NumPy, SQL and a slow loop give the same columns."""

import duckdb
import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.special import log_softmax as scipy_log_softmax
from scipy.special import softmax as scipy_softmax

from trueup.core.errors import UsageError
from trueup.core.expressions import (
    MISSING,
    OPS,
    Choose,
    Input,
    Join,
    Key,
    Linear,
    Lookup,
    Piecewise,
    Scaled,
    Sorted,
    Total,
    as_names,
    distinct_names,
    evaluate,
    in_order,
    inputs_of,
    log_softmax,
    mean_over,
    operate,
    select,
    softmax,
)


X = np.random.default_rng(0).normal(0, 3, (200, 3))
x = Input("x", 3)


def in_duckdb(expr, **inputs: np.ndarray) -> np.ndarray:
    """The columns of ``expr`` as DuckDB computes them."""
    columns = {
        name: [f"{name}{j}" for j in range(values.reshape(len(values), -1).shape[1])]
        for name, values in inputs.items()
    }
    outputs = {f'"out{j}"': "DOUBLE" for j in range(expr.width)}
    flat = [c for name in inputs for c in columns[name]]
    given = np.column_stack([v.astype(object) for v in inputs.values()])
    query = select(expr, relation="FROM t ORDER BY i", inputs=columns, outputs=outputs,
                   keep=list(outputs))  # fmt: skip
    with duckdb.connect() as connection:
        kinds = ["VARCHAR" if isinstance(v, str) else "DOUBLE" for v in given[0]]
        declared = ", ".join(f"{c} {k}" for c, k in zip(flat, kinds, strict=True))
        connection.execute(f"CREATE TABLE t (i INTEGER, {declared})")
        marks = ", ".join("?" * (len(flat) + 1))
        rows = [[i, *row] for i, row in enumerate(given.tolist())]
        connection.executemany(f"INSERT INTO t VALUES ({marks})", rows)
        return np.array(connection.execute(query).fetchall(), dtype=float)


RNG = np.random.default_rng(1)
WEIGHT, SHIFT = RNG.normal(size=(2, 3)), RNG.normal(size=2)
KNOTS = np.array([-2.0, 0.5, 3.0])
SPLINE = CubicSpline(np.array([-4.0, -2.0, 0.5, 3.0, 5.0]), [0.0, 1.0, -1.0, 2.0, 2.0])

CASES = {
    "scaled": (Scaled(x, [1.0, -2.0, 0.5], 3.0), X * [1.0, -2.0, 0.5] + 3.0),
    "linear": (Linear(x, WEIGHT, SHIFT), X @ WEIGHT.T + SHIFT),
    "total": (Total(x), X.sum(axis=1, keepdims=True)),
    "greatest": (Total(x, greatest=True), X.max(axis=1, keepdims=True)),
    "picked": (Join((x[2], x[0])), X[:, [2, 0]]),
    "softmax": (softmax(x), scipy_softmax(X, axis=1)),
    "log_softmax": (log_softmax(x), scipy_log_softmax(X, axis=1)),
    "one column serves all": (operate("multiply", x, x[1]), X * X[:, [1]]),
    "steps": (
        Piecewise(x[0], KNOTS, np.array([[5.0], [6.0], [7.0], [8.0]])),
        np.array([[5.0 + (v >= KNOTS).sum()] for v in X[:, 0]]),
    ),
    "one step": (Piecewise(x[0], np.zeros(0), np.array([[5.0]])), np.full((200, 1), 5.0)),
}


@pytest.mark.parametrize("name", CASES)
def test_numpy_and_sql_equal_what_is_meant(name):
    expr, meant = CASES[name]
    assert np.broadcast_to(evaluate(expr, {"x": X}), meant.shape) == pytest.approx(meant, abs=1e-12)
    assert in_duckdb(expr, x=X) == pytest.approx(meant, abs=1e-12)


def test_a_cubic_spline_is_a_piecewise_polynomial():
    inner = X[:, 0].clip(-4, 5)[:, None]
    # scipy measures from the left edge of every piece; so do we, but for the first piece.
    first = np.array([SPLINE(-2.0, d) / f for d, f in enumerate((1, 1, 2, 6))])
    pieces = np.vstack([first, SPLINE.c[::-1].T[1:]])
    expr = Piecewise(Input("x"), SPLINE.x[1:-1], pieces)
    meant = SPLINE(inner)
    assert evaluate(expr, {"x": inner}) == pytest.approx(meant, abs=1e-12)
    assert in_duckdb(expr, x=inner) == pytest.approx(meant, abs=1e-12)


def test_sorted_columns_are_those_of_sorted():
    ties = np.vstack([X, [[2.0, 2.0, 1.0], [3.0, 2.0, 1.0], [-1e300, 1e300, 0.0]]])
    meant = np.array([sorted(row) for row in ties.tolist()])
    assert np.array_equal(evaluate(Sorted(x), {"x": ties}), meant)
    assert np.array_equal(in_duckdb(Sorted(x), x=ties), meant)
    assert evaluate(mean_over(x), {"x": X})[:, 0] == pytest.approx(X.mean(axis=1), abs=1e-12)


@pytest.mark.parametrize("op", sorted(OPS))
def test_operations_are_the_same_far_out(op):
    low = np.array([-800.0, -30.0, -1.0, -1e-9, -1e-15, 0.0])
    ends = np.array([0.0, 1e-300, 1e-13, 0.3, 1.0 - 1e-13, 1.0])
    far = np.array([-1e6, -800.0, -1.0, 0.0, 30.0, 800.0])
    values = {"log_odds": low, "log_prob": ends, "log_rest": ends, "log": ends}.get(op, far)
    two = op in ("add", "subtract", "multiply", "divide", "greatest", "least")
    expr = operate(op, Input("a"), Input("b")) if two else operate(op, Input("a"))
    given = {"a": values[:, None]} | ({"b": values[::-1, None] + 0.5} if two else {})
    made = evaluate(expr, given)
    assert np.isfinite(made).all()
    assert in_duckdb(expr, **given) == pytest.approx(made, rel=1e-12, abs=1e-12)


def test_groups_choose_and_strangers_take_the_last():
    names = np.array(["a", "it's", "zz", "b"] * 50, dtype=object)
    expr = Choose(Key("k"), ("a", "it's"), (Scaled(x, 1.0), Scaled(x, 2.0), Scaled(x, -1.0)))
    factor = np.array([{"a": 1.0, "it's": 2.0}.get(n, -1.0) for n in names])[:, None]
    assert np.array_equal(evaluate(expr, {"x": X, "k": names}), X * factor)
    assert in_duckdb(expr, k=names, x=X) == pytest.approx(X * factor, abs=1e-12)


@pytest.mark.parametrize("count", [0, 1, 2, 3_000])
def test_numbers_are_looked_up_by_name(count):
    names = tuple(f"it's {g}" for g in range(count))
    values = np.random.default_rng(count).normal(size=(count + 1, 2))
    expr = Lookup(Key("k"), names[::-1], np.vstack([values[:-1][::-1], values[-1:]]))
    place = np.random.default_rng(1).integers(0, count + 1, 300)
    keys = np.array([*names, "a stranger"], dtype=object)[place]
    assert np.array_equal(evaluate(expr, {"k": keys}), values[place])
    assert in_duckdb(expr, k=keys) == pytest.approx(values[place], abs=1e-12)


def test_a_missing_name_is_neither_the_empty_name_nor_any_other():
    found = as_names(np.array([None, "", float("nan"), "a"], dtype=object))
    assert found.tolist() == [MISSING, "", MISSING, "a"] and MISSING != ""
    expr = Lookup(Key("k"), ("",), np.array([[1.0], [2.0]]))
    given = np.array([None, "", "a"], dtype=object)
    assert evaluate(expr, {"k": given})[:, 0].tolist() == [2.0, 1.0, 2.0]
    assert in_duckdb(expr, k=given[::-1])[::-1, 0].tolist() == [2.0, 1.0, 2.0]


@pytest.mark.parametrize(("keys", "kind"), [
    ([1, 2, 9], "INTEGER"), ([1.0, 2.5, None], "DOUBLE"), (["1", "2.5", None], "VARCHAR"),
    ([True, False, True], "BOOLEAN"),
])  # fmt: skip
def test_keys_of_any_type_have_the_names_that_sql_casts_them_to(keys, kind):
    expr = Choose(Key("k"), ("1", "1.0", "2.5", "true"), tuple(
        Scaled(x, factor) for factor in (1.0, 2.0, 3.0, 4.0, 0.0)))  # fmt: skip
    given = np.array(keys, dtype=float if kind == "DOUBLE" else None)
    chosen = evaluate(expr, {"x": np.ones((3, 3)), "k": given})[:, 0].tolist()
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t (i INTEGER, k {kind})")
        connection.executemany("INSERT INTO t VALUES (?, ?)", list(enumerate(keys)))
        inputs = {"x": ["1.0"] * 3, "k": ["CAST(k AS VARCHAR)"]}
        outputs = dict.fromkeys("abc", "DOUBLE")
        query = select(
            expr, relation="FROM t ORDER BY i", inputs=inputs, outputs=outputs, keep=["a"]
        )
        assert [a for (a,) in connection.execute(query).fetchall()] == chosen
    assert chosen == {"INTEGER": [1.0, 0.0, 0.0], "DOUBLE": [2.0, 3.0, 0.0],
                      "VARCHAR": [1.0, 3.0, 0.0], "BOOLEAN": [4.0, 0.0, 4.0]}[kind]  # fmt: skip


def test_each_node_is_computed_once_and_after_its_parents():
    shared = Scaled(x, 2.0)
    expr = operate("add", shared, operate("exp", shared))
    order = list(in_order(expr))
    assert order.index(shared) < len(order) - 1 and order[-1] is expr
    assert len(order) == len({id(node) for node in order}) == 4
    assert [node.name for node in inputs_of(expr)] == ["x"]


def test_a_missing_input_is_an_error():
    with pytest.raises(UsageError, match="evaluate: no values of 'x'"):
        evaluate(Scaled(x, 1.0), {})


def test_names_of_steps_never_meet_names_of_the_table():
    query = select(
        softmax(x), relation="SELECT 1.0 AS t_0_0, 2.0 AS b, 3.0 AS c",
        inputs={"x": ["t_0_0", "b", "c"]}, outputs={"b": "DOUBLE", "c": "DOUBLE", "d": "DOUBLE"},
        keep=["t_0_0", "b", "c"],
    )  # fmt: skip
    with duckdb.connect() as connection:
        kept, b, c = connection.execute(query).fetchall()[0]
    shares = scipy_softmax([1.0, 2.0, 3.0])
    assert kept == 1.0 and (b, c) == pytest.approx((shares[0], shares[1]), abs=1e-12)


@pytest.mark.parametrize(
    "keys",
    [
        np.array([5, -3, 5, 10, 9]),
        np.array([2**62, 0]),
        np.array([-128, 127] * 200, dtype=np.int8),
        np.array([2**64 - 1, 2**64 - 2, 2**64 - 1], dtype=np.uint64),
        np.array([True, False]),
        np.zeros(0, dtype=int),
        np.array(["b", "a", "b"]),
        np.array([1.5, np.nan]),
    ],
)
def test_distinct_names_equal_a_sort_of_names(keys):
    """Whole numbers are counted, not sorted as text; the names and places are the same."""
    names, place = distinct_names(keys)
    hand = np.unique(as_names(keys), return_inverse=True)
    assert np.array_equal(names, hand[0]) and np.array_equal(place, hand[1])
