"""How long does it take to write the report, and how large is it?"""

from __future__ import annotations

from bench import TABLES, case, main, row, side_by_side, table, write


KINDS = {"static": 150_000, "interactive": 700_000}
SUBJECTS = {
    "an event, two slice columns": ("binary_1e6", "p"),
    "ten classes, two slice columns": ("classes_1e6", ",".join(f"p{k}" for k in range(10))),
}


def measure() -> None:
    """Measure and write."""
    rows = []
    for subject, (name, columns) in SUBJECTS.items():
        commands = {
            kind: case("report_trueup", kind, table(name), TABLES / "report.html", columns)
            for kind in KINDS
        }
        done = side_by_side(commands, times=2)
        for kind, most in KINDS.items():
            taken = done[kind] | {"bytes": done[kind].get("html", 0)}
            what = f"{kind} report, {subject}"
            rows.append(row(what, {"trueup": taken}, of="inner", targets=[("bytes", most)]))
    notes = ["Seconds of writing the report after the audit of 1e6 rows; memory of both."]
    write("reports", "Report", rows, notes=notes)


if __name__ == "__main__":
    main(measure)
