r"""Rotations: turn what a layer is given, so that no column stands out, and its weights with it.

:math:`W x = (W Q)(Q' x)` for every orthogonal Q: nothing changes but what is rounded.

Examples
--------
>>> import numpy as np
>>> w = np.float32([[8, 0, 0, 0], [0, 1, 0, 0.1]])
>>> turn = Hadamard().fit(4)
>>> abs(turn.apply(w)).max(axis=1), bool(np.allclose(turn.undo(turn.apply(w)), w))
(array([4.  , 0.55], dtype=float32), True)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.core.cards import Card
from trueup.core.weights.packings.rotated import Turn


CARD = Card(
    name="rotations",
    question="parameters",
    family="quantisation",
    summary="turn the inputs of layers so that no column stands out: Hadamard, KLT then Hadamard",
    paper="Ashkboos et al. 2024, QuaRot, 2404.00456, section 3; Xu et al. 2025, MambaQuant, ICLR, "
    "2501.13484, section 4 (KLT)",
    axes={"rotation": "Hadamard, KLT"},
    mission=(88,),
    cost="O(out d log d) a layer; KLT O(d^3), and its basis is kept, 4 d^2 bytes",
    exports=("KLT", "Hadamard"),
    not_for="small files with KLT: its bases are larger than the codes",
)


class AbstractRotation(ABC):
    """Settings of a rotation: an axis of quantisation."""

    of_inputs: ClassVar[bool] = False
    """Whether it needs to know what the layer is given."""

    @abstractmethod
    def fit(self, d: int, grams: np.ndarray | None = None) -> Turn:
        """The turn of d numbers.

        Parameters
        ----------
        d
            Columns of a layer.
        grams
            (groups, d, d) mean of x x' of what it is given, or None.
        """


@dataclass(frozen=True)
class Hadamard(AbstractRotation):
    """Random signs, then a Hadamard mix; of d = m 2^k numbers, m odd, a Hartley mix over m.

    Parameters
    ----------
    seed
        Of the signs.
    """

    seed: int = 0

    def fit(self, d: int, grams: np.ndarray | None = None) -> Turn:
        """The turn of d numbers; the inputs do not matter."""
        return Turn(np.random.default_rng([self.seed, d]).random(d) < 0.5)


@dataclass(frozen=True)
class KLT(AbstractRotation):
    """The basis of the inputs' second moments, then a Hadamard mix: all columns vary alike.

    In exact numbers every turned input has the same mean square on what the basis was found on.

    Parameters
    ----------
    seed
        Of the signs.
    """

    seed: int = 0

    of_inputs: ClassVar[bool] = True

    def fit(self, d: int, grams: np.ndarray | None = None) -> Turn:
        """The turn of d numbers; a layer that is given nothing is only mixed."""
        plain = Hadamard(self.seed).fit(d)
        if grams is None:
            return plain
        _, basis = np.linalg.eigh(grams.mean(axis=0))
        return Turn(plain.signs, basis.astype(np.float32))
