"""A whole audit by one engine, from a file to the verdict: ``audit_elsewhere.py ENGINE PATH``.

Says the CPU seconds of this process and of all that it started (Java, workers), which the system
counts only once they are gone.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import trueup as tu


TICK = os.sysconf("SC_CLK_TCK")


def cpu(process: str = "self") -> float:
    """CPU seconds of a process and of its running children, those of theirs too."""
    own = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    children = [child for task in tasks for child in task.read_text().split()]
    return sum(map(int, own[11:15])) / TICK + sum(map(cpu, children))


def peak(process: str = "self") -> float:
    """Peak MiB of the same, added up."""
    status = Path(f"/proc/{process}/status").read_text()
    own = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    children = [child for task in tasks for child in task.read_text().split()]
    return sum(own) / 1024 + sum(map(peak, children))


def main(engine: str, path: str) -> None:
    """Audit once, and once more on a session that runs."""
    roles = {"truth": "y", "prob": "p", "by": ["region", "site"], "cluster": "id"}
    said: dict = {}
    for name in ("first", "inner"):
        used, started = cpu(), time.perf_counter()
        found = tu.audit(path, engine=engine, threads=2, **roles)
        said |= {f"{name}_cpu": cpu() - used, f"{name}_wall": time.perf_counter() - started}
    cube = found.primary.cube
    all_cells = [cube.table, *(cells for _, cells in cube.slices.values())]
    said["cells"] = int(sum((cells["n"] > 0).sum() for cells in all_cells))
    said |= {name: float(cube.table[name].sum()) for name in ("n", "y", "p")}
    said |= {"log_loss": found.measures["log_loss"].value, "rss": peak()}
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:3])
