"""Maps of the probability of one event, and how several classes are mapped by them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from trueup.core.correction import AbstractCorrection
from trueup.core.expressions import OPS, Expr, Join, Scaled, operate
from trueup.core.fitted import AbstractMap


class AbstractEventMap(AbstractMap):
    """A map of the log-odds of an event; with several classes each is mapped against the rest."""

    @abstractmethod
    def odds(self, x: Expr) -> Expr:
        """Corrected log-odds, one column, of the log-odds ``x``."""

    def expression(self, logs: Expr) -> Expr:
        x = self.odds(operate("subtract", logs[1], logs[0]))
        return Join((Scaled(x, 0.0), x))


@dataclass(frozen=True)
class OneVersusRest(AbstractMap):
    """An event map for every class; the corrected probabilities are brought back to sum to one.

    Parameters
    ----------
    maps
        One event map a class.
    """

    maps: tuple[AbstractEventMap, ...]

    def expression(self, logs: Expr) -> Expr:
        x = operate("log_odds", logs)
        odds = Join(tuple(m.odds(x[j]) for j, m in enumerate(self.maps)))
        return Scaled(operate("softplus", Scaled(odds, -1.0)), -1.0)

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
    return OPS["log_odds"].numpy(logs)
