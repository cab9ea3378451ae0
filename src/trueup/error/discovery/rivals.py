"""Rivals: other terms that explain these windows as well as the ones that were found.

A wave that stands still or travels unchanged makes terms say the same: of one sine u_xx is -k^2 u,
of any profile u(x - ct) a function of u stands for another. What was chosen is then one of several.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trueup.error.discovery.grams import Grams
from trueup.error.discovery.regressions import elimination, solved
from trueup.error.discovery.select import held_out, supports


if TYPE_CHECKING:
    from trueup.error.discovery.search import Search

NEAREST = 8
"""Terms that are tried in the place of one, those that fit best."""
TOGETHER = 4
"""Terms that may stand together for one; more are no likely explanation."""
NEAR = 0.05**2
"""Share of the variance that a term explains, which others may lack and still stand for it: noise
in their columns costs them as much."""

Named = tuple[str, str]
"""A component and a term of its equation."""


@dataclass(frozen=True)
class Rival:
    """Terms that others could stand for.

    Attributes
    ----------
    terms
        Component and name of the terms that were found.
    instead
        Those that explain the held-out windows as well in their place, beside the other terms.
    """

    terms: tuple[Named, ...]
    instead: tuple[Named, ...]


def rivals(grams: Grams, chosen: np.ndarray, *, allowed: Callable) -> list[np.ndarray]:
    """Supports that lack a term of ``chosen`` and explain held-out blocks as well.

    Every term is taken out and another put in, which does as well where it is worse by no more than
    two standard errors of the paired difference, or by 5 % of what the term explains, in standard
    deviations. Where none will do, several may stand for it: the fewest of an elimination without
    the term, if they come within those 5 %.

    Parameters
    ----------
    grams
        Sums of all terms.
    chosen
        (p,) the terms that were found.
    allowed
        Takes supports and gives those whose signs may be.
    """
    found: list[np.ndarray] = []
    for term in np.flatnonzero(chosen):
        rest = chosen & (np.arange(len(chosen)) != term)
        if not _may(grams, chosen, rest):
            continue
        left = held_out(grams, np.stack([chosen, rest]))
        swaps = allowed(_nearest(grams, rest, ~chosen))
        equal = _equal(grams, left, swaps, errors=2.0)
        found += equal or _fewest(grams, left, rest, term, allowed)
    return [one for i, one in enumerate(found) if not any((one == f).all() for f in found[:i])]


def rivals_of(search: Search, sums: Grams, alive: np.ndarray) -> tuple[Rival, ...]:
    """Rivals by their names, of the places ``alive`` of a search with these ``sums``."""
    library, basis = search.settings.library, search.basis(search.places)
    names = [(library.components[c], library.names[t]) for c, t in search.places]
    # A column is as much as its first term: those that are tied to it follow.
    chosen = alive[(basis != 0).argmax(axis=0)]

    def of(columns: np.ndarray) -> tuple[Named, ...]:
        return tuple(names[i] for i in np.flatnonzero((basis[:, columns] != 0).any(axis=1)))

    def allowed(tries: np.ndarray) -> np.ndarray:
        kept = {tuple(one) for one in search.allowed(sums, tries, basis)}
        return tries[[tuple(one) in kept for one in tries]]

    found = rivals(sums, chosen, allowed=allowed)
    return tuple(Rival(of(chosen & ~one), of(one & ~chosen)) for one in found)


def _may(grams: Grams, chosen: np.ndarray, rest: np.ndarray) -> bool:
    """Whether all others together explain all blocks as well; else no few of them can."""
    xx, xy, _ = grams.total()
    every = (chosen, rest, rest | ~chosen)
    left = np.stack([grams.left(solved(xx, xy, alive)).sum(axis=1) for alive in every])
    return bool(_as_well(left[:2], left[2:], errors=2.0)[0])


def _as_well(left: np.ndarray, tries: np.ndarray, *, errors: float) -> np.ndarray:
    """Which ``tries`` (n, blocks) do as well as ``left[0]``; ``left[1]`` is without the term."""
    behind = tries - left[0]
    error = errors * behind.std(axis=1, ddof=1) * np.sqrt(left.shape[1])
    return behind.sum(axis=1) <= np.maximum(error, NEAR * (left[1] - left[0]).sum())


def _nearest(grams: Grams, rest: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Supports of ``rest`` and one of ``others``, the nearest that fit best on all blocks."""
    xx, xy, _ = grams.total()
    tries = rest | (np.arange(len(rest)) == np.flatnonzero(others)[:, None])
    gains = np.array([solved(xx, xy, alive) @ xy for alive in tries])
    return tries[np.argsort(-gains)[:NEAREST]]


def _equal(
    grams: Grams, left: np.ndarray, tries: np.ndarray, *, errors: float = 0.0
) -> list[np.ndarray]:
    """Those of ``tries`` that explain held-out blocks as well."""
    if not len(tries):
        return []
    used = np.flatnonzero(tries.any(axis=0))
    squares = held_out(grams.only(used), tries[:, used])
    return list(tries[_as_well(left, squares, errors=errors)])


def _fewest(grams, left: np.ndarray, rest: np.ndarray, term: int, allowed) -> list[np.ndarray]:
    """The smallest support without ``term`` that will do, if it is small enough."""
    others = np.delete(np.arange(len(rest)), term)
    path = supports(grams.only(others), elimination, np.zeros(0))
    tries = np.zeros((len(path), len(rest)), dtype=bool)
    tries[:, others] = path
    few = tries[tries.sum(axis=1) <= rest.sum() + TOGETHER]
    return sorted(_equal(grams, left, allowed(few)), key=lambda one: int(one.sum()))[:1]


def told(found: tuple[Rival, ...], several: bool) -> Iterator[str]:
    """A sentence for all that could stand for the same terms."""
    for terms in dict.fromkeys(rival.terms for rival in found):
        ways = [_said(rival.instead, several) for rival in found if rival.terms == terms]
        yield (f"{_said(terms, several)} could as well be {' or '.join(ways)}: these states cannot "
               "tell them apart, observe a richer flow")  # fmt: skip


def _said(terms: tuple[Named, ...], several: bool) -> str:
    few = [f"{name} in {component}'" if several else name for component, name in terms]
    return f"{', '.join(few[:-1])} and {few[-1]} together" if len(few) > 1 else few[0]
