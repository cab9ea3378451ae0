r"""PCB: what matters within a model and agrees between models is kept, and weighs by how much.

Differences from the base, their magnitudes held within quantiles .0001 and .9999 of each model,
are judged by their size within the model and by the company they have in the others:

.. math:: b_i = \exp\bigl(k \, N(|\tau_i|)^2\bigr) \tanh\bigl(\tau_i \textstyle\sum_j \tau_j\bigr)

with N the numbers of a model from 0 (smallest) to 1 (largest). A share ``density`` of each model's
:math:`b_i` counts, from 0 at the threshold to 1 at the largest, :math:`s_i`; then
:math:`\theta = \theta_0 + \lambda \sum_i s_i \tau_i / \sum_i s_i`. The paper writes soft maxima;
these are the formulas of its published code, which leave out what is the same for all numbers.

Examples
--------
>>> import numpy as np
>>> from trueup.parameters import merge
>>> base, one, two = ({"w": np.float32(v)} for v in ([0, 0, 0, 0], [4, 0, 1, -3], [2, 1, 0, 5]))
>>> merge([one, two], base=base, method=PCB(density=0.5))["w"]
array([2.5, 0. , 0. , 2. ], dtype=float32)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.core.cards import Card
from trueup.parameters.merging.order import ranked
from trueup.parameters.merging.rule import AbstractMerging, Combine, factor, known_scope, share
from trueup.parameters.merging.stack import Piece, Stack


CARD = Card(
    name="PCB",
    question="parameters",
    family="merging",
    summary="differences weighed by their size within a model and their agreement with others",
    paper="Du et al. 2024, Parameter Competition Balancing, NeurIPS, 2410.02396, section 3",
    axes={"delta": "from the base", "sparsify": "balance", "consensus": "mean by balance"},
    mission=(33,),
    cost="O(k n), five passes over the files; no sort",
    not_for="models without a common base; a model alone",
)

OUTER = 1e-4
"""Share of magnitudes at either end that are drawn in, as in the paper's code."""


@dataclass(frozen=True)
class PCB(AbstractMerging):
    r"""Balance of parameters that compete.

    Parameters
    ----------
    density
        Share of each model's numbers that count, in (0, 1].
    scale
        :math:`\lambda`, what the merged difference is multiplied by.
    scope
        Ranked within the ``"model"``, as in the paper's code, or within a ``"tensor"``. Of fewer
        than 10,000 numbers the largest is held at the second largest, as there.
    """

    density: float = 0.1
    scale: float = 1.0
    scope: str = "model"

    of_deltas: ClassVar[bool] = True

    def __post_init__(self) -> None:
        share("PCB", "density", self.density)
        factor("PCB", "scale", self.scale)
        known_scope("PCB", self.scope)

    def ready(self, stack: Stack) -> Combine:
        n = stack.size
        if not n:
            return lambda piece: np.zeros_like(piece.models[0])
        largest = n - int(n * (1 - OUTER) - 1) if n > 1 else 1
        ends = ranked(stack, (n - int(n * OUTER), largest))

        def balance(piece: Piece) -> np.ndarray:
            return balanced(piece.models, ends)

        low, high = ranked(stack, (n - min(int(n * (1 - self.density)), n - 1), 1), of=balance).T

        def combine(piece: Piece) -> np.ndarray:
            parts = stretched(balance(piece), low, high) * (stack.shares * stack.k)[:, None]
            held = np.copysign(np.clip(np.abs(piece.models), *ends.T[:, :, None]), piece.models)
            held[piece.models == 0] = 0  # no sign, no difference
            merged = (held * parts).sum(axis=0) / np.maximum(parts.sum(axis=0), 1e-12)
            assert piece.base is not None
            return (piece.base + merged * self.scale).astype(piece.base.dtype, copy=False)

        return combine


def balanced(deltas: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """How much every number (k, m) counts; ``ends`` (k, 2) are the held magnitudes' ends.

    The exponential is taken of k (N^2 - 1): a factor that all share falls out later, and it cannot
    overflow.
    """
    k = len(deltas)
    sizes = stretched(np.clip(np.abs(deltas), *ends.T[:, :, None]), *ends.T)
    return np.exp(k * (sizes**2 - 1)) * np.tanh(deltas * deltas.sum(axis=0))


def stretched(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """``values`` (k, m) from 0 at ``low`` (k,) and below to 1 at ``high``; 1 where these meet.

    Examples
    --------
    >>> stretched(np.array([[1., 2., 3.]]), np.array([2.]), np.array([3.]))
    array([[0., 0., 1.]])
    """
    wide = (high - low)[:, None]
    safe = np.where(wide > 0, wide, 1)
    return np.where(wide > 0, np.maximum(values - low[:, None], 0) / safe, values >= low[:, None])
