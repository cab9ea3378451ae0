"""What of a miss is the solver's own error: read from smaller steps, and taken out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from trueup.error.discovery.grams import Grams
from trueup.error.discovery.increments import Place


if TYPE_CHECKING:
    from trueup.error.discovery.search import Search

ORDERS = (0.5, 6.5)
"""Orders of convergence that are believed."""

TRIED = 100_000
"""Numbers in the states that the order is measured on."""


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


def refined(search: Search, plain: Grams, chosen: list[Place]) -> tuple[Grams, Numerics | None]:
    """Sums for the ``chosen`` terms with misses and columns extrapolated to small steps.

    With solutions :math:`P_1, P_2, P_4` of 1, 2 and 4 steps between two observed states, the order
    is :math:`p = \\log_2 |P_1 - P_2| / |P_2 - P_4|`, and Richardson's
    :math:`(2^p P_4 - P_2) / (2^p - 1)` is rid of the leading error. A model that does not heed its
    time step, or converges in no such way, is taken as it is.
    """
    if not search.increments.through:
        return plain, None
    steps = [replace(search.increments, substeps=n) for n in (1, 2, 4)]
    first = search.smooth(search.parted(next(search.windows.chunks(TRIED))))
    one, two, four = (search.rows(inc.misses(first)) for inc in steps)
    coarse, fine = (float(np.sqrt(np.mean((a - b) ** 2))) for a, b in ((one, two), (two, four)))
    size = float(np.sqrt(np.mean(one**2)))
    if not fine > 1e-12 * size:
        return plain, None
    order = float(np.log2(coarse / fine))
    if not ORDERS[0] <= order <= ORDERS[1]:
        return plain, None
    weight = 2.0 ** max(round(order), 1)
    numerics = Numerics(order, coarse / size * weight / (weight - 1))

    def make(states: np.ndarray, _: None) -> Grams:
        return _part(search, states, steps, chosen, weight)

    return search.summed(make, len(chosen)), numerics


def _part(search: Search, states: np.ndarray, steps, chosen: list[Place], weight: float) -> Grams:
    one, two, four = steps
    states = search.smooth(search.parted(states))
    target = search.rows(_limit(two.misses(states), four.misses(states), weight))
    pairs = zip(one.columns(states, chosen), two.columns(states, chosen), strict=True)
    columns = np.stack([search.rows(_limit(a, b, weight)) for a, b in pairs])
    return Grams.of(columns, target, search.bands)


def _limit(coarse: np.ndarray, fine: np.ndarray, weight: float) -> np.ndarray:
    return (weight * fine - coarse) / (weight - 1)
