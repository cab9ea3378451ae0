r"""GPTQ: round column after column, and let later columns make good what was lost.

With H the mean of x x' over what a layer is given and :math:`H^{-1} = U'U` (U upper triangular),
column i is rounded, its error :math:`e = (w_i - q_i) / U_{ii}` is taken on, and all later columns
become :math:`w_j - U_{ij} e`.

Examples
--------
>>> import numpy as np
>>> from trueup.parameters.quantisation.scales import find_scales
>>> from trueup.parameters.quantisation.rounding import distance
>>> w, x = np.float32([[0.4, 0.4, 1.0]]), np.float32([[1, 1, 0], [1, 1, 1], [1, 0.9, -1]])
>>> gram, scales = x.T @ x / 3, find_scales(w, grid="uniform", bits=2)
>>> codes, own = GPTQ(refit=False)(w, scales, gram)
>>> own.values(scales.codes(w)), own.values(codes)  # the first two sum to nearly 0.8
(array([[0., 0., 1.]], dtype=float32), array([[0., 1., 1.]], dtype=float32))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import UsageError
from trueup.parameters.quantisation.refit import of_columns, refitted
from trueup.parameters.quantisation.rounding import AbstractRounding, damped
from trueup.parameters.quantisation.scales import Scales


CARD = Card(
    name="GPTQ",
    question="parameters",
    family="quantisation",
    summary="columns are rounded in turn, later ones make good what was lost on given inputs",
    paper="Frantar et al. 2023, GPTQ, ICLR, 2210.17323, algorithm 1",
    axes={"rounding": "GPTQ"},
    mission=(13,),
    cost="O(out d^2 + d^3) a layer",
    not_for="inputs unlike those that come later: the error moves to where nobody looked",
)
BLOCK = 64
"""Columns after which all later ones are brought up to date at once."""


@dataclass(frozen=True)
class GPTQ(AbstractRounding):
    """Round so that the layer gives nearly the same on given inputs.

    Parameters
    ----------
    damping
        Share of the mean of the diagonal of H that is added to it, above 0: how little inputs are
        trusted.
    ordered
        Whether columns of large inputs come first; else as they stand.
    refit
        Whether scales are found again by least squares when all codes stand.
    sequential
        Whether a layer sees what the layers before it give after they were quantised; a pass over
        the inputs for every layer.
    """

    damping: float = 0.01
    ordered: bool = True
    refit: bool = True
    sequential: bool = False

    of_inputs: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.damping > 0:
            raise UsageError("GPTQ", f"damping is {self.damping}", do="Pass a share above 0")

    def __call__(
        self, matrix: np.ndarray, scales: Scales, gram: np.ndarray | None
    ) -> tuple[np.ndarray, Scales]:
        assert gram is not None
        gram = damped(gram, self.damping)
        d = len(gram)
        order = np.argsort(-np.diag(gram), kind="stable") if self.ordered else np.arange(d)
        upper = _upper(gram[np.ix_(order, order)]).astype(np.float32)
        codes = np.empty((len(matrix), d), np.uint8)
        codes[:, order] = _rounded(matrix.T[order], upper, scales, order).T
        if self.refit:
            scales = refitted(matrix, codes, scales, gram.astype(np.float32))
        return codes, scales


def _upper(gram: np.ndarray) -> np.ndarray:
    """U, upper triangular, with U'U the inverse of ``gram``.

    Of H = R R', R upper triangular, it is the inverse of R; R is the Cholesky factor of H with its
    order reversed.
    """
    from scipy.linalg import cholesky
    from scipy.linalg.lapack import dtrtri

    backwards = cholesky(gram[::-1, ::-1], lower=True, check_finite=False)
    return dtrtri(np.ascontiguousarray(backwards[::-1, ::-1]), lower=0)[0]


def _rounded(
    weights: np.ndarray, upper: np.ndarray, scales: Scales, order: np.ndarray
) -> np.ndarray:
    """(d, out) codes of ``weights`` (d, out), which are used up."""
    scale, offset = (
        None if part is None else part[order] for part in of_columns(scales, len(order))
    )
    assert scale is not None
    levels, d = scales.levels, len(order)
    codes = np.empty(weights.shape, np.uint8)
    for start in range(0, d, BLOCK):
        stop = min(start + BLOCK, d)
        lost = np.empty((stop - start, weights.shape[1]), np.float32)
        for i in range(start, stop):
            low = None if offset is None else offset[i]
            codes[i] = scales.nearest(weights[i], scale[i], low)
            value = levels[codes[i]] * scale[i]
            error = (weights[i] - (value if low is None else value + low)) / upper[i, i]
            weights[i + 1 : stop] -= upper[i, i + 1 : stop, None] * error
            lost[i - start] = error
        weights[stop:] -= upper[start:stop, stop:].T @ lost
    return codes
