"""Columns of a table that a remedy reads, replaces and adds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from trueup.core.errors import EvidenceError


if TYPE_CHECKING:
    from trueup.audit.store import StoredRemedy


def refuse_taken(who: str, remedy: StoredRemedy, known: Iterable[str]) -> None:
    """Refuse a table where a new column would take the name of one that is there.

    Engines do not tell capitals apart.
    """
    there = {name.lower(): name for name in known}
    added = [c for c in remedy.outputs if remedy.gives != remedy.takes and c.lower() in there]
    if added:
        raise EvidenceError(
            who,
            f"the table has a column {there[added[0].lower()]!r} already, "
            f"and {remedy.fitted.method} adds {', '.join(remedy.outputs[:4])}",
            do="Rename that column",
        )


def as_numbers(name: str, column: np.ndarray) -> np.ndarray:
    """The column as float64, or an error that shows what it holds."""
    try:
        return column.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise EvidenceError(
            "remedy.apply",
            f"column {name!r} holds {column.dtype}, such as {column.ravel()[:1].tolist()}",
            do="Pass predictions as numbers",
        ) from error


def kept_type(frame: Any, name: str, values: np.ndarray) -> Any:
    """Type of a corrected column: the one it had, where that holds fractions; flags of sets."""
    import narwhals as nw

    if values.dtype == np.bool_:
        return nw.Boolean()
    dtype = frame[name].dtype if name in frame.columns else nw.Float64()
    return dtype if dtype.is_float() else nw.Float64()
