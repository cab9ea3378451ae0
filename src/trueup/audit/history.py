"""The memory of audits: cubes and verdicts in one DuckDB file, safe under two writers."""

from __future__ import annotations

import contextlib
import io
import json
import os
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import numpy as np

from trueup.core.errors import EvidenceError, UsageError


if TYPE_CHECKING:
    from trueup.audit.result import Audit


PLACE = Path(".trueup") / "history.duckdb"
VARIABLE = "TRUEUP_HISTORY"
"""Variable of the environment that names another file, or says ``off``."""
PATIENCE = 20.0
"""Seconds to wait for another audit that is writing."""

_TABLE = (
    "CREATE TABLE IF NOT EXISTS audits (created VARCHAR, title VARCHAR, model VARCHAR, "
    "rows BIGINT, verdict VARCHAR, chosen VARCHAR, measures JSON, cube BLOB)"
)


def usual_place() -> Path | None:
    """Where audits are remembered here; None where the environment says ``off``."""
    said = os.environ.get(VARIABLE, "")
    return None if said.lower() == "off" else Path(said or PLACE)


def remember_if_possible(audit: Audit) -> None:
    """Append ``audit`` in the usual place; a history that fails costs a warning, not the audit."""
    place = usual_place()
    try:
        if place is not None:
            remember(audit, place)
    except (EvidenceError, OSError) as error:
        warnings.warn(f"this audit is not remembered: {error}", RuntimeWarning, stacklevel=3)


def remember(audit: Audit, place: Path) -> None:
    """Append every model of ``audit``: one transaction, all or nothing.

    Raises
    ------
    EvidenceError
        The file cannot be written, or another program holds it for too long.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        (
            audit.created,
            audit.title,
            judged.model,
            judged.cube.n,
            audit.verdict if judged is audit.primary else "",
            judged.chosen.name if judged.chosen else "none",
            json.dumps({name: e.to_dict() for name, e in judged.measures.items()}),
            packed_cube(judged.cube.table),
        )
        for judged in audit.models
    ]
    with _opened(place) as connection:
        connection.execute("BEGIN")
        connection.execute(_TABLE)
        connection.executemany("INSERT INTO audits VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        connection.execute("COMMIT")


def recall(place: Path | None, *, last: int = 50) -> list[dict]:
    """The last audits, oldest first; empty where nothing was remembered."""
    if last < 1:
        raise UsageError("history", f"last is {last}", do="Pass 1 or more")
    if place is None or not place.exists():
        return []
    with _opened(place, read_only=True) as connection:
        names = "created, title, model, rows, verdict, chosen, measures"
        query = f"SELECT {names} FROM audits ORDER BY rowid DESC LIMIT {int(last)}"
        found = connection.execute(query).fetchall()
    keys = names.split(", ")
    rows = [dict(zip(keys, row, strict=True)) for row in reversed(found)]
    return [row | {"measures": json.loads(row["measures"])} for row in rows]


def packed_cube(cells) -> bytes:
    """Cells as compressed bytes: about a megabyte, from which every measure can be made again."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, names=np.array(cells.names), sums=cells.sums)
    return buffer.getvalue()


@contextlib.contextmanager
def _opened(place: Path, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection, after waiting for whoever else holds the file."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            connection = duckdb.connect(str(place), read_only=read_only)
            break
        except duckdb.Error as error:
            busy = "set lock" in str(error).lower()
            if not busy or time.monotonic() > end:
                raise _unusable(place, "opened", error) from error
            time.sleep(0.1)
    try:
        yield connection
    except duckdb.Error as error:
        raise _unusable(place, "used", error) from error
    finally:
        with contextlib.suppress(duckdb.Error):  # a full disk complains once more on closing
            connection.close()


def _unusable(place: Path, what: str, error: duckdb.Error) -> EvidenceError:
    return EvidenceError(
        "history",
        f"{place} cannot be {what}: {str(error).splitlines()[0][:200]}",
        do="Wait for the other audit, move the file away, or say --no-history",
    )
