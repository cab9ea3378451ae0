"""Files that a path names, and the Parquet among them."""

from __future__ import annotations

import glob
import re
from pathlib import Path

from trueup.core.errors import EvidenceError


def parquet_piece(connection, name: str) -> tuple[str, str, int]:
    """The piece of one file, whose name is a literal."""
    # A folder called a=1 is a place, not a column of the table.
    relation = f"read_parquet({name}, file_row_number = true, hive_partitioning = false)"
    sql = f"SELECT sum(num_rows) FROM parquet_file_metadata({name})"
    rows = connection.execute(sql).fetchall()[0][0]
    return relation, "file_row_number", int(rows)


def kept_apart(connection, name: str) -> None:
    """Refuse to copy names that the engine cannot keep: to it, P and p are one."""
    schema = connection.execute(f"SELECT name FROM parquet_schema({name})").fetchall()
    query = f"SELECT * FROM read_parquet({name}, hive_partitioning = false) LIMIT 0"
    read = connection.execute(query).description or []
    renamed = [column for column, *_ in read if (column,) not in schema]
    if renamed:
        raise EvidenceError(
            "trueup",
            f"two columns have one name but for upper case: {renamed[0]!r} would be new",
            do="Rename one of them",
        )


def find_files(path: str) -> list[str]:
    """The files of a path: itself, the Parquet in a folder, or what a pattern matches, sorted."""
    given = Path(path)
    if given.is_dir():
        found = sorted(given.glob("*.parquet"))
    elif given.exists():
        found = [given]
    else:
        found = sorted(glob.glob(path))  # noqa: PTH207, Path.glob takes no absolute pattern
    if not found:
        raise EvidenceError("trueup", f"there is no file {path}", do="Check the path")
    return [str(file) for file in found]


def escaped(file: str) -> str:
    """The name of one file, where the engine would read a pattern."""
    return re.sub(r"([*?[])", r"[\1]", file)
