"""What does it cost to merge two checkpoints of 191 MB, and is the outcome the same?"""

from __future__ import annotations

import shutil

from bench import TABLES, case, main, peer, row, run, side_by_side, write


TASKS = {
    "linear": "average of two checkpoints of 47.7 million numbers",
    "ties": "TIES of the same two and their base, density .2",
}
LARGEST = 12_032 * 512 * 4 / 1024**2
"""MiB of the largest tensor."""
MEMORY = round(64 + 2 * LARGEST)
TARGETS = {
    "linear": [("cpu", 2.8), ("rise", MEMORY)],
    "ties": [("cpu", 8.0), ("rise", MEMORY)],
}
NOTES = (
    "One thread; CPU seconds of the whole process, imports included, without the comparison at the "
    "end. Memory is the most anonymous memory during the merge above that before it: pages of "
    "files that are mapped do not count. Single precision, 102 tensors, the largest of 24.6 MB.",
    "differ: numbers, per million, that are not the same to the last bit as those of a script that "
    "merges whole tensors with a sort. Of TIES, mergekit rounds how many stay in another way.",
    "mergekit runs by its two commands, mergekit-pytorch and mergekit-yaml, without a model card.",
)


def measure() -> None:
    """Make the checkpoints, measure, take them away, and write."""
    folder = TABLES / "merging"
    made = run(case("merging_make", folder))
    if made["error"]:
        raise SystemExit(made["error"])
    rows = []
    for task, what in TASKS.items():
        commands = {"trueup": case("merging_trueup", task, folder)}
        for script in ("pytorch", "yaml") if (python := peer("mergekit")) else ():
            name = f"mergekit-{script}"
            commands[name] = case("merging_mergekit", task, folder, script, python=python)
        done = side_by_side(commands, times=3, threads=1)
        rows.append(row(what, done, of="inner", targets=TARGETS[task]))
        print(f"  {what}", flush=True)
    shutil.rmtree(folder)
    write("merging", "Merging beside mergekit", rows, notes=NOTES, layout="systems")


if __name__ == "__main__":
    main(measure)
