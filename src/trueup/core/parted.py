"""Evidence taken apart: by the values of a column, by predicted class, class by class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from trueup.core.cube import probabilities_of
from trueup.core.errors import UsageError
from trueup.core.evidence import Evidence
from trueup.core.predictions import Sets
from trueup.core.probabilities import Probabilities


CLASS, PREDICTED, SIZE = "class", "predicted class", "set size"


def parted(who: str, evidence: Evidence, by: str) -> Iterator[tuple[Any, Evidence]]:
    """(value, evidence of that value) for a column of ``evidence.by``, or by classes.

    Sets have rows of a ``"class"``, which is their truth, and of a ``"set size"``.

    Examples
    --------
    >>> e = Evidence(Probabilities([0.2, 0.9, 0.4]), [0, 1, 0], by={"region": ["n", "s", "n"]})
    >>> [(value, len(part)) for value, part in parted("measure", e, "region")]
    [('n', 2), ('s', 1)]
    """
    if by in evidence.by:
        values, place = np.unique(evidence.by[by], return_inverse=True)
        return _rows(evidence, values.tolist(), place)
    if isinstance(evidence.prediction, Sets) and by in (CLASS, SIZE):
        return _of_sets(evidence, evidence.prediction, by)
    if by == PREDICTED:
        prediction = probabilities_of(who, evidence)
        return _rows(evidence, list(prediction.classes), prediction.probs.argmax(axis=1))
    if by == CLASS:
        return _events(evidence, probabilities_of(who, evidence))
    raise UsageError(
        who,
        f"there is no column '{by}' among {list(evidence.by)}",
        do=f"Name a column of Evidence(by=...), '{CLASS}' or '{PREDICTED}'",
    )


def _of_sets(evidence: Evidence, sets: Sets, by: str) -> Iterator[tuple[Any, Evidence]]:
    if by == CLASS:
        return _rows(evidence, list(sets.classes), evidence.truth)
    size, place = np.unique(sets.members.sum(axis=1), return_inverse=True)
    return _rows(evidence, size.tolist(), place)


def _rows(evidence: Evidence, values: list, place: np.ndarray) -> Iterator[tuple[Any, Evidence]]:
    order = np.argsort(place, kind="stable")
    ends = np.cumsum(np.bincount(place, minlength=len(values)))
    for j, value in enumerate(values):
        yield value, evidence.take(order[ends[j - 1] if j else 0 : ends[j]])


def _events(evidence: Evidence, prediction: Probabilities) -> Iterator[tuple[Any, Evidence]]:
    for j, name in enumerate(prediction.classes):
        said = Probabilities(np.minimum(prediction.probs[:, j], 1.0))
        happened = (evidence.truth == j).astype(np.int64)
        yield name, replace(evidence, prediction=said, truth=happened)
