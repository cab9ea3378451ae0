"""Run scripts over their seeds and judge what they claim."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from threadpoolctl import threadpool_limits

from reproductions.ledger import Reproduction, over_seeds
from trueup.core.estimate import Estimate
from trueup.core.proof import Proof


@dataclass(frozen=True)
class Run:
    """What one seed gave: an estimate a claim, or the fault that stopped it; CPU seconds."""

    found: tuple[Estimate, ...]
    fault: str
    seconds: float


def run_seed(path: Path, seed: int, *, scale: str = "small", claims: int) -> Run:
    """Run a script with one seed; an exception is an outcome."""
    start, fault, found = time.process_time(), "", ()
    try:
        with threadpool_limits(1):
            found = tuple(map(estimate_of, load(path).run(scale=scale, seed=seed)))
        if len(found) != claims:
            raise ValueError(f"{len(found)} results for {claims} claims")
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        fault, found = f"seed {seed}: {type(error).__name__}: {text}", ()
    return Run(found, fault, time.process_time() - start)


def estimate_of(result: Proof | Estimate) -> Estimate:
    """The number of a result: of a proof its paired difference."""
    return result.difference if isinstance(result, Proof) else result


def load(path: Path):
    """The module of a script, read once a process."""
    name = f"reproductions.{path.parent.name}.{path.stem}"
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(path):
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_script(
    script: Reproduction, *, scale: str = "small", seeds: int | None = None, jobs: int = 1
) -> list[dict]:
    """The rows of a script's claims.

    Parameters
    ----------
    script
        What to run, from ``read_scripts``.
    scale
        ``"small"`` for the ledger, ``"tiny"`` to see within seconds whether it runs.
    seeds
        How many seeds; None for as many as the script says.
    jobs
        How many seeds run at once, each in a process of its own; 1 runs them here.
    """
    many = range(script.seeds if seeds is None else seeds)
    given = [(script.path, seed, scale, len(script.claims)) for seed in many]
    with _mapper(min(jobs, len(given))) as mapped:
        runs = list(mapped(_one, given))
    return [_row(script, place, runs) for place in range(len(script.claims))]


def _one(given: tuple) -> Run:
    path, seed, scale, claims = given
    return run_seed(path, seed, scale=scale, claims=claims)


@contextmanager
def _mapper(jobs: int) -> Iterator:
    if jobs == 1:
        yield map
        return
    # A seed has one thread: jobs of several threads each would wait for one another.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield pool.map


def _row(script: Reproduction, place: int, runs: Sequence[Run]) -> dict:
    claim = script.claims[place]
    faults = [run.fault for run in runs if run.fault]
    measured = over_seeds([run.found[place] for run in runs if run.found], faults=faults)
    return {
        "mission": script.mission,
        "system": script.system,
        "claim": claim.words,
        "measured": measured.to_dict(),
        "holds": script.judge(claim, measured),
        "seeds": len(runs),
        "seconds": round(sum(run.seconds for run in runs), 1),
        "command": f"trueup reproduce {script.mission}",
    }
