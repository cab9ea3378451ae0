"""The nodes of an expression: columns computed row by row from other columns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import reduce

import numpy as np

from trueup.core.errors import UsageError
from trueup.core.saved import Saved


NARROW = 8
"""With fewer columns, whole columns are added faster than rows; the sums are the same."""


def literal(number: float) -> str:
    """A number in SQL; engines take one without an exponent for a decimal, which overflows."""
    text = repr(float(number))
    return text if "e" in text else f"{text}e0"


class Expr(Saved, ABC):
    """Columns computed row by row from the columns of ``parents``."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Number of columns."""

    @property
    def parents(self) -> tuple[Expr, ...]:
        """What it is computed from."""
        return ()

    @abstractmethod
    def numpy(self, *parts: np.ndarray) -> np.ndarray:
        """Columns (n, width) from those of the parents."""

    @abstractmethod
    def sql(self, *parts: list[str]) -> list[str]:
        """A SQL expression a column from those of the parents; names, so that they may repeat."""

    def __getitem__(self, column: int) -> Pick:
        return Pick(self, (column,))

    @property
    def written(self) -> Expr:
        """The same in nodes that every engine knows; itself where it is one."""
        return self

    @property
    def stays(self) -> tuple[str, str, str]:
        """What no engine but NumPy can do, why, and what to do; empty where it can leave."""
        return ("", "", "")


@dataclass(frozen=True, eq=False)
class Input(Expr):
    """Columns that are given.

    Parameters
    ----------
    name
        What it is: ``"logs"``, ``"probs"``, ``"features"``.
    count
        Number of columns.
    columns
        Their names in a table, where they are not named by whoever asks.
    """

    name: str
    count: int = 1
    columns: tuple[str, ...] = ()
    sql_type = "DOUBLE"

    @property
    def width(self) -> int:
        return self.count

    def numpy(self, *parts: np.ndarray) -> np.ndarray:
        raise UsageError("evaluate", f"no values of '{self.name}'", do="Pass them by this name")

    def sql(self, *parts: list[str]) -> list[str]:
        raise UsageError("sql", f"no columns of '{self.name}'", do="Name the columns")


@dataclass(frozen=True, eq=False)
class Key(Input):
    """A column of names of groups; a missing name belongs to no group."""

    sql_type = "VARCHAR"


@dataclass(frozen=True, eq=False)
class OfOne(Expr):
    """Columns computed from those of ``x`` alone; as many, where a node says nothing else."""

    x: Expr

    @property
    def width(self) -> int:
        return self.x.width

    @property
    def parents(self) -> tuple[Expr, ...]:
        return (self.x,)


@dataclass(frozen=True, eq=False)
class Pick(OfOne):
    """Some columns of ``x``."""

    columns: tuple[int, ...]

    @property
    def width(self) -> int:
        return len(self.columns)

    def numpy(self, *parts: np.ndarray) -> np.ndarray:
        first, count = self.columns[0], len(self.columns)
        if self.columns == tuple(range(first, first + count)):
            return parts[0][:, first : first + count]  # neighbours need no copy
        return parts[0][:, list(self.columns)]

    def sql(self, *parts: list[str]) -> list[str]:
        return [parts[0][j] for j in self.columns]


@dataclass(frozen=True, eq=False)
class Join(Expr):
    """The columns of all ``parts`` side by side."""

    parts: tuple[Expr, ...]

    @property
    def width(self) -> int:
        return sum(part.width for part in self.parts)

    @property
    def parents(self) -> tuple[Expr, ...]:
        return self.parts

    def numpy(self, *parts: np.ndarray) -> np.ndarray:
        return np.hstack(parts)

    def sql(self, *parts: list[str]) -> list[str]:
        return [column for part in parts for column in part]


@dataclass(frozen=True, eq=False)
class Scaled(OfOne):
    """``x * scale + shift``; both are one number a column, or one for all."""

    scale: np.ndarray
    shift: np.ndarray

    def __init__(self, x: Expr, scale, shift=0.0) -> None:
        object.__setattr__(self, "x", x)
        for name, value in (("scale", scale), ("shift", shift)):
            wide = np.broadcast_to(np.asarray(value, dtype=np.float64), (x.width,))
            object.__setattr__(self, name, wide)

    def numpy(self, *parts: np.ndarray) -> np.ndarray:
        scaled = parts[0] * self.scale
        return scaled + self.shift if self.shift.any() else scaled

    def sql(self, *parts: list[str]) -> list[str]:
        terms = zip(parts[0], self.scale.tolist(), self.shift.tolist(), strict=True)
        return [f"{x} * {literal(scale)} + {literal(shift)}" for x, scale, shift in terms]


@dataclass(frozen=True, eq=False)
class Linear(OfOne):
    """``x @ weight.T + shift`` with ``weight`` (m, width of x) and ``shift`` (m,)."""

    weight: np.ndarray
    shift: np.ndarray

    @property
    def width(self) -> int:
        return len(self.weight)

    def numpy(self, *parts: np.ndarray) -> np.ndarray:
        return parts[0] @ self.weight.T + self.shift

    def sql(self, *parts: list[str]) -> list[str]:
        found = []
        for row, shift in zip(self.weight.tolist(), self.shift.tolist(), strict=True):
            terms = [f"{x} * {literal(w)}" for x, w in zip(parts[0], row, strict=True) if w]
            found.append(" + ".join([*terms, literal(shift)]))
        return found


@dataclass(frozen=True, eq=False)
class Total(OfOne):
    """The sum over the columns of ``x``, or with ``greatest`` the largest of them."""

    greatest: bool = False

    @property
    def width(self) -> int:
        return 1

    def numpy(self, *parts: np.ndarray) -> np.ndarray:
        x, total = parts[0], np.maximum if self.greatest else np.add
        if x.shape[1] < NARROW:
            return reduce(total, x.T)[:, None]
        return total.reduce(x, axis=1, keepdims=True)

    def sql(self, *parts: list[str]) -> list[str]:
        return [f"greatest({', '.join(parts[0])})" if self.greatest else " + ".join(parts[0])]
