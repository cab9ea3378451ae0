"""Data of the pictures of forecasts of numbers: plain numbers that the report draws."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from trueup.audit.judged import score_words
from trueup.audit.numbers.measures import Share
from trueup.audit.numbers.places import edges_of
from trueup.audit.pictures import common, forest
from trueup.audit.slices import LEAST_ROWS
from trueup.core.cube import Cube
from trueup.core.grid import equal_mass
from trueup.core.jackknife import Replicates, interval
from trueup.core.number_sums import central_shares, share_name


if TYPE_CHECKING:
    from trueup.audit.numbers.judge import JudgedNumbers


SPREAD_BINS = 10
PROFILES, VALUES = 3, 16
"""Columns whose values are drawn, and how many of each."""

WORDS = {
    "coverage": "coverage",
    "below_median": "bias",
    "bias": "bias",
    "mae": "error",
}


def of_numbers(judged: JudgedNumbers) -> dict[str, dict]:
    """Places of the truth, coverage, error by stated spread; slices, drift, corrections."""
    cube, drawn = judged.cube, {}
    if judged.kind != "points":
        drawn["pit"] = places(cube, ranks=judged.kind == "ensemble")
        drawn["coverage"] = coverage(judged)
        if cube.spread is not None:
            drawn["spread"] = spread(cube)
    drawn |= common(
        judged, x="difference of the error" if judged.kind == "points" else "difference"
    )
    if judged.slices:
        drawn["slices"] = _forest(judged)
    for slicer in judged.plan.slicers[:PROFILES]:
        drawn[f"score:{slicer.column}"] = profile(judged, slicer.column)
    return drawn


def _forest(judged: JudgedNumbers) -> dict:
    """The slices that differ most, each with what it is compared by."""
    made = forest(judged.slices, x="here minus elsewhere")
    asked = {s.measure for s in judged.slices}
    for row, s in zip(made["rows"], judged.slices, strict=False):
        row["label"] = s.short_label + (f" ({WORDS[s.measure]})" if len(asked) > 1 else "")
    unit = "" if judged.kind == "points" else "points"
    return made | {"title": "Each slice against elsewhere", "unit": unit}


def profile(judged: JudgedNumbers, column: str) -> dict:
    """Mean score of each value of a column, in the order of the column."""
    values, cells = judged.cube.slices[column,]
    name = judged.score.name if judged.score.name in cells.names else "absolute"
    flagged = {s.by[column] for s in judged.slices if s.flagged and list(s.by) == [column]}
    rows = []
    for v in _ordered(values, cells["n"].sum(axis=(0, 2)), flagged):
        parts = np.column_stack([cells[name][:, v, 0], cells["w"][:, v, 0]])
        sizes = cells["n"][:, v, 0]
        made = Replicates.of(
            parts,
            lambda s: s[:, 0] / s[:, 1],
            sizes=sizes,
            in_time=judged.cube.grouping == "block",
        )
        low, high, _ = interval(made, level=0.95)
        label = f"{column} = {values[v][0] or '(empty)'}"
        row = {"label": label, "value": made.value, "low": low, "high": high}
        rows.append(row | {"n": int(sizes.sum()), "flagged": values[v][0] in flagged})
    said = score_words(judged.score)
    title = f"{said[0].upper()}{said[1:]} by {column}"
    return {"kind": "forest", "title": title, "x": said, "rows": rows, "unit": ""}


def _ordered(values: list, rows: np.ndarray, flagged: set) -> list[int]:
    """Places of flagged values and of those with most rows, by their names or numbers."""
    known = [v for v, value in enumerate(values) if value[0] is not None and rows[v] >= LEAST_ROWS]
    most = sorted(known, key=lambda v: (values[v][0] not in flagged, -rows[v]))[:VALUES]
    try:
        return sorted(most, key=lambda v: float(values[v][0]))
    except ValueError:
        return sorted(most)


def places(cube: Cube, *, ranks: bool) -> dict:
    """How often the truth falls between neighbouring levels, over how often it should."""
    edges, w = edges_of(cube), cube.table["w"]
    sizes, total = cube.table["n"].sum(axis=1), w.sum(axis=1)
    rows = []
    for j, (low, high) in enumerate(pairwise(edges)):
        mass = high - low
        made = Replicates.of(
            np.column_stack([w[:, j], total]),
            lambda s, m=mass: s[:, 0] / s[:, 1] / m,
            sizes=sizes,
            in_time=cube.grouping == "block",
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
    for row in rows:
        # What groups add to chance is known from the bar; at the right height it is less by a root.
        seen = row.pop("band") / np.sqrt(max(row["value"], 1e-9))
        half = max(seen, _chance(row["high"] - row["low"], cube))
        row |= {"band_low": max(1 - half, 0.0), "band_high": 1 + half}
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
            in_time=cube.grouping == "block",
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
