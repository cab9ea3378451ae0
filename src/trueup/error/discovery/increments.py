r"""What a model misses over a window, and what every term would have added.

Let :math:`\Phi_t` be the model and u(s) what was observed. Where the truth adds a tendency
:math:`f = \sum_j c_j \varphi_j`, variation of constants for nonlinear flows (Alekseev 1961,
Groebner 1960) says exactly

.. math:: u(h) - \Phi_h(u(0)) = \int_0^h D\Phi_{h - s}(u(s)) \, f(u(s)) \, ds ,

so a missing term is seen through the model's own step, and the integral over the *observed* states
is linear in c however large f is. Newton-Cotes weights over the states between give it to order
``span + 2`` or more; :math:`D\Phi \varphi` is a difference of two steps of the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from trueup.core.black_box import BlackBox
from trueup.error.discovery.library import Library


WEIGHTS = {1: (1 / 2, 1 / 2), 2: (1 / 6, 4 / 6, 1 / 6)}
"""Weights of the trapezoid and of Simpson's rule, over the states of an increment."""
Place = tuple[int, int]
"""Component whose equation a term stands in, and number of the term in the library."""
KICK = {np.dtype(np.float64): 1e-6, np.dtype(np.float32): 1e-3}
"""Size of the perturbation, in standard deviations of the state."""


@dataclass(frozen=True)
class Increments:
    """How misses and terms are brought together.

    Parameters
    ----------
    box
        The model.
    library
        The terms.
    dt
        Time between two states of a window.
    through
        Whether terms are seen through the model's step; else plainly, where they stand.
    substeps
        Steps of the model between two states.
    span
        Intervals of an increment, 1 or 2; None takes 2 where the window's length is even.
    """

    box: BlackBox
    library: Library
    dt: float
    through: bool = True
    substeps: int = 1
    span: int | None = None

    def misses(self, windows: np.ndarray) -> np.ndarray:
        """What the model misses a unit of time, (n, components, *mesh) a window."""
        nodes, _, span = cut(windows, self.span)
        starts = nodes[0]
        ends = windows[:, span::span]
        found = self.pushed(starts, span).reshape(ends.shape)
        return weighed((ends - found) / (span * self.dt))

    def columns(self, windows: np.ndarray, which: list[Place]) -> Iterator[np.ndarray]:
        """What every term of ``which`` adds a unit of time, each like ``misses``."""
        nodes, shape, span = cut(windows, self.span)
        values = [self.library(node) for node in nodes]
        if self.through:
            base = [self.pushed(node, span - i) for i, node in enumerate(nodes[:-1])]
            size = float(np.concatenate([node.ravel() for node in nodes]).std())
        for component, term in which:
            column = np.zeros(nodes[0].shape)
            for i, weight in enumerate(WEIGHTS[span]):
                push = np.zeros_like(nodes[i])
                push[:, component] = values[i][term]
                if self.through and i < span:
                    push = self._felt(nodes[i], push, base[i], span - i, size)
                column += weight * push
            yield weighed(column.reshape(shape))

    def _felt(self, states, push, base, steps: int, size: float) -> np.ndarray:
        """A push as it is after ``steps``: the derivative of the model along it."""
        scale = float(push.std()) or 1.0
        kick = KICK[self.box.dtype] * (size or 1.0) / scale
        return (self.pushed(states + kick * push, steps) - base) / kick

    def pushed(self, states: np.ndarray, steps: int) -> np.ndarray:
        """``states`` after so many intervals of the model."""
        return self.box(states, self.dt / self.substeps, steps * self.substeps)


def cut(
    windows: np.ndarray, span: int | None = None
) -> tuple[list[np.ndarray], tuple[int, ...], int]:
    """States at every node of all increments, the shape to put increments back in, the span.

    A window of m intervals has m / span increments of ``span`` intervals.
    """
    n, many, *state = windows.shape
    span = span or (2 if many % 2 else 1)
    each = (many - 1) // span
    nodes = [windows[:, i : i + span * (each - 1) + 1 : span].reshape(-1, *state)
             for i in range(span + 1)]  # fmt: skip
    return nodes, (n, each, *state), span


def weighed(increments: np.ndarray) -> np.ndarray:
    r"""Mean (n, ...) of ``increments`` (n, each, ...) with weights that vanish at the ends.

    With :math:`(1 - \tau^2)^2` over the window the noise of inner states cancels between one
    increment and the next: the error of the mean falls with the window's length to the power 3/2.
    """
    tau = (np.arange(increments.shape[1]) + 0.5) / increments.shape[1] * 2 - 1
    weights = (1 - tau**2) ** 2
    return np.einsum("e,ne...->n...", weights / weights.sum(), increments)
