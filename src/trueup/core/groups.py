"""Groups of rows: the unit that every error bar, split and proof is built on."""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np


GROUPS = 128
"""Groups of a table without time order: the error of a standard error is then 6 %."""

BLOCKS = 20
"""Contiguous blocks of a table in time: long enough to swallow what neighbours share."""

BUCKETS = 8192
"""Equal steps between the first and the last time; blocks and chunks are unions of them."""

MODULUS, FOLD, FACTOR = 2_147_483_647, 1_000_003, 1_213_191_644


def hash_groups(keys: np.ndarray, *, count: int = GROUPS) -> np.ndarray:
    """Group (n,) of every key, the same on every machine, engine and day.

    Plain 64-bit arithmetic that cannot overflow, so that SQL and NumPy agree to the letter; the
    square mixes keys that follow each other. A string enters through the lower half of its MD5, as
    DuckDB's ``md5_number_lower`` gives it.

    Examples
    --------
    >>> hash_groups(np.arange(6), count=4).tolist()
    [0, 3, 0, 0, 3, 3]
    """
    keys = np.asarray(keys)
    if keys.dtype.kind == "u":  # the upper half of unsigned numbers has no place among the signed
        keys = keys % FOLD
    folded = np.abs(np.fmod(integer_keys(keys), FOLD))
    if len(folded) < FOLD // 4:
        return (_mixed(folded) % count).astype(np.int32)
    return _table(count)[folded]


def place_groups(rows: int, *, count: int = GROUPS) -> np.ndarray:
    """Group of every place 0 .. ``rows`` - 1: ``hash_groups`` of a range, which repeats."""
    table = _table(count)
    return table[:rows] if rows <= len(table) else np.resize(table, rows)


def _mixed(folded: np.ndarray) -> np.ndarray:
    once = folded * FACTOR % MODULUS
    return once * once % MODULUS


@cache
def _table(count: int) -> np.ndarray:
    """Group of every folded key: for many keys a look-up is four times faster than division."""
    table = (_mixed(np.arange(FOLD)) % count).astype(np.int32)
    table.flags.writeable = False  # everybody reads the same one
    return table


def integer_keys(keys: np.ndarray) -> np.ndarray:
    """Keys of any type as int64, equal keys to equal numbers."""
    keys = np.asarray(keys)
    if keys.dtype.kind in "iub":
        return keys.astype(np.int64)
    if keys.dtype.kind == "M":
        return keys.astype("datetime64[us]").astype(np.int64)
    if keys.dtype.kind == "f" and (keys == np.floor(keys)).all():
        return keys.astype(np.int64)
    unique, inverse = np.unique(keys.astype(str), return_inverse=True)
    return np.array([_digest(text) for text in unique], dtype=np.int64)[inverse]


def _digest(text: str) -> int:
    half = hashlib.md5(text.encode(), usedforsecurity=False).digest()[8:]
    return int.from_bytes(half, "little") % FOLD


def sql_key(expression: str, *, text: bool) -> str:
    """The number below ``FOLD`` of an integer or text ``expression``, in SQL."""
    if text:
        return f"(md5_number_lower({expression}) % {FOLD})::BIGINT"
    return f"abs((({expression}) % {FOLD})::BIGINT)"


def sql_group(key: str, *, count: int = GROUPS) -> str:
    """The same group as a SQL expression over what ``sql_key`` gives."""
    mixed = f"({key} * {FACTOR} % {MODULUS})"
    return f"({mixed} * {mixed} % {MODULUS} % {count})"


def buckets(times: np.ndarray, *, first: float, last: float) -> np.ndarray:
    """Bucket (n,) in 0 .. 8191 of every time between ``first`` and ``last``."""
    span = (last - first) or 1.0
    return np.minimum((times - first) / span * BUCKETS, BUCKETS - 1).astype(np.int32)


def parts_of_buckets(counts: np.ndarray, *, parts: int) -> np.ndarray:
    """Part (8192,) of every bucket: contiguous runs with about equally many rows.

    Rows of one bucket stay together, so a time that many rows share is never torn apart.
    """
    before = np.cumsum(counts) - counts
    middle = (before + counts / 2) / max(counts.sum(), 1)
    part = np.minimum((middle * parts).astype(np.int64), parts - 1)
    # An empty bucket goes with the one before it: else it could be a part without rows.
    part = np.maximum.accumulate(np.where(counts > 0, part, 0))
    return np.unique(part, return_inverse=True)[1]
