"""How time is cut: into buckets, and those into blocks for error bars and chunks for drift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from trueup.core.groups import BLOCKS, BUCKETS, parts_of_buckets
from trueup.core.tables.names import quoted
from trueup.core.tables.source import Table


CHUNKS = 50
ROWS_A_CHUNK = 50


@dataclass(frozen=True, eq=False)
class Clock:
    """How time is cut: into buckets, and which block and chunk each bucket lies in.

    Attributes
    ----------
    bucket
        Expression of the bucket 0 .. 8191, in SQL or in Narwhals.
    block, chunk
        (8192,) contiguous parts with about equally many rows.
    starts
        First time of every chunk, as text for dates and as a number otherwise.
    temporal
        Whether the times are dates.
    """

    bucket: Any
    block: np.ndarray
    chunk: np.ndarray
    starts: list
    temporal: bool

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return int(self.chunk[-1]) + 1


def clock_of(table: Table, column: str, where: str, rows: int) -> Clock:
    """Read the range of time and how rows spread over it."""
    name = quoted(column)
    temporal = table.kind(column) == "time"
    number = f"epoch_us({name}::TIMESTAMP)::DOUBLE" if temporal else f"({name})::DOUBLE"
    first, last = table.query(
        f"SELECT min({number}), max({number}) FROM ({table.relation}) WHERE {where}"
    )[0]
    span = (last - first) or 1.0
    bucket = f"least(floor(({number} - {first!r}) / {span!r} * {BUCKETS}), {BUCKETS - 1})::INTEGER"
    bucket = f"coalesce({bucket}, 0)"
    counts, earliest = np.zeros(BUCKETS, dtype=np.int64), np.full(BUCKETS, np.inf)
    for place, n, start in table.query(
        f"SELECT {bucket}, count(*), min({number}) FROM ({table.relation}) WHERE {where} GROUP BY 1"
    ):
        counts[place], earliest[place] = n, first if start is None else start
    return clock_from(bucket, counts, earliest, rows=rows, temporal=temporal)


def clock_from(bucket: Any, counts, earliest, *, rows: int, temporal: bool) -> Clock:
    """The clock of buckets with ``counts`` rows (8192,), and the ``earliest`` time in each."""
    chunks = int(np.clip(rows // ROWS_A_CHUNK, 2, CHUNKS))
    chunk = parts_of_buckets(counts, parts=chunks)
    starts = [float(earliest[chunk == c].min()) for c in range(chunk[-1] + 1)]
    texts = [_as_date(start) if temporal else _as_number(start) for start in starts]
    return Clock(bucket, parts_of_buckets(counts, parts=BLOCKS), chunk, texts, temporal)


def _as_number(start: float) -> float | int:
    return int(start) if start.is_integer() else float(f"{start:.12g}")


def _as_date(microseconds: float) -> str:
    text = str(np.datetime64(int(microseconds), "us").astype("datetime64[s]"))
    return text.removesuffix("T00:00:00")
