"""Compute an expression: by NumPy, or as a SQL query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from trueup.core.expressions.nodes import Expr, Input, Join, Key, Pick


def evaluate(expr: Expr, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Columns (n, width) of ``expr`` by NumPy; each node is computed once.

    Examples
    --------
    >>> from trueup.core.expressions import Scaled
    >>> x = Input("x", 2)
    >>> evaluate(Scaled(x, 0.5), {"x": np.array([[2.0, 4.0]])})
    array([[1., 2.]])
    """
    done: dict[int, np.ndarray] = {}
    for node in in_order(expr):
        if isinstance(node, Input) and node.name in inputs:
            given = np.asarray(inputs[node.name])
            done[id(node)] = given[:, None] if given.ndim == 1 else given
        else:
            done[id(node)] = node.numpy(*(done[id(part)] for part in node.parents))
    return done[id(expr)]


def in_order(expr: Expr) -> Iterator[Expr]:
    """Every node once, parents first."""
    seen: set[int] = set()
    stack: list[tuple[Expr, bool]] = [(expr, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            yield node
        elif id(node) not in seen:
            seen.add(id(node))
            stack += [(node, True), *((part, False) for part in reversed(node.parents))]


def written(expr: Expr) -> Expr:
    """The same expression in nodes that every engine knows.

    A node that NumPy computes in a faster way of its own stands for others that say the same.
    """
    done: dict[int, Expr] = {}
    for node in in_order(expr):
        parts = {f.name: getattr(node, f.name) for f in fields(node)}  # type: ignore[arg-type]
        moved = {name: _moved(part, done) for name, part in parts.items()}
        changed = {name: part for name, part in moved.items() if part is not parts[name]}
        made = replace(node, **changed) if changed else node  # type: ignore[type-var]
        done[id(node)] = made.written
    return done[id(expr)]


def _moved(part: Any, done: Mapping[int, Expr]) -> Any:
    """A field of a node with what its parents have become."""
    if isinstance(part, Expr):
        return done[id(part)]
    if isinstance(part, tuple) and any(isinstance(p, Expr) for p in part):
        every = tuple(_moved(p, done) for p in part)
        return every if any(a is not b for a, b in zip(every, part, strict=True)) else part
    return part


def inputs_of(expr: Expr) -> list[Input]:
    """The inputs that an expression needs."""
    return [node for node in in_order(expr) if isinstance(node, Input)]


def select(
    expr: Expr,
    *,
    relation: str,
    inputs: Mapping[str, Sequence[str]],
    outputs: Mapping[str, str],
    keep: Sequence[str],
) -> str:
    """A query that replaces or adds the columns ``outputs``, from a missing value a missing one.

    Written in stages, each node a stage, so that its length grows with the number of nodes and no
    row computes a term twice.

    Parameters
    ----------
    expr
        One column an output.
    relation
        What stands after FROM.
    inputs
        Name of an input -> SQL of its columns.
    outputs
        Quoted name -> SQL type of the columns of ``expr``, in their order.
    keep
        Quoted names of all columns of the result, in order.
    """
    expr = written(expr)
    names, stages = _staged(expr, inputs, taken="".join(keep).lower())
    # greatest() and CASE take NULL for a number; a missing probability must stay missing.
    given = [node for node in inputs_of(expr) if not isinstance(node, Key)]
    numbers = [name for node in given for name in names[id(node)]]
    known = " AND ".join(f"{n} IS NOT NULL" for n in numbers) or "true"
    made = dict(zip(outputs, names[id(expr)], strict=True))
    shown = [
        f"CAST(CASE WHEN {known} THEN {made[c]} END AS {outputs[c]}) AS {c}" if c in made else c
        for c in keep
    ]
    query = f"SELECT *, {', '.join(stages[0])} FROM ({relation}) AS t"
    for stage in stages[1:]:
        query = f"SELECT *, {', '.join(stage)} FROM ({query}) AS t"
    return f"SELECT {', '.join(shown)} FROM ({query}) AS t"


def _staged(expr: Expr, inputs, *, taken: str):
    """Names of the columns of every node, and the terms of every stage of the query."""
    prefix = "t_"
    while prefix in taken:
        prefix += "_"
    names: dict[int, list[str]] = {}
    level: dict[int, int] = {}
    stages: list[list[str]] = []
    for i, node in enumerate(in_order(expr)):
        given = [names[id(part)] for part in node.parents]
        depth = 1 + max((level[id(part)] for part in node.parents), default=-1)
        if isinstance(node, Pick | Join):
            names[id(node)], level[id(node)] = node.sql(*given), depth - 1
            continue
        terms = list(inputs[node.name]) if isinstance(node, Input) else node.sql(*given)
        names[id(node)], level[id(node)] = [f"{prefix}{i}_{j}" for j in range(len(terms))], depth
        stages += [[] for _ in range(depth + 1 - len(stages))]
        pairs = zip(terms, names[id(node)], strict=True)
        stages[depth] += [f"{term} AS {name}" for term, name in pairs]
    return names, stages
