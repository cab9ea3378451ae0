"""Features beside the probabilities: what corrections that read them share."""

from __future__ import annotations

import numpy as np

from trueup.core.errors import FitError
from trueup.core.evidence import Evidence
from trueup.core.expressions import Input


def features_of(who: str, evidence: Evidence, columns: tuple[str, ...]) -> np.ndarray:
    """Features (n, d) of the evidence.

    Raises
    ------
    FitError
        There are none, or not one a name.
    """
    if evidence.features is None:
        raise FitError(
            f"{who}.fit", "the evidence has no features", do="Pass Evidence(..., features=...)"
        )
    if columns and len(columns) != evidence.features.shape[1]:
        raise FitError(
            f"{who}.fit",
            f"{len(columns)} columns are named for features of shape {evidence.features.shape}",
            do="Name every feature",
        )
    return evidence.features


def feature_input(count: int, columns: tuple[str, ...]) -> Input:
    """The features as an input of an expression; without names ``feature_0``, ``feature_1``, ..."""
    return Input("features", count, columns or tuple(f"feature_{j}" for j in range(count)))


def in_one_order(features: np.ndarray, logs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """An order of rows (n,) by what they hold, so that sums do not depend on how they came."""
    return np.lexsort((truth, *logs.T, *features.T))
