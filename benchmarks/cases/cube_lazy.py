"""The cube of a table that its own engine sums: ``cube_lazy.py duckdb|polars PATH``."""

from __future__ import annotations

import sys

from clock import Clock, tell

from trueup.core.tables.opened import opened
from trueup.core.tables.plan import make_plan
from trueup.core.tables.profile import profile
from trueup.core.tables.roles import Roles, assign
from trueup.core.tables.scan import scan


def lazy(engine: str, path: str):
    """The table as the engine's own lazy frame."""
    if engine == "polars":
        import polars

        return polars.scan_parquet(path)
    import duckdb

    return duckdb.connect(config={"threads": 2}).read_parquet(path)


if __name__ == "__main__":
    with opened(lazy(*sys.argv[1:3])) as table:
        roles = assign(table, Roles("y", ("p",), event=True, cluster="id"))
        plan = make_plan(table, roles, profile(table, roles))
        with Clock() as clock:
            cube = scan(table, plan).cube
    tell(clock, n=cube.n, y=float(cube.table["y"].sum()), p=float(cube.table["p"].sum()))
