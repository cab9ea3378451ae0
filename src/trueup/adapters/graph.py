"""An ONNX graph that grows, and the operations on numbers in its words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from trueup.core.errors import UsageError
from trueup.core.expressions.ops import TINY
from trueup.core.probabilities import EPS


class Graph:
    """Operations and constants of a graph that grows; values are known by their names."""

    def __init__(self, onnx: Any, kind: type) -> None:
        self.onnx, self.kind = onnx, np.dtype(kind)
        self.nodes: list[Any] = []
        self.constants: dict[tuple, Any] = {}

    def add(self, op: str, *given: str, places: bool = False, **attributes: Any) -> str:
        """Name of the result of one operation; one that gives ``places``, too, names them."""
        name = f"{op.lower()}_{len(self.nodes)}"
        out = [name, f"{name}_places"] if places else [name]
        made = self.onnx.helper.make_node(op, list(given), out, name=name, **attributes)
        self.nodes.append(made)
        return name

    def number(self, values: Any) -> str:
        """Name of a constant of the graph's own type of numbers.

        Raises
        ------
        UsageError
            A number is too large for the type.
        """
        if np.isfinite(values).all() and np.abs(values).max(initial=0) > np.finfo(self.kind).max:
            raise UsageError(
                "export to onnx",
                f"{np.abs(values).max():g} does not fit into {self.kind.name}",
                do="Export with 64 bits",
            )
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
    "greatest": lambda g, a, b: g.add("Max", a, b),
    "least": lambda g, a, b: g.add("Min", a, b),
    "sqrt": lambda g, x: g.add("Sqrt", g.add("Max", x, g.number(0.0))),
    "exp": _exp,
    "log": lambda g, x: _log(g, x, TINY),
    "softplus": _softplus,
    "log_odds": _log_odds,
    "log_prob": lambda g, x: _log(g, x, EPS),
    "log_rest": lambda g, x: _log(g, g.add("Sub", g.number(1.0), x), EPS),
}
"""Operation -> how a graph does it."""
