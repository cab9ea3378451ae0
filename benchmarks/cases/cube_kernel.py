"""The cube of a table by the NumPy kernel: ``cube_kernel.py PATH``."""

from __future__ import annotations

import sys

from clock import Clock, tell

from trueup.core.tables.plan import make_plan
from trueup.core.tables.profile import profile
from trueup.core.tables.roles import Roles, assign
from trueup.core.tables.scan import scan
from trueup.core.tables.source import open_table


if __name__ == "__main__":
    with open_table(sys.argv[1], threads=2) as table:
        roles = assign(table, Roles("y", ("p",), event=True))
        with Clock() as checks:
            plan = make_plan(table, roles, profile(table, roles))
        with Clock() as clock:
            cube = scan(table, plan, threads=2).cube
    tell(
        clock,
        n=cube.n,
        y=float(cube.table["y"].sum()),
        p=float(cube.table["p"].sum()),
        checks_wall=checks.wall,
    )
