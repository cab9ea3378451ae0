"""Tables with planted faults, as columns ready for a file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Planted:
    """A table of predictions and the faults that were put into it.

    Attributes
    ----------
    columns
        Name -> (n,) values: ``id``, ``y``, ``p``, ``region``, ``site``, ``day``.
    bad_region
        The region whose outcomes are rarer than stated, or None.
    change_day
        The first day of changed outcomes, or None.
    """

    columns: dict[str, np.ndarray]
    bad_region: str | None
    change_day: int | None


def planted_table(
    rows: int,
    *,
    slope: float = 0.8,
    bad_shift: float = 0.0,
    change_shift: float = 0.0,
    seed: int = 0,
) -> Planted:
    """Binary predictions over twenty regions, ten sites and 200 days.

    Parameters
    ----------
    rows
        Number of rows.
    slope
        True log-odds over stated log-odds; below 1 the model is over-confident.
    bad_shift
        Shift of the true log-odds in ``region_03``; -0.6 is about twelve points.
    change_shift
        Shift of the true log-odds from day 120 on.
    seed
        Seed of the random numbers.

    Examples
    --------
    >>> world = planted_table(1_000, bad_shift=-0.6)
    >>> world.bad_region, sorted(world.columns)
    ('region_03', ['day', 'id', 'p', 'region', 'site', 'y'])
    """
    rng = np.random.default_rng(seed)
    stated = rng.normal(0, 1.5, rows)
    region = rng.integers(0, 20, rows)
    day = np.sort(rng.integers(0, 200, rows))
    true = slope * stated + bad_shift * (region == 3) + change_shift * (day >= 120)
    columns = {
        "id": np.arange(rows),
        "y": (rng.random(rows) < 1 / (1 + np.exp(-true))).astype(np.int8),
        "p": (1 / (1 + np.exp(-stated))).astype(np.float32),
        "region": np.array([f"region_{i:02d}" for i in range(20)])[region],
        "site": np.array([f"site_{i}" for i in range(10)])[rng.integers(0, 10, rows)],
        "day": day,
    }
    return Planted(columns, "region_03" if bad_shift else None, 120 if change_shift else None)
