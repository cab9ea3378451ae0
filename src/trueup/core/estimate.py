"""A number with its interval: what every measurement returns."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Estimate:
    """A value, the interval that belongs to it, and how the interval was made.

    Attributes
    ----------
    value, low, high
        The estimate and the ends of its interval, in the unit of the measure. NaN means unknown.
    level
        Share of such intervals that contain the truth, in (0, 1).
    n
        Rows behind the value.
    how
        How the interval was made, in words.

    Examples
    --------
    >>> e = Estimate(0.25, 0.20, 0.30, n=100)
    >>> float(e) + 1, f"{e:.1f}", str(e)
    (1.25, '0.2', '0.2500 (0.2000 to 0.3000)')
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    level: float = 0.95
    n: int = 0
    how: str = ""

    def __float__(self) -> float:
        return self.value

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else str(self)

    def __str__(self) -> str:
        if math.isnan(self.low) and math.isnan(self.high):
            return f"{self.value:.4f}"
        return f"{self.value:.4f} ({self.low:.4f} to {self.high:.4f})"

    @property
    def finite(self) -> bool:
        """Whether value and interval are all finite numbers."""
        return all(map(math.isfinite, (self.value, self.low, self.high)))

    def excludes(self, null: float) -> bool:
        """Whether ``null`` lies outside the interval; False where the interval is unknown."""
        return self.low > null or self.high < null

    def to_dict(self) -> dict:
        """A dict for JSON: numbers that are not finite become None."""
        row = asdict(self)
        for key in ("value", "low", "high"):
            row[key] = float(row[key]) if math.isfinite(row[key]) else None
        return row
