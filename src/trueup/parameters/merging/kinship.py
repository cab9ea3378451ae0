"""How two models are related, in words: what their tensors have in common."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import numpy as np


class Kinship(StrEnum):
    """What two models are to each other.

    Examples
    --------
    >>> Kinship("unrelated").sentence
    'Trained from different starts: their average is of neurons that do not belong together.'
    """

    IDENTICAL = "identical"
    SAME_START = "same start"
    PARTLY = "partly"
    UNRELATED = "unrelated"
    REORDERED = "same neurons in another order"
    OTHER_SHAPE = "of other shape"
    UNKNOWN = "unknown"

    @property
    def sentence(self) -> str:
        """The verdict in plain words."""
        return _SENTENCES[self.value]


_SENTENCES = {
    "identical": "All numbers are the same.",
    "same start": "Fine-tuned from one model, or trained from one seed: weights may be averaged.",
    "partly": "Some tensors have one start and others do not, or a common start lies far back.",
    "unrelated": "Trained from different starts: their average is of neurons that do not belong "
    "together.",
    "same neurons in another order": "One is a permuted copy of the other: align them first.",
    "of other shape": "No tensor has the same name and shape in both.",
    "unknown": "There is no matrix of real numbers to judge by.",
}

CLOSE, FAR, SIGMAS = 0.5, 0.1, 5.0
"""A correlation from ``CLOSE`` on means one start. Up to ``FAR``, or up to ``SIGMAS`` of the noise
:math:`1/\\sqrt{n}` of n random numbers, it means none."""

MOST = 0.95
"""Share of all numbers of matrices that one verdict must hold for."""

LEAST = 64
"""Matrices with fewer numbers than this say little."""


def judge_tensor(correlation: float, n: int, *, equal: bool = False) -> Kinship:
    """The verdict on one tensor from the ``correlation`` of its n numbers."""
    if equal:
        return Kinship.IDENTICAL
    if np.isnan(correlation):
        return Kinship.UNKNOWN
    least = max(FAR, SIGMAS / np.sqrt(n))
    if abs(correlation) <= least:  # of few numbers even a close correlation can be chance
        return Kinship.UNRELATED if abs(correlation) < CLOSE else Kinship.UNKNOWN
    return Kinship.SAME_START if correlation >= CLOSE else Kinship.PARTLY


def judge_all(tensors: Iterable[tuple[Kinship, int]]) -> Kinship:
    """The verdict on models from those on their matrices and how many numbers each has."""
    total: dict[Kinship, int] = {}
    for kinship, n in tensors:
        if kinship is not Kinship.UNKNOWN:
            total[kinship] = total.get(kinship, 0) + n
    count = sum(total.values())
    if not count:
        return Kinship.UNKNOWN
    if total.get(Kinship.IDENTICAL) == count:
        return Kinship.IDENTICAL
    near = total.get(Kinship.SAME_START, 0) + total.get(Kinship.IDENTICAL, 0)
    if near >= MOST * count:
        return Kinship.SAME_START
    far = total.get(Kinship.UNRELATED, 0)
    return Kinship.UNRELATED if far >= MOST * count else Kinship.PARTLY


def judged(shape: tuple[int, ...], n: int) -> bool:
    """Whether a tensor is a matrix that says something: scales and shifts look alike anywhere."""
    return len(shape) > 1 and n >= LEAST
