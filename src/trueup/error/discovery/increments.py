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
from trueup.error.discovery.terms import evaluate


WEIGHTS = {1: (1 / 2, 1 / 2), 2: (1 / 6, 4 / 6, 1 / 6)}
"""Weights of the trapezoid and of Simpson's rule, over the states of an increment."""
MIDPOINT = (0.0, 1.0, 0.0)
"""Weights of the midpoint over the states of an increment of two intervals."""
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
    rule
        How the integral is taken. ``"exact"``: as written above. ``"chained"``: a push is carried
        from one observed state to the next, a step each, which neglects what the model misses on
        the way. ``"midpoint"``: from the middle alone, of order 2. The others are cheaper, for
        increments side by side as well, and enough to tell which terms matter.
    span
        Intervals of an increment, 1 or 2; None takes 2 where the window's length is even.
    size
        Standard deviation of the states, which perturbations are a share of; None takes that of
        the windows at hand.
    """

    box: BlackBox
    library: Library
    dt: float
    through: bool = True
    substeps: int = 1
    rule: str = "exact"
    span: int | None = None
    size: float | None = None

    def misses(self, windows: np.ndarray) -> np.ndarray:
        """What the model misses a unit of time, (n, components, *mesh) a window."""
        nodes, shape, span = cut(windows, self.span, every=self.rule == "exact")
        missed = nodes[span] - self.pushed(nodes[0], span)
        return weighed(missed.reshape(shape) / (span * self.dt), self._chains(span))

    def columns(self, windows: np.ndarray, which: list[Place]) -> Iterator[np.ndarray]:
        """What every term of ``which`` adds a unit of time, each like ``misses``."""
        nodes, shape, span = cut(windows, self.span, every=self.rule == "exact")
        rule = MIDPOINT if self.rule == "midpoint" and span == 2 else WEIGHTS[span]
        used = {i: weight for i, weight in enumerate(rule) if weight}
        few = sorted({term for _, term in which})
        terms = tuple(self.library.terms[t] for t in few)
        values = {i: dict(zip(few, evaluate(terms, nodes[i], self.library.mesh), strict=True))
                  for i in used}  # fmt: skip
        steps = {i: 1 if self.rule == "chained" else span - i for i in used if i < span}
        base = {i: self.pushed(nodes[i], n) for i, n in steps.items()} if self.through else {}
        size = self.size or float(windows.std())
        for component, term in which:
            column = np.zeros(nodes[0].shape)
            for i, weight in used.items():
                push = column if self.rule == "chained" else np.zeros_like(column)
                push[:, component] += weight * values[i][term]
                if i in base:
                    push = self._felt(nodes[i], push, base[i], steps[i], size)
                column = push if self.rule == "chained" else column + push
            yield weighed(column.reshape(shape), self._chains(span))

    def _chains(self, span: int) -> int:
        return span if self.rule == "exact" else 1

    def _felt(self, states, push, base, steps: int, size: float) -> np.ndarray:
        """A push as it is after ``steps``: the derivative of the model along it."""
        kick = KICK[self.box.dtype] * (size or 1.0) / lengths(push)
        return (self.pushed(states + kick * push, steps) - base) / kick

    def pushed(self, states: np.ndarray, steps: int) -> np.ndarray:
        """``states`` after so many intervals of the model."""
        return self.box(states, self.dt / self.substeps, steps * self.substeps)


def lengths(push: np.ndarray) -> np.ndarray:
    """Root mean square (n, 1, ...) of every push, 1 where it is 0."""
    found = np.sqrt(np.mean(push**2, axis=tuple(range(1, push.ndim)), keepdims=True))
    return np.where(found > 0, found, 1.0)


def cut(
    windows: np.ndarray, span: int | None = None, *, every: bool = True
) -> tuple[list[np.ndarray], tuple[int, ...], int]:
    """States at every node of all increments, the shape to put increments back in, the span.

    An increment of ``span`` intervals starts at ``every`` state but the last ones, so that the
    noise of all counts; else where the one before ends, which is cheaper.
    """
    n, many, *state = windows.shape
    span = span or (2 if many % 2 else 1)
    stride = 1 if every else span
    each = (many - 1 - span) // stride + 1
    last = stride * (each - 1) + 1
    nodes = [windows[:, i : i + last : stride].reshape(-1, *state) for i in range(span + 1)]
    return nodes, (n, each, *state), span


def weighed(increments: np.ndarray, chains: int = 1) -> np.ndarray:
    """Mean (n, ...) of ``increments`` (n, each, ...) that makes most of noisy states.

    Increments one of which starts where another ends are a chain; of several ``chains`` they stand
    in turn. Number q of a chain of L weighs (q + 1) (L - q), so that the noise of inner states
    cancels but for what is left of it when a line is fitted to all states: the error of the mean
    falls with the window's length to the power 3/2, and no other weights make it smaller.
    """
    each = increments.shape[1]
    turn, chain = np.divmod(np.arange(each), chains)
    weights = (turn + 1) * ((each - chain - 1) // chains + 1 - turn)
    return np.einsum("e,ne...->n...", weights / weights.sum(), increments)
