r"""What a model misses in steps of a map: driven models, models of delayed values.

Where every step of the truth adds :math:`f = \sum_j c_j \varphi_j` to the model :math:`\Phi`, over
m steps from the observed state u(0)

.. math:: u_m - \Phi^m(u_0) = \sum_{k<m} D\Phi^{m-1-k} f(u_k)

along the *observed* states, exact for linear models and to first order in f for others. Inputs are
taken as observed at every step. One step minimises the error of the next value, where noise of the
observed values before it counts as theirs; long windows that of a free run, whose start is soon
forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from trueup.error.discovery.increments import KICK, Increments, Place, lengths


@dataclass(frozen=True)
class Steps(Increments):
    """Misses and terms at the end of a window, in steps of a map."""

    through: bool = False

    def misses(self, windows: np.ndarray) -> np.ndarray:
        """What a free run through the window misses at its end, (n, components, *mesh)."""
        now = windows[:, 0]
        for after in range(1, windows.shape[1]):
            now = self.driven(self.pushed(now, 1), windows[:, after])
        return windows[:, -1] - now

    def columns(self, windows: np.ndarray, which: list[Place]) -> Iterator[np.ndarray]:
        """What every term of ``which`` adds at the end, each like ``misses``."""
        states = [windows[:, k] for k in range(windows.shape[1] - 1)]
        base = [self.pushed(state, 1) for state in states]
        values = [self.library(state) for state in states]
        kick = KICK[self.box.dtype] * (self.size or float(windows.std()) or 1.0)
        for component, term in which:
            push = np.zeros_like(states[0])
            for k, state in enumerate(states):
                if k:
                    step = kick / lengths(push)
                    push = (self.pushed(state + step * push, 1) - base[k]) / step
                    push = self.driven(push, None)
                push[:, component] += values[k][term]
            yield push

    def driven(self, states: np.ndarray, seen: np.ndarray | None) -> np.ndarray:
        """``states`` with inputs as ``seen``, or 0."""
        at = list(self.library.places(self.library.inputs))
        if at:
            states = states.copy()
            states[:, at] = 0.0 if seen is None else seen[:, at]
        return states
