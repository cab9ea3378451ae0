"""How long does a whole audit take, and its one pass over the table?"""

from __future__ import annotations

import sys

from bench import QUICK, case, main, row, run, side_by_side, table, write
from make_tables import LEVELS


GIB = 1024
QUANTILES = [word for q in LEVELS for word in ("--quantile", f"{q:g}=q{q:g}")]
PROBS = ",".join(f"p{k}" for k in range(10))


def audit(name: str, *roles: str) -> list[str]:
    """The command of an audit with two slice columns and no report."""
    slices = ("--by", "region", "--by", "site", "--threads", "2", "--no-history")
    return [sys.executable, "-m", "trueup", "audit", table(name), "--truth", "y", *roles, *slices]


def whole_audits() -> list[dict]:
    """The command from start to end."""
    small = {
        "1e7 rows of an event": ("binary_1e7", ("--prob", "p"), [("wall", 4)]),
        "1e6 rows of ten classes": ("classes_1e6", ("--probs", PROBS), [("wall", 3)]),
    }
    rows = []
    for what, (name, roles, targets) in small.items():
        done = side_by_side({"trueup": audit(name, *roles)})
        rows.append(row(f"audit, two slice columns, {what}", done, targets=targets))
    if not QUICK:
        done = {"trueup": run(audit("binary_1e8", "--prob", "p"))}
        what = "audit, two slice columns, 1e8 rows of an event"
        rows.append(row(what, done, targets=[("wall", 30), ("rss", GIB)]))
        done = {"trueup": run(audit("quantiles_1e7", *QUANTILES))}
        what = "audit, two slice columns, 1e7 rows of 23 quantiles"
        rows.append(row(what, done, targets=[("wall", 60), ("rss", 2 * GIB)]))
    return rows


def cubes() -> list[dict]:
    """The pass alone: by the kernel, by one Narwhals expression, beside the bare scan."""
    file = table("binary_1e7")
    done = side_by_side(
        {
            "trueup": case("cube_kernel", file),
            "trueup on DuckDB": case("cube_lazy", "duckdb", file),
            "trueup on polars": case("cube_lazy", "polars", file),
            "DuckDB sum(p)": case("scan_floor", "duckdb", file),
            "polars sum(p)": case("scan_floor", "polars", file),
        }
    )
    rows = [row("cube alone, 1e7 rows", done, of="inner")]
    if not QUICK:
        file = table("binary_1e8")
        done = {
            "trueup": run(case("cube_kernel", file)),
            "DuckDB sum(p)": run(case("scan_floor", "duckdb", file)),
            "polars sum(p)": run(case("scan_floor", "polars", file)),
        }
        rows.append(row("cube alone, 1e8 rows", done, of="inner", targets=[("wall", 12)]))
    return rows


def agreement(rows: list[dict]) -> str:
    """Whether the engines agree on counts and sums."""
    cubes = {k: v for k, v in rows[0]["measured"].items() if "n" in v}
    same = len({(cube["n"], cube["y"], cube["p"]) for cube in cubes.values()}) == 1
    answer = "the same" if same else "NOT the same"
    return f"Rows, sum of y and sum of p of {' and '.join(cubes)} are {answer} to the last digit."


def measure() -> None:
    """Measure and write."""
    notes = ["The whole command from start to exit, two threads, no report."]
    write("audits", "Audit of a table", whole_audits(), notes=notes)
    passes = cubes()
    notes = [
        "Two threads; the seconds are those of the pass, without the start of Python and without "
        "the checks of the data, the memory that of the process. DuckDB gets the same cells by one "
        "Narwhals expression that it runs itself, polars hands its batches to the kernel.",
        "The bare scan `sum(p)` is the least that any pass can cost.",
        agreement(passes),
    ]
    write("passes", "The one pass over the table", passes, notes=notes)


if __name__ == "__main__":
    main(measure)
