"""Run commands side by side and write down what they took; standard library only.

This process stays small on purpose: the peak memory of a child starts at that of its parent.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path


HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TABLES = Path(os.environ.get("TRUEUP_BENCH") or ROOT / "build" / "bench")
PEERS = Path(os.environ.get("TRUEUP_PEERS") or ROOT / "build" / "peers")
RESULTS = Path(os.environ.get("TRUEUP_RESULTS") or HERE / "results.json")
QUICK = "quick" in sys.argv[1:]
LIMIT = 600
PATIENCE = float(os.environ.get("TRUEUP_PATIENCE") or 30)
"""Seconds that one benchmark waits, in all, for a moment when nothing else runs."""
MIB = 1024**2
POOLS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB")


def table(name: str) -> str:
    """Path of a table that ``make_tables.py`` wrote."""
    return str(TABLES / f"{name}.parquet")


def case(name: str, *arguments: object, python: str = sys.executable) -> list[str]:
    """The command that runs ``cases/<name>.py``."""
    return [python, str(HERE / "cases" / f"{name}.py"), *map(str, arguments)]


def peer(environment: str) -> str:
    """The interpreter of a peer's environment, or "" where there is none or peers are left out."""
    python = PEERS / environment / "bin" / "python"
    return str(python) if python.exists() and not QUICK else ""


def has(python: str, package: str) -> bool:
    """Whether ``package`` imports there."""
    return bool(python) and run([python, "-c", f"import {package}"])["error"] == ""


def run(
    command: list[str], *, threads: int = 2, cwd: Path | None = None, limit: float = LIMIT
) -> dict:
    """Run a command to its end, or for ``limit`` seconds.

    Returns
    -------
    dict
        ``cpu`` (user and system seconds of the process and its children), ``wall`` (s), ``rss``
        (peak MiB), ``error`` ("" or its last words), and what the last line of its output says if
        that is a JSON object: a case reports the seconds of its inner part as ``inner_cpu`` and
        ``inner_wall``. ``others`` is how many cores other processes kept busy meanwhile.
    """
    wait_for_quiet()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started, busy = time.perf_counter(), busy_seconds()
        child = subprocess.Popen(
            command, stdout=out, stderr=err, env=environment(threads), cwd=cwd or TABLES
        )
        alarm = threading.Timer(limit, child.kill)
        alarm.start()
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - started
        alarm.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        cpu = used.ru_utime + used.ru_stime
        others = max(busy_seconds() - busy - cpu, 0.0) / wall
        taken = {"cpu": cpu, "wall": wall, "rss": used.ru_maxrss / 1024, "others": others}
        if wall > limit:
            return taken | {"error": f"stopped after {limit:.0f} s"}
        return taken | _said(out, err, child.returncode)


def busy_seconds() -> float:
    """Seconds that all cores together have worked since the machine started."""
    user, nice, system, _, _, *rest = Path("/proc/stat").read_text().split("\n")[0].split()[1:]
    return sum(map(int, (user, nice, system, *rest[:3]))) / os.sysconf("SC_CLK_TCK")


def wait_for_quiet() -> None:
    """Wait while other processes keep a third of a core busy, as long as there is patience left."""
    while _waited[0] < PATIENCE:
        busy = busy_seconds()
        time.sleep(0.5)
        if busy_seconds() - busy < 0.5 / 3:
            return
        _waited[0] += 0.5


_waited = [0.0]


def environment(threads: int) -> dict[str, str]:
    """The variables of a child: so many threads, nothing of this Python, no calls home."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONSTARTUP")}
    pools = {f"{pool}_NUM_THREADS": str(threads) for pool in POOLS}
    quiet = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1", "PYTHONWARNINGS": "ignore"}
    return kept | pools | quiet | {"POLARS_MAX_THREADS": str(threads), "MPLBACKEND": "agg"}


def _said(out, err, code: int) -> dict:
    words = [_lines(stream) for stream in (out, err)]
    if code:
        lines = [f"exit code {code}", *words[0], *words[1]]
        raised = [line for line in lines if re.match(r"[\w.]+(Error|Exception|Package): ", line)]
        return {"error": without_paths((raised or lines)[-1])[:200]}
    last = words[0][-1] if words[0] else ""
    return {"error": "", **(json.loads(last) if last.startswith("{") else {})}


def without_paths(text: str) -> str:
    """``text`` with only the last part of each absolute path."""
    return re.sub(r"(?<![\w.:/])(?:/[\w.@+-]+)+/(?=[\w.@+-])", "", text)


def _lines(stream) -> list[str]:
    stream.seek(0)
    return [line for line in stream.read().decode(errors="replace").splitlines() if line.strip()]


def side_by_side(commands: dict[str, list[str]], *, times: int = 3, **options) -> dict[str, dict]:
    """Run every command ``times`` times, in turns, so that noise of the machine hits all alike.

    Seconds are the least of the runs, memory the most; a command that fails is not tried again.
    """
    runs: dict[str, list[dict]] = {name: [] for name in commands}
    for _ in range(times):
        for name, command in commands.items():
            if not any(done["error"] for done in runs[name]):
                runs[name].append(run(command, **options))
    return {name: best(done) for name, done in runs.items()}


def best(runs: list[dict]) -> dict:
    """The least seconds and the most memory of several runs."""
    made = min(runs, key=lambda one: one["wall"]).copy()
    for key in made:
        if key.endswith(("cpu", "wall")):
            made[key] = min(one[key] for one in runs if key in one)
        if key in ("rss", "rise"):
            made[key] = max(one[key] for one in runs if key in one)
    made["runs"] = len(runs)
    return made


def row(what: str, measured: dict[str, dict], *, of: str = "whole", targets=(), note="") -> dict:
    """A row of a table.

    Parameters
    ----------
    what
        What was done.
    measured
        Name of a package -> what ``run`` returned.
    of
        ``"whole"``: the seconds of the process; ``"inner"``: those of the case's inner part.
    targets
        (quantity, most) with a quantity of ``cpu``, ``wall``, ``rss``, ``rise``, ``bytes``,
        ``megabytes``, or ``floor``: CPU seconds in multiples of those of ``plain``.
    """
    return {
        "what": what,
        "measured": measured,
        "of": of,
        "targets": [list(target) for target in targets],
        "note": note,
    }


def write(
    key: str,
    title: str,
    rows: Iterable[dict],
    *,
    notes: Iterable[str] = (),
    layout: str = "packages",
) -> None:
    """Put the table of one question into the results; those of other questions stay.

    ``layout`` is ``"packages"``, a column a package, or ``"systems"``, a line a system.
    """
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"questions": {}}
    rows = list(rows)
    others = [taken["others"] for one in rows for taken in one["measured"].values()]
    results["questions"][key] = {
        "title": title,
        "rows": rows,
        "notes": list(notes),
        "others": round(sum(others) / len(others), 1),
        "layout": layout,
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def versions(python: str, packages: Iterable[str]) -> dict[str, str]:
    """Versions of the packages that are installed there."""
    code = (
        "import importlib.metadata as m, json, sys\n"
        "have = {d.name.lower().replace('_', '-'): d.version for d in m.distributions()}\n"
        "print(json.dumps({n: have[n] for n in sys.argv[1:] if n in have}))"
    )
    if not python:
        return {}
    said = run([python, "-c", code, *packages])
    return {name: said[name] for name in packages if name in said}


def main(measure: Callable[[], None]) -> None:
    """Run one benchmark by itself; say its name first."""
    print(f"{Path(sys.argv[0]).stem} ...", flush=True)
    TABLES.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    measure()
    print(f"  {time.perf_counter() - started:.0f} s", flush=True)
