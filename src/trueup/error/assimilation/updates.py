r"""Updates without localisation: how observations change the weights of members.

``S`` (e, n, p) are anomalies of the predicted observations in standard deviations of the error of
observations, over :math:`\sqrt{n-1}`; ``d`` (e, p) is observed minus mean predicted, in the same
unit. With :math:`C = I + S^\top S` the Kalman update of the mean is

.. math:: \bar x_a = \bar x + w A, \qquad w = d\, C^{-1} S^\top / \sqrt{n-1},

and anomalies become :math:`T A`. Updates differ in T:

* ``square_root``: :math:`T = (I + S S^\top)^{-1/2}`, symmetric; the covariance is Kalman's
  (Bishop, Etherton, Majumdar 2001; Hunt, Kostelich, Szunyogh 2007).
* ``perturbed``: :math:`T = I + (D/\sqrt{n-1} - S)\, C^{-1} S^\top` with centred standard normal D;
  the covariance is Kalman's on average (Burgers, van Leeuwen, Evensen 1998).
* ``deterministic``: :math:`T = I - \tfrac12 S C^{-1} S^\top`, half the gain for anomalies: the
  covariance is too large by :math:`\tfrac14 A^\top (S C^{-1} S^\top)^2 A / (n-1)` (Sakov, Oke
  2008).
* ``serial``: one observation after another, each with
  :math:`T_j = I - \alpha\, y y^\top / (1 + v)`, :math:`v = y^\top y`,
  :math:`\alpha = (1 + (1 + v)^{-1/2})^{-1}` (Whitaker, Hamill 2002); Kalman's covariance.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from trueup.error.assimilation.transforms import Few, LocalSeries, Weights


def spectrum(S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(..., k) eigenvalues and (..., n, k) vectors of ``S S'``, from the smaller matrix."""
    n, p = S.shape[-2:]
    if p >= n:
        values, vectors = np.linalg.eigh(S @ S.swapaxes(-1, -2))
        return np.maximum(values, 0), vectors
    values, vectors = np.linalg.eigh(S.swapaxes(-1, -2) @ S)
    least = np.finfo(S.dtype).eps * values[..., -1:] + np.finfo(S.dtype).tiny
    values = np.maximum(values, least)
    return values, (S @ vectors) / np.sqrt(values)[..., None, :]


def symmetric(S: np.ndarray, d: np.ndarray) -> Few:
    """Weights of the symmetric square root, for S (..., n, p) and d (..., p)."""
    values, V = spectrum(S)
    Vt = V.swapaxes(-1, -2)
    inner = (Vt @ (S @ d[..., None]))[..., 0] / (1 + values)
    w = (V @ inner[..., None])[..., 0] / (S.shape[-2] - 1) ** 0.5
    return Few(w, V * (1 / np.sqrt(1 + values) - 1)[..., None, :], Vt)


def square_root(S: np.ndarray, d: np.ndarray, rng: np.random.Generator):
    """Ensemble transform with a symmetric root."""
    return symmetric(S, d).short()


def perturbed(S: np.ndarray, d: np.ndarray, rng: np.random.Generator):
    """Every member meets observations with errors of its own."""
    back, root = _gain(S), (S.shape[1] - 1) ** 0.5
    noise = perturbations(S, rng) / root - S
    return Few((d[:, None] @ back)[:, 0] / root, noise, back).short()


def perturbations(S: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(e, n, p) standard normal errors whose mean over members is 0, with their variance."""
    n = S.shape[1]
    noise = rng.standard_normal(S.shape, dtype=S.dtype)
    return (noise - noise.mean(1, keepdims=True)) * (n / (n - 1)) ** 0.5


def deterministic(S: np.ndarray, d: np.ndarray, rng: np.random.Generator):
    """Half the gain for anomalies, without chance."""
    back, root = _gain(S), (S.shape[1] - 1) ** 0.5
    return Few((d[:, None] @ back)[:, 0] / root, S * -0.5, back).short()


def serial(S: np.ndarray, d: np.ndarray, rng: np.random.Generator):
    """One observation after another, each by a scalar square root."""
    e, n, p = S.shape
    if 2 * p < n:
        _, y, c = one_by_one(S[:, :, :0], S, d, None)
        c[:, :, n] /= (n - 1) ** 0.5
        return LocalSeries(y, c, None)
    identity = np.broadcast_to(np.eye(n, dtype=S.dtype), (e, n, n))
    table, *_ = one_by_one(identity, S, d, None)
    return Weights(table[:, n, :n] / (n - 1) ** 0.5, table[:, :n, :n].copy())


def one_by_one(A: np.ndarray, S: np.ndarray, d: np.ndarray, taper: np.ndarray | None):
    """Table (e, n + 1, m + p) of ``[A | S]`` over the mean ``[0 | -d]`` after all observations.

    An observation changes the table by a product of a column and a row, tapered by its (m + p,)
    weights. Returns the table, and the anomalies and the coefficients of every observation.
    """
    e, n, m = A.shape
    p = S.shape[2]
    table = np.empty((e, n + 1, m + p), S.dtype)
    table[:, :n, :m], table[:, :n, m:], table[:, n, :m], table[:, n, m:] = A, S, 0, -d
    ys, cs = np.empty((p, e, n), S.dtype), np.empty((p, e, n + 1), S.dtype)
    for j in range(p):
        c = table[:, :, m + j].copy()
        ys[j] = y = c[:, :n]
        row = np.matmul(y[:, None], table[:, :n])
        total = 1 + row[:, :, m + j]
        c /= total
        cs[j, :, :n] = c[:, :n] / (1 + total**-0.5)
        cs[j, :, n] = c[:, n]
        if taper is not None:
            row *= taper[..., None, :, j] if taper.ndim == 3 else taper[:, j]
        table -= cs[j][:, :, None] * row
    return table, ys, cs


def _gain(S: np.ndarray) -> np.ndarray:
    """(e, p, n) ``C^-1 S'``, from the smaller of two linear systems."""
    n, p = S.shape[-2:]
    turned = S.swapaxes(-1, -2)
    if p <= n:
        return np.linalg.solve(_plus_one(turned @ S), turned)
    return np.linalg.solve(_plus_one(S @ turned), S).swapaxes(-1, -2)


def _plus_one(square: np.ndarray) -> np.ndarray:
    """``square`` with one added to its diagonals, in place."""
    k = square.shape[-1]
    square.reshape(*square.shape[:-2], k * k)[..., :: k + 1] += 1
    return square


UPDATES: dict[str, Callable] = {
    "square_root": square_root,
    "perturbed": perturbed,
    "deterministic": deterministic,
    "serial": serial,
}
"""Name of an update -> the function that makes its weights."""
