"""What a fit leaves behind: a map of predictions that knows the rows it has seen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.core.effort import Effort
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
    select,
    softmax,
)
from trueup.core.predictions import Probabilities
from trueup.core.rows import Rows
from trueup.core.tables.names import quoted


class AbstractMap(ABC):
    """A map of class probabilities, learned once: frozen numbers and how to apply them."""

    @abstractmethod
    def expression(self, logs: Expr) -> Expr:
        """The k corrected log-probabilities, up to a constant a row, of the k columns ``logs``."""

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
    k
        Number of classes.
    rows
        The rows that the fit has seen; ``prove`` refuses them.
    converged
        False where the fit has no minimum, as when every prediction is right.

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
    k: int
    rows: Rows
    converged: bool = True

    @property
    def needs(self) -> dict[str, Input]:
        """Name -> input of what is read beside the probabilities: columns of groups, features."""
        found = inputs_of(self.map.expression(Input("logs", self.k)))
        return {given.name: given for given in found if given.name != "logs"}

    def apply(self, prediction: Probabilities, **context: np.ndarray) -> Probabilities:
        """Correct every row; shape, class order and class names stay.

        Parameters
        ----------
        prediction
            Probabilities of the classes of the fit.
        context
            What ``needs`` names: columns (n,) or (n, d) that the correction reads beside the
            probabilities.
        """
        if not isinstance(prediction, Probabilities) or prediction.k != self.k:
            got = getattr(prediction, "k", type(prediction).__name__)
            raise FitError(
                f"{self.method}.apply",
                f"fitted on {self.k} classes, asked to correct {got}",
                do="Pass Probabilities with the classes of the fit",
            )
        given = {name: _given(self.method, need, context, len(prediction))
                 for name, need in self.needs.items()}  # fmt: skip
        made = self.map.expression(Input("logs", self.k))
        logs = evaluate(made, {"logs": prediction.log_probs(), **given})
        return Probabilities.from_logits(logs, classes=prediction.classes, event=prediction.event)

    def correct(self, evidence: Evidence) -> Probabilities:
        """Correct the prediction of ``evidence``, whose ``by`` and ``features`` are at hand."""
        prediction = evidence.prediction
        assert isinstance(prediction, Probabilities)
        known = {
            **evidence.by,
            **({} if evidence.features is None else {"features": evidence.features}),
        }
        return self.apply(prediction, **{name: known[name] for name in self.needs if name in known})

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """Name of an input of groups -> names of the groups that the fit has seen."""
        nodes = in_order(self.map.expression(Input("logs", self.k)))
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
        """Corrected probabilities as an expression of ``Input("probs")``.

        Parameters
        ----------
        event
            One column in and out, the probability of the event; else a column a class.
        normalize
            Whether rows are divided by their sum first.
        """
        probs: Expr = Input("probs", 1 if event else self.k)
        if normalize and not event:
            probs = operate("divide", probs, Total(probs))
        shares = softmax(self.map.expression(logs_of(probs, event=event)))
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
    ) -> str:
        """A query of ``relation`` with corrected probabilities.

        Parameters
        ----------
        relation
            What stands in the parentheses after FROM: a query, or ``FROM table`` in DuckDB.
        columns
            Names of the columns of probabilities: one for an event, else k.
        event
            Whether ``columns`` holds the probability of an event.
        keep
            Names of all columns of the result, in order; empty means ``columns`` alone.
        normalize
            Whether rows are divided by their sum first.
        types
            SQL types of the corrected columns where they are not DOUBLE.
        """
        given = {"probs": [f"CAST({quoted(c)} AS DOUBLE)" for c in columns]}
        for name, need in self.needs.items():
            given[name] = [f"CAST({quoted(c)} AS {need.sql_type})" for c in need.columns]
        return select(
            self.expression(event=event, normalize=normalize),
            relation=relation,
            inputs=given,
            outputs={quoted(c): (types or {}).get(c, "DOUBLE") for c in columns},
            keep=[quoted(c) for c in keep or columns],
        )


def _given(method: str, need: Input, context: Mapping, n: int | None = None) -> np.ndarray:
    """The values (n, width) of an input beside the probabilities."""
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


class AbstractCorrection(ABC):  # noqa: B024  a correction writes learn or learn_from
    """Settings of a correction of class probabilities; ``fit`` learns, ``Fitted`` applies."""

    least_classes: ClassVar[int] = 2
    effort: ClassVar[Effort] = Effort.LIGHT
    reads: ClassVar[tuple[str, ...]] = ()
    """Roles of the evidence that a fit needs beside the probabilities: ``"by"``, ``"features"``."""

    def learn(
        self, logs: np.ndarray, truth: np.ndarray, weight: np.ndarray
    ) -> tuple[AbstractMap, bool]:
        """The map and whether the fit converged, from log-probabilities (n, k)."""
        raise FitError(
            f"{type(self).__name__}.learn",
            f"it reads {' and '.join(self.reads)} beside the probabilities",
            do="Call fit with the whole evidence",
        )

    def learn_from(self, evidence: Evidence, weight: np.ndarray) -> tuple[AbstractMap, bool]:
        """As ``learn``, with every role of the evidence at hand."""
        prediction = evidence.prediction
        assert isinstance(prediction, Probabilities)
        return self.learn(prediction.log_probs(), evidence.truth, weight)

    def fit(self, evidence: Evidence) -> Fitted:
        """Learn the map from evidence.

        Parameters
        ----------
        evidence
            n >= 1 rows of ``Probabilities`` and the truth. A weight counts its row so many times;
            weights below 1 on average are taken for shares and brought to that average.

        Raises
        ------
        FitError
            No rows, or another kind of prediction.
        """
        name, prediction = type(self).__name__, evidence.prediction
        if not isinstance(prediction, Probabilities):
            raise FitError(
                f"{name}.fit",
                f"the prediction is of kind '{prediction.kind}'",
                do="Pass Probabilities",
            )
        if len(evidence) == 0:
            raise FitError(
                f"{name}.fit", "there are no rows", do="Pass evidence with at least one row"
            )
        weight = _counts(evidence.weight, len(evidence))
        learned, converged = self.learn_from(evidence, weight)
        return Fitted(name, learned, prediction.k, evidence.rows, converged)


def _counts(weight: np.ndarray | None, n: int) -> np.ndarray:
    """Weights that can stand for counts of rows, as the guards against 0 and 1 need them."""
    if weight is None or (weight[0] <= 1 and (weight == weight[0]).all()):
        return np.ones(n)
    return weight / min(1.0, float(weight[weight > 0].mean()))
