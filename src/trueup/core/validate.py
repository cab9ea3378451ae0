"""What a prediction must be like; each check refuses with the first bad rows and a value."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trueup.core.errors import EvidenceError


SUM_TOLERANCE = 1e-3
"""How far a row of probabilities may be from summing to one: float16 and printed digits pass."""


def check_probabilities(p: np.ndarray) -> None:
    """Refuse what is no probability of an event (n,) and no table of probabilities (n, k)."""
    if p.ndim != 1 and (p.ndim != 2 or p.shape[1] < 2):
        raise EvidenceError(
            "Probabilities",
            f"shape must be (n,) or (n, k) with k >= 2; got {p.shape}",
            do="Pass one column a class, or one probability of the event a row",
        )
    if all(_sound(p[rows]) for rows in _blocks(p)):
        return
    unknown = _any(~np.isfinite(p))
    if unknown.any():
        refuse_rows("Probabilities", "NaN or infinite", unknown, p)
    outside = _any((p < 0) | (p > 1))
    if outside.any():
        refuse_rows("Probabilities", f"outside [0, 1]; {_likely(p)}", outside, p)
    off = np.atleast_1d(np.abs(p.sum(axis=1, dtype=np.float64) - 1.0) > SUM_TOLERANCE)
    refuse_rows("Probabilities", "rows must sum to one", off, p)


def _sound(p: np.ndarray) -> bool:
    """Whether nothing is wrong with a block; NaN fails every comparison."""
    if p.size and not (p.min() >= 0 and p.max() <= 1):
        return False
    if p.ndim == 1 or _near_one(p @ np.ones(p.shape[1], dtype=p.dtype), SUM_TOLERANCE / 2):
        return True
    return _near_one(p.sum(axis=1, dtype=np.float64), SUM_TOLERANCE)  # single precision may err


def _near_one(sums: np.ndarray, tolerance: float) -> bool:
    return bool((np.abs(sums - 1.0) <= tolerance).all())


def _blocks(p: np.ndarray) -> Iterator[slice]:
    """Slices of rows that stay in the processor's cache."""
    size = max(2**16 // max(p[:1].size, 1), 1)
    return (slice(start, start + size) for start in range(0, len(p), size))


def refuse_rows(who: str, what: str, bad: np.ndarray, values: np.ndarray) -> None:
    """Raise an error that names the first bad rows and shows the first bad value."""
    index = np.flatnonzero(bad)
    first = np.array2string(values[index[0]], precision=6, threshold=8)
    raise EvidenceError(
        who,
        f"{what}: {len(index)} of {len(bad)} rows, the first at {index[:5].tolist()} with {first}",
        do="Mend or drop these rows",
    )


def finite(who: str, values, ndim: int) -> np.ndarray:
    """``values`` as float64 of ``ndim`` dimensions; NaN and infinity are refused."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != ndim:
        raise EvidenceError(
            who, f"needs {ndim} dimension(s); got shape {array.shape}", do="Reshape the values"
        )
    if not all_finite(array) and (bad := ~np.isfinite(array)).any():
        refuse_rows(who, "NaN or infinite", bad if ndim == 1 else _any(bad), array)
    return array


def all_finite(array: np.ndarray) -> bool:
    """Whether a sum is finite, one pass without a mask; a sum that overflows says False, too."""
    with np.errstate(invalid="ignore", over="ignore"):
        return bool(np.isfinite(array.sum()))


def same_length(who: str, a: np.ndarray, b: np.ndarray) -> None:
    """Refuse two columns of different length."""
    if len(a) != len(b):
        raise EvidenceError(
            who, f"lengths differ: {len(a)} and {len(b)}", do="Pass one value a row in both"
        )


def inside(who: str, name: str, levels: np.ndarray) -> None:
    """Refuse levels that are no shares in (0, 1)."""
    if ((levels <= 0) | (levels >= 1)).any():
        raise EvidenceError(
            who, f"{name} must lie in (0, 1); got {levels.tolist()}", do="Pass 0.9 for 90 %"
        )


def _any(bad: np.ndarray) -> np.ndarray:
    """(n,) whether any column of a row is bad."""
    return np.asarray(bad.any(axis=tuple(range(1, bad.ndim))))


def _likely(values: np.ndarray) -> str:
    """What numbers outside [0, 1] are likely to be, in words."""
    wide = values.reshape(len(values), -1)
    off = _any((wide < 0) | (wide > 1)).mean()
    if off > 0.5 and wide.min() < 0:
        return "these look like logits: use Probabilities.from_logits"
    percent = wide.max() <= 100 and wide.min() >= 0 and wide.max() > 1.5
    if percent and off > 0.5 and (values.ndim == 1 or np.allclose(wide.sum(axis=1), 100, atol=1)):
        return "these look like percent: divide them by 100"
    return "logits go through Probabilities.from_logits"


def refuse_shares(who: str, logits: np.ndarray) -> None:
    """Refuse logits (n, k) that are probabilities: their softmax would be near uniform.

    A few rows may look so by chance, and equal rows tell no more than one.
    """
    n, k = logits.shape
    if n < 5 or k < 2 or not (logits.min() >= 0 and logits.max() <= 1):
        return
    if np.allclose(logits.sum(axis=1), 1.0, atol=1e-4) and (logits != logits[0]).any():
        raise EvidenceError(
            who,
            f"logits lie in [0, 1] and sum to one over classes ({n} x {k})",
            why="these look like probabilities",
            do="Use Probabilities(...), or pass the logits",
        )
