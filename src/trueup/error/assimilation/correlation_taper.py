r"""Localisation by correlation: what the ensemble can tell from chance counts.

The sampling variance of a correlation r of n members is about :math:`(1 - r^2)^2 / (n - 1)`. The
factor that brings an unbiased :math:`\rho \hat r` closest to r in the mean square is
:math:`r^2 / (r^2 + \text{variance})`; with :math:`\hat r^2` less its variance for the unknown
:math:`r^2` it is

.. math:: \rho = \max\left(0,\; 1 - s^2 \frac{(1 - \hat r^2)^2}{(n - 1)\, \hat r^2}\right)

with s = 1. A larger ``strength`` s asks for correlations of about s standard errors.

Examples
--------
>>> import numpy as np
>>> CorrelationTaper().of(np.array([0.1, 0.5, 1.0]), 11).round(3).tolist()
[0.0, 0.775, 1.0]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import UsageError
from trueup.error.assimilation.local import Near


CARD = Card(
    name="CorrelationTaper",
    question="error",
    family="assimilation",
    summary="localisation of an ensemble update by correlation, without places",
    paper="Flowerdew 2015, Tellus A 67, 25257, for a taper that is least wrong in the mean square",
    axes={"localisation": "correlation"},
    cost="O(state x observations x members) an update",
    not_for="fewer than about fifteen members, or states with places, where distance knows more",
)


@dataclass(frozen=True)
class CorrelationTaper:
    """Covariances with observations shrink by what chance alone would show.

    Use it where states have no places (parameters, coefficients), or where far places are truly
    coupled. Small ensembles estimate the taper from the same few members, so that a known distance
    is better where there is one.

    Parameters
    ----------
    strength
        How many standard errors of chance are taken off, above 0; 1 is least wrong on average.
    """

    strength: float = 1.0

    def __post_init__(self) -> None:
        if not self.strength > 0:
            raise UsageError(
                "CorrelationTaper",
                f"strength is {self.strength}",
                do="Pass a number above 0, or leave localisation out",
            )

    def of(self, r: np.ndarray, members: int) -> np.ndarray:
        """Weights in [0, 1] of correlations r of so many members."""
        square = np.minimum(r * r, 1.0)
        chance = self.strength**2 * (1 - square) ** 2 / (members - 1)
        return np.maximum(1 - chance / np.maximum(square, 1e-12), 0.0)

    def meet(self, shape: tuple[int, ...], index: np.ndarray | None) -> Correlations:
        """Bind to a state; correlations need nothing of it beforehand."""
        return Correlations(self)


@dataclass(frozen=True)
class Correlations:
    """A taper made anew from the members at every update."""

    taper: CorrelationTaper
    covariance = False

    def near(self, A: np.ndarray, S: np.ndarray) -> Near:
        """All observations, weighted for every number of the state."""
        return Near(None, self.state(A, S), None)

    def state(self, A: np.ndarray, S: np.ndarray) -> np.ndarray:
        """(e, m, p) taper of the state with observations."""
        return self.taper.of(_unit(A).swapaxes(1, 2) @ _unit(S), S.shape[1])

    def observed(self, S: np.ndarray) -> np.ndarray:
        """(e, p, p) taper of observations."""
        unit = _unit(S)
        return self.taper.of(unit.swapaxes(1, 2) @ unit, S.shape[1])


def _unit(X: np.ndarray) -> np.ndarray:
    """Anomalies (e, n, k) of length one over members; a constant stays 0."""
    length = np.sqrt((X * X).sum(1, keepdims=True))
    return X / np.where(length > 0, length, 1)
