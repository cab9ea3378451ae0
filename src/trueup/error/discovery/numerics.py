"""What of a miss is the solver's own error: read from smaller steps, and taken out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from trueup.error.discovery.increments import Increments, Place


if TYPE_CHECKING:
    from trueup.error.discovery.search import Search

ORDERS = (0.5, 6.5)
"""Orders of convergence that are believed."""

TRIED = 100_000
"""Numbers in the states that the order is measured on."""

SPOILS = 0.5
"""Share of the least that counts above which the solver's error may spoil the choice of terms."""


@dataclass(frozen=True)
class Numerics:
    """The error of the model's solver.

    Attributes
    ----------
    order
        Its order of convergence, measured by steps of 1, 1/2 and 1/4.
    share
        Its share of what the model misses, in standard deviations.
    """

    order: float
    share: float

    @property
    def weight(self) -> float:
        """By how much a step of half the length is better."""
        return 2.0 ** max(round(self.order), 1)


@dataclass(frozen=True)
class Limit:
    """Increments of a model as they would be with ever smaller steps.

    Parameters
    ----------
    increments
        With the steps of the user.
    weight
        2 to the order of the model.
    columns_too
        Whether terms are carried by smaller steps as well, which costs three times as much; the
        misses alone cost seven steps a state for one.
    """

    increments: Increments
    weight: float
    columns_too: bool = True

    def misses(self, windows: np.ndarray) -> np.ndarray:
        """What the model misses, from 1, 2 and 4 steps between two states."""
        one, two, four = (replace(self.increments, substeps=n).misses(windows) for n in (1, 2, 4))
        coarse, fine = _limit(one, two, self.weight), _limit(two, four, self.weight)
        return _limit(coarse, fine, 2 * self.weight)

    def columns(self, windows: np.ndarray, which: list[Place]) -> Iterator[np.ndarray]:
        """What every term of ``which`` adds, from 1 and 2 steps where these are asked for."""
        one = self.increments.columns(windows, which)
        if not self.columns_too:
            yield from one
            return
        two = replace(self.increments, substeps=2).columns(windows, which)
        yield from (_limit(a, b, self.weight) for a, b in zip(one, two, strict=True))


def measured(search: Search) -> Numerics | None:
    """The error of the solver of the model, by steps of 1, 1/2 and 1/4.

    With solutions :math:`P_1, P_2, P_4` of 1, 2 and 4 steps between two observed states, the order
    is :math:`p = \\log_2 |P_1 - P_2| / |P_2 - P_4|`. Richardson's :math:`R_n = (2^p P_{2n} - P_n)
    / (2^p - 1)` is rid of the leading error and :math:`(2^{p+1} R_2 - R_1) / (2^{p+1} - 1)` of the
    next, which is what a model of order one still shows. A model that does not heed its time step,
    takes no smaller ones, or converges in no such way, is taken as it is: None.
    """
    if not search.increments.through:
        return None
    first = search.smooth(search.parted(next(search.windows.chunks(TRIED))))
    one = search.rows(search.increments.misses(first))
    try:
        two, four = (search.rows(replace(search.increments, substeps=n).misses(first))
                     for n in (2, 4))  # fmt: skip
    except Exception:  # a step of one length alone may refuse another in any way
        return None
    coarse, fine = (float(np.sqrt(np.mean((a - b) ** 2))) for a, b in ((one, two), (two, four)))
    size = float(np.sqrt(np.mean(one**2)))
    if not fine > 1e-12 * size:
        return None
    order = float(np.log2(coarse / fine))
    if not ORDERS[0] <= order <= ORDERS[1]:
        return None
    weight = Numerics(order, 0.0).weight
    return Numerics(order, coarse / size * weight / (weight - 1))


def limit(search: Search) -> Limit | Increments:
    """The increments of ``search`` without the solver's error, as far as it is known."""
    found = search.numerics
    return search.increments if found is None else Limit(search.increments, found.weight)


def fit_to_choose(search: Search, increments: Increments) -> Limit | Increments:
    """``increments`` with misses free of the solver's error, where it could spoil the choice."""
    found = search.numerics
    if found is None or found.share < SPOILS * search.settings.least:
        return increments
    return Limit(increments, found.weight, columns_too=False)


def _limit(coarse: np.ndarray, fine: np.ndarray, weight: float) -> np.ndarray:
    return (weight * fine - coarse) / (weight - 1)
