r"""Iterative smoother: Gauss-Newton steps through a nonlinear model, in the space of members.

The state at the start of a window is :math:`\bar x + w A`; the weights minimise

.. math:: \tfrac12 (n - 1)\, w^\top w + \tfrac12 \lVert y - H M(\bar x + w A) \rVert^2_{R^{-1}} .

A step runs the members :math:`\bar x + w A + T A` through the model, takes their sensitivity
:math:`Y = T^{-1} S`, and solves :math:`(I + Y Y^\top)\, \delta = Y d - \sqrt{n-1}\, w`; the next
:math:`T = (I + Y Y^\top)^{-1/2}`. In a linear problem the first step is the last, and is the square
root filter.

Examples
--------
>>> import numpy as np
>>> from trueup.error import EnsembleFilter, Observations
>>> grow = lambda x, dt: x + dt * x * (1 - x)                # logistic growth, seen at its end
>>> start = np.random.default_rng(0).normal(0.3, 0.1, (50, 1))
>>> made = EnsembleFilter(smoother=IterativeSmoother()).run(
...     grow, start, dt=0.1, observations=Observations([[0.9]], error=0.02, every=30))
>>> made.analysis.round(2).tolist()
[[0.9]]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import UsageError
from trueup.error.assimilation.cycle import Cycle, split, turned
from trueup.error.assimilation.lagged import at_least_one
from trueup.error.assimilation.updates import spectrum
from trueup.error.assimilation.windows import slide


CARD = Card(
    name="IterativeSmoother",
    question="error",
    family="assimilation",
    summary="Gauss-Newton smoother of an ensemble over a window, for strongly nonlinear models",
    paper="Bocquet, Sakov 2014, QJRMS 140(682), single data assimilation",
    axes={"smoother": "iterative"},
    cost="a run of all members through the window for every step, three to ten of them",
    not_for="weakly nonlinear models, where the filter is as good at a fraction of the cost",
)


@dataclass(frozen=True)
class IterativeSmoother:
    """The start of a window is moved until the model meets the observation at its end.

    Use it where errors grow far beyond the linear range between observations. It needs
    ``update="square_root"`` and no localisation, as weights of the start serve the whole window.

    Parameters
    ----------
    lag
        Cycles of a window, 1 or more; observations at its end move its start.
    iterations
        Most Gauss-Newton steps, 1 or more.
    tolerance
        Root mean square change of weights, in standard deviations of members, that ends them.
    """

    lag: int = 1
    iterations: int = 10
    tolerance: float = 1e-2

    def __post_init__(self) -> None:
        at_least_one("IterativeSmoother", "lag", self.lag)
        at_least_one("IterativeSmoother", "iterations", self.iterations)

    def refuse(self, settings) -> None:
        """Refuse rows that have no weights of the whole state."""
        row = (settings.update, settings.localisation)
        if row != ("square_root", None) or hasattr(settings.inflation, "factor"):
            raise UsageError(
                "EnsembleFilter",
                f"IterativeSmoother goes with update 'square_root', a number for inflation and no "
                f"localisation; got '{settings.update}', {settings.inflation}, "
                f"{settings.localisation}",
                do="Take these, or MultipleAssimilation, which goes with every row",
            )

    def sweep(self, cycle: Cycle, E: np.ndarray):
        """Last ensemble, smoothed means (t, e, m) and spreads (t, e)."""
        return slide(cycle, E, self.lag, self._solve)

    def _solve(self, cycle: Cycle, E: np.ndarray, k: int, cycles: int) -> np.ndarray:
        """The start of the window, given what is observed at its end."""
        mean, A = split(E)
        e, n, _ = A.shape
        w = np.zeros((e, n), A.dtype)
        T = back = np.broadcast_to(np.eye(n, dtype=A.dtype), (e, n, n))
        for step in range(self.iterations):
            now = cycle.forecast(mean[:, None] + w[:, None] @ A + T @ A, k, cycles)
            if step == 0:
                cycle.write("forecast", k, *split(now))
            S, d = cycle.look(now, k, write=step == 0)
            change, T, back = _newton(back @ S, d, w)
            w = w + change
            if (change**2).sum(1).max() * (n - 1) < self.tolerance**2 * n:
                break
        made = turned(cycle.rotation(e, n), T @ A)
        return (mean + (w[:, None] @ A)[:, 0])[:, None] + cycle.inflated(made, A, k)


def _newton(Y: np.ndarray, d: np.ndarray, w: np.ndarray):
    """Change of the weights (e, n), the next T (e, n, n) and its inverse."""
    root = (Y.shape[1] - 1) ** 0.5
    sigma, V = spectrum(Y)
    Vt = V.swapaxes(1, 2)
    pull = (Y @ d[..., None])[..., 0] - root * w
    along = (Vt @ pull[..., None])[..., 0]
    change = pull + (V @ (along * (1 / (1 + sigma) - 1))[..., None])[..., 0]
    one = np.eye(Y.shape[1], dtype=Y.dtype)
    grow = np.sqrt(1 + sigma)[:, None]
    return change / root, one + (V * (1 / grow - 1)) @ Vt, one + (V * (grow - 1)) @ Vt
