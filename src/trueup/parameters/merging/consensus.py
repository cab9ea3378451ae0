"""Values of the axis consensus: how differences of several models become one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.errors import UsageError
from trueup.parameters.merging.average import weighed
from trueup.parameters.merging.rule import AbstractConsensus


@dataclass(frozen=True)
class Mean(AbstractConsensus):
    """The mean by shares."""

    def __call__(self, deltas: np.ndarray, shares: np.ndarray) -> np.ndarray:
        return weighed(deltas, shares)


@dataclass(frozen=True)
class Sum(AbstractConsensus):
    """The sum: k times the mean by shares."""

    def __call__(self, deltas: np.ndarray, shares: np.ndarray) -> np.ndarray:
        return weighed(deltas, shares * len(shares))


@dataclass(frozen=True)
class Elected(AbstractConsensus):
    """The mean of those that have the elected sign: that of the sum by shares.

    Differences that are 0 have no vote and no part. Where the sum is 0 no sign is elected, and the
    outcome is 0.
    """

    def __call__(self, deltas: np.ndarray, shares: np.ndarray) -> np.ndarray:
        mass = weighed(deltas, shares)
        up, down = mass > 0, mass < 0
        total, part = np.zeros_like(mass), np.zeros_like(mass)
        for row, share in zip(deltas, shares.astype(mass.dtype), strict=True):
            agrees = (row > 0) & up
            agrees |= (row < 0) & down
            total += agrees * row * share
            part += agrees * share
        np.divide(total, part, out=total, where=part > 0)
        return total


CONSENSUS = {"mean": Mean, "sum": Sum, "elected": Elected}
"""Word -> value of the axis."""


def consensus_of(who: str, word: str) -> AbstractConsensus:
    """The value of the axis that a word names."""
    if word not in CONSENSUS:
        raise UsageError(
            who, f"consensus is '{word}'", do=f"Pass one of {', '.join(map(repr, CONSENSUS))}"
        )
    return CONSENSUS[word]()
