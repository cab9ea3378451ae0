"""Coefficients of a missing term from noisy runs, with an ensemble smoother and without.

``python benchmarks/smoothing.py [lorenz5 | lorenz10 | lorenz20 | waves ...]`` prints a line a run
and the means. *Lorenz-63*: the model has rho = 20 of 28, so that 8 x is missing from y'; states .01
apart, windows of 20 intervals. *Waves*: Kuramoto-Sivashinsky on 128 points of a length of 64
without its advection, 500 states .05 apart, 5 % of noise, windows of 12 intervals, and of 40.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import numpy as np

from trueup.core.simulator import run
from trueup.core.windows import Windows
from trueup.error import (
    Discovery,
    DistanceTaper,
    EnsembleFilter,
    LaggedSmoother,
    Mesh,
    Smoothed,
    polynomials,
    products,
)
from trueup.worlds.simulators import KuramotoSivashinsky, Line, Lorenz63


LORENZ = {"lorenz5": (0.05, 2_000, 12), "lorenz10": (0.1, 2_000, 24), "lorenz20": (0.2, 4_000, 24)}
"""Task -> noise, states of a run, runs."""


def lorenz(noise: float, states: int, runs: int) -> Iterator[list]:
    """(error, half width, terms) of windows alone and of smoothed states, a run after another."""
    system, model = Lorenz63(), Lorenz63(rho=20.0)
    library = polynomials(("x", "y", "z"), degree=2)
    starts = system.spun_up(runs, seed=1)
    for i, clean in enumerate(system.run(starts, 2e-3, steps=5 * states, every=5).swapaxes(0, 1)):
        rng = np.random.default_rng(100 + i)
        seen = clean + noise * clean.std(axis=0) * rng.normal(size=clean.shape)
        windows = Windows.of(seen, dt=0.01, length=20)
        ways = (noise, Smoothed(noise))
        yield [judged(Discovery(library, noise=w).fit(model, windows), "x", "y", 8.0) for w in ways]


def waves(runs: int = 5) -> Iterator[list]:
    """The same of windows of 12 and of 40 intervals alone, and of smoothed states."""
    line = Line(points=128, length=64.0)
    truth, model = KuramotoSivashinsky(grid=line), KuramotoSivashinsky(u_ux=0.0, grid=line)
    library, taper = products(Mesh((0.5,)), powers=2), DistanceTaper(6, period=128)
    how = Smoothed(
        0.05, EnsembleFilter("square_root", 1.4, True, taper, LaggedSmoother(10)), members=15
    )
    for i, start in enumerate(truth.spun_up(runs, seed=1)):
        clean = run(truth, start, dt=0.01, steps=2_500, every=5)
        seen = clean + 0.05 * clean.std() * np.random.default_rng(i).normal(size=clean.shape)
        yield [
            judged(
                Discovery(library, noise=noise).fit(model, Windows.of(seen, dt=0.05, length=n)),
                "u u_x", "u", -1.0,
            )
            for noise, n in ((0.05, 12), (0.05, 40), (how, 12))
        ]  # fmt: skip


def judged(found, name: str, component: str, wanted: float) -> tuple[float, float, int]:
    """Error (%) and half the interval (%) of a coefficient, and how many terms were found."""
    for term in found.terms:
        if (term.component, term.name) == (component, name):
            half = (term.high - term.low) / 2
            off, half = (100 * x / abs(wanted) for x in (term.value - wanted, half))
            return off, half, len(found.terms)
    return float("nan"), float("nan"), len(found.terms)


def main(names: list[str]) -> None:
    """Run the tasks; means are over runs in which every way found the term."""
    for name in names or [*LORENZ, "waves"]:
        made, started = [], time.process_time()
        for row in waves() if name == "waves" else lorenz(*LORENZ[name]):
            made.append(row)
            print(name, *(f"{off:.3f} ± {half:.3f} ({n})" for off, half, n in row), flush=True)
        off, half, count = np.moveaxis(np.array(made, dtype=float), -1, 0)
        found = np.isfinite(off).all(axis=1)
        error, held = np.abs(off[found]), np.abs(off[found]) <= half[found]
        print(
            f"{name}: {found.sum()} of {len(made)} runs; mean error %",
            error.mean(axis=0).round(2), "intervals that hold it", held.mean(axis=0).round(2),
            "right terms alone", (count[found] == 1).sum(axis=0),
            f"{time.process_time() - started:.0f} s",
        )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
