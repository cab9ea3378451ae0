"""For whom the guarantee holds: all rows, classes, clusters of classes, groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.calibration.conformal.clusters import by_cluster
from trueup.calibration.conformal.ratio import LikelihoodRatio, ratios_of
from trueup.calibration.conformal.thresholds import (
    EVERY,
    ROUNDING,
    AbstractThreshold,
    ByClass,
    ByGroup,
    ByRatio,
    least_by,
    least_score,
    refuse_too_few,
)
from trueup.calibration.recalibrate.grouping import groups_of
from trueup.core.errors import FitError
from trueup.core.evidence import Evidence
from trueup.core.forms import form_of


WHO = "ConformalSets"


@dataclass(frozen=True)
class Known:
    """What a fit knows: rows with their scores, and what is asked of the sets.

    Attributes
    ----------
    scores, weight
        (n,) score of what happened, and how often each row counts.
    evidence
        The rows.
    level
        Share of truths inside.
    """

    scores: np.ndarray
    weight: np.ndarray
    evidence: Evidence
    level: float


def over_all(known: Known, *, seed: int | None) -> AbstractThreshold:
    """One threshold: the guarantee is one on average over all rows."""
    found = least_score(known.scores, known.weight, level=known.level)
    if found == EVERY:
        refuse_too_few(f"{WHO}.fit", known.weight.sum(), level=known.level)
    return ByClass(np.array([found]))


def by_class(known: Known, *, seed: int | None) -> AbstractThreshold:
    """A threshold a class; a class of too few rows is in every set."""
    k = form_of(known.evidence.prediction).width
    return ByClass(_own(known, known.evidence.truth, k, of=" of one class"))


def clustered(known: Known, *, seed: int | None) -> AbstractThreshold:
    """A threshold a cluster of classes."""
    return by_cluster(
        known.scores, known.weight, level=known.level, evidence=known.evidence, seed=seed
    )


def by_group(known: Known, column: str) -> AbstractThreshold:
    """A threshold a group; groups of too few rows, and strangers, get every class."""
    names, group = groups_of(WHO, known.evidence, column)
    found = _own(known, group, len(names), of=f" of one group of {column!r}")
    return ByGroup(column, names, np.append(found, EVERY))


def by_ratio(known: Known, ratio: str | LikelihoodRatio) -> AbstractThreshold:
    r"""A threshold for every likelihood ratio w of a new row (Tibshirani et al. 2019).

    The greatest score t with :math:`\sum_{s_i \ge t} w_i \ge \mathrm{level}\,(W + w)`. As w rises
    past :math:`C_j / \mathrm{level} - W`, with :math:`C_j` the sum down to the j-th score, the next
    score takes over.
    """
    made, ratios = ratios_of(WHO, known.evidence, ratio)
    weight = known.weight * ratios
    scores, place = np.unique(-known.scores, return_inverse=True)
    total = weight.sum()
    largest = np.cumsum(np.bincount(place, weight)) / (known.level * (1 - ROUNDING)) - total
    if largest[-1] < ratios[weight > 0].min():
        reach = 1 / (1 + ratios[weight > 0].min() / total)
        _refuse_ratios(reach, level=known.level)
    used = largest >= 0
    # A row of exactly this ratio still has the score; an edge belongs to what follows it.
    edges = np.nextafter(largest[used], np.inf)
    return ByRatio(made, edges, np.append(-scores[used], EVERY))


def _own(known: Known, group: np.ndarray, groups: int, *, of: str) -> np.ndarray:
    """The threshold (groups,) of every group, one of which at least must have rows enough."""
    found = least_by(known.scores, known.weight, group, groups=groups, level=known.level)
    if (found == EVERY).all():
        inside = group >= 0
        most = np.bincount(group[inside], known.weight[inside], max(groups, 1)).max()
        refuse_too_few(f"{WHO}.fit", most, level=known.level, of=of)
    return found


def _refuse_ratios(reach: float, *, level: float) -> None:
    raise FitError(
        f"{WHO}.fit",
        f"rows with these likelihood ratios reach the level {reach:.4g} at most; asked for "
        f"{level:g}",
        why="a few rows carry most of the weight",
        do="Pass more rows or a lower level",
    )


GUARANTEES = {"all": over_all, "class": by_class, "cluster": clustered}
"""Value of ``per`` -> how its thresholds are found; any other value names a column of groups."""
