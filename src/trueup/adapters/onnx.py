"""A correction as an ONNX graph."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from trueup.adapters.check import Checked, verified
from trueup.adapters.formula import Formula, row_of
from trueup.adapters.graph import OPERATIONS, Graph
from trueup.core import expressions as ex
from trueup.core.errors import MissingPackage
from trueup.core.validate import SUM_TOLERANCE


OPSET, ML_OPSET, IR = 18, 3, 9
"""Pinned: an old runtime reads them, and what we verified is what is written."""


def _scaled(g: Graph, node: ex.Scaled, x: str) -> str:
    made = g.add("Mul", x, g.number(node.scale))
    return g.add("Add", made, g.number(node.shift)) if node.shift.any() else made


def _linear(g: Graph, node: ex.Linear, x: str) -> str:
    made = g.add("MatMul", x, g.number(node.weight.T))
    return g.add("Add", made, g.number(node.shift))


def _total(g: Graph, node: ex.Total, x: str) -> str:
    return g.add("ReduceMax" if node.greatest else "ReduceSum", x, g.whole([1]), keepdims=1)


def _sorted(g: Graph, node: ex.Sorted, x: str) -> str:
    return g.add("TopK", x, g.whole([node.width]), places=True, axis=1, largest=0)


def _above(g: Graph, node: ex.Above, x: str) -> str:
    """Every pair of columns: rows by own columns by the others."""
    own, others = g.add("Unsqueeze", x, g.whole([2])), g.add("Unsqueeze", x, g.whole([1]))
    what = g.number(1.0) if node.count else others
    above = g.add("Where", g.add("GreaterOrEqual", others, own), what, g.number(0.0))
    return g.add("ReduceSum", above, g.whole([2]), keepdims=0)


def _piecewise(g: Graph, node: ex.Piecewise, x: str) -> str:
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
    # An infinite number passes the edges that fill up the tree, too; its row is left out later.
    piece = g.add("Min", piece, g.whole(len(node.edges)))
    value = g.add("Gather", g.number(node.pieces[:, -1]), piece, axis=0)
    if node.pieces.shape[1] > 1:
        distance = g.add("Sub", x, g.add("Gather", g.number(node.starts), piece, axis=0))
        for power in range(node.pieces.shape[1] - 2, -1, -1):
            constant = g.add("Gather", g.number(node.pieces[:, power]), piece, axis=0)
            value = g.add("Add", g.add("Mul", value, distance), constant)
    return value


def _group(g: Graph, key: str, names: tuple[str, ...]) -> str:
    """The number (n, 1) of every group; their count for a group of no such name."""
    return g.add("LabelEncoder", key, domain="ai.onnx.ml", keys_strings=list(names),
                 values_int64s=list(range(len(names))), default_int64=len(names))  # fmt: skip


def _choose(g: Graph, node: ex.Choose, key: str, *options: str) -> str:
    group = _group(g, key, node.names) if node.names else ""
    value = options[-1]
    for place in range(len(node.names)):
        mine = g.add("Equal", group, g.whole(place))
        value = g.add("Where", mine, options[place], value)
    return value


def _lookup(g: Graph, node: ex.Lookup, key: str) -> str:
    if not node.names:
        return g.number(node.values)
    group = g.add("Squeeze", _group(g, key, node.names), g.whole([1]))
    return g.add("Gather", g.number(node.values), group, axis=0)


def _input(g: Graph, node: ex.Input) -> str:
    return node.name


NODES: dict[type[ex.Expr], Callable[..., str]] = {
    ex.Above: _above,
    ex.Apply: lambda g, node, *parts: OPERATIONS[node.op](g, *parts),
    ex.AtLeast: lambda g, node, x: g.add(
        "Where", g.add("GreaterOrEqual", x, g.number(node.edges)), g.number(1.0), g.number(0.0)
    ),
    ex.Choose: _choose,
    ex.Input: _input,
    ex.Join: lambda g, node, *parts: g.add("Concat", *parts, axis=1),
    ex.Key: _input,
    ex.Linear: _linear,
    ex.Lookup: _lookup,
    ex.Pick: lambda g, node, x: g.add("Gather", x, g.whole(node.columns), axis=1),
    ex.Piecewise: _piecewise,
    ex.Scaled: _scaled,
    ex.Sorted: _sorted,
    ex.Total: _total,
}
"""Kind of node -> how a graph does it."""


def to_onnx(formula: Formula, *, kind: type = np.float64) -> Any:
    """An ONNX model, from a matrix of predictions to the corrected ones.

    Its inputs are ``probs`` (n, k), or (n, 1) for the probability of an event, of forecasts of
    numbers ``values`` (n, width), and one matrix (n, width) for each thing that the correction
    reads beside them: texts for names of groups (a missing name is any text that names no group),
    numbers else. Its output is ``corrected``, of the shape of the first input, or as wide as the
    form that comes out; a row that holds no prediction becomes NaN. n is free.

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
    for node in ex.in_order(formula.written):
        write = row_of(node, NODES, OPERATIONS, target="onnx")
        names[id(node)] = write(g, node, *(names[id(part)] for part in node.parents))
    made = g.add("Where", _good(g, formula), names[id(formula.written)], g.number(np.nan))
    g.nodes.append(onnx.helper.make_node("Identity", [made], ["corrected"], name="corrected"))
    given, out = _ends(formula, g, onnx)
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


def _ends(formula: Formula, g: Graph, onnx: Any) -> tuple[list, list]:
    """What goes in and what comes out: names, types and shapes."""
    number = onnx.helper.np_dtype_to_tensor_dtype(g.kind)
    kinds = {name: onnx.TensorProto.STRING if isinstance(node, ex.Key) else number
             for name, node in formula.inputs.items()}  # fmt: skip
    widths = {name: node.width for name, node in formula.inputs.items()}

    def tensor(name: str, kind: int, width: int) -> Any:
        return onnx.helper.make_tensor_value_info(name, kind, ["rows", width])

    given = [tensor(name, kind, widths[name]) for name, kind in kinds.items()]
    return given, [tensor("corrected", number, len(formula.outputs))]


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

    nodes = [
        node for node in ex.in_order(formula.written) if isinstance(node, ex.Choose | ex.Lookup)
    ]
    # Text of a graph cannot be missing: what stands for it must not be the name of a group.
    missing = "(missing)" + "?" * max([len(name) for n in nodes for name in n.names], default=0)

    def run(probs, **beside):
        given = {formula.input: probs.astype(kind)}
        for name, node in formula.beside.items():
            values = beside[name].reshape(len(probs), -1)
            text = np.array(
                [[missing if v is None else v for v in row] for row in values], dtype=object
            )
            given[name] = text if isinstance(node, ex.Key) else values.astype(kind)
        return session.run(None, given)[0]

    tolerance = 1e-6 if kind is np.float64 else 1e-3
    by = f"onnxruntime {onnxruntime.__version__}"
    return verified(formula, run, by=by, tolerance=tolerance, kind=kind)


def _good(g: Graph, formula: Formula) -> str:
    """(n, 1) whether a row holds a prediction; NaN is not at least 0."""
    inside, whole = _valid(g, formula) if formula.numbers else _shares(g, formula)
    for name, given in formula.beside.items():
        if not isinstance(given, ex.Key):
            finite = g.add("Less", g.add("Abs", name), g.number(np.inf))
            whole = g.add("And", whole, _every(g, finite))
    return g.add("And", _every(g, inside), whole)


def _valid(g: Graph, formula: Formula) -> tuple[str, str]:
    """Whether numbers are finite, and whether the row can be what it says."""
    inside = g.add("Less", g.add("Abs", "values"), g.number(np.inf))
    whole = g.add("Equal", g.number(np.zeros((1, 1))), g.number(0.0))
    for place in formula.positive:
        column = g.add("Gather", "values", g.whole([place]), axis=1)
        whole = g.add("And", whole, g.add("Greater", column, g.number(0.0)))
    for low, high in formula.rising:
        ends = [g.add("Gather", "values", g.whole([place]), axis=1) for place in (low, high)]
        whole = g.add("And", whole, g.add("LessOrEqual", *ends))
    return inside, whole


def _shares(g: Graph, formula: Formula) -> tuple[str, str]:
    """Whether numbers are probabilities, and whether they sum to one."""
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
    return inside, whole


def _every(g: Graph, holds: str) -> str:
    """(n, 1) whether a condition holds in every column."""
    number = g.add("Where", holds, g.number(1.0), g.number(0.0))
    least = g.add("ReduceMin", number, g.whole([1]), keepdims=1)
    return g.add("Greater", least, g.number(0.5))


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
