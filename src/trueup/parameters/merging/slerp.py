r"""SLERP: along the arc between two models instead of the chord.

.. math:: \theta = \frac{\sin((1 - t)\Omega)}{\sin\Omega}\,\theta_1
    + \frac{\sin(t\,\Omega)}{\sin\Omega}\,\theta_2,
    \quad \cos\Omega = \frac{\langle\theta_1, \theta_2\rangle}{|\theta_1| |\theta_2|}

t is the share of the second model. Where both point the same or the opposite way there is no arc,
and the chord is taken.

Examples
--------
>>> import numpy as np
>>> from trueup.parameters import merge
>>> merge([{"w": np.float32([1, 0])}, {"w": np.float32([0, 1])}], method=SLERP())["w"]
array([0.70710677, 0.70710677], dtype=float32)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import UsageError
from trueup.parameters.merging.average import weighed
from trueup.parameters.merging.rule import AbstractMerging, Combine, known_scope
from trueup.parameters.merging.stack import Piece, Stack


CARD = Card(
    name="SLERP",
    question="parameters",
    family="merging",
    summary="two models merged along the arc between them, which keeps the length of weights",
    paper="Shoemake 1985, Animating rotation with quaternion curves, SIGGRAPH, section 3.3",
    axes={"delta": "weights", "sparsify": "none", "consensus": "arc"},
    cost="O(n), two passes over the files",
    not_for="more than two models, or models that do not share a start",
)

FLAT = 1e-6
"""Sine of the angle below which the chord is taken: it differs from the arc by less than 1e-12."""


@dataclass(frozen=True)
class SLERP(AbstractMerging):
    """Spherical interpolation; the share of the second model comes from the call of ``merge``.

    Parameters
    ----------
    scope
        An angle for every ``"tensor"``, or one of the ``"model"``.
    """

    scope: str = "tensor"

    def __post_init__(self) -> None:
        known_scope("SLERP", self.scope)

    def check(self, k: int) -> None:
        if k != 2:
            raise UsageError("SLERP", f"got {k} models", do="Pass two, or take the average")

    def ready(self, stack: Stack) -> Combine:
        products = np.zeros((2, 2))
        for piece in stack.pieces():
            wide = piece.models.astype(np.float64, copy=False)
            products += wide @ wide.T
        parts = arc(products, float(stack.shares[1]))

        def combine(piece: Piece) -> np.ndarray:
            return weighed(piece.models, parts)

        return combine


def arc(products: np.ndarray, t: float) -> np.ndarray:
    """Factors (2,) of two vectors whose inner products are ``products`` (2, 2).

    Examples
    --------
    >>> arc(np.eye(2), 0.5).round(4)
    array([0.7071, 0.7071])
    >>> arc(np.ones((2, 2)), 0.25)
    array([0.75, 0.25])
    """
    length = np.sqrt(products[0, 0] * products[1, 1])
    omega = np.arccos(np.clip(products[0, 1] / length, -1, 1)) if length else 0.0
    if np.sin(omega) < FLAT:
        return np.array([1 - t, t])
    return np.sin(np.array([1 - t, t]) * omega) / np.sin(omega)
