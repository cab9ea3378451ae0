r"""Filter and fixed-lag smoother: what later observations say of earlier states.

Anomalies of the past and the present belong to the same members, so that the transform of an update
serves both: :math:`\bar x_s \mathrel{+}= w A_s`, :math:`A_s \leftarrow T A_s` for the times
:math:`s = k - 1, \dots, k - L`. For a linear model with normal errors and many members this is the
smoother of Rauch, Tung and Striebel. It runs no model backwards and costs no step more.

Examples
--------
>>> import numpy as np
>>> from trueup.error import EnsembleFilter, Observations
>>> rng = np.random.default_rng(0)
>>> walk = np.cumsum(rng.normal(size=(50, 1)), axis=0)
>>> drift = lambda x, dt: x + rng.normal(size=x.shape)
>>> made = EnsembleFilter(smoother=LaggedSmoother(5)).run(
...     drift, rng.normal(size=(200, 1)), dt=1.0,
...     observations=Observations(walk + rng.normal(size=walk.shape), error=1.0))
>>> made.rmse(walk, of="smoothed").value < made.rmse(walk).value
True
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import UsageError
from trueup.error.assimilation.cycle import Cycle, Lost, split, spread_of, turned


CARD = Card(
    name="LaggedSmoother",
    question="error",
    family="assimilation",
    summary="states given observations of so many later times, with an ensemble filter",
    paper="Evensen, van Leeuwen 2000, Monthly Weather Review 128(6)",
    axes={"smoother": "lagged"},
    cost="a product of weights and anomalies for every time of the lag",
    not_for="strongly nonlinear models between observations: see IterativeSmoother",
)


@dataclass(frozen=True)
class LaggedSmoother:
    """Every state also uses the observations of ``lag`` later times.

    Use it for a history rather than a forecast: the last analysis is that of the filter. A long lag
    with few members and no localisation adds noise.

    Parameters
    ----------
    lag
        Later times whose observations are used, 1 or more.
    """

    lag: int

    def __post_init__(self) -> None:
        at_least_one("LaggedSmoother", "lag", self.lag)

    def refuse(self, settings) -> None:
        """Every row of the filter can be smoothed."""

    def sweep(self, cycle: Cycle, E: np.ndarray):
        """Last ensemble, smoothed means (t, e, m) and spreads (t, e)."""
        return sweep(cycle, E, self.lag)


def at_least_one(who: str, name: str, value: int) -> None:
    """Refuse a count that is no whole number of 1 or more."""
    if not (isinstance(value, int | np.integer) and value >= 1):
        raise UsageError(who, f"{name} is {value!r}", do="Pass a whole number of 1 or more")


def sweep(cycle: Cycle, E: np.ndarray, lag: int):
    """Filter all times; with a lag smooth, too."""
    smoothed = np.empty_like(cycle.means["analysis"]) if lag else None
    spreads = np.empty_like(cycle.spreads["analysis"]) if lag else None
    past: list[tuple[int, np.ndarray, np.ndarray]] = []
    for k in range(cycle.times):
        try:
            E = cycle.forecast(E, k)
        except Lost as lost:
            E, past = _without(cycle, E, lost, k, past)
        E, past = _update(cycle, E, k, past)
        if lag:
            past.append((k, *split(E)))
            leave = 1 if len(past) > lag else 0
            _settle(past[:leave], smoothed, spreads)
            past = past[leave:]
    _settle(past, smoothed, spreads)
    return E, smoothed, spreads


def _without(cycle, E, lost, k, past):
    """The forecast of the members that are left; a model may lose more of them."""
    while True:
        E = E[:, lost.kept]
        past = [(j, *split(mean[:, None] + A[:, lost.kept])) for j, mean, A in past]
        try:
            return cycle.forecast(E, k), past
        except Lost as more:
            lost = more


def _update(cycle: Cycle, E: np.ndarray, k: int, past):
    """Analysis of one time, and what it says of the past."""
    mean, A = split(E)
    cycle.write("forecast", k, mean, A)
    if cycle.nothing[k]:
        cycle.write("analysis", k, mean, A)
        return E, past
    S, d = cycle.look(E, k)
    A, S = cycle.prior(A, S, d, k)
    transform = cycle.transform(A, S, d)
    Q = cycle.rotation(*A.shape[:2])
    shift, made = transform.apply(A)
    mean, made = mean + shift, turned(Q, made)
    cycle.write("analysis", k, mean, made)
    past = [_again(transform, Q, *one) for one in past]
    return mean[:, None] + cycle.inflated(made, A, k), past


def _again(transform, Q, j: int, mean: np.ndarray, A: np.ndarray):
    """A state of the past after an update of the present."""
    shift, made = transform.apply(A)
    return j, mean + shift, turned(Q, made)


def _settle(past, smoothed, spreads) -> None:
    """Write down what no later observation will change."""
    for j, mean, A in past:
        smoothed[j], spreads[j] = mean, spread_of(A)
