"""A correction as data: a few kinds of nodes that any language can evaluate."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from trueup.adapters.check import Checked, hard_rows, verified
from trueup.adapters.formula import Formula, row_of
from trueup.core import expressions as ex
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.forms import form_from, form_row


FORMAT, VERSIONS, SAMPLES = "trueup-expression", (1, 2), 12
"""Version 1 holds probabilities that become probabilities, version 2 every other form, and what
came later: ``LATER`` kinds of nodes and operations."""
LATER = {"AtLeast", "Sorted", "Above", "greatest", "least", "sqrt"}

OPERATIONS = {
    "add": "a + b",
    "subtract": "a - b",
    "multiply": "a * b",
    "divide": "a / b",
    "greatest": "max(a, b)",
    "least": "min(a, b)",
    "sqrt": "sqrt(max(x, 0))",
    "exp": "exp(min(x, 700))",
    "log": "ln(max(x, 1e-300))",
    "softplus": "ln(1 + exp(x)), as max(x, 0) + log1p(exp(-abs(x)))",
    "log_odds": "x - ln(max(1 - exp(x), 1e-12)), with -expm1(x) for 1 - exp(x)",
    "log_prob": "ln(max(x, 1e-12))",
    "log_rest": "ln(max(1 - x, 1e-12))",
}
"""Operation -> what it means; the file says it, too."""


def _input(node: ex.Input) -> dict:
    return {"name": node.name, "width": node.width, "columns": list(node.columns)}


NODES: dict[type[ex.Expr], Callable[[Any], dict]] = {
    ex.Above: lambda node: {"count": node.count},
    ex.Apply: lambda node: {"op": node.op},
    ex.AtLeast: lambda node: {"edges": node.edges.tolist()},
    ex.Choose: lambda node: {"names": list(node.names)},
    ex.Input: _input,
    ex.Join: lambda node: {},
    ex.Key: _input,
    ex.Linear: lambda node: {"weight": node.weight.tolist(), "shift": node.shift.tolist()},
    ex.Lookup: lambda node: {"names": list(node.names), "values": node.values.tolist()},
    ex.Pick: lambda node: {"columns": list(node.columns)},
    ex.Piecewise: lambda node: {"edges": node.edges.tolist(), "pieces": node.pieces.tolist()},
    ex.Scaled: lambda node: {"scale": node.scale.tolist(), "shift": node.shift.tolist()},
    ex.Sorted: lambda node: {},
    ex.Total: lambda node: {"greatest": node.greatest},
}
"""Kind of node -> what is written of it beside its kind and its parents."""

READERS: dict[str, Callable[[dict, list], ex.Expr]] = {
    "Above": lambda row, parts: ex.Above(parts[0], bool(row["count"])),
    "Apply": lambda row, parts: ex.Apply(row["op"], tuple(parts)),
    "AtLeast": lambda row, parts: ex.AtLeast(parts[0], _array(row["edges"])),
    "Choose": lambda row, parts: ex.Choose(parts[0], tuple(row["names"]), tuple(parts[1:])),
    "Input": lambda row, parts: ex.Input(row["name"], row["width"], tuple(row["columns"])),
    "Join": lambda row, parts: ex.Join(tuple(parts)),
    "Key": lambda row, parts: ex.Key(row["name"], row["width"], tuple(row["columns"])),
    "Linear": lambda row, parts: ex.Linear(parts[0], _array(row["weight"]), _array(row["shift"])),
    "Lookup": lambda row, parts: ex.Lookup(parts[0], tuple(row["names"]), _array(row["values"])),
    "Pick": lambda row, parts: ex.Pick(parts[0], tuple(row["columns"])),
    "Piecewise": lambda row, parts: ex.Piecewise(
        parts[0], _array(row["edges"]), _array(row["pieces"])
    ),
    "Scaled": lambda row, parts: ex.Scaled(parts[0], _array(row["scale"]), _array(row["shift"])),
    "Sorted": lambda row, parts: ex.Sorted(parts[0]),
    "Total": lambda row, parts: ex.Total(parts[0], bool(row["greatest"])),
}
"""Name of a kind of node -> how it is read back."""


def to_json(formula: Formula) -> str:
    """The text of a file that keeps to ``expression-1.json`` or ``-2``, with rows to test it by.

    Examples
    --------
    >>> from trueup.calibration import TemperatureScaling
    >>> from trueup.worlds import confident_by_factor
    >>> fitted = TemperatureScaling().fit(confident_by_factor(2.0, rows=2_000).evidence)
    >>> formula = Formula(fitted.expression(event=True), ("p",), True, ("0", "1"), fitted.method)
    >>> again = from_json(to_json(formula))
    >>> again.method, bool(again([[0.9]]) == formula([[0.9]]))
    ('TemperatureScaling', True)
    """
    places: dict[int, int] = {}
    nodes, used = [], set()
    for place, node in enumerate(ex.in_order(formula.written)):
        places[id(node)] = place
        more = row_of(node, NODES, OPERATIONS, target="json")(node)
        parents = [places[id(part)] for part in node.parents]
        nodes.append({"kind": type(node).__name__, "parents": parents, **more})
        used |= {more["op"]} if "op" in more else set()
    kinds = {row["kind"] for row in nodes}
    body = {
        "format": FORMAT,
        "version": 1 if formula.takes is None and not LATER & (used | kinds) else 2,
        "method": formula.method,
        "columns": list(formula.columns),
        "event": formula.event,
        "classes": list(formula.classes),
        "normalize": formula.normalize,
        **({} if formula.takes is None else _forms(formula)),
        "about": formula.about,
        "operations": {name: OPERATIONS[name] for name in sorted(used)},
        "nodes": nodes,
        "output": places[id(formula.written)],
        "samples": _samples(formula),
    }
    lines = [f"{json.dumps(name)}: {_lines(value)}" for name, value in body.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def from_json(text: str) -> Formula:
    """Read what ``to_json`` wrote.

    Raises
    ------
    EvidenceError
        The text is no such file, or is not complete.
    UsageError
        It was written in another version of the format.
    """
    try:
        body = json.loads(text)
        if body["format"] != FORMAT:
            raise KeyError(f"format is {body['format']!r}")
        if body["version"] not in VERSIONS:
            known = ", ".join(map(str, VERSIONS))
            raise UsageError(
                "from_json",
                f"the file has version {body['version']!r}, this version reads {known}",
                do="Export the remedy again",
            )
        expression = _expression(body["nodes"])[body["output"]]
        return Formula(
            expression,
            tuple(body["columns"]),
            bool(body["event"]),
            tuple(body["classes"]),
            str(body["method"]),
            bool(body["normalize"]),
            dict(body["about"]),
            *(form_from(body[name]) for name in ("takes", "gives") if name in body),
        )
    except UsageError:
        raise
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise EvidenceError(
            "from_json", f"this is no exported correction: {error}", do="Export the remedy again"
        ) from error


def _forms(formula: Formula) -> dict:
    assert formula.takes is not None and formula.gives is not None
    return {
        "takes": form_row(formula.takes),
        "gives": form_row(formula.gives),
        "outputs": list(formula.outputs),
    }


def check_json(formula: Formula) -> Checked:
    """Read the text back and evaluate it on hard rows."""
    return verified(formula, from_json(to_json(formula)), by="read back by trueup")


def _expression(rows: list[dict]) -> list[ex.Expr]:
    made: list[ex.Expr] = []
    for row in rows:
        if row["kind"] == "Apply" and row["op"] not in ex.OPS:
            raise KeyError(f"unknown operation {row['op']!r}")
        if not all(0 <= place < len(made) for place in row["parents"]):
            raise IndexError(f"a node has the parents {row['parents']}, which do not precede it")
        made.append(READERS[row["kind"]](row, [made[place] for place in row["parents"]]))
    return made


def _array(values: list) -> np.ndarray:
    """Finite numbers, and nothing else: nodes write them into SQL."""
    made = np.asarray(values, dtype=np.float64)
    if not np.isfinite(made).all():
        raise ValueError("a number is not finite")
    return made


def _lines(value: Any) -> str:
    """JSON with a line for every node and every sample."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(f"  {_lines(item)}" for item in value) + "\n]"
    return json.dumps(value, allow_nan=False)


def _samples(formula: Formula) -> list[dict]:
    """Rows with what comes out of them."""
    probs, beside = hard_rows(formula)
    good = np.flatnonzero(formula.good(probs))
    some = good[np.linspace(0, len(good) - 1, SAMPLES).astype(int)]
    after = formula(probs[some], **{name: values[some] for name, values in beside.items()})
    rows = []
    for place, i in enumerate(some.tolist()):
        given = {name: np.ravel(values[i]).tolist() for name, values in beside.items()}
        rows.append({formula.input: probs[i].tolist(), **given, "corrected": after[place].tolist()})
    return rows
