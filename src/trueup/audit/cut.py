"""A slice of a table, of whatever kind, and how slices are judged together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TypeVar

from trueup.core.estimate import Estimate
from trueup.core.multiple import benjamini_hochberg


FALSE_DISCOVERIES = 0.05
"""At most this share of the values that are named is named by chance."""
FALSE_PAIRS = 0.01
"""The same for pairs of values: there are many, they are small, and nobody asked for them."""

EMPTY = "(empty)"


@dataclass(frozen=True, kw_only=True)
class AbstractSlice(ABC):
    """One slice and how it differs from elsewhere.

    Attributes
    ----------
    by
        Column -> value.
    n
        Rows.
    gap
        What is compared, in the slice minus elsewhere.
    p_value, q_value
        Of no gap; ``q_value`` after Benjamini-Hochberg over all single values, or over all pairs.
    """

    by: dict[str, str]
    n: int
    gap: Estimate
    p_value: float
    q_value: float = 1.0

    @property
    @abstractmethod
    def matters(self) -> bool:
        """Whether the gap is large enough to be named."""

    @property
    def flagged(self) -> bool:
        """Whether the slice is named as bad."""
        rate = FALSE_DISCOVERIES if len(self.by) == 1 else FALSE_PAIRS
        return self.q_value < rate and self.matters

    @property
    def finding_id(self) -> str:
        """``bad_slice:region=N,site=3``."""
        return "bad_slice:" + ",".join(f"{column}={value}" for column, value in self.by.items())

    @property
    def label(self) -> str:
        """``region = N, site = 3``."""
        return ", ".join(f"{column} = {value or EMPTY}" for column, value in self.by.items())

    @property
    def short_label(self) -> str:
        """``region = N`` for one column, ``N x 3`` for two."""
        return self.label if len(self.by) == 1 else " × ".join(self.by.values())

    @abstractmethod
    def to_dict(self) -> dict:
        """A dict for JSON."""


AnySlice = TypeVar("AnySlice", bound=AbstractSlice)


def ranked(found: list[AnySlice]) -> list[AnySlice]:
    """Slices with their q-values among all single values, or all pairs; the worst first."""
    adjusted: list[AnySlice] = []
    for family in ([s for s in found if len(s.by) == columns] for columns in (1, 2)):
        q_values = benjamini_hochberg([s.p_value for s in family])
        adjusted += [replace(s, q_value=float(q)) for s, q in zip(family, q_values, strict=True)]
    return sorted(adjusted, key=lambda s: (not s.flagged, s.q_value, -abs(s.gap.value)))
