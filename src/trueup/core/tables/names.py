"""Names and strings inside SQL, whatever characters they hold."""

from __future__ import annotations


def quoted(name: str) -> str:
    """A column name inside SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string inside SQL."""
    return "'" + str(text).replace("'", "''") + "'"
