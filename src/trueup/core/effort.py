"""How much work a correction is: who tries it without being asked."""

from __future__ import annotations

from enum import Enum


class Effort(Enum):
    """What a choice among corrections may try by itself.

    Attributes
    ----------
    LIGHT
        On every sample.
    HEAVY
        On samples that whoever chooses calls small.
    ASKED
        Never: only by its name.

    Examples
    --------
    >>> Effort.HEAVY.allows(10_000, small=20_000), Effort.HEAVY.allows(10_000, small=5_000)
    (True, False)
    """

    LIGHT = "light"
    HEAVY = "heavy"
    ASKED = "asked"

    def allows(self, numbers: float, *, small: float) -> bool:
        """Whether a sample of this many numbers, rows times classes, is tried unasked."""
        return self is Effort.LIGHT or (self is Effort.HEAVY and numbers <= small)
