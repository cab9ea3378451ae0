"""Apply a stored remedy to a file of any size, in one streaming pass."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from trueup.audit.computed import computed
from trueup.audit.replaced import refuse_taken
from trueup.audit.store import StoredRemedy
from trueup.audit.whole import place_for, whole
from trueup.core.errors import EvidenceError, Unwritable, UsageError
from trueup.core.probabilities import Probabilities
from trueup.core.tables.names import literal, quoted
from trueup.core.tables.source import Table, open_table
from trueup.core.validate import SUM_TOLERANCE


MEMORY = "1200MB"
FORMATS = {
    ".parquet": "FORMAT parquet, COMPRESSION zstd",
    ".pq": "FORMAT parquet, COMPRESSION zstd",
    ".csv": "FORMAT csv, HEADER",
    ".tsv": "FORMAT csv, HEADER, DELIMITER '\t'",
}
ENDINGS = ".parquet, .pq, .csv or .tsv"


@dataclass(frozen=True)
class Applied:
    """What was written: rows in all, and rows of groups that the fit has never seen."""

    rows: int
    unseen: int = 0


def apply_file(
    remedy: StoredRemedy, data: str | Path, out: str | Path, *, threads: int = 2
) -> Applied:
    """Write ``data`` with corrected predictions to ``out``; every other column stays as it is.

    The output appears whole or not at all: it is written beside its place and renamed at the end.
    Where another form comes out, as a normal law from an ensemble, its columns are added. A row
    that misses a number of its prediction keeps its row, with all of them missing: it cannot be
    corrected. From CSV to CSV every other column stays the text that it was.

    Returns
    -------
    Applied
        Rows written, and how many took the fallback of a correction by group.

    Raises
    ------
    EvidenceError
        A column is missing or holds something that is no such prediction, or a column that is added
        is there already.
    UsageError
        The ending of ``out`` is none of .parquet, .csv, .tsv.
    """
    out = Path(out)
    form = FORMATS.get(out.suffix.lower())
    if form is None:
        raise UsageError("apply", f"{out.name} has the ending '{out.suffix}'", do=f"Use {ENDINGS}")
    place_for("apply", out)
    as_text = "csv" in form
    with open_table(str(data), threads=threads, stream=True, as_text=as_text) as table:
        table.require("apply", remedy.reads)
        refuse_taken("apply", remedy, table.columns)
        _check(table, remedy, as_text=as_text)
        table.connection.execute(f"SET memory_limit = '{MEMORY}'")
        unseen = _unseen(remedy, table)
        with whole(out) as partial:
            sql = f"COPY ({corrected(remedy, table)}) TO {literal(str(partial))} ({form})"
            try:
                rows = table.connection.execute(sql).fetchall()[0][0]
            except duckdb.Error as error:
                raise EvidenceError(
                    "apply",
                    f"{out} was not written: {str(error).splitlines()[0][:300]}",
                    do=f"Check that {data} is whole, and the rights and the space for {out}",
                ) from error
        return Applied(rows, unseen)


def _unseen(remedy: StoredRemedy, table: Table) -> int:
    """Rows of groups that the fit has never seen."""
    if not remedy.fitted.groups:
        return 0
    asked = remedy.fitted.unseen_sql
    return table.query(f"SELECT count(*) FILTER (WHERE {asked}) FROM ({table.relation})")[0][0]


def corrected(remedy: StoredRemedy, table: Table) -> str:
    """A query of all columns of ``table`` with corrected predictions.

    What SQL has no words for, as sets by chance, NumPy computes beforehand, batch by batch.
    """
    same = remedy.gives == remedy.takes
    types = {column: _kept_type(table, column) for column in remedy.columns} if same else {}
    try:
        return remedy.fitted.sql(
            table.relation,
            remedy.columns,
            event=remedy.event,
            keep=list(table.columns),
            normalize=remedy.normalize,
            types=types,
            outputs=remedy.outputs,
        )
    except Unwritable:
        return computed(remedy, table, types)


def _kept_type(table: Table, column: str) -> str:
    """The type that the column had, where that holds fractions."""
    declared = table.columns[column]
    return declared if declared in ("FLOAT", "DOUBLE") else "DOUBLE"


def _check(table: Table, remedy: StoredRemedy, *, as_text: bool) -> None:
    """Refuse values that are no such prediction: they would come out as nonsense."""
    for column in remedy.columns:
        if table.kind(column) not in ("number", "integer"):
            _numbers(table, column, as_text=as_text)
    source = [f"({quoted(column)})::DOUBLE" for column in remedy.columns]
    if remedy.takes.kind != Probabilities.kind:
        return _check_numbers(table, remedy, source)
    total, most = " + ".join(source), "1" if not remedy.normalize else "'infinity'::DOUBLE"
    outside = " OR ".join(f"NOT ({p} >= 0 AND {p} <= {most})" for p in source)
    off = f"NOT abs({total} - 1) <= {SUM_TOLERANCE}"
    if remedy.event or remedy.normalize:
        off = "false" if remedy.event else f"NOT ({total} > 0 AND isfinite({total}))"
    sql = f"SELECT count(*) FILTER (WHERE {outside}), count(*) FILTER (WHERE {off})"
    *counts, low = table.query(f"{sql}, min({source[0]}) FROM ({table.relation})")[0]
    logits = counts[0] > table.rows / 2 and low is not None and low < 0
    for n, what in zip(counts, ("are not in [0, 1]", "do not sum to one"), strict=True):
        if n:
            raise EvidenceError(
                "apply",
                f"{n:,} rows of {list(remedy.columns)[:4]} {what}",
                why="these look like logits, and the remedy was learned on probabilities"
                if logits
                else "",
                do="Mend or drop these rows",
            )


def _check_numbers(table: Table, remedy: StoredRemedy, source: list[str]) -> None:
    """Refuse numbers that are not finite, an sd that is not positive, ends that are swapped."""
    wrong = {"are not finite": " OR ".join(f"NOT isfinite({value})" for value in source)}
    if remedy.takes.kind == "normal":
        wrong["have an sd that is not positive"] = f"NOT {source[1]} > 0"
    if remedy.takes.kind == "intervals":
        wrong["have a low end above the high one"] = f"{source[0]} > {source[1]}"
    counted = ", ".join(f"count(*) FILTER (WHERE {asked})" for asked in wrong.values())
    counts = table.query(f"SELECT {counted} FROM ({table.relation})")[0]
    for n, what in zip(counts, wrong, strict=True):
        if n:
            raise EvidenceError(
                "apply",
                f"{n:,} rows of {list(remedy.columns)[:4]} {what}",
                do="Mend or drop these rows",
            )


def _numbers(table: Table, column: str, *, as_text: bool) -> None:
    """Refuse a column that is no number, nor text of numbers in a CSV file."""
    text = f"{quoted(column)}::VARCHAR"
    wrong = f"try_cast({text} AS DOUBLE) IS NULL" if as_text else "true"
    sql = f"SELECT {text} FROM ({table.relation}) WHERE {text} IS NOT NULL AND {wrong} LIMIT 1"
    bad = table.query(sql)
    if bad or not as_text:
        shown = f", such as {bad[0][0]!r}" if bad else ""
        raise EvidenceError(
            "apply",
            f"column {column!r} holds {table.columns[column]}{shown}",
            do="Pass predictions as numbers",
        )
