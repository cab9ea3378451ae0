"""Data of the pictures of forecasts of numbers: plain numbers that the report draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trueup.audit.numbers.measures import Share
from trueup.audit.numbers.places import edges_of
from trueup.audit.pictures import common
from trueup.core.cube import Cube
from trueup.core.grid import equal_mass
from trueup.core.jackknife import Replicates, interval
from trueup.core.number_sums import central_shares, share_name


if TYPE_CHECKING:
    from trueup.audit.numbers.judge import JudgedNumbers


SPREAD_BINS = 10


def of_numbers(judged: JudgedNumbers) -> dict[str, dict]:
    """Places of the truth, coverage by level, error by stated spread; slices, drift, corrections."""
    cube, drawn = judged.cube, {}
    if judged.kind != "points":
        drawn["pit"] = places(cube, ranks=judged.kind == "ensemble")
        drawn["coverage"] = coverage(judged)
        if cube.spread is not None:
            drawn["spread"] = spread(cube)
    return drawn | common(judged, x=_slice_words(judged))


def _slice_words(judged: JudgedNumbers) -> str:
    if judged.kind == "points":
        return "difference of the error"
    return "difference, points"


def places(cube: Cube, *, ranks: bool) -> dict:
    """How often the truth falls between neighbouring levels, over how often it should."""
    edges, w = edges_of(cube), cube.table["w"]
    sizes, total = cube.table["n"].sum(axis=1), w.sum(axis=1)
    rows = []
    for j, (low, high) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        mass = high - low
        made = Replicates.of(
            np.column_stack([w[:, j], total]), lambda s, m=mass: s[:, 0] / s[:, 1] / m, sizes=sizes
        )
        half = (interval(made, level=0.95)[1] - made.value) if made.value > 0 else 0.0
        rows.append(
            {
                "low": float(low),
                "high": float(high),
                "value": made.value,
                "n": int(cube.table["n"][:, j].sum()),
                "band": float(np.nan_to_num(half)),
            }
        )
    # The band is as wide as the bars are sure, about the height that is right.
    for row in rows:
        spread = max(row.pop("band"), _chance(row["high"] - row["low"], cube))
        row |= {"band_low": max(1 - spread, 0.0), "band_high": 1 + spread}
    word = "rank of the truth among the members" if ranks else "level of the truth in the forecast"
    return {
        "kind": "places",
        "title": "Where the truth falls within the forecast",
        "x": word,
        "y": "how often, over how often it should",
        "rows": rows,
    }


def _chance(mass: float, cube: Cube) -> float:
    w, w2 = cube.table.total("w", "w2").sum(axis=0)
    return float(1.96 * np.sqrt((1 - mass) / mass * w2) / w)


def coverage(judged: JudgedNumbers) -> dict:
    """Share of truths in each central interval, against the share that was stated."""
    rows = []
    for share in central_shares(judged.form):
        held = Share(share_name("coverage", share)).estimate(judged.cube)
        rows.append(
            {
                "score": share,
                "observed": held.value,
                "low": held.low,
                "high": held.high,
                "n": held.n,
            }
        )
    return {
        "kind": "reliability",
        "title": "What its intervals promise and what they hold",
        "x": "stated share",
        "y": "share of truths inside",
        "bins": rows,
        "curve": [],
        "after": None,
        "density": [],
    }


def spread(cube: Cube) -> dict:
    """Root mean square error in bins of the stated spread."""
    cells = cube.spread
    assert cells is not None
    mass = cells["w"].sum(axis=0)
    merged = cells.merge(equal_mass(mass, bins=SPREAD_BINS))
    rows = []
    for b in np.flatnonzero(merged["n"].sum(axis=0) >= 30):
        w, square = merged["w"][:, b], merged["square"][:, b]
        made = Replicates.of(
            np.column_stack([square, w]),
            lambda s: np.sqrt(s[:, 0] / s[:, 1]),
            sizes=merged["n"][:, b],
        )
        low, high, _ = interval(made, level=0.95)
        stated = float(np.sqrt(merged["variance"][:, b].sum() / w.sum()))
        rows.append(
            {
                "stated": stated,
                "value": made.value,
                "low": max(low, 0.0),
                "high": high,
                "n": int(merged["n"][:, b].sum()),
            }
        )
    return {
        "kind": "spread",
        "title": "Does a wider forecast mean a larger error?",
        "x": "stated spread (sd)",
        "y": "root mean squared error",
        "rows": rows,
    }
