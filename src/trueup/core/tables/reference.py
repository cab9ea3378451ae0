"""Sums of a forecast beside those of a reference point forecast, on the rows that have both."""

from __future__ import annotations

import numpy as np

from trueup.core.cells import Cells, tally
from trueup.core.row_sums import weigh


SUMMED = ("crps", "wis", "absolute", "square")
"""Columns that are compared; of a point the CRPS and the WIS are the absolute error."""


def compared(
    columns: dict[str, np.ndarray],
    against: np.ndarray,
    truth: np.ndarray,
    *,
    group: np.ndarray,
    groups: int,
    weight: np.ndarray | None = None,
) -> Cells:
    """Cells (groups, 2, 1): sums of the forecast and of the reference, under the same names.

    Rows where ``against`` (n,) is not a finite number are in neither.

    Examples
    --------
    >>> own, truth = {"absolute": np.array([1.0, 2.0])}, np.zeros(2)
    >>> against, group = np.array([3.0, np.nan]), np.zeros(2, dtype=int)
    >>> compared(own, against, truth, group=group, groups=1)["absolute"].ravel()
    array([1., 3.])
    """
    known = np.isfinite(against)
    far = np.abs(against[known] - truth[known])
    own = {name: columns[name][known] for name in SUMMED if name in columns}
    other = {name: far * far if name == "square" else far for name in own}
    weight = None if weight is None else weight[known]
    key, shape = group[known], (groups, 1)
    both = [tally(key, weigh(each, weight), shape=shape) for each in (own, other)]
    return Cells(both[0].names, np.stack([cells.sums for cells in both], axis=2))


def sides(cells: Cells) -> tuple[Cells, Cells]:
    """Cells (groups, 1) of the forecast, and of the reference."""
    one, two = (Cells(cells.names, cells.sums[:, :, side]) for side in (0, 1))
    return one, two
