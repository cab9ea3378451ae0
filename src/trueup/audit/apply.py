"""Apply a stored remedy to a file of any size, in one streaming pass."""

from __future__ import annotations

import contextlib
from pathlib import Path

from trueup.audit.store import StoredRemedy
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.predictions import EPS
from trueup.core.tables.source import Table, literal, open_table, quoted


MEMORY = "1200MB"
FORMATS = {
    ".parquet": "FORMAT parquet, COMPRESSION zstd",
    ".pq": "FORMAT parquet, COMPRESSION zstd",
    ".csv": "FORMAT csv, HEADER",
    ".tsv": "FORMAT csv, HEADER, DELIMITER '\t'",
}


def apply_file(remedy: StoredRemedy, data: str | Path, out: str | Path, *, threads: int = 2) -> int:
    """Write ``data`` with corrected probabilities to ``out``; every other column stays as it is.

    The output appears whole or not at all: it is written beside its place and renamed at the end.
    A row whose probability is missing keeps it missing.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    EvidenceError
        A column is missing or holds something that is no probability.
    UsageError
        The ending of ``out`` is none of .parquet, .csv, .tsv.
    """
    out = Path(out)
    form = FORMATS.get(out.suffix.lower())
    if form is None:
        raise UsageError("apply", f"{out.name} has the ending '{out.suffix}'", do="Use .parquet")
    partial = out.with_name(f".{out.name}.partial")
    with open_table(str(data), threads=threads) as table:
        table.require("apply", list(remedy.columns))
        _check(table, remedy)
        table.connection.execute(f"SET memory_limit = '{MEMORY}'")
        with _removed_on_failure(partial):
            query = corrected(remedy, table)
            table.connection.execute(f"COPY ({query}) TO {literal(str(partial))} ({form})")
            partial.replace(out)
        return table.rows


def corrected(remedy: StoredRemedy, table: Table) -> str:
    """A query of all columns of ``table`` with corrected probabilities.

    Written in stages - logarithms, the map, powers, shares - so that its length grows with the
    number of classes and no row computes a term twice.
    """
    k = remedy.fitted.k
    source = [f"({quoted(c)})::DOUBLE" for c in remedy.columns]
    given = ["1.0 - " + source[0], source[0]] if remedy.event else source
    logs = [f"ln(greatest({p}, {EPS!r})) AS l{j}_" for j, p in enumerate(given)]
    raw = [f"{u} AS u{j}_" for j, u in enumerate(remedy.fitted.map.sql(_names("l", k)))]
    top = f"greatest({', '.join(_names('u', k))})"
    powers = [f"exp(u{j}_ - {top}) AS e{j}_" for j in range(k)]
    total = " + ".join(_names("e", k))
    first = 1 if remedy.event else 0
    shares = [
        f"(e{j + first}_ / ({total}))::{table.columns[c]} AS {quoted(c)}"
        for j, c in enumerate(remedy.columns)
    ]
    extra = [*_names("l", k), *_names("u", k), *_names("e", k)]
    kept = ", ".join(map(quoted, table.columns))
    inner = f"SELECT {kept}, {', '.join(logs)} FROM ({table.relation})"
    for stage in (raw, powers):
        inner = f"SELECT *, {', '.join(stage)} FROM ({inner})"
    return f"SELECT * EXCLUDE ({', '.join(extra)}) REPLACE ({', '.join(shares)}) FROM ({inner})"


def _names(letter: str, k: int) -> list[str]:
    return [f"{letter}{j}_" for j in range(k)]


def _check(table: Table, remedy: StoredRemedy) -> None:
    """Refuse values that are no probabilities: they would come out as nonsense."""
    wrong = []
    for column in remedy.columns:
        if table.kind(column) not in ("number", "integer"):
            raise EvidenceError(
                "apply",
                f"column {column!r} holds {table.columns[column]}",
                do="Pass probabilities as numbers",
            )
        wrong.append(f"NOT ({quoted(column)} >= 0 AND {quoted(column)} <= 1)")
    n = table.query(f"SELECT count(*) FROM ({table.relation}) WHERE {' OR '.join(wrong)}")[0][0]
    if n:
        raise EvidenceError(
            "apply",
            f"{n:,} rows of {list(remedy.columns)[:4]} are not in [0, 1]",
            do="Mend or drop these rows",
        )


@contextlib.contextmanager
def _removed_on_failure(partial: Path):
    """Leave no half-written file behind, whatever happens."""
    try:
        yield
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
