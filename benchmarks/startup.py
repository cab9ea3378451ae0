"""How long does it take to start, and how much disk does an installation need?"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from bench import QUICK, ROOT, main, peer, row, run, side_by_side, write


SIZE = (
    "import json, pathlib, sysconfig\n"
    "site = pathlib.Path(sysconfig.get_paths()['purelib'])\n"
    "files = [f for f in site.rglob('*') if f.is_file() and not f.is_symlink()]\n"
    "print(json.dumps({'bytes': sum(f.lstat().st_blocks * 512 for f in files)}))"
)
FIRST = (
    "import trueup as tu\n"
    "rows = tu.worlds.planted_table(1_000).columns\n"
    "tu.audit(rows, truth='y', prob='p', by='region')"
)
PACKAGES = {
    "scikit-learn": ("science", "sklearn.metrics"),
    "model-diagnostics": ("science", "model_diagnostics.calibration"),
    "evidently": ("evidently", "evidently"),
    "torchmetrics": ("torch", "torchmetrics"),
    "netcal": ("torch", "netcal"),
}


def fresh(folder: Path) -> str:
    """An empty environment, and its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return str(folder / "bin" / "python")


def size(python: str) -> int:
    """Bytes on disk of what is installed there."""
    return run([python, "-c", SIZE])["bytes"]


def install(python: str, what: str) -> dict:
    """Install and say how much larger the environment became."""
    before = size(python)
    done = run([python, "-m", "pip", "install", "--quiet", what])
    return done | {"megabytes": (size(python) - before) / 1e6}


def imports(python: str) -> list[dict]:
    """``import`` of each package, and the command line's help."""
    alone = {"trueup": "import trueup", "python alone": "pass"}
    bare = side_by_side({name: [python, "-c", code] for name, code in alone.items()}, times=5)
    commands = {"trueup": [python, "-c", "import trueup.calibration"]}
    for name, (environment, module) in PACKAGES.items():
        if there := peer(environment):
            commands[name] = [there, "-c", f"import {module}"]
    done = side_by_side(commands, times=5)
    present = {name: taken for name, taken in done.items() if not taken["error"]}
    first = side_by_side({"trueup": [python, "-c", FIRST]}, times=5)
    shell = side_by_side({"trueup": [str(Path(python).with_name("trueup")), "--help"]}, times=5)
    return [
        row("`import trueup`", bare, targets=[("wall", 0.3)]),
        row("import of the measures, from start to exit", present),
        row("import and audit 1,000 rows, from start to exit", first),
        row("`trueup --help`", shell, targets=[("wall", 0.5)]),
    ]


def peer_sizes() -> dict[str, dict]:
    """Megabytes of the peers' environments, less what an empty one holds."""
    with tempfile.TemporaryDirectory() as folder:
        empty = size(fresh(Path(folder) / "empty"))
    shared = {
        "model-diagnostics": "science",
        "evidently": "evidently",
        "torchmetrics": "torch",
    }
    return {
        name: {"error": "", "others": 0.0, "megabytes": (size(there) - empty) / 1e6}
        for name, environment in shared.items()
        if (there := peer(environment))
    }


def sizes(python: str) -> list[dict]:
    """Core, then with the report."""
    core = install(python, str(ROOT))
    rows = [row("core, installed", {"trueup": core} | peer_sizes(), targets=[("megabytes", 400)])]
    report = install(python, f"{ROOT}[report]")
    report["megabytes"] += core["megabytes"]
    return [*rows, row("with the report, installed", {"trueup": report})]


def measure() -> None:
    """Measure and write."""
    with tempfile.TemporaryDirectory() as folder:
        python = fresh(Path(folder) / "fresh")
        rows = sizes(python)
        started = imports(python)
    notes = [
        "trueup as a wheel in an empty environment, with the newest versions of what it needs; "
        "the least of five starts, in turns. trueup imports its parts when they are first used.",
        "An environment's size is the disk that site-packages takes beyond an empty one; peers are "
        "with pyarrow, which they need to read Parquet, torchmetrics with torch and netcal.",
    ]
    write("startup", "Start and size", [*started, *rows], notes=notes[: 1 if QUICK else 2])


if __name__ == "__main__":
    main(measure)
