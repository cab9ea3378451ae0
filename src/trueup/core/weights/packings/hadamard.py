"""An orthogonal mix of d numbers in which all count alike: fast, for any d."""

from __future__ import annotations

from functools import cache

import numpy as np


def mixed(matrix: np.ndarray) -> np.ndarray:
    r"""(n, d) rows times :math:`Q = C_m \otimes H_{2^k} / \sqrt{2^k}` with d = m 2^k, m odd.

    H is the Hadamard matrix, C the Hartley matrix, cos + sin of the Fourier matrix. Q is orthogonal
    and symmetric, so that doing it twice undoes it. It costs O(n d (k + m)).

    Examples
    --------
    >>> mixed(np.float32([[1, 0, 0, 0]]))
    array([[0.5, 0.5, 0.5, 0.5]], dtype=float32)
    >>> mixed(mixed(np.float32([[1, 2, 3, 4, 5, 6]]))).round(5)
    array([[1., 2., 3., 4., 5., 6.]], dtype=float32)
    """
    n, d = matrix.shape
    m, size = odd_part(d), 1
    found = matrix.reshape(n, m, d // m)
    while size < d // m:
        pairs = found.reshape(n, m, -1, 2, size)
        one, two = pairs[:, :, :, 0], pairs[:, :, :, 1]
        found = np.stack([one + two, one - two], axis=3)
        size *= 2
    found = found.reshape(n, m, d // m)
    if m > 1:
        found = np.einsum("ij,njk->nik", hartley(m).astype(matrix.dtype), found, optimize=True)
    scale = matrix.dtype.type(1 / np.sqrt(d // m))
    return found.reshape(n, d) * scale


def odd_part(d: int) -> int:
    """The odd m of d = m 2^k."""
    return d // (d & -d)


@cache
def hartley(m: int) -> np.ndarray:
    """(m, m) orthogonal and symmetric, no number above sqrt(2 / m)."""
    angle = 2 * np.pi * (np.outer(np.arange(m), np.arange(m)) % m) / m
    return (np.cos(angle) + np.sin(angle)) / np.sqrt(m)
