"""What does a whole audit cost where the table lives: DuckDB, Polars, Dask, Spark?"""

from __future__ import annotations

import sys

from bench import QUICK, case, has, main, row, run, side_by_side, table, write


ENGINES = {"polars": "polars", "dask": "dask", "spark": "pyspark"}
SUMS = ("n", "y", "p")


def audits() -> list[dict]:
    """The same audit by every engine that is installed."""
    file = table("binary_1e7")
    commands = {"trueup": case("audit_elsewhere", "duckdb", file)}
    for engine, package in ENGINES.items():
        if has(sys.executable, package):
            commands[f"trueup on {engine}"] = case("audit_elsewhere", engine, file)
    done = side_by_side(commands, times=1)
    rows = [row("audit, two slice columns, 1e7 rows of an event", done, of="inner")]
    if not QUICK:
        large = {"trueup": run(case("audit_elsewhere", "duckdb", table("binary_1e8")))}
        rows.append(row("the same, 1e8 rows", large, of="inner"))
    return rows


def starts(measured: dict[str, dict]) -> str:
    """What the first audit of a session costs beyond the second."""
    said = [
        f"{name} {taken['first_wall'] - taken['inner_wall']:.1f} s "
        f"({taken['first_cpu'] - taken['inner_cpu']:.1f} CPU s)"
        for name, taken in measured.items()
        if "first_wall" in taken
    ]
    return f"The first audit of a session costs more, to start and to warm up: {', '.join(said)}."


def agreement(measured: dict[str, dict]) -> str:
    """Whether the engines agree."""
    done = {name: taken for name, taken in measured.items() if "n" in taken}
    same = len({tuple(taken[k] for k in SUMS) for taken in done.values()}) == 1
    losses = [taken["log_loss"] for taken in done.values()]
    spread = (max(losses) - min(losses)) / max(losses)
    answer = "the same to the last digit" if same else "NOT the same"
    return (
        f"Rows, sum of y and sum of p of {' and '.join(done)} are {answer}; the log loss differs "
        f"by {spread:.0e} of itself."
    )


def travelled(taken: dict) -> str:
    """How much left the engine."""
    return f"{taken.get('cells', 0):,} cells that hold rows left the engine for 1e7 rows."


def measure() -> None:
    """Measure and write."""
    rows = audits()
    measured = rows[0]["measured"]
    notes = [
        "The second audit of a session that runs: checks, plan, one pass, verdict. One Parquet "
        "file, two threads, Spark as local[2], Dask in threads; CPU and memory of all processes.",
        starts(measured),
        agreement(measured),
        travelled(measured["trueup"]),
    ]
    write("scale", "The audit where the table lives", rows, notes=notes)


if __name__ == "__main__":
    main(measure)
