"""How long does it take to correct a large file, and in how much memory?"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench import QUICK, TABLES, case, main, row, run, side_by_side, table, write


LIMIT = 2 * 1024


def save_remedy(folder: Path) -> None:
    """Audit the small table and keep its remedy."""
    roles = ["--truth", "y", "--prob", "p", "--by", "region"]
    command = [sys.executable, "-m", "trueup", "audit", table("binary_1e6"), *roles]
    done = run([*command, "--save", str(folder), "--no-history"])
    if done["error"]:
        raise SystemExit(f"the audit that makes the remedy failed: {done['error']}")


def measure() -> None:
    """Measure and write."""
    name, rows = ("binary_1e7", "1e7") if QUICK else ("binary_5e7", "5e7")
    file = table(name)
    with tempfile.TemporaryDirectory(dir=TABLES) as folder:
        remedy, out = Path(folder) / "remedy", Path(folder) / "out.parquet"
        save_remedy(remedy)
        apply = [sys.executable, "-m", "trueup", "apply", str(remedy), file, "--out", str(out)]
        commands = {"trueup": apply, "DuckDB copy": case("copy_floor", file, out)}
        done = side_by_side(commands, times=2)
    made = row(f"apply a remedy to {rows} rows", done, targets=[("rss", LIMIT)])
    notes = [
        "The whole command, two threads; what it is compared with reads the same Parquet file and "
        "writes it again unchanged, which corrects nothing."
    ]
    write("applying", "Apply a remedy", [made], notes=notes)


if __name__ == "__main__":
    main(measure)
