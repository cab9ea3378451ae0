r"""AdaQuant's objective: the codes and scales at which a layer gives nearly the same.

:math:`\min_{V, s} \lVert W X - Q_s(W + V) X \rVert^2`, layer by layer. Which V leads to which codes
does not matter, so codes are sought directly: one after another gets the level that is best while
all others stand (its best number is :math:`q_j - (H (q - w))_j / H_{jj}`), then scales are found
by least squares, and again. No step makes it worse.

Examples
--------
>>> import numpy as np
>>> from trueup.parameters.quantisation.scales import find_scales
>>> w, x = np.float32([[0.4, 0.4, 1.0]]), np.float32([[1, 1, 0], [1, 1, 1], [1, 0.9, -1]])
>>> codes, scales = AdaQuant()(w, find_scales(w, grid="uniform", bits=2), x.T @ x / 3)
>>> (scales.values(codes) @ x.T).round(2), (w @ x.T).round(2)
(array([[0.88, 1.76, 0.  ]], dtype=float32), array([[ 0.8 ,  1.8 , -0.24]], dtype=float32))
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import UsageError
from trueup.parameters.quantisation.nearest import Nearest
from trueup.parameters.quantisation.refit import errors, of_columns, refitted
from trueup.parameters.quantisation.rounding import AbstractRounding, damped
from trueup.parameters.quantisation.scales import Scales


CARD = Card(
    name="AdaQuant",
    question="parameters",
    family="quantisation",
    summary="codes and scales in turn, until a layer gives nearly the same on given inputs",
    paper="Hubara et al. 2021, Improving Post Training Neural Quantization, 2006.10518, section 3 "
    "(its objective; solved by coordinates, as Behdin et al. 2023, QuantEase, 2309.01885)",
    axes={"rounding": "AdaQuant"},
    mission=(13,),
    cost="O(rounds out d^2) a layer",
    not_for="fewer inputs than columns: it fits them more closely than GPTQ",
)
BLOCK = 64
"""Columns after which all others are brought up to date at once."""


@dataclass(frozen=True)
class AdaQuant(AbstractRounding):
    """Search codes and scales of a layer in turn.

    On the inputs it is shown it is never worse than rounding to the nearest level.

    Parameters
    ----------
    rounds
        How often all codes and all scales are looked at, at least 1.
    damping
        Share of the mean of the diagonal of H that is added to it, above 0.
    start
        The rounding to start from; ``GPTQ()`` often ends lower than ``Nearest()``.
    sequential
        Whether a layer sees what the layers before it give after they were quantised.
    """

    rounds: int = 4
    damping: float = 0.01
    start: AbstractRounding = field(default_factory=Nearest)
    sequential: bool = False

    of_inputs: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.damping > 0 or self.rounds < 1:
            raise UsageError(
                "AdaQuant", f"damping is {self.damping}, rounds are {self.rounds}",
                do="Pass a share above 0 and at least 1 round",
            )  # fmt: skip

    def __call__(
        self, matrix: np.ndarray, scales: Scales, gram: np.ndarray | None
    ) -> tuple[np.ndarray, Scales]:
        assert gram is not None
        h = damped(gram, self.damping).astype(np.float32)
        codes, own = self.start(matrix, scales, gram)
        for _ in range(self.rounds):
            codes = _swept(matrix, codes, own, h)
            own = refitted(matrix, codes, own, h)
        plain = scales.codes(matrix)
        true = gram.astype(np.float32)
        worse = errors(matrix, own.values(codes), true) > errors(matrix, scales.values(plain), true)
        return _where(worse, (plain, scales), (codes, own))


def _where(
    rows: np.ndarray, one: tuple[np.ndarray, Scales], two: tuple[np.ndarray, Scales]
) -> tuple[np.ndarray, Scales]:
    """The rows of ``one``, all others of ``two``."""
    codes = np.where(rows[:, None], one[0], two[0])
    if not one[1].by_row:
        return codes, two[1]
    scale = np.where(rows[:, None], one[1].scale, two[1].scale)
    offset = two[1].offset
    if offset is not None:
        offset = np.where(rows[:, None], one[1].offset, offset)
    return codes, replace(two[1], scale=scale, offset=offset)


def _swept(matrix: np.ndarray, codes: np.ndarray, scales: Scales, h: np.ndarray) -> np.ndarray:
    """Codes after every one of them was set to the best while all others stood."""
    scale, offset = of_columns(scales, len(h))
    levels, new = scales.levels, np.ascontiguousarray(codes.T)
    values = np.ascontiguousarray(scales.values(codes).T)
    slope = h @ (values - matrix.T)
    for start in range(0, len(h), BLOCK):
        stop = min(start + BLOCK, len(h))
        moved = np.empty((stop - start, len(matrix)), np.float32)
        for j in range(start, stop):
            low = None if offset is None else offset[j]
            new[j] = scales.nearest(values[j] - slope[j] / h[j, j], scale[j], low)
            value = levels[new[j]] * scale[j]
            moved[j - start] = (value if low is None else value + low) - values[j]
            slope[j + 1 : stop] += h[j + 1 : stop, j, None] * moved[j - start]
        slope[stop:] += h[stop:, start:stop] @ moved  # those before are not asked for again
    return np.ascontiguousarray(new.T)
