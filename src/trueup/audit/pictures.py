"""Data of the pictures: plain numbers that the report draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from trueup.audit.drift import Drift
from trueup.audit.slices import AbstractSlice
from trueup.calibration.measures.calibration_test import design_effects, null_variance
from trueup.calibration.measures.corp import isotonic_means
from trueup.core.cells import Cells
from trueup.core.cube import Cube
from trueup.core.grid import Grid, equal_mass


if TYPE_CHECKING:
    from trueup.audit.judged import AbstractJudged


BINS, DENSITY, CURVE = 15, 30, 60
LEAST_ROWS, MOST_ROWS = 12, 24


FEW_CLASSES = 12
"""With more classes than this only those that a finding names are drawn."""


def of_probabilities(judged: AbstractJudged) -> dict[str, dict]:
    """Reliability diagrams of the event, or of the winner and of each class."""
    cube, classes = judged.cube, judged.plan.profile.classes
    title = "What it says and what happens"
    drawn = {"reliability": reliability(cube, title=title, after=judged.trial.after)}
    for j, name in enumerate(classes):
        key = f"reliability:class={name}"
        few = cube.classes is not None and len(classes) <= FEW_CLASSES
        if few or any(finding.picture == key for finding in judged.findings):
            drawn[key] = of_class(cube, j, title=f"Class {name}")
    return drawn | common(judged, x="difference of the outcome rate")


def common(judged: AbstractJudged, *, x: str) -> dict[str, dict]:
    """Pictures that every kind has: slices, drift, corrections."""
    drawn = {}
    if judged.slices:
        drawn["slices"] = forest(judged.slices, x=x)
    for drift in judged.drifts:
        temporal = judged.plan.clock is not None and judged.plan.clock.temporal
        drawn[f"drift:{drift.series}"] = drift_line(drift, temporal=temporal)
    if judged.trial.remedies:
        drawn["remedies"] = remedies(judged)
    return drawn


def reliability(cube: Cube, *, title: str, after: Cube | None = None) -> dict:
    """Observed against stated, with the band in which a calibrated model would lie."""
    said = "stated probability of the event" if cube.event else "stated confidence"
    return {
        "kind": "reliability",
        "title": title,
        "x": said,
        "y": "observed share" if cube.event else "share that is right",
        "bins": _bins(cube),
        "curve": _curve(cube.table),
        "after": None if after is None else _points(_bins(after)),
        "density": _density(cube.grid, cube.table),
    }


def of_class(cube: Cube, j: int, *, title: str) -> dict:
    """The reliability of class ``j`` against the rest."""
    cells = cube.classes
    assert cells is not None and cube.class_grid is not None
    table = Cells(cells.names, np.ascontiguousarray(cells.sums[:, :, j]))
    alone = Cube(cube.class_grid, table, True, cube.grouping)
    return reliability(alone, title=title) | {"x": "stated probability of the class"}


def _bins(cube: Cube) -> list[dict]:
    part = equal_mass(cube.table["w"].sum(axis=0), bins=BINS)
    merged = cube.table.merge(part)
    w, y, p, n = (merged[name].sum(axis=0) for name in ("w", "y", "p", "n"))
    expected = null_variance(cube, part).sum(axis=0) * design_effects(cube, part)
    band = 1.96 * np.sqrt(expected) / np.maximum(w, 1e-300)
    rows = []
    for b in np.flatnonzero(w > 0):
        said, seen = p[b] / w[b], y[b] / w[b]
        half = max(1.96 * np.sqrt(max(seen * (1 - seen), 0.25 / n[b]) / n[b]), 1e-6)
        rows.append(
            {
                "score": float(said),
                "observed": float(seen),
                "low": float(max(seen - half, 0.0)),
                "high": float(min(seen + half, 1.0)),
                "n": int(n[b]),
                "band_low": float(max(said - band[b], 0.0)),
                "band_high": float(min(said + band[b], 1.0)),
            }
        )
    return rows


def _points(bins: list[dict]) -> list[dict]:
    return [{"score": b["score"], "observed": b["observed"]} for b in bins]


def _curve(table: Cells) -> list[dict]:
    """The isotonic curve, thinned to what an eye can tell apart."""
    w, y, p = (table[name].sum(axis=0) for name in ("w", "y", "p"))
    fitted = isotonic_means(w[None], y[None])[0]
    used = np.flatnonzero(w > 0)
    score = p[used] / w[used]
    corners = np.flatnonzero(np.diff(fitted[used], prepend=-1.0, append=2.0)[:-1] != 0)
    keep = np.unique(np.concatenate([corners, np.maximum(corners - 1, 0), [len(used) - 1]]))
    if len(keep) > CURVE:
        keep = keep[np.linspace(0, len(keep) - 1, CURVE).astype(int)]
    return [{"score": float(score[i]), "observed": float(fitted[used[i]])} for i in keep]


def _density(grid: Grid, table: Cells) -> list[dict]:
    part = grid.equal_width(DENSITY)
    share = np.bincount(part, table["w"].sum(axis=0), minlength=DENSITY)
    share = share / max(share.sum(), 1e-300)
    return [
        {"low": i / DENSITY, "high": (i + 1) / DENSITY, "share": float(s)}
        for i, s in enumerate(share)
    ]


def forest(slices: Sequence[AbstractSlice], *, x: str) -> dict:
    """The slices that differ most, with their intervals."""
    rows = [
        {
            "label": s.short_label,
            "value": s.gap.value,
            "low": s.gap.low,
            "high": s.gap.high,
            "n": s.n,
            "flagged": s.flagged,
        }
        for s in slices[: int(np.clip(sum(s.flagged for s in slices), LEAST_ROWS, MOST_ROWS))]
    ]
    title = "Outcomes of each slice, against the same scores elsewhere"
    return {"kind": "forest", "title": title, "x": x, "rows": rows}


def drift_line(drift: Drift, *, temporal: bool) -> dict:
    """A series over time with the change that was located."""
    row = drift.to_dict()
    return {
        "kind": "drift",
        "title": drift.label + " over time",
        "y": drift.label,
        "temporal": temporal,
        "points": row["points"],
        "change_at": row["change_at"],
    }


def remedies(judged: AbstractJudged) -> dict:
    """What every correction did on rows that it never saw."""
    from trueup.audit.judged import score_words

    return {
        "kind": "remedies",
        "title": "Corrections on rows that they never saw",
        "x": f"change of the {score_words(judged.score)} (left is better)",
        "rows": [
            {
                "label": remedy.name.replace("_", " ").replace(":", " of each "),
                "value": remedy.proof.difference.value,
                "low": remedy.proof.difference.low,
                "high": remedy.proof.difference.high,
                "outcome": remedy.proof.outcome.value,
                "chosen": remedy is judged.chosen,
            }
            for remedy in judged.trial.remedies
        ],
    }
