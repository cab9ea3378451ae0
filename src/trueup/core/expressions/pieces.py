"""Nodes that choose: a polynomial by where a number lies, by a group's name what it has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.expressions.nodes import Expr, Key, OfOne, literal


@dataclass(frozen=True, eq=False)
class Piecewise(OfOne):
    """A polynomial between every two neighbouring ``edges`` of one column.

    Parameters
    ----------
    x
        The column.
    edges
        (m,) rising numbers where one piece ends; an edge belongs to the piece above it.
    pieces
        (m + 1, d + 1) coefficients of powers 0 .. d of the distance of x from the left edge of its
        piece; of the first piece from its right edge.
    """

    edges: np.ndarray
    pieces: np.ndarray

    @property
    def width(self) -> int:
        return 1

    @property
    def starts(self) -> np.ndarray:
        """(m + 1,) where the distance is measured from."""
        return np.concatenate([self.edges[:1], self.edges]) if len(self.edges) else np.zeros(1)

    def numpy(self, *parts: np.ndarray) -> np.ndarray:
        x = parts[0][:, 0]
        piece = np.searchsorted(self.edges, x, side="right")
        value = self.pieces[piece, -1]
        if self.pieces.shape[1] > 1:
            distance = x - self.starts[piece]
            for power in range(self.pieces.shape[1] - 2, -1, -1):
                value = value * distance + self.pieces[piece, power]
        return value[:, None]

    def sql(self, *parts: list[str]) -> list[str]:
        (x,) = parts[0]
        rows = zip(self.pieces.tolist(), self.starts.tolist(), strict=True)
        pieces = [_polynomial(f"({x} - {literal(start)})", row) for row, start in rows]
        return [_branch(x, [literal(edge) for edge in self.edges.tolist()], pieces)]


@dataclass(frozen=True, eq=False)
class AtLeast(OfOne):
    """1 where a column of ``x`` is at least ``edges`` (width of x,), else 0."""

    edges: np.ndarray

    def __init__(self, x: Expr, edges) -> None:
        object.__setattr__(self, "x", x)
        wide = np.broadcast_to(np.asarray(edges, dtype=np.float64), (x.width,))
        object.__setattr__(self, "edges", wide)

    def numpy(self, *parts: np.ndarray) -> np.ndarray:
        return (parts[0] >= self.edges).astype(np.float64)

    def sql(self, *parts: list[str]) -> list[str]:
        pairs = zip(parts[0], self.edges.tolist(), strict=True)
        return [f"CASE WHEN {x} >= {literal(edge)} THEN 1e0 ELSE 0e0 END" for x, edge in pairs]


def _polynomial(distance: str, coefficients: list[float]) -> str:
    """Horner's rule."""
    value = literal(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = f"({value} * {distance} + {literal(coefficient)})"
    return value


def _branch(x: str, edges: list[str], pieces: list[str]) -> str:
    """A balanced tree of comparisons: a row passes about log2(pieces) of them."""
    if not edges:
        return pieces[0]
    mid = len(edges) // 2
    low = _branch(x, edges[:mid], pieces[: mid + 1])
    high = _branch(x, edges[mid + 1 :], pieces[mid + 1 :])
    return f"CASE WHEN {x} < {edges[mid]} THEN {low} ELSE {high} END"


@dataclass(frozen=True, eq=False)
class Choose(Expr):
    """One expression a group: ``options[g]`` where ``key`` is ``names[g]``, else the last one."""

    key: Key
    names: tuple[str, ...]
    options: tuple[Expr, ...]

    @property
    def width(self) -> int:
        return self.options[0].width

    @property
    def parents(self) -> tuple[Expr, ...]:
        return (self.key, *self.options)

    def numpy(self, *parts: np.ndarray) -> np.ndarray:
        option = _places(parts[0][:, 0], self.names)
        rows = np.arange(len(option))
        wide = np.stack([np.broadcast_to(p, (len(option), self.width)) for p in parts[1:]])
        return wide[option, rows]

    def sql(self, *parts: list[str]) -> list[str]:
        (key,), *options = parts
        names = [_text(name) for name in self.names]
        found = []
        for *given, other in zip(*options, strict=True):
            cases = [f"WHEN {key} = {n} THEN {o}" for n, o in zip(names, given, strict=True)]
            found.append(f"CASE {' '.join(cases)} ELSE {other} END" if cases else other)
        return found


@dataclass(frozen=True, eq=False)
class Lookup(Expr):
    """Numbers by the name of a group: row g of ``values`` where ``key`` is ``names[g]``.

    Serves thousands of groups, where one expression a group would be slow.

    Parameters
    ----------
    key
        The column of names.
    names
        (g,) names of the groups.
    values
        (g + 1, width) numbers; the last row serves every other name.
    """

    key: Key
    names: tuple[str, ...]
    values: np.ndarray

    @property
    def width(self) -> int:
        return self.values.shape[1]

    @property
    def parents(self) -> tuple[Expr, ...]:
        return (self.key,)

    def numpy(self, *parts: np.ndarray) -> np.ndarray:
        return self.values[_places(parts[0][:, 0], self.names)]

    def sql(self, *parts: list[str]) -> list[str]:
        ((key,),) = parts
        order = sorted(range(len(self.names)), key=self.names.__getitem__)
        names = [_text(self.names[g]) for g in order]
        found = []
        for *given, other in self.values.T.tolist():
            leaves = [
                f"CASE WHEN {key} = {name} THEN {literal(given[g])} ELSE {literal(other)} END"
                for name, g in zip(names, order, strict=True)
            ]
            found.append(_branch(key, names[1:], leaves) if leaves else literal(other))
        return found


def _places(keys: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Place (n,) of every key among ``names``; their count where it is none of them."""
    place = {name: g for g, name in enumerate(names)}
    found, inverse = distinct_names(keys)
    return np.array([place.get(str(k), len(names)) for k in found], dtype=np.intp)[inverse]


def _text(name: str) -> str:
    """A name as SQL writes it."""
    return "'" + name.replace("'", "''") + "'"


MISSING = "\0missing"
"""What a missing name of a group becomes; no name of a table contains a zero.

NumPy drops zeros at the end of a text: a zero alone would be the empty name.
"""


def distinct_names(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct names in rising order, and the place (n,) of every key among them."""
    keys = np.asarray(keys)
    if keys.dtype.kind not in "iub":
        return np.unique(as_names(keys), return_inverse=True)
    # Numbers are told apart many times faster than their names.
    numbers, inverse = _distinct_numbers(keys)
    names, place = np.unique(as_names(numbers), return_inverse=True)
    return names, place[inverse]


def _distinct_numbers(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct whole numbers, rising, and the place (n,) of each, by counting if they are near."""
    if keys.dtype.kind == "b" or not len(keys) or int(keys.max()) - int(keys.min()) > len(keys):
        return np.unique(keys, return_inverse=True)
    wide = keys if keys.dtype.kind == "u" else keys.astype(np.int64)
    apart = wide - wide.min()
    there = np.bincount(apart) > 0
    return np.flatnonzero(there).astype(keys.dtype) + keys.min(), (np.cumsum(there) - 1)[apart]


def as_names(keys: np.ndarray) -> np.ndarray:
    """Names (n,) of groups as text, as SQL casts them; a missing one becomes ``MISSING``."""
    keys = np.asarray(keys)
    if keys.dtype.kind == "f":
        return np.where(np.isnan(keys), MISSING, keys.astype(str))
    if keys.dtype.kind == "b":
        return np.where(keys, "true", "false")
    if keys.dtype.kind != "O":
        return keys.astype(str)
    return np.array([MISSING if k is None or k != k else str(k) for k in keys], dtype=str)
