"""A correction as a formula with names: what every outside format is written from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from trueup.core.errors import Unwritable
from trueup.core.expressions import Apply, Expr, Input, Key, evaluate, in_order, inputs_of, written
from trueup.core.forms import Form
from trueup.core.predictions import Sets
from trueup.core.probabilities import Probabilities
from trueup.core.validate import SUM_TOLERANCE


@dataclass(frozen=True, eq=False)
class Formula:
    """A corrected prediction as an expression, with the names of what it reads.

    Attributes
    ----------
    expression
        Columns that come out, from ``Input("probs")``, of other kinds than probabilities from
        ``Input("values")``, and what else it reads.
    columns
        Names of the columns of the prediction.
    event
        Whether there is one column, the probability of an event.
    classes
        Names of the classes.
    method
        Name of the correction.
    normalize
        Whether rows are divided by their sum first.
    about
        Words and numbers for people: title, hash, proof, paper, time.
    takes, gives
        Forms of what goes in and comes out; None for probabilities that become probabilities.

    Examples
    --------
    >>> from trueup.calibration import TemperatureScaling
    >>> from trueup.worlds import confident_by_factor
    >>> fitted = TemperatureScaling().fit(confident_by_factor(2.0, rows=20_000).evidence)
    >>> formula = Formula(fitted.expression(event=True), ("p",), True, ("0", "1"), fitted.method)
    >>> formula(np.array([[0.9], [np.nan]])).round(2)
    array([[0.75],
           [ nan]])
    """

    expression: Expr
    columns: tuple[str, ...]
    event: bool
    classes: tuple[str, ...]
    method: str
    normalize: bool = False
    about: dict = field(default_factory=dict)
    takes: Form | None = None
    gives: Form | None = None

    @property
    def numbers(self) -> bool:
        """Whether forecasts of numbers go in, else probabilities."""
        return self.kind != Probabilities.kind

    @property
    def kind(self) -> str:
        """Kind of prediction that goes in."""
        return Probabilities.kind if self.takes is None else self.takes.kind

    @property
    def input(self) -> str:
        """Name of the prediction's columns: ``"probs"``, or ``"values"`` of other kinds."""
        return "values" if self.numbers else "probs"

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the columns that come out: those that go in, where the form stays."""
        return self.gives.called(self.classes) if self.other else self.columns

    @property
    def other(self) -> bool:
        """Whether another form comes out than goes in."""
        return self.gives not in (None, self.takes)

    @property
    def sets(self) -> bool:
        """Whether sets come out: columns that say whether a class is inside."""
        return self.gives is not None and self.gives.kind == Sets.kind

    @cached_property
    def written(self) -> Expr:
        """The expression in nodes that every engine knows."""
        return written(self.expression)

    @property
    def inputs(self) -> dict[str, Input]:
        """Name -> input, the prediction first."""
        found = {given.name: given for given in inputs_of(self.expression)}
        main = found.pop(self.input, Input(self.input, len(self.columns)))
        return {self.input: main, **found}

    @property
    def beside(self) -> dict[str, Input]:
        """What it reads beside the prediction."""
        return {name: given for name, given in self.inputs.items() if name != self.input}

    def reads(self, name: str) -> tuple[str, ...]:
        """Names of the columns of an input in a table."""
        given = self.inputs[name]
        if name == self.input:
            return self.columns
        return given.columns or tuple(f"{name}_{j}" for j in range(given.width))

    def __call__(self, probs: np.ndarray, **beside: np.ndarray) -> np.ndarray:
        """Corrected columns (n, width); a row that holds no such prediction becomes NaN."""
        probs = np.asarray(probs, dtype=np.float64).reshape(len(probs), -1)
        good = self.good(probs, **beside)
        safe = np.where(good[:, None], probs, self.harmless)
        known = {name: self._known(name, values) for name, values in beside.items()}
        made = evaluate(self.expression, {self.input: safe, **known})
        wide = np.broadcast_to(made, (len(probs), len(self.outputs)))
        return np.where(good[:, None], wide, np.nan)

    @property
    def harmless(self) -> float:
        """A number that stands in every column of a row that is left out."""
        return 1.0 if self.numbers else 1.0 / max(len(self.columns), 2)

    def good(self, probs: np.ndarray, **beside: np.ndarray) -> np.ndarray:
        """(n,) whether a row holds a prediction, and numbers where it needs them."""
        good = self._possible(probs)
        for name, values in beside.items():
            if not isinstance(self.inputs[name], Key):
                good &= np.isfinite(np.asarray(values, float).reshape(len(good), -1)).all(axis=1)
        return good

    def _possible(self, probs: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            if self.numbers:
                return self._valid(probs)
            total = probs.sum(axis=1)
            if self.normalize:
                return (probs >= 0).all(axis=1) & (total > 0) & np.isfinite(total)
            inside = ((probs >= 0) & (probs <= 1)).all(axis=1)
            return inside & (self.event | (np.abs(total - 1) <= SUM_TOLERANCE))

    def _valid(self, values: np.ndarray) -> np.ndarray:
        good = np.isfinite(values).all(axis=1)
        for low, high in self.rising:
            good &= values[:, low] <= values[:, high]
        return np.asarray(good & (values[:, self.positive] > 0).all(axis=1))

    @property
    def rising(self) -> tuple[tuple[int, int], ...]:
        """Pairs of columns of which the first must not be above the second."""
        return ((0, 1),) if self.kind == "intervals" else ()

    @property
    def positive(self) -> list[int]:
        """Columns that must be above 0."""
        return [1] if self.kind == "normal" else []

    def _known(self, name: str, values: np.ndarray) -> np.ndarray:
        """Names as they are, and 0 for numbers that are not known: their rows are left out."""
        if isinstance(self.inputs[name], Key):
            return values
        return np.nan_to_num(np.asarray(values, dtype=np.float64), posinf=0.0, neginf=0.0)

    @property
    def words(self) -> list[str]:
        """A few lines for whoever opens the file: what it is, and what was proven."""
        about = self.about
        what = f"forecasts ({self.takes})" if self.numbers else "predicted probabilities"
        what += f" into {self.gives}" if self.other else ""
        lines = [f"{self.method}, a correction of {what}"]
        lines[0] += f" of {about['title']}." if about.get("title") else "."
        lines += [f"Reads {', '.join(self.columns[:6])}{' ...' * (len(self.columns) > 6)}."]
        for name in self.beside:
            lines += [f"Beside them it reads {', '.join(self.reads(name))}."]
        if any(isinstance(given, Key) for given in self.beside.values()):
            got = "every class" if self.sets else "the correction of all rows"
            lines += [f"A group that was never seen in fitting gets {got}."]
        lines += [f"Proof: {about['proof']}"] if about.get("proof") else []
        lines += [f"Source of the method: {about['paper']}."] if about.get("paper") else []
        lines += [f"Made by trueup {about.get('trueup', '')}".rstrip() + "."]
        lines += [f"Hash of the remedy: {about['hash']}."] if about.get("hash") else []
        return [" ".join(line.split()) for line in lines]


def proof_sentence(proof: Mapping[str, Any]) -> str:
    """What a stored proof says, in one sentence; empty where nothing was proven."""
    if not proof:
        return ""
    if "found" in proof:
        return _promise_sentence(proof)
    score = proof["score"].replace("_", " ")
    before, after, change = (proof[name] for name in ("before", "after", "difference"))
    values = (before["value"], after["value"], change["value"], change["low"], change["high"])
    if any(value is None for value in values):
        return f"{proof['outcome'].replace('_', ' ')}."
    return (
        f"{score} {values[0]:.4g} -> {values[1]:.4g}, difference {values[2]:.3g} "
        f"({values[3]:.3g} to {values[4]:.3g}) on {proof['proven_on']:,} rows that it "
        f"never saw: {proof['outcome'].replace('_', ' ')}."
    )


def _promise_sentence(proof: Mapping[str, Any]) -> str:
    """What was found of a promise, as of coverage."""
    said = [
        f"{name.replace('_', ' ')} {row['value']:.4g} ({row['low']:.4g} to {row['high']:.4g})"
        for name, row in proof["found"].items()
        if None not in (row["value"], row["low"], row["high"])
    ]
    return f"{', '.join(said)} on {proof['proven_on']:,} rows that it never saw."


def row_of(node: Expr, table: Mapping, ops: Mapping, *, target: str) -> Any:
    """The row of ``table`` for the kind of ``node``; an operation must be in ``ops``, too."""
    what, why, do = node.stays
    if what:
        raise Unwritable(f"export to {target}", f"there is no way to write {what}", why=why, do=do)
    missing = type(node).__name__ if type(node) not in table else ""
    if isinstance(node, Apply) and node.op not in ops:
        missing = f"operation {node.op!r}"
    if missing:
        raise Unwritable(
            f"export to {target}",
            f"there is no way to write {missing}",
            do=f"Add a row for it to trueup.adapters.{target}, or use another target",
        )
    return table[type(node)]


def numbered(expr: Expr) -> dict[int, int]:
    """Identity of every node -> its place, parents first."""
    return {id(node): place for place, node in enumerate(in_order(expr))}
