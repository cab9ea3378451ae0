"""Run the command as a user does, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from click.testing import CliRunner


RUN = "import sys; from trueup.cli import main; sys.argv[0] = 'trueup'; main()"


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str


def start(folder: Path, *words: object, **options) -> subprocess.Popen:
    """A command in a process of its own; warnings are errors there too."""
    command = [sys.executable, "-W", "error", "-c", RUN, *map(str, words)]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    environment = {**os.environ, "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"}
    return subprocess.Popen(command, cwd=folder, env=environment, **streams, **options)


def run(folder: Path, *words: object) -> Done:
    """A command in a process of its own, at its end."""
    process = start(folder, *words)
    out, err = process.communicate(timeout=180)
    return Done(process.returncode, out, err)


def quick(folder: Path, *words: object) -> Done:
    """A command in this process: ten times as fast, with the same codes."""
    from trueup import cli

    code, runner, before = 0, CliRunner(), Path.cwd()
    os.chdir(folder)
    argv, sys.argv = sys.argv, ["trueup", *map(str, words)]
    try:
        with runner.isolation() as streams:
            try:
                cli.main()
            except SystemExit as left:
                code = left.code
            out, err = (streams[i].getvalue().decode() for i in (0, 1))
    finally:
        sys.argv = argv
        os.chdir(before)
    return Done(code, out, err)


def event_frame(rows: int = 3_000, *, slope: float = 0.6, seed: int = 0) -> pd.DataFrame:
    """Over-confident predictions of an event, with columns of many types."""
    rng = np.random.default_rng(seed)
    stated = rng.normal(0, 1.5, rows)
    return pd.DataFrame({
        "id": np.arange(rows),
        "y": (rng.random(rows) < 1 / (1 + np.exp(-slope * stated))).astype(np.int8),
        "p": (1 / (1 + np.exp(-stated))).astype(np.float32),
        "region": np.array(["north", "south", "east"])[rng.integers(0, 3, rows)],
        "day": np.arange(rows) * 200 // rows,
        "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(rows), unit="h"),
        "w": rng.uniform(0.5, 2.0, rows),
    })  # fmt: skip


def class_frame(rows: int = 1_500, *, factor: float = 2.0, seed: int = 0) -> pd.DataFrame:
    """Over-confident predictions of three named classes."""
    from trueup.worlds import confident_by_factor

    evidence = confident_by_factor(factor, rows=rows, classes=3, seed=seed).evidence
    names = ["ant", "bee", "cat"]
    frame = pd.DataFrame(evidence.prediction.probs, columns=[f"p_{n}" for n in names])
    return frame.assign(animal=np.array(names)[evidence.truth], id=np.arange(rows))
