r"""Inflation that follows from the ensemble being finite: the EnKF-N, in its dual form.

Mean and covariance of a few members are estimates. Integrated over what they may be, the law of the
forecast has heavier tails, and its analysis is that of anomalies times :math:`\sqrt\lambda` with

.. math::

    \lambda = \arg\min \frac{1}{n - 1} \sum_k \frac{u_k^2}{1 + \lambda \sigma_k}
    + \frac{\epsilon}{\lambda} + c \log \lambda,

:math:`\epsilon = 1 + 1/n`, :math:`c = n / (n - 1)`. Here :math:`\sigma_k` are eigenvalues of
:math:`S S^\top` and :math:`u_k` the innovations along its observed directions, both in standard
deviations of the error of observations. Where nothing is learned from observations there is nothing
to inflate: :math:`\epsilon` and :math:`c` are divided and multiplied by
:math:`(\epsilon/c)^{h/2}`, with h the mean of :math:`1 / (1 + \sigma)` over members, so that the
prior of :math:`\lambda` has its mode at 1 when h is 1. ``certainty`` multiplies both.

Examples
--------
>>> import numpy as np
>>> S = np.eye(4)[None] - 0.25                     # four members that see three directions
>>> far, near = np.array([[9.0, 0, 0, 0]]), np.array([[0.1, 0, 0, 0]])
>>> bool(FiniteSizeInflation().factor(S, far) > FiniteSizeInflation().factor(S, near))
True
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import UsageError
from trueup.error.assimilation.updates import spectrum


CARD = Card(
    name="FiniteSizeInflation",
    question="error",
    family="assimilation",
    summary="inflation of an ensemble that follows from its size, without tuning",
    paper="Bocquet, Raanes, Hannart 2015, Nonlin. Processes Geophys. 22, 645, equations 30 and 36",
    axes={"inflation": "finite size"},
    cost="a dozen evaluations of a sum over directions, an update",
    not_for="errors of the model itself: it makes up for sampling only",
)


@dataclass(frozen=True)
class FiniteSizeInflation:
    """The forecast is inflated by what a finite ensemble cannot know, anew at every update.

    Use it instead of tuning ``inflation`` by hand. With a perfect and weakly chaotic model its
    default is too careful; ``certainty=2`` is usual there.

    Parameters
    ----------
    certainty
        How firmly inflation is held near 1, above 0: as if members were so many times as many.
    """

    certainty: float = 1.0

    def __post_init__(self) -> None:
        if not self.certainty > 0:
            raise UsageError(
                "FiniteSizeInflation",
                f"certainty is {self.certainty}",
                do="Pass a number above 0; 1 is the usual",
            )

    def factor(self, S: np.ndarray, d: np.ndarray) -> np.ndarray:
        """(e,) factor of anomalies, from S (e, n, p) and innovations d (e, p)."""
        n = S.shape[1]
        sigma, V = spectrum(S)
        seen = sigma > 1e-9 * np.maximum(sigma[:, -1:], 1e-30)
        along = (V.swapaxes(1, 2) @ (S @ d[..., None]))[..., 0]
        # u sqrt(sigma) is the projection of S d, so that u itself needs no vectors of observations.
        u2 = np.where(seen, along**2 / np.where(seen, sigma, 1), 0) / (n - 1)
        h = ((1 / (1 + sigma)).sum(1) + n - sigma.shape[1]) / n
        epsilon, c = 1 + 1 / n, n / (n - 1)
        tilt = (epsilon / c) ** (h / 2)
        root = _root(sigma, u2, self.certainty * epsilon / tilt, self.certainty * c * tilt)
        return np.sqrt(root).astype(S.dtype)


def _root(sigma, u2, epsilon, c) -> np.ndarray:
    """(e,) zero of ``c x - epsilon - sum u2 sigma (x / (1 + x sigma))^2``, by guarded Newton."""
    most = np.where(sigma > 0, u2 / np.where(sigma > 0, sigma, 1), 0).sum(1)
    low, high = epsilon / c, (epsilon + most) / c
    x = np.clip(1.0, low, high)
    for _ in range(60):
        part = x[:, None] / (1 + x[:, None] * sigma)
        slope = c - 2 * (u2 * sigma * part / (1 + x[:, None] * sigma) ** 2).sum(1)
        value = c * x - epsilon - (u2 * sigma * part**2).sum(1)
        low, high = np.where(value < 0, x, low), np.where(value < 0, high, x)
        step = x - value / np.where(slope > 0, slope, np.inf)
        inside = (step > low) & (step < high) & (slope > 0)
        new = np.where(inside, step, np.sqrt(low * high))
        if (np.abs(new - x) <= 1e-6 * x).all():
            return new
        x = new
    return x
