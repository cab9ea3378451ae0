"""Is what was written the same function? Hard rows, compared one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from trueup.adapters.formula import Formula
from trueup.core.errors import TrueupError
from trueup.core.expressions import AtLeast, Choose, Key, Lookup, Piecewise, in_order


TINY = (0.0, 1.0, 0.5, 1e-13, 1.0 - 1e-13, 1e-12, 1.0 - 1e-12, 1e-17, 1e-300, 0.1, 0.25, 0.9)
EDGES, DRAWN, CLASSES, MOST = 300, 300, 12, 3_000
NEAR = 1e-9
"""Rows that differ by more are looked at again: they may lie on the edge of a step."""

Run = Callable[..., np.ndarray]


@dataclass(frozen=True)
class Checked:
    """How an exported file compares with this library, row by row.

    Attributes
    ----------
    rows
        Rows compared; 0 where it could not be run.
    difference
        Largest difference of a probability; of other numbers in units of the largest of their row,
        where that is above 1.
    on_edges
        Rows on the very edge of a step, where rounding decides and either side counts.
    by
        What ran it, or why nothing did.
    """

    rows: int
    difference: float
    on_edges: int
    by: str

    def __str__(self) -> str:
        if not self.rows:
            return f"not verified: {self.by}"
        edges = f", {self.on_edges} of them on the edge of a step" if self.on_edges else ""
        return (
            f"verified on {self.rows} rows{edges}, "
            f"largest difference {self.difference:.1e} ({self.by})"
        )


def verified(
    formula: Formula, run: Run, *, by: str, tolerance: float = 1e-6, kind: type = np.float64
) -> Checked:
    """Compare ``run(probs, **beside)`` with the formula on hard rows.

    Parameters
    ----------
    run
        Gives corrected columns (n, width), NaN where a row holds no prediction.
    by
        What runs it, in words.
    tolerance
        Largest difference allowed.
    kind
        Type of the numbers that ``run`` computes with.

    Raises
    ------
    TrueupError
        A row differs: the file must not be used.
    """
    probs, beside = hard_rows(formula)
    probs = probs.astype(kind).astype(np.float64)
    meant, got = formula(probs, **beside), np.asarray(run(probs, **beside), dtype=np.float64)
    scale = _scales(formula, probs, meant)
    gap = _gap(meant, got) / scale
    doubtful = np.flatnonzero(gap > max(NEAR, np.finfo(kind).eps))
    if len(doubtful) and _steps(formula):
        some = {name: values[doubtful] for name, values in beside.items()}
        near = [_gap(formula(moved, **some), got[doubtful]) / scale[doubtful]
                for moved in _neighbours(formula, probs[doubtful], kind)]  # fmt: skip
        gap[doubtful] = np.minimum(gap[doubtful], np.min(near, axis=0))
    worst = int(np.argmax(gap))
    if not gap[worst] <= tolerance:
        raise TrueupError(
            "export",
            f"{by} gives {got[worst].tolist()[:4]} for {probs[worst].tolist()[:4]}, "
            f"this library gives {meant[worst].tolist()[:4]}",
            do="Nothing was written; report this with the remedy",
        )
    return Checked(len(probs), float(gap.max()), int((gap[doubtful] <= tolerance).sum()), by)


def hard_rows(formula: Formula, *, seed: int = 0) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Rows (n, width) at the ends, at ties, at edges of steps and drawn, and what stands beside."""
    rng = np.random.default_rng(seed)
    width = len(formula.columns)
    if formula.numbers:
        values = _hard_numbers(formula, rng)
        return values, {n: _beside(formula, n, len(values), rng) for n in formula.beside}
    edges = [node.edges for node in in_order(formula.expression) if isinstance(node, Piecewise)]
    found = np.unique(np.concatenate([np.zeros(0), *edges]))
    found = rng.permutation(found)[:EDGES]
    limits = rng.permutation(_limits(formula))[:EDGES]
    shares = np.concatenate([*map(_share, (found, found + 1e-7, found - 1e-7)), limits, TINY])
    probs = shares[:, None] if formula.event else _completed(shares, width, rng)
    drawn = 1 / (1 + np.exp(-rng.normal(0, 4, (DRAWN, 1))))
    if not formula.event:
        drawn = rng.dirichlet(np.full(width, 0.3), DRAWN)
    bad = np.full((3, width), 1.0 / max(width, 2))
    bad[:, 0] = (np.nan, 1.5, -0.1)
    if len(probs) > MOST:
        probs = probs[np.sort(rng.choice(len(probs), MOST, replace=False))]
    probs = np.vstack([probs, drawn, bad])
    if formula.normalize:
        probs = probs * rng.uniform(0.5, 3.0, (len(probs), 1))
    return probs, {name: _beside(formula, name, len(probs), rng) for name in formula.beside}


def _limits(formula: Formula) -> np.ndarray:
    """Probabilities at which a class enters a set: thresholds, less sure ones, leads of one of two.

    A threshold of a group is what is looked up, one of a likelihood ratio a piece.
    """
    if not formula.sets:
        return np.zeros(0)
    nodes = list(in_order(formula.expression))
    found = [n.edges for n in nodes if isinstance(n, AtLeast)]
    found += [n.values.ravel() for n in nodes if isinstance(n, Lookup)]
    found += [n.pieces.ravel() for n in nodes if isinstance(n, Piecewise)]
    t = np.concatenate(found)
    every = np.unique(np.concatenate([t, -t, (1 + t) / 2]))
    near = np.concatenate([every, every + 1e-7, every - 1e-7])
    return near[(near > 0) & (near < 1)]


def _hard_numbers(formula: Formula, rng: np.random.Generator) -> np.ndarray:
    """Rows in and out of order, of every size, at edges of pieces, with ties, and bad ones."""
    width = len(formula.columns)
    edges = [node.edges for node in in_order(formula.expression) if isinstance(node, Piecewise)]
    found = rng.permutation(np.unique(np.concatenate([np.zeros(1), *edges])))[:EDGES]
    near = np.concatenate([found, found + 1e-7, found - 1e-7])
    rows = np.repeat(near[:, None], width, axis=1)
    rows[:, 1:] += rng.exponential(size=(len(near), width - 1)).cumsum(axis=1)
    drawn = rng.normal(size=(DRAWN, width)) * 10.0 ** rng.integers(-3, 4, (DRAWN, 1))
    drawn[::2] = np.sort(drawn[::2], axis=1)
    rows = np.vstack([rows, drawn, np.full((2, width), [[0.0], [-7.5]])])
    for place in formula.positive:
        rows[:, place] = np.abs(rows[:, place]) + 1e-3
    for low, high in formula.rising:
        rows[:, low], rows[:, high] = rows[:, [low, high]].min(1), rows[:, [low, high]].max(1)
    bad = np.ones((4, width))
    bad[:2, 0] = np.nan, np.inf
    bad[2:, -1] = -1.0, 0.0
    if len(rows) > MOST:
        rows = rows[np.sort(rng.choice(len(rows), MOST, replace=False))]
    return np.vstack([rows, bad])


def _share(x: np.ndarray) -> np.ndarray:
    """Probability with log-odds x; a number between 0 and 1 may be the edge itself."""
    inside = x[(x > 0) & (x < 1)]
    return np.concatenate([1 / (1 + np.exp(-np.clip(x, -700, 700))), inside])


def _completed(shares: np.ndarray, width: int, rng: np.random.Generator) -> np.ndarray:
    """Rows with each share for one of the classes in turn, the rest divided at random or evenly."""
    classes = rng.permutation(width)[:CLASSES]
    rows = [np.eye(width), np.full((1, width), 1 / width)]
    for place, j in enumerate(classes):
        rest = rng.dirichlet(np.ones(width - 1), len(shares))
        if place % 2:
            rest = np.full((len(shares), width - 1), 1 / (width - 1))
        rows.append(np.insert(rest * (1 - shares)[:, None], j, shares, axis=1))
    return np.vstack(rows)


def _beside(formula: Formula, name: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """Names of groups with a stranger and a missing one, or numbers."""
    given = formula.inputs[name]
    if not isinstance(given, Key):
        values = rng.normal(0, 2, (n, given.width))
        values[n // 2, 0] = np.nan
        return values
    nodes = in_order(formula.expression)
    known = {
        label
        for node in nodes
        if isinstance(node, Choose | Lookup) and node.key.name == name
        for label in node.names
    }
    names = np.array([*sorted(known), "a stranger's name", None], dtype=object)
    return names[rng.integers(0, len(names), n)]


def _steps(formula: Formula) -> bool:
    return any(isinstance(node, Piecewise | AtLeast) for node in in_order(formula.expression))


def _scales(formula: Formula, given: np.ndarray, meant: np.ndarray) -> np.ndarray:
    """(n,) what differences are counted in: 1, or the largest number of a row of numbers."""
    if not formula.numbers:
        return np.ones(len(given))
    known = [np.where(np.isfinite(v), np.abs(v), 0.0).max(axis=1) for v in (given, meant)]
    return np.maximum(1.0, np.maximum(*known))


def _neighbours(formula: Formula, probs: np.ndarray, kind: type):
    """The rows moved by less than a calculation with numbers of ``kind`` may move them."""
    for tiny in np.finfo(kind).eps * np.array([4, 16, 64, 250, 1e3]):
        for sign in (-1, 1):
            if formula.numbers:
                yield probs * (1 + sign * tiny)
                continue
            yield np.clip(probs * (1 + sign * tiny), 0.0, None if (probs > 1).any() else 1.0)


def _gap(meant: np.ndarray, got: np.ndarray) -> np.ndarray:
    """(n,) largest difference of a row; infinite where one side alone is missing."""
    gap = np.where(np.isnan(meant) & np.isnan(got), 0.0, np.abs(meant - got))
    return np.where(np.isnan(gap), np.inf, gap).max(axis=1)
