"""What do steps of simulators cost, batched over members, beside a loop over members?"""

from __future__ import annotations

import sys

from bench import TABLES, case, has, main, row, side_by_side, write


TASKS = {
    "ks_float64": "Kuramoto-Sivashinsky, ETDRK4, 100 steps of 100 members x 1024, float64",
    "ks_float32": "the same, float32",
    "lorenz96": "Lorenz 1996, RK4, 100 steps of 1,000 members x 40",
}
STEPS_OF_MEMBERS = 100 * 100
TARGETS = {"ks_float64": STEPS_OF_MEMBERS / 2.3e4, "ks_float32": STEPS_OF_MEMBERS / 5.5e4}
"""Most CPU seconds: 23,000 and 55,000 steps of a member a second."""
NOTES = (
    "One thread. Seconds are CPU seconds of `run` alone, the least of up to five calls in one "
    "process, after one that is not counted. Target: 23,000 steps of one member a CPU second in "
    "double precision, 55,000 in single precision.",
    "plain: one member after the other with complex transforms of NumPy, in "
    "`cases/simulators_plain.py`, as published scripts do it. NumPy: real transforms of SciPy of "
    "all members at once. torch: the same code on tensors.",
)


def commands(task: str) -> dict[str, list[str]]:
    """Everybody who has the task."""
    folder = str(TABLES)
    made = {"trueup": case("simulators_trueup", task, folder)}
    if has(sys.executable, "torch"):
        made["trueup, torch"] = case("simulators_trueup", task, folder, "torch")
    return made | {"plain": case("simulators_plain", task, folder)}


def lines() -> list[dict]:
    """A row for every task."""
    made = []
    for task, what in TASKS.items():
        done = side_by_side(commands(task), times=1, threads=1)
        targets = [("cpu", TARGETS[task])] if task in TARGETS else []
        made.append(row(what, done, of="inner", targets=targets))
        print(f"  {what}", flush=True)
    return made


def measure() -> None:
    """Measure and write."""
    write("simulators", "Steps of simulators", lines(), notes=NOTES, layout="systems")


if __name__ == "__main__":
    main(measure)
