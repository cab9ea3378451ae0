"""Better scales for codes that stand: least squares of what a layer gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trueup.core.weights.packings.codes import spread
from trueup.parameters.quantisation.scales import Scales, kept


RIDGE = 1e-5
"""Share of the mean of a diagonal that is added, so that scales stay near the old ones."""


def errors(matrix: np.ndarray, other: np.ndarray, gram: np.ndarray) -> np.ndarray:
    """(out,) mean squared distance of outputs, row by row."""
    away = matrix - other
    return np.einsum("ij,ij->i", away @ gram, away)


def refitted(matrix: np.ndarray, codes: np.ndarray, scales: Scales, gram: np.ndarray) -> Scales:
    r"""Scales that minimise :math:`(w - q)' H (w - q)` for every row, codes held; never worse.

    Parameters
    ----------
    matrix, codes
        (out, d) weights, and their codes.
    gram
        (d, d) H, float32.
    """
    if not scales.by_row:
        return scales
    old = scales.values(codes)
    change = _change(matrix - old, scales.levels[codes], scales, gram)
    groups = scales.scale.shape[1]
    scale = kept(scales.scale + change[:, :groups])
    offset = None if scales.offset is None else kept(scales.offset + change[:, groups:])
    better = replace(scales, scale=scale, offset=offset)
    won = errors(matrix, better.values(codes), gram) < errors(matrix, old, gram)
    scale = np.where(won[:, None], scale, scales.scale)
    if offset is not None:
        offset = np.where(won[:, None], offset, scales.offset)
    return replace(scales, scale=scale, offset=offset)


def _change(away: np.ndarray, levels: np.ndarray, scales: Scales, gram: np.ndarray) -> np.ndarray:
    """(out, groups or twice as many) what to add to scales and offsets."""
    d = away.shape[1]
    width, groups = scales.width or d, scales.scale.shape[1]
    starts = np.arange(groups) * width
    parts = [levels] if scales.offset is None else [levels, np.ones((1, d), np.float32)]
    seen = away @ gram
    right = np.concatenate([np.add.reduceat(seen * part, starts, axis=1) for part in parts], axis=1)
    rows = []
    for part in parts:
        for start in starts:
            group = slice(start, start + width)
            own = part[:, group] @ gram[group]
            rows += [np.concatenate(
                [np.broadcast_to(np.add.reduceat(own * other, starts, axis=1), (len(away), groups))
                 for other in parts], axis=1)]  # fmt: skip
    left = np.stack(rows, axis=1).astype(np.float64)
    many = left.shape[1]
    size = np.einsum("rii->r", left) / many
    left[:, range(many), range(many)] += (RIDGE * size + np.finfo(np.float64).tiny)[:, None]
    return np.linalg.solve(left, right[..., None].astype(np.float64))[..., 0].astype(np.float32)


def of_columns(scales: Scales, d: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Scales and offsets (d, out), or (d, 1), a row a column of the matrix."""
    rows = [scales.scale] if scales.offset is None else [scales.scale, scales.offset]
    wide = [
        np.ascontiguousarray(np.broadcast_to(spread(row, d, scales.width), (len(row), d)).T)
        for row in rows
    ]
    return wide[0], wide[1] if len(wide) > 1 else None
