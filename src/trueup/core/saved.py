"""What a file may hold: fitted maps and the parts that they are made of."""

from __future__ import annotations


class Saved:
    """A part of a fitted map that a file may hold.

    A frozen dataclass of the library whose fields are numbers, names, None, tuples of them, and
    other such parts. What is written is its name and its fields; what is read back is checked field
    by field against their annotations. The name must be the only one of its kind.
    """
