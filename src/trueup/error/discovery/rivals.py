"""Rivals: other terms that explain these windows as well as the ones that were found.

A wave that stands still or travels unchanged makes terms say the same: of one sine u_xx is -k^2 u,
of any profile u(x - ct) a function of u stands for another. What was chosen is then one of several.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from trueup.error.discovery.grams import Grams
from trueup.error.discovery.regressions import elimination, solved
from trueup.error.discovery.select import Choice, choose, held_out, supports


if TYPE_CHECKING:
    from trueup.error.discovery.increments import Increments
    from trueup.error.discovery.numerics import Limit
    from trueup.error.discovery.search import Search

NEAREST = 8
"""Terms that are tried in the place of one, those that fit best."""
TOGETHER = 4
"""Terms that may stand together for one; more are no likely explanation."""
NEAR = 0.05**2
"""Share of the variance that a term explains, which others may lack by the noise in their columns
and still stand for it."""
NOTHING = 0.01**2
"""The same without noise."""

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


def rivals(
    grams: Grams,
    chosen: np.ndarray,
    *,
    allowed: Callable,
    noisier: Callable = lambda used: [],
    equation: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Supports that lack a term of ``chosen`` and explain held-out blocks as well.

    Every term is taken out and another put in, which does as well where it is worse by no more than
    two standard errors of the paired difference, or by 1 % of what the term explains, in standard
    deviations. Where none will do, several may stand for it: the fewest of an elimination without
    the term, if they are behind by no more than that 1 %: many terms are bent to nearly anything,
    and standard errors alone would let them. Noise in the columns costs the one more than the
    other: what it costs is read from sums with the noise added once more, and taken off.

    Parameters
    ----------
    grams
        Sums of all terms.
    chosen
        (p,) the terms that were found.
    allowed
        Takes supports and gives those whose signs may be.
    noisier
        Takes numbers of terms and gives sums of these with noise added, none where there is none.
    equation
        (p,) number of the equation of a term, in which several others may stand for it.
    """
    equation = np.zeros(len(chosen)) if equation is None else equation
    found: list[np.ndarray] = []
    for term in np.flatnonzero(chosen):
        rest = chosen & (np.arange(len(chosen)) != term)
        if not _may(grams, chosen, rest):
            continue
        test = _Test(grams, chosen, noisier, float(_behind(grams, np.stack([chosen, rest])).sum()))
        equal = test.equal(allowed(_nearest(grams, rest, ~chosen)))
        found += equal or test.few(allowed(_path(grams, rest, term, equation == equation[term])))
    return [one for i, one in enumerate(found) if not any((one == f).all() for f in found[:i])]


@dataclass(frozen=True)
class _Test:
    """Whether others do as well as the ``chosen``, without whose term the ``loss`` would be."""

    grams: Grams
    chosen: np.ndarray
    noisier: Callable
    loss: float

    def equal(self, tries: np.ndarray, *, far: float = np.inf) -> list[np.ndarray]:
        """Those of ``tries`` that explain held-out blocks as well, ``far`` behind at most."""
        if not len(tries):
            return []
        behind = _behind(self.grams, np.concatenate([self.chosen[None], tries]))
        share = behind.sum(axis=1) / self.loss
        good = _within(behind, NOTHING * self.loss) & (share <= far)
        close = ~good & (share <= NEAR)
        if close.any():
            good[close] = self._without_noise(tries[close], behind[close], far)
        return list(tries[good])

    def few(self, tries: np.ndarray) -> list[np.ndarray]:
        """The smallest of ``tries`` that will do."""
        return sorted(self.equal(tries, far=NOTHING), key=lambda one: int(one.sum()))[:1]

    def _without_noise(self, tries: np.ndarray, behind: np.ndarray, far: float) -> np.ndarray:
        both = np.concatenate([self.chosen[None], tries])
        used = np.flatnonzero(both.any(axis=0))
        more = [_behind(grams, both[:, used]) for grams in self.noisier(used)]
        clean = 2 * behind - np.mean(more, axis=0) if more else behind
        return _within(clean, NOTHING * self.loss) & (clean.sum(axis=1) <= far * self.loss)


def settled(
    grams: Grams,
    tries: np.ndarray,
    *,
    least: float,
    allowed: Callable,
    symbols: np.ndarray | None = None,
) -> np.ndarray:
    """The choice among ``tries``, rivals and parts of what was chosen, until nothing better is met.

    Supports of a regression are nested or nearly so; one that swaps a term may need fewer, or fewer
    ``symbols`` (p,).
    """
    chosen = choose(grams, tries, least=least, symbols=symbols)
    for _ in range(len(chosen)):
        without = chosen & ~np.eye(len(chosen), dtype=bool)[chosen]
        more, before = rivals(grams, chosen, allowed=allowed), chosen
        tries = np.unique(np.concatenate([tries, allowed(without), *(one[None] for one in more)]),
                          axis=0)  # fmt: skip
        chosen = choose(grams, tries, least=least, symbols=symbols)
        if (chosen == before).all():
            break
    return chosen


def rivals_of(search: Search, choice: Choice, exact: Increments | Limit) -> tuple[Rival, ...]:
    """Rivals of the ``choice`` of a search by their names.

    They are met on the columns of the choice, and believed where they stand on ``exact`` ones, too:
    the error of quicker columns can be the very thing that makes two terms alike.
    """
    library, basis = search.settings.library, search.basis(search.places)
    names = [(library.components[c], library.names[t]) for c, t in search.places]
    # A column is as much as its first term: those that are tied to it follow.
    first = (basis != 0).argmax(axis=0)
    chosen, equation = choice.alive[first], np.array([c for c, _ in search.places])[first]

    def places(columns: np.ndarray) -> np.ndarray:
        return np.flatnonzero((basis[:, columns] != 0).any(axis=1))

    def allowed(tries: np.ndarray) -> np.ndarray:
        kept = {tuple(one) for one in search.allowed(choice.sums, tries, basis)}
        return tries[[tuple(one) in kept for one in tries]]

    def sums(increments: Increments | Limit, used: np.ndarray, seed: int | None = None) -> Grams:
        at = places(used)
        grams = search.grams(increments, [search.places[i] for i in at], seed=seed)
        return grams.weighed(choice.weights).mapped(basis[np.ix_(at, used)])

    def noisier(increments: Increments | Limit, used: np.ndarray) -> list[Grams]:
        return [sums(increments, used, seed) for seed in range(2 * search.noisy)]

    found = rivals(choice.sums, chosen, allowed=allowed, equation=equation,
                   noisier=partial(noisier, choice.increments))  # fmt: skip
    if found and exact is not choice.increments:
        used = np.flatnonzero(np.any([chosen, *found], axis=0))
        grams, more = sums(exact, used), lambda few: noisier(exact, used[few])
        found = [one for one in found if _stands(grams, chosen[used], one[used], more)]
    pairs = ((chosen & ~one, one & ~chosen) for one in found)
    return tuple(Rival(*(tuple(names[i] for i in places(columns)) for columns in pair))
                 for pair in pairs)  # fmt: skip


def _stands(grams: Grams, chosen: np.ndarray, rival: np.ndarray, noisier: Callable) -> bool:
    """Whether ``rival`` explains held-out blocks as well as ``chosen``."""
    loss = float(_behind(grams, np.stack([chosen, chosen & rival])).sum())
    far = NEAR if (rival & ~chosen).sum() == 1 else NOTHING
    return bool(_Test(grams, chosen, noisier, loss).equal(rival[None], far=far))


def _may(grams: Grams, chosen: np.ndarray, rest: np.ndarray) -> bool:
    """Whether all others together explain all blocks as well; else no few of them can."""
    xx, xy, _ = grams.total()
    every = (chosen, rest, rest | ~chosen)
    left = np.stack([grams.left(solved(xx, xy, alive)).sum(axis=1) for alive in every])
    return bool(_within(left[2:] - left[0], NEAR * (left[1] - left[0]).sum())[0])


def _behind(grams: Grams, tries: np.ndarray) -> np.ndarray:
    """Squares (tries - 1, blocks) that others leave of held-out blocks beyond the first."""
    used = np.flatnonzero(tries.any(axis=0))
    left = held_out(grams.only(used), tries[:, used])
    return left[1:] - left[0]


def _within(behind: np.ndarray, size: float) -> np.ndarray:
    """Which are behind by no more than two standard errors, or than ``size``."""
    error = 2 * behind.std(axis=1, ddof=1) * np.sqrt(behind.shape[1])
    return behind.sum(axis=1) <= np.maximum(error, size)


def _nearest(grams: Grams, rest: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Supports of ``rest`` and one of ``others``, the nearest that fit best on all blocks."""
    xx, xy, _ = grams.total()
    tries = rest | (np.arange(len(rest)) == np.flatnonzero(others)[:, None])
    gains = np.array([solved(xx, xy, alive) @ xy for alive in tries])
    return tries[np.argsort(-gains)[:NEAREST]]


def _path(grams: Grams, rest: np.ndarray, term: int, beside: np.ndarray) -> np.ndarray:
    """Supports of an elimination without ``term``, of terms ``beside`` it, the small ones."""
    others = np.flatnonzero((beside | rest) & (np.arange(len(rest)) != term))
    path = supports(grams.only(others), elimination, np.zeros(0))
    tries = np.zeros((len(path), len(rest)), dtype=bool)
    tries[:, others] = path
    return tries[tries.sum(axis=1) <= rest.sum() + TOGETHER]


def told(found: tuple[Rival, ...], several: bool) -> Iterator[str]:
    """A sentence for all that could stand for the same terms."""
    for terms in dict.fromkeys(rival.terms for rival in found):
        ways = [_said(rival.instead, several) for rival in found if rival.terms == terms]
        yield (f"{_said(terms, several)} could as well be {' or '.join(ways)}: these states cannot "
               "tell them apart, observe a richer flow")  # fmt: skip


def _said(terms: tuple[Named, ...], several: bool) -> str:
    few = [f"{name} in {component}'" if several else name for component, name in terms]
    return f"{', '.join(few[:-1])} and {few[-1]} together" if len(few) > 1 else few[0]
