r"""Multiple data assimilation: the same observations several times, each with a larger error.

With :math:`\sum_i 1/\alpha_i = 1` the likelihoods of errors :math:`\alpha_i R` multiply to that of
R. Each of ``times`` small steps (:math:`\alpha_i` equal) runs the members through the model again,
so that a nonlinear model is followed in small pieces. In a linear problem the pieces give the one
update exactly.

Examples
--------
>>> import numpy as np
>>> from trueup.error import EnsembleFilter, Observations
>>> decay = lambda rate: np.exp(-rate * np.arange(1, 6))     # a rate that is known by five values
>>> guess = np.random.default_rng(0).normal(1.0, 0.3, (100, 1))
>>> made = EnsembleFilter(smoother=MultipleAssimilation(8)).run(
...     lambda x, dt: x, guess, dt=0.0,
...     observations=Observations(decay(np.array([[0.5]])), error=0.01, operator=decay))
>>> made.analysis.round(2).tolist()
[[0.5]]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.error.assimilation.cycle import Cycle, split, turned
from trueup.error.assimilation.lagged import at_least_one
from trueup.error.assimilation.windows import slide


CARD = Card(
    name="MultipleAssimilation",
    question="error",
    family="assimilation",
    summary="the same observations in several small steps (ES-MDA), for parameters and windows",
    paper="Emerick, Reynolds 2013, Computers & Geosciences 55",
    axes={"smoother": "multiple assimilation"},
    cost="a run of all members through the window for every step",
    not_for="posteriors with several modes: steps follow one Gaussian",
)


@dataclass(frozen=True)
class MultipleAssimilation:
    """Observations move the start of a window in ``times`` steps of equal weight.

    Use it for parameters of a model (with a model that leaves them as they are and an operator that
    runs the simulation), and for windows with any update and localisation.

    Parameters
    ----------
    times
        Steps, 1 or more; four is usual.
    lag
        Cycles of a window, 1 or more; observations at its end move its start.
    """

    times: int = 4
    lag: int = 1

    def __post_init__(self) -> None:
        at_least_one("MultipleAssimilation", "times", self.times)
        at_least_one("MultipleAssimilation", "lag", self.lag)

    def refuse(self, settings) -> None:
        """Every row can be taken in steps."""

    def sweep(self, cycle: Cycle, E: np.ndarray):
        """Last ensemble, smoothed means (t, e, m) and spreads (t, e)."""
        return slide(cycle, E, self.lag, self._solve)

    def _solve(self, cycle: Cycle, E: np.ndarray, k: int, cycles: int) -> np.ndarray:
        """The start of the window, given what is observed at its end."""
        mean, A = split(E)
        before = A
        for step in range(self.times):
            now = cycle.forecast(mean[:, None] + A, k, cycles)
            if step == 0:
                cycle.write("forecast", k, *split(now))
            S, d = cycle.look(now, k, write=step == 0, error=self.times**0.5)
            if step == 0:
                A, S = cycle.prior(A, S, d, k)
            shift, A = cycle.transform(A, S, d).apply(A)
            mean = mean + shift
        made = turned(cycle.rotation(*A.shape[:2]), A)
        return mean[:, None] + cycle.inflated(made, before, k)
