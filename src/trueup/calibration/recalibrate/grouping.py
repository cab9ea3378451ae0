"""Rows by a column of groups: what corrections that have a map a group share."""

from __future__ import annotations

import numpy as np

from trueup.core.errors import FitError, UsageError
from trueup.core.evidence import Evidence
from trueup.core.expressions import MISSING, Key, as_names


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
    names, group = np.unique(as_names(evidence.by[column]), return_inverse=True)
    # A missing name sorts before every other.
    missing = int(len(names) > 0 and names[0] == MISSING)
    return tuple(map(str, names[missing:])), group.reshape(-1) - missing


def key_of(column: str) -> Key:
    """The column as an input of an expression."""
    return Key(column, columns=(column,))
