"""A correction as one Python file that needs NumPy and nothing else."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from trueup.adapters.check import Checked, verified
from trueup.adapters.formula import Formula, row_of
from trueup.adapters.snippets import ABOVE, CHOOSE, LOOKUP, PIECEWISE, TAKEN, TEXTS, checks
from trueup.core import expressions as ex
from trueup.core.expressions.ops import TINY
from trueup.core.probabilities import EPS


OPERATIONS = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "greatest": "np.maximum({0}, {1})",
    "least": "np.minimum({0}, {1})",
    "sqrt": "np.sqrt(np.maximum({0}, 0.0))",
    "exp": "np.exp(np.minimum({0}, 700.0))",
    "log": f"np.log(np.maximum({{0}}, {TINY!r}))",
    "softplus": "np.logaddexp(0.0, {0})",
    "log_odds": f"{{0}} - np.log(np.maximum(-np.expm1({{0}}), {EPS!r}))",
    "log_prob": f"np.log(np.maximum({{0}}, {EPS!r}))",
    "log_rest": f"np.log(np.maximum(1.0 - {{0}}, {EPS!r}))",
}
"""Operation -> its text, with ``{0}`` for its first argument."""


MAIN = ("probs", "values")
"""Names of the prediction's own columns."""


class Source:
    """Lines of a function and named arrays, while they are being written."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray | tuple] = {}
        self.parts: set[str] = set()

    def array(self, name: str, values: np.ndarray | tuple) -> str:
        """Name of a constant, made unique by a number."""
        unique = f"{name}_{len(self.arrays)}"
        self.arrays[unique] = values
        return unique

    def numbers(self, name: str, values: np.ndarray) -> str:
        """One number where all are equal, else the name of an array."""
        if (values == values.flat[0]).all():
            return repr(float(values.flat[0]))
        return self.array(name, values)


def _scaled(s: Source, node: ex.Scaled, x: str) -> str:
    made = f"{x} * {s.numbers('SCALE', node.scale)}"
    return f"{made} + {s.numbers('SHIFT', node.shift)}" if node.shift.any() else made


def _linear(s: Source, node: ex.Linear, x: str) -> str:
    weight, shift = s.array("WEIGHT", node.weight), s.array("SHIFT", node.shift)
    return f"{x} @ {weight}.T + {shift}"


def _piecewise(s: Source, node: ex.Piecewise, x: str) -> str:
    s.parts.add(PIECEWISE)
    return f"piecewise({x}, {s.array('EDGES', node.edges)}, {s.array('PIECES', node.pieces)})"


def _above(s: Source, node: ex.Above, x: str) -> str:
    s.parts.add(ABOVE)
    return f"above({x}, {node.count})"


def _choose(s: Source, node: ex.Choose, key: str, *options: str) -> str:
    s.parts.add(CHOOSE)
    return f"choose({key}, {s.array('NAMES', node.names)}, [{', '.join(options)}])"


def _lookup(s: Source, node: ex.Lookup, key: str) -> str:
    s.parts.add(LOOKUP)
    return f"lookup({key}, {s.array('NAMES', node.names)}, {s.array('VALUES', node.values)})"


NODES: dict[type[ex.Expr], Callable[..., str]] = {
    ex.Above: _above,
    ex.Apply: lambda s, node, *parts: OPERATIONS[node.op].format(*parts),
    ex.AtLeast: lambda s, node, x: f"({x} >= {s.numbers('EDGES', node.edges)}).astype(np.float64)",
    ex.Choose: _choose,
    ex.Input: lambda s, node: node.name if node.name in MAIN else argument(node.name),
    ex.Join: lambda s, node, *parts: f"np.hstack([{', '.join(parts)}])",
    ex.Key: lambda s, node: argument(node.name),
    ex.Linear: _linear,
    ex.Lookup: _lookup,
    ex.Pick: lambda s, node, x: f"{x}[:, {list(node.columns)}]",
    ex.Piecewise: _piecewise,
    ex.Scaled: _scaled,
    ex.Sorted: lambda s, node, x: f"np.sort({x}, axis=1)",
    ex.Total: lambda s, node, x: f"{x}.{'max' if node.greatest else 'sum'}(axis=1, keepdims=True)",
}
"""Kind of node -> its text."""


def argument(name: str) -> str:
    """A name that Python takes as that of an argument."""
    made = re.sub(r"\W", "_", name, flags=re.ASCII)
    free = made.isidentifier() and not keyword.iskeyword(made) and made not in TAKEN
    return made if free and not re.search(r"_\d+$", made) else f"x_{made}_"


def to_python(formula: Formula) -> str:
    """The text of a module with one function, ``correct``.

    Examples
    --------
    >>> from trueup.calibration import TemperatureScaling
    >>> from trueup.worlds import confident_by_factor
    >>> fitted = TemperatureScaling().fit(confident_by_factor(2.0, rows=2_000).evidence)
    >>> formula = Formula(fitted.expression(event=True), ("p",), True, ("0", "1"), fitted.method)
    >>> "def correct(probs):" in to_python(formula)
    True
    """
    source, lines, names = Source(), [], {}
    for place, node in enumerate(ex.in_order(formula.written)):
        write = row_of(node, NODES, OPERATIONS, target="python")
        made = write(source, node, *(names[id(part)] for part in node.parents))
        names[id(node)] = made
        if not isinstance(node, ex.Input):
            names[id(node)] = f"{getattr(node, 'op', type(node).__name__.lower())}_{place}"
            lines.append(f"{names[id(node)]} = {made}")
    keys = [argument(n) for n, given in formula.beside.items() if isinstance(given, ex.Key)]
    if keys:
        source.parts.add(TEXTS)
    body = [*checks(formula), *_beside(formula), *lines]
    body.append(f"made = np.where(good, {names[id(formula.written)]}, np.nan)")
    stays = len(formula.outputs) == len(formula.columns)
    body.append("return made.reshape(shape)" if stays else "return made")
    given = ", ".join([formula.input, *map(argument, formula.beside)])
    head = '"""' + _docstring("\n".join(formula.words)) + '\n"""\n\nimport numpy as np\n\n\n'
    arrays = "".join(f"{name} = {_literal(v)}\n" for name, v in source.arrays.items())
    parts = "".join(
        part for part in (ABOVE, TEXTS, CHOOSE, LOOKUP, PIECEWISE) if part in source.parts
    )
    text = "".join(f"    {line}\n" for line in body)
    words = "".join(f"    {line}".rstrip() + "\n" for line in _usage(formula).splitlines())
    gap = "\n\n" if arrays else ""
    parts = parts.lstrip() + "\n" * bool(parts)
    return f"{head}{arrays}{gap}{parts}def correct({given}):\n{words}{text}"


def check_python(formula: Formula) -> Checked:
    """Import the file from a folder of its own and run it on hard rows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "correction.py"
        path.write_text(to_python(formula), encoding="utf-8")
        spec = importlib.util.spec_from_file_location("trueup_exported_correction", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        try:
            spec.loader.exec_module(module)
        finally:
            sys.dont_write_bytecode = before

    def run(probs, **beside):
        # What is no probability is an error there, not NaN: these rows are asked for as missing.
        probs = np.where(formula.good(probs, **beside)[:, None], probs, np.nan)
        named = {argument(name): values for name, values in beside.items()}
        made = module.correct(probs[:, 0] if formula.event else probs, **named)
        return made.reshape(len(probs), len(formula.outputs))

    return verified(formula, run, by=f"NumPy {np.__version__}, the file alone")


def _beside(formula: Formula) -> list[str]:
    lines = []
    for name, given in formula.beside.items():
        word = argument(name)
        if isinstance(given, ex.Key):
            lines.append(f"{word} = texts({word})")
        else:
            lines.append(
                f"{word} = np.asarray({word}, dtype=np.float64).reshape(len({formula.input}), -1)"
            )
            lines.append(f"good &= np.isfinite({word}).all(axis=1, keepdims=True)")
    return lines


def _usage(formula: Formula) -> str:
    shape = "(n,)" if formula.event else f"(n, {len(formula.columns)})"
    what = "of the event" if formula.event else f"of the classes {', '.join(formula.classes[:9])}"
    said = f"Corrected probabilities {shape} of the probabilities ``probs`` {shape} {what}"
    if formula.numbers:
        made = f"(n, {len(formula.outputs)}) with columns {', '.join(formula.outputs[:9])}"
        said = f"Corrected forecasts {made} of ``values`` {shape}, {formula.takes}"
    if formula.sets:
        said = (
            f"Sets (n, {len(formula.outputs)}), 1 for a class inside, else 0, with columns "
            f"{', '.join(formula.outputs[:9])}, of ``{formula.input}`` {shape}"
        )
    lines = [f'"""{_docstring(said)}.', ""]
    for name, given in formula.beside.items():
        kind = (
            "names of groups (n,)" if isinstance(given, ex.Key) else f"numbers (n, {given.width})"
        )
        lines.append(f"``{argument(name)}``: {kind}, columns {', '.join(formula.reads(name))}.")
    lines += ["A row with a missing number (NaN) comes out missing.", '"""']
    return "\n".join([lines[0], *map(_docstring, lines[1:-1]), lines[-1]])


def _docstring(text: str) -> str:
    """Text that cannot end the string that it stands in."""
    return text.replace("\\", "\\\\").replace('"""', "'''")


def _literal(values: np.ndarray | tuple) -> str:
    """An array or a tuple of texts as source, wrapped."""
    if isinstance(values, tuple):
        return f"({', '.join(map(ascii, values))},)"
    if not values.size:
        return f"np.zeros({values.shape})"
    items = [repr(v) for v in np.asarray(values, dtype=np.float64).ravel().tolist()]
    lines, line = [], "   "
    for item in items:
        if len(line) + len(item) > 96:
            lines.append(line)
            line = "   "
        line += f" {item},"
    shape = f".reshape{values.shape}" if values.ndim > 1 else ""
    return "np.array([\n" + "\n".join([*lines, line]) + f"\n]){shape}"
