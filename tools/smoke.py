"""Try an installed trueup as a new user would: ``smoke.py core`` or ``smoke.py report``.

Uses the standard library only, so that it runs where nothing else is installed.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import math
import random
import subprocess
import sys
from pathlib import Path


ROWS = 3_000
UNWANTED = ("torch", "pandas", "polars", "pyarrow", "xarray")
"""Packages that core and report must do without."""


def write_table(path: Path) -> None:
    """A CSV of an over-confident forecast: stated log-odds are twice the true ones."""
    rng = random.Random(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["y", "p", "region"])
        for _ in range(ROWS):
            z = rng.gauss(0, 1)
            happened = rng.random() < 1 / (1 + math.exp(-z))
            rows.writerow([int(happened), 1 / (1 + math.exp(-2 * z)), rng.choice("NESW")])


def trueup(*arguments: str) -> str:
    """Run the command; leave with what it said if it fails or speaks on its error stream."""
    command = [str(Path(sys.executable).with_name("trueup")), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode or done.stderr:
        sys.exit(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def core() -> None:
    """Audit, save a remedy and apply it with the core alone."""
    there = [name for name in UNWANTED if importlib.util.find_spec(name)]
    if there:
        sys.exit(f"core pulled in {', '.join(there)}")
    write_table(Path("table.csv"))
    said = trueup("audit", "table.csv", "--by", "region", "--json", "a.json", "--save", "remedy")
    if "Over-confident" not in said:
        sys.exit(f"the planted over-confidence was not named:\n{said}")
    chosen = json.loads(Path("a.json").read_text(encoding="utf-8"))["chosen"]
    if chosen == "none":
        sys.exit("no correction was proven")
    trueup("apply", "remedy", "table.csv", "--out", "corrected.csv")
    trueup("history")
    trueup("methods", "--search", "overconfident")


def report() -> None:
    """Audit with a report, and the demo."""
    write_table(Path("table.csv"))
    trueup("audit", "table.csv", "--by", "region", "--out", "report.html")
    trueup("audit", "table.csv", "--out", "interactive.html", "--interactive")
    trueup("demo", "--out", "demo")
    pages = [Path("report.html"), Path("interactive.html"), *Path("demo").glob("*.html")]
    if len(pages) != 5 or not all("<svg" in p.read_text(encoding="utf-8") for p in pages):
        sys.exit(f"not every report holds a picture: {[p.name for p in pages]}")


if __name__ == "__main__":
    {"core": core, "report": report}[sys.argv[1]]()
    sys.stdout.write(f"smoke test of {sys.argv[1]}: passed\n")
