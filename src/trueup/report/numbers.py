"""How numbers are written on the page: only as many digits as the interval supports."""

from __future__ import annotations

from math import floor, isfinite, log10
from typing import Any


MINUS = "\N{MINUS SIGN}"
MISSING = "not available"


def finite(value: Any) -> float | None:
    """Return the number as a float, or None where it is missing, not a number or not finite."""
    if value is None or isinstance(value, (str, list, dict)):
        return None
    number = float(value)
    return number if isfinite(number) else None


def count(value: Any) -> str:
    """Write a count with thousands separators: 12,034."""
    number = finite(value)
    return MISSING if number is None else fixed(number, decimals=0)


def p_value(value: Any) -> str:
    """Write a p-value: below 0.001 its exact size says nothing more."""
    number = finite(value)
    if number is None:
        return MISSING
    return "< 0.001" if number < 0.001 else fixed(number, decimals=3 if number < 0.1 else 2)


def fixed(value: float, *, decimals: int, signed: bool = False) -> str:
    """Write with fixed decimals, separators and a true minus sign; never a negative zero."""
    text = f"{abs(value):,.{decimals}f}"
    if not text.strip("0.,"):
        return text
    return (MINUS if value < 0 else "+" if signed else "") + text


def percent(value: Any) -> str:
    """Write a share as a percentage with one decimal."""
    number = finite(value)
    return MISSING if number is None else fixed(100 * number, decimals=1) + "%"


def loss(value: Any, *, signed: bool = False) -> str:
    """Write a loss with four significant digits."""
    number = finite(value)
    if number is None:
        return MISSING
    return fixed(number, decimals=_significant(number), signed=signed)


def _significant(size: float, digits: int = 4) -> int:
    return max(0, min(8, digits - 1 - floor(log10(abs(size))))) if size else digits - 1


def _scaled_decimals(width: float | None) -> int:
    """One decimal, or as many as the first digit of the interval's width needs."""
    return 1 if not width else max(1, min(4, -floor(log10(width))))


def value_text(estimate: dict[str, Any] | None, *, unit: str = "", signed: bool = False) -> str:
    """Write the value of an estimate in its unit: '13.7 points', '85.1%', '0.6183 nat'."""
    return _parts(estimate or {}, unit=unit, signed=signed)[0]


def interval_text(estimate: dict[str, Any] | None, *, unit: str = "", signed: bool = False) -> str:
    """Write the interval of an estimate: '12.1 to 15.3', or '' where there is none."""
    return _parts(estimate or {}, unit=unit, signed=signed)[1]


def estimate_text(estimate: dict[str, Any] | None, *, unit: str = "", signed: bool = False) -> str:
    """Write value and interval in one line: '13.7 points (12.1 to 15.3)'."""
    value, interval = _parts(estimate or {}, unit=unit, signed=signed)
    return f"{value} ({interval})" if interval else value


def _parts(estimate: dict[str, Any], *, unit: str, signed: bool) -> tuple[str, str]:
    if unit in ("p", "count"):
        return (p_value if unit == "p" else count)(estimate.get("value")), ""
    scale = 100.0 if unit in ("points", "percent") else 1.0
    numbers = [finite(estimate.get(key)) for key in ("value", "low", "high")]
    value, low, high = (None if number is None else scale * number for number in numbers)
    if value is None:
        return MISSING, ""
    ends = low is not None and high is not None
    if scale != 1.0:
        decimals = _scaled_decimals(abs(high - low) if ends else None)
    else:
        # Near zero the ends of the interval set the scale: -0.0003 (-0.0021 to 0.0015).
        decimals = _significant(max(abs(value), *((abs(low), abs(high)) if ends else (0.0,))))
    suffix = {"points": " points", "percent": "%", "nat": " nat"}.get(unit, "")
    text = fixed(value, decimals=decimals, signed=signed)
    if not ends:
        return text + suffix, ""
    low_text, high_text = (fixed(end, decimals=decimals, signed=signed) for end in (low, high))
    return text + suffix, f"{low_text} to {high_text}"
