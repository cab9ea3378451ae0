"""What a rounding is: how a matrix becomes codes once its scales are known."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from trueup.parameters.quantisation.scales import Scales


class AbstractRounding(ABC):
    """Settings of a rounding: an axis of quantisation."""

    of_inputs: ClassVar[bool] = False
    """Whether it needs to know what the layer is given."""
    sequential: bool = False
    """Whether a layer is shown what the layers before it give after they were quantised."""

    @abstractmethod
    def __call__(
        self, matrix: np.ndarray, scales: Scales, gram: np.ndarray | None
    ) -> tuple[np.ndarray, Scales]:
        """Codes (out, d) and the scales that go with them.

        Parameters
        ----------
        matrix
            (out, d) float32.
        scales
            Of the matrix, before it was rounded.
        gram
            (d, d) mean of x x' over what the layer is given; None where nobody looked.
        """


def damped(gram: np.ndarray, share: float) -> np.ndarray:
    """A Gram matrix plus ``share`` of the mean of its diagonal; the identity where all is 0."""
    d = len(gram)
    mean = float(np.trace(gram)) / d
    if mean <= 0:
        return np.eye(d)
    found = gram.astype(np.float64) / mean
    found[np.diag_indices(d)] += share
    return found


def distance(matrix: np.ndarray, other: np.ndarray, gram: np.ndarray | None = None) -> float:
    """Mean squared distance of outputs over rows of both matrices (out, d).

    Examples
    --------
    >>> distance(np.ones((2, 3)), np.zeros((2, 3)), np.eye(3))
    3.0
    """
    away = np.asarray(matrix, np.float64) - other
    seen = away if gram is None else away @ gram
    return float((seen * away).sum() / len(away))
