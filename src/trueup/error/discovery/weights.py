"""What rows of a regression weigh: components by their misses, parts of a mesh by what is left."""

from __future__ import annotations

import numpy as np

from trueup.core.errors import FitError
from trueup.error.discovery.estimate import band_weights
from trueup.error.discovery.grams import Grams


def even(grams: Grams, components: int) -> np.ndarray:
    """Weights (bands,) that bring the ``components`` to one size, all waves alike."""
    each = len(grams.rows) // components
    power = grams.yy.sum(axis=0).reshape(components, each).sum(axis=1)
    count = grams.rows.reshape(components, each).sum(axis=1)
    none = power <= 0
    if none.all():
        raise FitError(
            "discover",
            "the model predicts the observations exactly",
            do="There is nothing to find; pass observations of the real system",
        )
    weights = np.where(none, 0.0, count / np.where(none, 1.0, power))
    return np.repeat(weights, each)


def by_part(grams: Grams, power: np.ndarray, *, least: float) -> np.ndarray:
    """Weights (bands,) by what all terms together leave of every part of a mesh.

    States that were filled in from sensors are worse where they vary more. A share ``least`` of the
    misses, whose weights are ``power``, is added: below it, parts are weighed alike.
    """
    left = 1 / band_weights(grams)
    return 1 / (left + least**2 / np.where(power > 0, power, 1.0)) * (power > 0)
