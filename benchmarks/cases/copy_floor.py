"""Read a table and write it again unchanged: ``copy_floor.py PATH OUT``."""

from __future__ import annotations

import sys

import duckdb


if __name__ == "__main__":
    path, out = sys.argv[1:3]
    with duckdb.connect(config={"threads": 2, "memory_limit": "1200MB"}) as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute(
            f"COPY (FROM read_parquet('{path}')) TO '{out}' (FORMAT parquet, COMPRESSION zstd)"
        )
