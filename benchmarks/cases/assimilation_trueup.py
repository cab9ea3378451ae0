"""trueup on a row: ``assimilation_trueup.py ROW FOLDER [together | many]``.

One experiment after another, or with ``together`` all of them as one batch; ``many`` are 24 others
of fewer times, for a smaller standard error.
"""

from __future__ import annotations

import sys

import numpy as np
from assimilation_task import DT, ROWS, START, judged, make, step, twins
from clock import Clock, tell

from trueup.error import (
    DistanceTaper,
    EnsembleFilter,
    FiniteSizeInflation,
    IterativeSmoother,
    Observations,
)


def method(settings: dict) -> EnsembleFilter:
    """The filter that a row means."""
    kept = {k: v for k, v in settings.items() if k in ("update", "inflation", "rotate")}
    if "certainty" in settings:
        kept["inflation"] = FiniteSizeInflation(settings["certainty"])
    if "radius" in settings:
        kept["localisation"] = DistanceTaper(settings["radius"], period=40)
    if "iterations" in settings:
        kept["smoother"] = IterativeSmoother(iterations=settings["iterations"])
    return EnsembleFilter(**kept)


def main(name: str, folder: str, *more: str) -> None:
    """Time the experiments, and judge them."""
    row, tuned = ROWS[name], method(ROWS[name].settings)
    if "many" in more:
        made = make(row._replace(cycles=row.cycles * 3 // 5), experiments=24, seed=2009)
    else:
        made = twins(row, folder)
    noise = np.random.default_rng(1).standard_normal((len(made.start), row.members, 40))
    start = made.start[:, None] + START * noise

    def of(values: np.ndarray, **more) -> dict:
        return {"observations": Observations(values, 1.0, every=row.every, **more), "dt": DT}

    tuned.run(step, start[0], **of(made.seen[:50, 0]))
    with Clock() as clock:
        if more:
            runs = [tuned.run(step, start, **of(made.seen, batched=True))]
        else:
            runs = [
                tuned.run(step, start[e], **of(made.seen[:, e]), seed=e) for e in range(len(start))
            ]
    means = runs[0].analysis if more else np.stack([run.analysis for run in runs], axis=1)
    found = judged(means, made.truth)
    cycles = means.shape[0] * means.shape[1]
    tell(clock, values=found | {"ms a cycle": 1000 * clock.cpu / cycles}, rise=0)


if __name__ == "__main__":
    main(*sys.argv[1:])
