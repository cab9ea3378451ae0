"""For whom the guarantee holds: all rows, classes, clusters of classes, groups."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from trueup.calibration.conformal.thresholds import (
    EVERY,
    AbstractThreshold,
    ByClass,
    ByGroup,
    least_by,
    least_score,
    refuse_too_few,
)
from trueup.calibration.recalibrate.grouping import groups_of
from trueup.core.evidence import Evidence


WHO = "ConformalSets"


def over_all(scores: np.ndarray, weight: np.ndarray, *, level: float, **_) -> AbstractThreshold:
    """One threshold: the guarantee is one on average over all rows."""
    found = least_score(scores, weight, level=level)
    if found == EVERY:
        refuse_too_few(f"{WHO}.fit", weight.sum(), level=level)
    return ByClass(np.array([found]))


def by_class(
    scores: np.ndarray, weight: np.ndarray, *, level: float, evidence: Evidence
) -> AbstractThreshold:
    """A threshold a class; a class of too few rows is in every set."""
    k = evidence.prediction.probs.shape[1]
    return ByClass(_own(scores, weight, evidence.truth, k, level=level, of=" of one class"))


def by_group(
    scores: np.ndarray, weight: np.ndarray, *, level: float, evidence: Evidence, column: str
) -> AbstractThreshold:
    """A threshold a group; groups of too few rows, and strangers, get every class."""
    names, group = groups_of(WHO, evidence, column)
    of = f" of one group of {column!r}"
    found = _own(scores, weight, group, len(names), level=level, of=of)
    return ByGroup(column, names, np.append(found, EVERY))


def _own(scores, weight, group: np.ndarray, groups: int, *, level: float, of: str) -> np.ndarray:
    """The threshold (groups,) of every group, one of which at least must have rows enough."""
    found = least_by(scores, weight, group, groups=groups, level=level)
    if (found == EVERY).all():
        known = group >= 0
        most = np.bincount(group[known], weight[known], max(groups, 1)).max()
        refuse_too_few(f"{WHO}.fit", most, level=level, of=of)
    return found


GUARANTEES: dict[str, Callable[..., AbstractThreshold]] = {
    "all": over_all,
    "class": by_class,
}
"""Value of ``per`` -> how its thresholds are found; any other value names a column of groups."""
