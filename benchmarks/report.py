"""Put the results of a run into one readable page: ``results.json`` -> ``results.md``."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from bench import QUICK, RESULTS, peer, versions


WORDS = {1: "one core", 2: "two cores", 4: "four cores", 8: "eight cores"}
SIGNS = {
    "cpu": "s",
    "wall": "s",
    "rss": "MiB",
    "rise": "MiB above imports",
    "bytes": "bytes",
    "megabytes": "MB",
    "floor": "x plain",
}
NAMES = {
    "cpu": "CPU",
    "wall": "time",
    "rss": "memory",
    "rise": "memory",
    "bytes": "size",
    "megabytes": "size",
    "floor": "CPU",
}
OURS = (
    "duckdb", "narwhals", "numpy", "polars", "dask", "pyspark", "scikit-learn", "scipy", "altair",
)  # fmt: skip
THEIRS = {
    "science": ("scikit-learn", "scipy", "model-diagnostics", "polars", "pyarrow"),
    "evidently": ("evidently", "pandas", "scikit-learn"),
    "torch": ("torch", "torchmetrics", "netcal"),
    "probmetrics": ("probmetrics", "torch", "numba", "scikit-learn"),
    "mapie": ("mapie", "scikit-learn"),
    "crepes": ("crepes",),
    "puncc": ("puncc",),
    "torchcp": ("torchcp", "torch"),
    "relplot": ("relplot",),
    "vennabers": ("venn-abers", "scikit-learn"),
    "scoringrules": ("scoringrules", "numba"),
    "scores": ("scores", "xarray"),
    "xskillscore": ("xskillscore", "xarray"),
    "properscoring": ("properscoring", "numba", "numpy"),
    "uncertaintytoolbox": ("uncertainty-toolbox",),
    "dapper": ("dapper",),
    "mergekit": ("mergekit", "torch", "safetensors"),
}


def quantity(taken: dict, name: str, of: str) -> float:
    """Seconds of the whole process or of its inner part, or another number; 0 if there is none."""
    inner = taken.get(f"inner_{name}") if of == "inner" else None
    return float(taken.get(name, 0.0) if inner is None else inner)


def number(value: float) -> str:
    """Three digits that count, no exponent."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{3 if value < 0.1 else 2 if value < 10 else 1 if value < 100 else 0}f}"


def cell(taken: dict | None, of: str) -> str:
    """What a package took, in one cell."""
    if taken is None:
        return ""
    if taken.get("error"):
        return "failed: " + taken["error"].replace("|", "/")[:120]
    parts = []
    if "cpu" in taken and "megabytes" not in taken:
        parts.append(f"CPU {number(quantity(taken, 'cpu', of))} s")
        parts.append(f"{number(quantity(taken, 'wall', of))} s")
        parts.append(f"{taken['rss']:.0f} MiB")
    if "megabytes" in taken:
        parts.append(f"{taken['megabytes']:.0f} MB")
    size = taken.get("bytes") or taken.get("html")
    if size:
        parts.append(f"{size / 1000:,.0f} kB")
    if "bad_region" in taken:
        parts.append(f"bad region: {'named' if taken['bad_region'] else 'not named'}")
        parts.append(f"miscalibration: {'named' if taken['miscalibration'] else 'not named'}")
    return "; ".join(parts)


def ratios(row: dict) -> str:
    """How many times what trueup took each of the others took."""
    of, measured = row["of"], row["measured"]
    key = "megabytes" if "megabytes" in measured["trueup"] else "cpu"
    ours = quantity(measured["trueup"], key, of)
    found = [
        f"{name} {number(quantity(taken, key, of) / ours)} x"
        for name, taken in measured.items()
        if name != "trueup" and ours and quantity(taken, key, of)
    ]
    return ", ".join(found)


def target(row: dict) -> tuple[str, str]:
    """The target in words, and whether it was met."""
    taken = row["measured"]["trueup"]
    words = [f"{NAMES[name]} <= {most:,g} {SIGNS[name]}" for name, most in row["targets"]]
    if not words:
        return "", ""
    if taken.get("error") or "missing" in taken:
        return " and ".join(words), taken.get("missing", "no (failed)")
    over = [name for name, most in row["targets"] if of_target(row, name) > most]
    missed = [
        f"{of_target(row, name):.2f} x plain" if name == "floor" else NAMES[name] for name in over
    ]
    return " and ".join(words), f"no ({', '.join(missed)})" if missed else "yes"


def of_target(row: dict, name: str) -> float:
    """What trueup took, in the unit of a target."""
    taken, of = row["measured"]["trueup"], row["of"]
    if name != "floor":
        return quantity(taken, name, of)
    return quantity(taken, "cpu", of) / quantity(row["measured"]["plain"], "cpu", of)


def version_of(name: str, versions: dict[str, dict[str, str]]) -> str:
    """Version of the package that a column is about; empty where it stands in the name of none."""
    word = name.lower().split()[0]
    return next((found[word] for found in versions.values() if word in found), "")


def section(question: dict, versions: dict) -> list[str]:
    """The table of one question and its notes."""
    table = by_system if question.get("layout") == "systems" else by_package
    notes = [*question["notes"], _others(question["others"])]
    lines = [f"## {question['title']}", "", *table(question, versions), ""]
    return [*lines, *(f"- {note}" for note in notes), ""]


def by_package(question: dict, versions: dict) -> list[str]:
    """A row a task, a column a package."""
    names = list(dict.fromkeys(n for row in question["rows"] for n in row["measured"]))
    named = [f"{name} {version_of(name, versions)}".strip() for name in names]
    head = ["what", *named, "ratio to trueup", "target", "met"]
    lines = [_line(head), _line(["---"] * len(head))]
    for row in question["rows"]:
        cells = [cell(row["measured"].get(name), row["of"]) for name in names]
        lines.append(_line([row["what"], *cells, ratios(row), *target(row)]))
    return lines


def by_system(question: dict, versions: dict) -> list[str]:
    """A line for every task and system, with what it found."""
    head = ["task", "system", "CPU s", "MiB", "x plain", "found", "target", "met"]
    lines = [_line(head), _line(["---"] * len(head))]
    for row in question["rows"]:
        for i, (name, taken) in enumerate(row["measured"].items()):
            named = (
                f"{name} {version_of(name.split(',')[0], versions)}" if "," not in name else name
            )
            ends = target(row) if name == "trueup" else ("", "")
            first = "" if i else row["what"]
            lines.append(_line([first, named.strip(), *system(taken, row), *ends]))
    return lines


def system(taken: dict, row: dict) -> list[str]:
    """Seconds, rise of memory, ratio to the plain script, and results."""
    if taken.get("error") or "missing" in taken:
        return ["", "", "", taken.get("missing") or f"failed: {taken['error'][:120]}"]
    plain, cpu = row["measured"].get("plain", {}), quantity(taken, "cpu", row["of"])
    floor = 0.0 if plain.get("error") else quantity(plain, "cpu", row["of"])
    ratio = number(cpu / floor) if floor else ""
    found = ", ".join(f"{name} {value:.6g}" for name, value in taken["values"].items())
    return [number(cpu), f"{taken['rise']:.0f}", ratio, found or "nothing to compare"]


def _others(cores: float) -> str:
    return f"Meanwhile other work kept {cores} cores of the machine busy, on average."


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def machine() -> str:
    """The machine in words that say nothing else about it."""
    cores = len(os.sched_getaffinity(0))
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024**3
    return f"{WORDS.get(cores, f'{cores} cores')}, {-(-pages // 2) * 2:.0f} GiB"


def all_versions() -> dict[str, dict[str, str]]:
    """Versions of this package and of every peer."""
    found = {"trueup": versions(sys.executable, ("trueup", *OURS))}
    return found | {name: versions(peer(name), packages) for name, packages in THEIRS.items()}


def summary(questions: dict) -> str:
    """How many targets were met, and which were not."""
    asked = [row for question in questions.values() for row in question["rows"] if row["targets"]]
    waiting = [row["what"] for row in asked if "missing" in row["measured"]["trueup"]]
    rows = [row for row in asked if row["what"] not in waiting]
    missed = [f"{row['what']} ({target(row)[1][4:-1]})" for row in rows if target(row)[1] != "yes"]
    text = f"{len(rows) - len(missed)} of {len(rows)} targets were met."
    text += f" Missed: {'; '.join(missed)}." if missed else ""
    return text + (f" Not built: {'; '.join(waiting)}." if waiting else "")


def page(results: dict) -> str:
    """The whole page."""
    lines = [
        "# Speed and memory",
        "",
        f"Written by `make benchmark` on {results['machine']}; nothing here is typed by hand. Each "
        "table comes from one run, in which the packages of a row ran in turns, in processes of "
        "their own.",
        "",
        "A cell says CPU seconds (user and system, all threads), seconds on the clock, and peak "
        "memory of the process; seconds are the least of the runs. A ratio compares CPU seconds, "
        "or sizes. The machine was shared, so the clock is worse than CPU seconds at comparing.",
        "",
        summary(results["questions"]),
        "",
    ]
    for question in results["questions"].values():
        lines += section(question, results["versions"])
    lines += ["## Versions", ""]
    for name, found in results["versions"].items():
        if found:
            lines.append(f"- {name}: " + ", ".join(f"{k} {v}" for k, v in found.items()))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    results = json.loads(RESULTS.read_text())
    # A question that was not asked again keeps its rows, and its peers their versions.
    found = {name: have for name, have in all_versions().items() if have}
    kept = results.get("versions", {}) | found
    results |= {"machine": machine(), "versions": kept, "quick": QUICK}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    made = Path(RESULTS).with_suffix(".md")
    made.write_text(page(results), encoding="utf-8")
    print(f"{made.name}: {summary(results['questions'])}")
