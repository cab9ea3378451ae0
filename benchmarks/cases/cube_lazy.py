"""The cube of a table by one Narwhals expression: ``cube_lazy.py duckdb|polars PATH``."""

from __future__ import annotations

import sys

from clock import Clock, tell

from trueup.core.tables.lazy import cube_of_lazy


def lazy(engine: str, path: str):
    """The table as the engine's own lazy frame."""
    if engine == "polars":
        import polars

        return polars.scan_parquet(path)
    import duckdb

    return duckdb.connect(config={"threads": 2}).read_parquet(path)


if __name__ == "__main__":
    frame = lazy(*sys.argv[1:3])
    with Clock() as clock:
        cube = cube_of_lazy(frame, truth="y", probs=["p"], key="id")
    tell(clock, n=cube.n, y=float(cube.table["y"].sum()), p=float(cube.table["p"].sum()))
    sys.stdout.flush()
