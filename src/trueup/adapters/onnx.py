"""A correction as an ONNX graph."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from trueup.adapters.check import Checked, verified
from trueup.adapters.formula import Formula, row_of
from trueup.core.errors import MissingPackage
from trueup.core.expressions import (
    Apply,
    Choose,
    Expr,
    Input,
    Join,
    Key,
    Linear,
    Pick,
    Piecewise,
    Scaled,
    Total,
    in_order,
)
from trueup.core.expressions.ops import TINY
from trueup.core.predictions import EPS
from trueup.core.validate import SUM_TOLERANCE


OPSET, ML_OPSET, IR = 18, 3, 9
"""Pinned: an old runtime reads them, and what we verified is what is written."""


class Graph:
    """Operations and constants of a graph that grows; values are known by their names."""

    def __init__(self, onnx: Any, kind: type) -> None:
        self.onnx, self.kind = onnx, np.dtype(kind)
        self.nodes: list[Any] = []
        self.constants: dict[tuple, Any] = {}

    def add(self, op: str, *given: str, **attributes: Any) -> str:
        """Name of the result of one operation."""
        name = f"{op.lower()}_{len(self.nodes)}"
        made = self.onnx.helper.make_node(op, list(given), [name], name=name, **attributes)
        self.nodes.append(made)
        return name

    def number(self, values: Any) -> str:
        """Name of a constant of the graph's own type of numbers."""
        return self._constant(np.asarray(values, dtype=self.kind))

    def whole(self, values: Any) -> str:
        """Name of a constant of whole numbers."""
        return self._constant(np.asarray(values, dtype=np.int64))

    def _constant(self, values: np.ndarray) -> str:
        key = (values.dtype.str, values.shape, values.tobytes())
        if key not in self.constants:
            name = f"constant_{len(self.constants)}"
            self.constants[key] = self.onnx.numpy_helper.from_array(values, name)
        return self.constants[key].name

    def least(self, value: float) -> str:
        """``value``, or the least positive number of the type where that is greater."""
        return self.number(max(value, float(np.finfo(self.kind).tiny)))


def _log(g: Graph, x: str, floor: float) -> str:
    return g.add("Log", g.add("Max", x, g.least(floor)))


def _exp(g: Graph, x: str) -> str:
    ceiling = min(700.0, float(np.log(np.finfo(g.kind).max)) - 1)
    return g.add("Exp", g.add("Min", x, g.number(ceiling)))


def _softplus(g: Graph, x: str) -> str:
    # The operator Softplus of ONNX may overflow; this form cannot, and keeps small values.
    low = g.add("Exp", g.add("Neg", g.add("Abs", x)))
    return g.add("Add", g.add("Max", x, g.number(0.0)), _log_of_one_plus(g, low))


def _log_of_one_plus(g: Graph, x: str) -> str:
    """ln(1 + x) with all its digits (Kahan): ONNX has no such operator."""
    one = g.number(1.0)
    u = g.add("Add", x, one)
    same = g.add("Equal", u, one)
    lost = g.add("Where", same, one, g.add("Sub", u, one))
    return g.add("Where", same, x, g.add("Div", g.add("Mul", g.add("Log", u), x), lost))


def _one_minus_exp(g: Graph, x: str) -> str:
    """1 - e^x with all its digits for x <= 0 (Kahan): ONNX has no such operator."""
    one, tiny = g.number(1.0), g.number(np.finfo(g.kind).tiny)
    u = g.add("Exp", x)
    same = g.add("Equal", u, one)
    log = g.add("Where", same, one, g.add("Log", g.add("Max", u, tiny)))
    near = g.add("Div", g.add("Mul", g.add("Sub", one, u), x), log)
    return g.add("Where", same, g.add("Neg", x), near)


def _log_odds(g: Graph, x: str) -> str:
    return g.add("Sub", x, _log(g, _one_minus_exp(g, x), EPS))


OPERATIONS: dict[str, Callable[..., str]] = {
    "add": lambda g, a, b: g.add("Add", a, b),
    "subtract": lambda g, a, b: g.add("Sub", a, b),
    "multiply": lambda g, a, b: g.add("Mul", a, b),
    "divide": lambda g, a, b: g.add("Div", a, b),
    "exp": _exp,
    "log": lambda g, x: _log(g, x, TINY),
    "softplus": _softplus,
    "log_odds": _log_odds,
    "log_prob": lambda g, x: _log(g, x, EPS),
    "log_rest": lambda g, x: _log(g, g.add("Sub", g.number(1.0), x), EPS),
}
"""Operation -> how a graph does it."""


def _scaled(g: Graph, node: Scaled, x: str) -> str:
    made = g.add("Mul", x, g.number(node.scale))
    return g.add("Add", made, g.number(node.shift)) if node.shift.any() else made


def _linear(g: Graph, node: Linear, x: str) -> str:
    made = g.add("MatMul", x, g.number(node.weight.T))
    return g.add("Add", made, g.number(node.shift))


def _total(g: Graph, node: Total, x: str) -> str:
    return g.add("ReduceMax" if node.greatest else "ReduceSum", x, g.whole([1]), keepdims=1)


def _piecewise(g: Graph, node: Piecewise, x: str) -> str:
    """Binary search for the piece, then Horner's rule."""
    bits = max(int(np.ceil(np.log2(len(node.edges) + 1))), 0)
    edges = np.full(2**bits - 1, np.inf)
    edges[: len(node.edges)] = node.edges
    zero = g.onnx.helper.make_tensor("zero", g.onnx.TensorProto.INT64, [1], [0])
    piece = g.add("ConstantOfShape", g.add("Shape", x), value=zero)
    for bit in reversed(range(bits)):
        edge = g.add("Gather", g.number(edges), g.add("Add", piece, g.whole(2**bit - 1)), axis=0)
        above = g.add("GreaterOrEqual", x, edge)
        piece = g.add("Add", piece, g.add("Where", above, g.whole(2**bit), g.whole(0)))
    value = g.add("Gather", g.number(node.pieces[:, -1]), piece, axis=0)
    if node.pieces.shape[1] > 1:
        distance = g.add("Sub", x, g.add("Gather", g.number(node.starts), piece, axis=0))
        for power in range(node.pieces.shape[1] - 2, -1, -1):
            constant = g.add("Gather", g.number(node.pieces[:, power]), piece, axis=0)
            value = g.add("Add", g.add("Mul", value, distance), constant)
    return value


def _choose(g: Graph, node: Choose, key: str, *options: str) -> str:
    if not node.names:
        return options[-1]
    groups = list(range(len(node.names)))
    group = g.add("LabelEncoder", key, domain="ai.onnx.ml", keys_strings=list(node.names),
                  values_int64s=groups, default_int64=len(groups))  # fmt: skip
    value = options[-1]
    for place in groups:
        mine = g.add("Equal", group, g.whole(place))
        value = g.add("Where", mine, options[place], value)
    return value


def _input(g: Graph, node: Input) -> str:
    return node.name


NODES: dict[type[Expr], Callable[..., str]] = {
    Apply: lambda g, node, *parts: OPERATIONS[node.op](g, *parts),
    Choose: _choose,
    Input: _input,
    Join: lambda g, node, *parts: g.add("Concat", *parts, axis=1),
    Key: _input,
    Linear: _linear,
    Pick: lambda g, node, x: g.add("Gather", x, g.whole(node.columns), axis=1),
    Piecewise: _piecewise,
    Scaled: _scaled,
    Total: _total,
}
"""Kind of node -> how a graph does it."""


def to_onnx(formula: Formula, *, kind: type = np.float64) -> Any:
    """An ONNX model, from a matrix of probabilities to the corrected ones.

    Its inputs are ``probs`` (n, k), or (n, 1) for the probability of an event, and one matrix
    (n, width) for each thing that the correction reads beside them: texts for names of groups
    (missing is the empty text), numbers else. Its output is ``corrected``, of the shape of
    ``probs``; a row that holds no probabilities becomes NaN. n is free.

    Parameters
    ----------
    kind
        ``np.float64`` or ``np.float32``: type of inputs, outputs and all calculation.

    Raises
    ------
    MissingPackage
        The package onnx is not installed.
    """
    onnx = _package("onnx")
    g, names = Graph(onnx, kind), {}
    for node in in_order(formula.expression):
        write = row_of(node, NODES, OPERATIONS, target="onnx")
        names[id(node)] = write(g, node, *(names[id(part)] for part in node.parents))
    made = g.add("Where", _good(g, formula), names[id(formula.expression)], g.number(np.nan))
    g.nodes.append(onnx.helper.make_node("Identity", [made], ["corrected"], name="corrected"))
    number = onnx.helper.np_dtype_to_tensor_dtype(g.kind)
    given = [
        onnx.helper.make_tensor_value_info(
            name,
            onnx.TensorProto.STRING if isinstance(node, Key) else number,
            ["rows", node.width],
        )
        for name, node in formula.inputs.items()
    ]
    width = len(formula.columns)
    out = [onnx.helper.make_tensor_value_info("corrected", number, ["rows", width])]
    graph = onnx.helper.make_graph(
        g.nodes, "trueup", given, out, list(g.constants.values()), "\n".join(formula.words)
    )
    versions = [("", OPSET), ("ai.onnx.ml", ML_OPSET)]
    model = onnx.helper.make_model(
        graph,
        producer_name="trueup",
        producer_version=formula.about.get("trueup", ""),
        opset_imports=[onnx.helper.make_opsetid(*version) for version in versions],
        ir_version=IR,
    )
    onnx.helper.set_model_props(model, _metadata(formula))
    onnx.checker.check_model(model, full_check=True)
    return model


def check_onnx(formula: Formula, *, kind: type = np.float64) -> Checked:
    """Run the graph on hard rows in onnxruntime, where that is installed."""
    try:
        import onnxruntime
    except ImportError:
        return Checked(0, float("nan"), 0, "onnxruntime is not installed")
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 3
    quiet.intra_op_num_threads = 1
    content = to_onnx(formula, kind=kind).SerializeToString()
    session = onnxruntime.InferenceSession(content, quiet, providers=["CPUExecutionProvider"])

    def run(probs, **beside):
        given = {"probs": probs.astype(kind)}
        for name, node in formula.beside.items():
            values = beside[name].reshape(len(probs), -1)
            text = np.array([["" if v is None else v for v in row] for row in values], dtype=object)
            given[name] = text if isinstance(node, Key) else values.astype(kind)
        return session.run(None, given)[0]

    tolerance = 1e-6 if kind is np.float64 else 1e-3
    by = f"onnxruntime {onnxruntime.__version__}"
    return verified(formula, run, by=by, tolerance=tolerance, kind=kind)


def _good(g: Graph, formula: Formula) -> str:
    """(n, 1) whether a row holds probabilities; NaN is not at least 0."""
    one, axis = g.number(1.0), g.whole([1])
    total = g.add("ReduceSum", "probs", axis, keepdims=1)
    inside = g.add("GreaterOrEqual", "probs", g.number(0.0))
    if formula.normalize:
        finite = g.add("Less", total, g.number(np.inf))
        whole = g.add("And", g.add("Greater", total, g.number(0.0)), finite)
    else:
        inside = g.add("And", inside, g.add("LessOrEqual", "probs", one))
        off = g.add("Abs", g.add("Sub", total, one))
        whole = g.add("LessOrEqual", off, g.number(np.inf if formula.event else SUM_TOLERANCE))
    number = g.add("Where", inside, one, g.number(0.0))
    every = g.add("Greater", g.add("ReduceMin", number, axis, keepdims=1), g.number(0.5))
    return g.add("And", every, whole)


def _metadata(formula: Formula) -> dict[str, str]:
    words = {name: str(value) for name, value in formula.about.items() if value}
    return words | {
        "method": formula.method,
        "classes": json.dumps(formula.classes),
        "event": json.dumps(formula.event),
        "columns": json.dumps({name: formula.reads(name) for name in formula.inputs}),
    }


def _package(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingPackage(
            "export to onnx",
            f"the package {name} is not installed",
            do='Run: pip install "trueup[onnx]"',
        ) from error
