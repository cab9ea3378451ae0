"""One expression of many groups says what each of them says, in NumPy and in SQL."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest

from trueup.core.expressions import (
    Choose,
    Input,
    Join,
    Key,
    Linear,
    Lookup,
    Pick,
    Piecewise,
    Scaled,
    Sorted,
    Total,
    by_group,
    evaluate,
    in_order,
    operate,
    select,
)


X, KEY, NAMES = Input("x", 3), Key("k", columns=("k",)), ("a", "it's", "c")
RNG = np.random.default_rng(0)


def numbers(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape)


def sparse() -> np.ndarray:
    """A matrix of which groups share an entry and differ in others."""
    weight = np.zeros((4, 3))
    weight[:, 0], weight[0, 1], weight[2] = 1.0, *numbers(1), numbers(3)
    return weight


def shared(steps) -> list:
    """An expression whose node is used twice, a group."""
    found = []
    for _ in range(4):
        inner = Scaled(X, *numbers(1))
        found.append(operate("least", Sorted(inner), steps(inner)))
    return found


CASES = {
    "scale": lambda: [Scaled(X, *numbers(1)) for _ in range(4)],
    "scale by column and shift": lambda: [Scaled(X, numbers(3), numbers(3)) for _ in range(4)],
    "shift only": lambda: [Scaled(X, 1.0, *numbers(1)) for _ in range(4)],
    "the same for all": lambda: [Scaled(X, 2.0, 1.0) for _ in range(4)],
    "the very same": lambda: [X] * 4,
    "dense product": lambda: [Linear(X, numbers(2, 3), numbers(2)) for _ in range(4)],
    "sparse product": lambda: [Linear(X, sparse(), np.zeros(4)) for _ in range(4)],
    "one product, other shifts": lambda: [Linear(X, np.eye(3), numbers(3)) for _ in range(4)],
    "join": lambda: [Join((Scaled(X[0], *numbers(1)), X[1], X[2])) for _ in range(4)],
    "shared": lambda: shared(lambda x: Total(x)),
    "greatest": lambda: shared(lambda x: Total(x, greatest=True)),
    "pick": lambda: shared(lambda x: Pick(x, (2, 0, 1))),
}
CHOSEN = {
    "other columns": lambda: [Pick(X, order) for order in ((0, 1), (1, 2), (2, 0), (0, 1))],
    "other steps": lambda: [X, Scaled(X, 2.0), Sorted(X), operate("exp", X)],
    "other operations": lambda: [operate(op, X) for op in ("exp", "sqrt", "softplus", "exp")],
    "knots": lambda: [Piecewise(X[0], numbers(1), numbers(2, 2)) for _ in range(4)],
}  # fmt: skip
GIVEN = numbers(40, 3)
KEYS = np.array([*NAMES, "never"])[RNG.integers(0, 4, 40)]


@pytest.mark.parametrize("name", [*CASES, *CHOSEN])
def test_every_row_gets_what_its_group_says(name):
    options = (CASES | CHOSEN)[name]()
    made = by_group(KEY, NAMES, options)
    got = evaluate(made, {"x": GIVEN, "k": KEYS})
    place = np.array([[*NAMES, "never"].index(k) for k in KEYS])
    each = np.stack([evaluate(option, {"x": GIVEN}) for option in options])
    assert got == pytest.approx(each[place, np.arange(40)], abs=1e-12)
    chosen = any(isinstance(node, Choose) for node in in_order(made))
    assert chosen == (name in CHOSEN)
    assert sum(isinstance(node, Lookup) for node in in_order(made)) <= 1
    columns = ["a", "b", "c"]
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (i INT, a DOUBLE, b DOUBLE, c DOUBLE, k VARCHAR)")
        rows = [[i, *x.tolist(), str(k)] for i, (x, k) in enumerate(zip(GIVEN, KEYS, strict=True))]
        connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", rows)
        out = {f"o{j}": "DOUBLE" for j in range(made.width)}
        query = select(made, relation="FROM t ORDER BY i", inputs={"x": columns, "k": ["k"]},
                       outputs=out, keep=list(out))  # fmt: skip
        assert np.array(connection.execute(query).fetchall()) == pytest.approx(got, abs=1e-9)


def test_shared_nodes_stay_shared():
    """The work grows with the number of nodes, not with the ways through them."""
    options = []
    for _ in range(3):
        node = Scaled(X, *numbers(1))
        for _ in range(8):
            node = operate("least", node, node)
        options.append(node)
    assert len(list(in_order(by_group(KEY, NAMES[:2], options)))) < 40
