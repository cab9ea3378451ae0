"""What a fit leaves behind: a map of predictions that knows the rows it has seen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.core.errors import FitError
from trueup.core.evidence import Evidence
from trueup.core.predictions import EPS, Probabilities
from trueup.core.rows import Rows


class AbstractMap(ABC):
    """A map of class probabilities, learned once: frozen numbers and how to apply them."""

    @abstractmethod
    def __call__(self, logs: np.ndarray) -> np.ndarray:
        """(n, k) corrected log-probabilities, up to a constant a row, of ``logs`` (n, k)."""

    @abstractmethod
    def sql(self, logs: Sequence[str]) -> list[str]:
        """The same as k SQL expressions over the columns ``logs`` of log-probabilities."""

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

    def apply(self, prediction: Probabilities) -> Probabilities:
        """Correct every row; shape, class order and class names stay."""
        if not isinstance(prediction, Probabilities) or prediction.k != self.k:
            got = getattr(prediction, "k", type(prediction).__name__)
            raise FitError(
                f"{self.method}.apply",
                f"fitted on {self.k} classes, asked to correct {got}",
                do="Pass Probabilities with the classes of the fit",
            )
        logs = self.map(prediction.log_probs())
        return Probabilities.from_logits(logs, classes=prediction.classes, event=prediction.event)

    def sql(self, columns: Sequence[str], *, event: bool) -> list[str]:
        """The correction as SQL expressions.

        Parameters
        ----------
        columns
            Expressions of the probabilities: one for an event, else k.
        event
            Whether ``columns`` holds the probability of an event.
        """
        logs = [f"ln(greatest({column}, {EPS!r}))" for column in columns]
        if event:
            logs = [f"ln(greatest(1.0 - {columns[0]}, {EPS!r}))", logs[0]]
        raw = self.map.sql(logs)
        top = f"greatest({', '.join(raw)})"
        powers = [f"exp({term} - {top})" for term in raw]
        total = " + ".join(powers)
        return [f"{power} / ({total})" for power in powers[1 if event else 0 :]]


class AbstractCorrection(ABC):
    """Settings of a correction of class probabilities; ``fit`` learns, ``Fitted`` applies."""

    least_classes: ClassVar[int] = 2

    @abstractmethod
    def learn(
        self, logs: np.ndarray, truth: np.ndarray, weight: np.ndarray
    ) -> tuple[AbstractMap, bool]:
        """The map and whether the fit converged, from log-probabilities (n, k)."""

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
        learned, converged = self.learn(prediction.log_probs(), evidence.truth, weight)
        return Fitted(name, learned, prediction.k, evidence.rows, converged)


def _counts(weight: np.ndarray | None, n: int) -> np.ndarray:
    """Weights that can stand for counts of rows, as the guards against 0 and 1 need them."""
    if weight is None:
        return np.ones(n)
    return weight / min(1.0, float(weight[weight > 0].mean()))


class AbstractEventMap(AbstractMap):
    """A map of the log-odds of an event; with several classes each is mapped against the rest."""

    @abstractmethod
    def odds(self, x: np.ndarray) -> np.ndarray:
        """Corrected log-odds (n,) of log-odds ``x`` (n,)."""

    @abstractmethod
    def odds_sql(self, x: str) -> str:
        """The same as a SQL expression."""

    def __call__(self, logs: np.ndarray) -> np.ndarray:
        x = self.odds(logs[:, 1] - logs[:, 0])
        return np.column_stack([np.zeros_like(x), x])

    def sql(self, logs: Sequence[str]) -> list[str]:
        return ["0.0", self.odds_sql(f"({logs[1]} - {logs[0]})")]


@dataclass(frozen=True)
class OneVersusRest(AbstractMap):
    """An event map for every class; the corrected probabilities are brought back to sum to one.

    Parameters
    ----------
    maps
        One event map a class.
    """

    maps: tuple[AbstractEventMap, ...]

    def __call__(self, logs: np.ndarray) -> np.ndarray:
        odds = [m.odds(log_odds(logs[:, j])) for j, m in enumerate(self.maps)]
        return np.column_stack([-np.logaddexp(0.0, -x) for x in odds])

    def sql(self, logs: Sequence[str]) -> list[str]:
        # 1 - e^x written so that it keeps its digits where x is near 0.
        rest = [
            f"({log} - ln(greatest(-2.0 * sinh(({log}) / 2.0) * exp(({log}) / 2.0), {EPS!r})))"
            for log in logs
        ]
        odds = [m.odds_sql(x) for m, x in zip(self.maps, rest, strict=True)]
        return [f"-ln(1.0 + exp(least(-({x}), 700.0)))" for x in odds]

    @property
    def parameters(self) -> dict[str, float]:
        return {
            f"{name}[{j}]": value
            for j, m in enumerate(self.maps)
            for name, value in m.parameters.items()
        }


class AbstractEventCorrection(AbstractCorrection):
    """Settings of a correction of the probability of an event."""

    @abstractmethod
    def learn_event(
        self, x: np.ndarray, y: np.ndarray, weight: np.ndarray
    ) -> tuple[AbstractEventMap, bool]:
        """The event map and whether the fit converged, from log-odds (n,) and outcomes (n,)."""

    def learn(
        self, logs: np.ndarray, truth: np.ndarray, weight: np.ndarray
    ) -> tuple[AbstractMap, bool]:
        """One map for two classes, one a class against the rest for more."""
        if logs.shape[1] == 2:
            return self.learn_event(logs[:, 1] - logs[:, 0], (truth == 1).astype(float), weight)
        learned = [
            self.learn_event(log_odds(logs[:, j].copy()), (truth == j).astype(float), weight)
            for j in range(logs.shape[1])
        ]
        maps, converged = zip(*learned, strict=True)
        return OneVersusRest(tuple(maps)), all(converged)


def log_odds(logs: np.ndarray) -> np.ndarray:
    """Log-odds of a class from its log-probability (n,)."""
    return logs - np.log(np.maximum(-np.expm1(logs), EPS))
