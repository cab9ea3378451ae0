"""Forms: of which columns a prediction is made, so that one map serves every kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from trueup.core.predictions import (
    Ensemble,
    Intervals,
    Normal,
    Points,
    Prediction,
    Quantiles,
    Sets,
)
from trueup.core.probabilities import Probabilities
from trueup.core.saved import Saved


@dataclass(frozen=True)
class Form(Saved):
    """What a prediction is made of.

    Attributes
    ----------
    kind
        Kind of the prediction, such as ``"quantiles"``.
    width
        Number of its columns: classes, quantiles, members; mean and sd; low and high.
    levels
        Levels of quantiles, or the one level of intervals and sets; else empty.

    Examples
    --------
    >>> form_of(Normal([0.0, 1.0], [1.0, 2.0]))
    Form(kind='normal', width=2, levels=())
    >>> form_of(Quantiles([0.1, 0.9], [[0.0, 1.0]])).names
    ('q0.1', 'q0.9')
    """

    kind: str
    width: int
    levels: tuple[float, ...] = ()

    @property
    def input(self) -> str:
        """Name of the columns inside an expression: logarithms of probabilities, else values."""
        return "logs" if self.kind == Probabilities.kind else "values"

    @property
    def names(self) -> tuple[str, ...]:
        """What its columns are called where nobody named them."""
        if self.kind == Quantiles.kind:
            return tuple(f"q{level:g}" for level in self.levels)
        fixed = {"normal": ("mean", "sd"), "intervals": ("low", "high"), "points": ("value",)}
        head = {"ensemble": "m", "sets": "in_", "probabilities": "p"}.get(self.kind, "v")
        return fixed.get(self.kind) or tuple(f"{head}{j}" for j in range(self.width))

    def called(self, classes: Sequence[object] = ()) -> tuple[str, ...]:
        """Names of its columns where the ``classes`` have names: ``in_cat``, ``in_dog`` of sets.

        Names that differ by capitals alone would be one to most engines; then numbers tell classes
        apart.
        """
        named = tuple(f"in_{name}" for name in classes)
        apart = len({name.lower() for name in named}) == self.width
        return named if self.kind == Sets.kind and apart else self.names

    @property
    def sql_type(self) -> str:
        """Type of its columns in a table."""
        return "BOOLEAN" if self.kind == Sets.kind else "DOUBLE"

    def prediction(self, columns: np.ndarray, *, like: Prediction | None = None) -> Prediction:
        """The prediction of this form with ``columns`` (n, width); classes are those of ``like``.

        Columns of probabilities are logits, columns of sets say 1 for a class inside.
        """
        return _MAKERS[self.kind](self, columns, like)

    def __str__(self) -> str:
        many = {"probabilities": "classes", "quantiles": "quantiles", "ensemble": "members"}
        if self.kind in many:
            return f"{self.width} {many[self.kind]}"
        return self.kind + (f" at level {self.levels[0]:g}" if self.levels else "")


@singledispatch
def form_of(prediction: Prediction) -> Form:
    """The form of a prediction."""
    return Form(prediction.kind, columns_of(prediction).shape[1])


@form_of.register
def _(prediction: Probabilities) -> Form:
    return Form(prediction.kind, prediction.k)


@form_of.register
def _(prediction: Quantiles) -> Form:
    return Form(prediction.kind, len(prediction.levels), tuple(prediction.levels.tolist()))


@form_of.register(Intervals)
def _(prediction: Intervals) -> Form:
    return Form(prediction.kind, 2, (float(prediction.level),))


@form_of.register(Sets)
def _(prediction: Sets) -> Form:
    return Form(prediction.kind, prediction.members.shape[1], (float(prediction.level),))


@singledispatch
def columns_of(prediction: Prediction) -> np.ndarray:
    """Columns (n, width) of a prediction; of probabilities their logarithms."""
    raise TypeError(type(prediction).__name__)


@columns_of.register
def _(prediction: Probabilities) -> np.ndarray:
    return prediction.log_probs()


@columns_of.register
def _(prediction: Points) -> np.ndarray:
    return prediction.values[:, None]


@columns_of.register
def _(prediction: Normal) -> np.ndarray:
    return np.column_stack([prediction.mean, prediction.sd])


@columns_of.register
def _(prediction: Quantiles) -> np.ndarray:
    return prediction.values


@columns_of.register
def _(prediction: Ensemble) -> np.ndarray:
    return prediction.members


@columns_of.register
def _(prediction: Intervals) -> np.ndarray:
    return np.column_stack([prediction.low, prediction.high])


@columns_of.register
def _(prediction: Sets) -> np.ndarray:
    return prediction.members.astype(np.float64)


def form_row(form: Form) -> dict:
    """A form as JSON."""
    return {"kind": form.kind, "width": form.width, "levels": list(form.levels)}


def form_from(row: dict) -> Form:
    """The form that ``form_row`` wrote; refuses what is none with KeyError or TypeError."""
    kind, width = str(row["kind"]), int(row["width"])
    levels = tuple(float(level) for level in row["levels"])
    if kind not in _MAKERS or width < 1 or not all(0 < level < 1 for level in levels):
        raise KeyError(f"no form is {row}")
    return Form(kind, width, levels)


def _probabilities(form: Form, columns: np.ndarray, like: Prediction | None) -> Prediction:
    assert isinstance(like, Probabilities)
    return Probabilities.from_logits(columns, classes=like.classes, event=like.event)


_MAKERS: dict[str, Callable[[Form, np.ndarray, Prediction | None], Prediction]] = {
    Probabilities.kind: _probabilities,
    Points.kind: lambda form, v, like: Points(v[:, 0]),
    Normal.kind: lambda form, v, like: Normal(v[:, 0], v[:, 1]),
    Quantiles.kind: lambda form, v, like: Quantiles(np.array(form.levels), v),
    Ensemble.kind: lambda form, v, like: Ensemble(v),
    Intervals.kind: lambda form, v, like: Intervals(v[:, 0], v[:, 1], form.levels[0]),
    Sets.kind: lambda form, v, like: Sets(v > 0.5, form.levels[0], getattr(like, "classes", ())),
}
