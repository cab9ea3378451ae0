"""What a fit leaves behind: a map of predictions that knows the rows it has seen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from trueup.core.errors import FitError
from trueup.core.evidence import Evidence
from trueup.core.expressions import (
    Choose,
    Expr,
    Input,
    Lookup,
    Total,
    as_names,
    evaluate,
    in_order,
    inputs_of,
    logs_of,
    operate,
    probs_of,
    select,
    softmax,
)
from trueup.core.forms import Form, columns_of, form_of
from trueup.core.predictions import Prediction
from trueup.core.probabilities import Probabilities
from trueup.core.rows import Rows
from trueup.core.saved import Saved
from trueup.core.tables.names import quoted


class AbstractMap(Saved, ABC):
    """A map of predictions, learned once: frozen numbers and how to apply them."""

    of: ClassVar[str] = ""
    """``"probs"`` where it reads probabilities as they are, not their logarithms."""

    @abstractmethod
    def expression(self, logs: Expr) -> Expr:
        """The columns of the corrected prediction from the columns of the given one.

        Columns of probabilities are their logarithms, up to a constant a row, unless the map reads
        them ``of`` themselves.
        """

    @property
    @abstractmethod
    def parameters(self) -> dict[str, float]:
        """The few numbers worth showing to a person."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted correction: only this can be applied.

    Attributes
    ----------
    method
        Name of the method's card.
    map
        The learned map.
    takes
        Form of the predictions that it corrects: their kind and columns.
    rows
        The rows that the fit has seen; ``prove`` refuses them.
    converged
        False where the fit has no minimum, as when every prediction is right.
    gives
        Form of what comes out where it differs: intervals from points, sets from probabilities.

    Examples
    --------
    >>> from trueup.calibration import TemperatureScaling
    >>> from trueup.worlds import confident_by_factor
    >>> world = confident_by_factor(2.0, rows=20_000)
    >>> fitted = TemperatureScaling().fit(world.evidence)
    >>> fitted.apply(Probabilities([0.9])).probs.round(2)
    array([[0.25, 0.75]])
    """

    method: str
    map: AbstractMap
    takes: Form
    rows: Rows
    converged: bool = True
    gives: Form = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        object.__setattr__(self, "gives", self.gives or self.takes)

    @property
    def k(self) -> int:
        """Number of columns that it takes: of classes, quantiles, members."""
        return self.takes.width

    @property
    def input(self) -> str:
        """Name of the columns that the map reads: ``"logs"``, ``"probs"``, ``"values"``."""
        return self.map.of or self.takes.input

    @property
    def made(self) -> Expr:
        """What the map makes of the columns that it takes."""
        return self.map.expression(Input(self.input, self.k))

    @property
    def needs(self) -> dict[str, Input]:
        """Name -> input of what is read beside the prediction: columns of groups, features."""
        found = inputs_of(self.made)
        return {given.name: given for given in found if given.name != self.input}

    def apply(self, prediction: Prediction, **context: np.ndarray) -> Any:
        """Correct every row; shape, class order and class names stay.

        Parameters
        ----------
        prediction
            A prediction of the form that was fitted: the same kind, classes, levels.
        context
            What ``needs`` names: columns (n,) or (n, d) that the correction reads beside the
            prediction.
        """
        if not isinstance(prediction, Prediction) or form_of(prediction) != self.takes:
            got = form_of(prediction) if isinstance(prediction, Prediction) else prediction
            raise FitError(
                f"{self.method}.apply",
                f"fitted on {self.takes}, asked to correct {_short(got)}",
                do="Pass a prediction of the kind, the classes and the levels of the fit",
            )
        given = {name: _given(self.method, need, context, len(prediction))
                 for name, need in self.needs.items()}  # fmt: skip
        read = columns_of(prediction) if self.input != "probs" else _probs(prediction)
        columns = evaluate(self.made, {self.input: read, **given})
        return self.gives.prediction(columns, like=prediction)

    def correct(self, evidence: Evidence) -> Any:
        """Correct the prediction of ``evidence``, whose ``by`` and ``features`` are at hand."""
        prediction = evidence.prediction
        known = {
            **evidence.by,
            **({} if evidence.features is None else {"features": evidence.features}),
        }
        return self.apply(prediction, **{name: known[name] for name in self.needs if name in known})

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """Name of an input of groups -> names of the groups that the fit has seen."""
        nodes = in_order(self.made)
        return {n.key.name: n.names for n in nodes if isinstance(n, Choose | Lookup)}

    def unseen(self, **context: np.ndarray) -> np.ndarray:
        """Which rows (n,) belong to a group that the fit has never seen: they take its fallback.

        Parameters
        ----------
        context
            The columns (n,) of groups that ``needs`` names.
        """
        found = [
            ~np.isin(as_names(_given(self.method, self.needs[name], context)[:, 0]), seen)
            for name, seen in self.groups.items()
        ]
        return np.any(found, axis=0) if found else np.zeros(0, dtype=bool)

    @property
    def unseen_sql(self) -> str:
        """``unseen`` as a condition of SQL."""
        asked = []
        for name, seen in self.groups.items():
            column = quoted(self.needs[name].columns[0])
            names = ", ".join("'" + each.replace("'", "''") + "'" for each in seen)
            asked.append(f"{column} IS NULL")
            asked.append(f"CAST({column} AS VARCHAR) NOT IN ({names})" if names else "true")
        return " OR ".join(asked) or "false"

    def expression(self, *, event: bool, normalize: bool = False) -> Expr:
        """Corrected columns as an expression of the given ones.

        Probabilities are an expression of ``Input("probs")``, other kinds of ``Input("values")``.

        Parameters
        ----------
        event
            One column in and out, the probability of the event; else a column a class.
        normalize
            Whether rows are divided by their sum first.
        """
        if self.takes.kind != Probabilities.kind:
            return self.made
        probs: Expr = Input("probs", 1 if event else self.k)
        if normalize and not event:
            probs = operate("divide", probs, Total(probs))
        of = probs_of if self.map.of == "probs" else logs_of
        made = self.map.expression(of(probs, event=event))
        if self.gives.kind != Probabilities.kind:
            return made
        shares = softmax(made)
        return shares[1] if event else shares

    def sql(
        self,
        relation: str,
        columns: Sequence[str],
        *,
        event: bool,
        keep: Sequence[str] = (),
        normalize: bool = False,
        types: Mapping[str, str] | None = None,
        outputs: Sequence[str] = (),
    ) -> str:
        """A query of ``relation`` with the corrected prediction.

        Parameters
        ----------
        relation
            What stands in the parentheses after FROM: a query, or ``FROM table`` in DuckDB.
        columns
            Names of the columns of the prediction: one for an event, else k. They are replaced;
            where another form comes out its columns are added.
        event
            Whether ``columns`` holds the probability of an event.
        keep
            Names of all columns of the result, in order; empty means ``columns`` alone.
        normalize
            Whether rows are divided by their sum first.
        types
            SQL types of the corrected columns where they are not those of their form.
        outputs
            Names of the columns that are added; empty means ``gives.names``.
        """
        name = "probs" if self.takes.kind == Probabilities.kind else self.takes.input
        given = {name: [f"CAST({quoted(c)} AS DOUBLE)" for c in columns]}
        same = self.gives == self.takes
        out = list(columns if same else outputs or self.gives.names)
        keep = [*(keep or columns), *([] if same else out)]
        for name, need in self.needs.items():
            given[name] = [f"CAST({quoted(c)} AS {need.sql_type})" for c in need.columns]
        return select(
            self.expression(event=event, normalize=normalize),
            relation=relation,
            inputs=given,
            outputs={quoted(c): (types or {}).get(c, self.gives.sql_type) for c in out},
            keep=[quoted(c) for c in keep],
        )


def _probs(prediction: Prediction) -> np.ndarray:
    """Probabilities (n, k) of a prediction that is made of them."""
    assert isinstance(prediction, Probabilities)
    return prediction.probs


def _short(value: object) -> str:
    return str(value) if isinstance(value, Form) else type(value).__name__


def _given(method: str, need: Input, context: Mapping, n: int | None = None) -> np.ndarray:
    """The values (n, width) of an input beside the prediction."""
    if need.name not in context:
        raise FitError(
            f"{method}.apply",
            f"it needs '{need.name}' beside the probabilities",
            do=f"Pass {need.name}=..., one row a prediction",
        )
    values = np.asarray(context[need.name])
    n = len(values) if n is None else n
    wide = values.reshape(len(values), -1 if values.size else need.width)
    if wide.shape != (n, need.width):
        raise FitError(
            f"{method}.apply",
            f"'{need.name}' has shape {values.shape} for {n} predictions of {need.width} columns",
            do="Pass one row a prediction",
        )
    return wide
