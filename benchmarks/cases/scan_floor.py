"""The least that any pass can cost, ``sum(p)``: ``scan_floor.py duckdb|polars PATH``."""

from __future__ import annotations

import sys

from clock import Clock, tell


def total(engine: str, path: str) -> float:
    """The sum of p in double precision."""
    if engine == "polars":
        import polars

        column = polars.col("p").cast(polars.Float64).sum()
        return polars.scan_parquet(path).select(column).collect(engine="streaming").item()
    import duckdb

    with duckdb.connect(config={"threads": 2}) as connection:
        sql = "SELECT sum(p::DOUBLE) FROM read_parquet(?)"
        return connection.execute(sql, [path]).fetchone()[0]


if __name__ == "__main__":
    with Clock() as clock:
        p = total(*sys.argv[1:3])
    tell(clock, p=p)
