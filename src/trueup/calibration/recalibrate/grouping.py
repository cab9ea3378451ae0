"""Rows by a column of groups: what corrections that have a map a group share."""

from __future__ import annotations

import numpy as np

from trueup.core.errors import FitError, UsageError
from trueup.core.evidence import Evidence
from trueup.core.expressions import MISSING, Key, distinct_names


TAKEN = ("logs", "probs", "features", "prediction", "self")


def check_column(who: str, column: str) -> None:
    """Refuse names that mean something else where a correction is applied."""
    if not column or column in TAKEN:
        raise UsageError(who, f"the column is named {column!r}", do="Give the column another name")


def groups_of(who: str, evidence: Evidence, column: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the groups in rising order, and the group (n,) of every row, -1 where it has none.

    Raises
    ------
    FitError
        The evidence has no such column.
    """
    if column not in evidence.by:
        raise FitError(
            f"{who}.fit",
            f"the evidence has no column {column!r} in 'by'; it has {list(evidence.by)[:8]}",
            do=f"Pass Evidence(..., by={{{column!r}: names of the groups}})",
        )
    names, group = distinct_names(evidence.by[column])
    # A missing name sorts before every other.
    missing = int(len(names) > 0 and names[0] == MISSING)
    return tuple(map(str, names[missing:])), group.reshape(-1) - missing


def rows_by_group(group: np.ndarray, count: int) -> list[np.ndarray]:
    """The rows of each of ``count`` groups, from the group (n,) of every row."""
    # Short whole numbers are sorted by their digits.
    order = np.argsort(group.astype(np.int16) if count < 2**15 else group, kind="stable")
    return np.split(order, np.searchsorted(group[order], np.arange(count + 1)))[1:-1]


def key_of(column: str) -> Key:
    """The column as an input of an expression."""
    return Key(column, columns=(column,))
