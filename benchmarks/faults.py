"""Two planted faults, overconfidence and one bad region of twenty: who names them by default?"""

from __future__ import annotations

import re

from bench import (
    PEERS,
    QUICK,
    TABLES,
    case,
    main,
    peer,
    row,
    side_by_side,
    table,
    without_paths,
    write,
)


BAD = "region_03"
OVER = re.compile(r"overconf|calibrat|(?<![a-z])ece(?![a-z])", re.IGNORECASE)


def commands(file: str) -> dict[str, list[str]]:
    """What a first-time user of each package would run."""
    made = {"trueup": case("faults_trueup", file, TABLES / "faults-trueup.html")}
    if science := peer("science"):
        made["model-diagnostics"] = case("faults_diagnostics", file, python=science)
    if evidently := peer("evidently"):
        out = TABLES / "faults-evidently.html"
        made["evidently"] = case("faults_evidently", file, out, python=evidently)
    return made


def verdicts(done: dict[str, dict]) -> dict[str, dict]:
    """Add what each output names, found by looking for the words in it."""
    for taken in done.values():
        words = [*taken.get("names", []), *taken.get("metrics", [])]
        taken["bad_region"] = any(BAD in word for word in words)
        taken["miscalibration"] = any(OVER.search(word) for word in words)
        taken.pop("metrics", None)
    return done


def broken() -> list[str]:
    """Peers that could not be installed or imported, with their last words."""
    log = PEERS / "broken.txt"
    if QUICK or not log.exists():
        return []
    said = "Not in the table, broken as pip installs it: "
    return [said + without_paths(line) for line in log.read_text().splitlines()]


def overall(done: dict[str, dict]) -> list[str]:
    """What model-diagnostics says without a feature."""
    p_value = done.get("model-diagnostics", {}).get("overall_p_value")
    if p_value is None:
        return []
    return [
        f"model-diagnostics' bias over all rows has p = {p_value:.1e}: the means differ, which "
        "says nothing of confidence. A reliability curve is drawn on request, without a verdict."
    ]


def measure() -> None:
    """Measure and write."""
    file = table("binary_1e6")
    done = verdicts(side_by_side(commands(file), times=2))
    rows = [row("the default run on 1e6 rows, from start to exit", done)]
    if science := peer("science"):
        more = case("faults_diagnostics", file, 25, python=science)
        told = {"trueup": done["trueup"], "model-diagnostics": side_by_side({"x": more})["x"]}
        what = "the same; model-diagnostics told to use 25 bins"
        rows.append(row(what, verdicts(told)))
    notes = [
        "Planted: what happens has 0.8 of the stated log-odds; in one region of twenty 0.6 less.",
        "Runs: trueup `audit(..., by='region')` and its report; model-diagnostics "
        "`compute_bias(feature=region)`, which writes no page; evidently `ClassificationPreset` "
        "and `DataDriftPreset`, the first half of the table as reference.",
        "'Names' means that the output, without its pictures, holds the region as a finding or a "
        "significant group (at 5 %, Bonferroni), or a word or a metric about calibration.",
        *overall(done),
        *broken(),
    ]
    write("faults", "Planted faults", rows, notes=notes)


if __name__ == "__main__":
    main(measure)
