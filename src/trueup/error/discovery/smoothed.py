r"""Noise taken off by an ensemble smoother, around the search for missing terms.

An ensemble of the corrected model is drawn towards the noisy run, later observations included, and
the search is made again on what is then known of the states. Whoever smooths with a model that is
wrong by :math:`c_k - c` pulls the states towards it, and finds

.. math:: c_{k+1} = c + \rho\, (c_k - c) ,

so that the search begins without smoothing, is repeated, and the limit
:math:`c_{k+1} + (c_{k+1} - c_k)\, \rho / (1 - \rho)` is taken (Aitken), with :math:`\rho` from the
changes of all rounds. Intervals become as much wider as errors of a round do, :math:`1 / (1 -
\rho)`, and hold how far smoothing moved the coefficient, as what smoothing itself does to it is not
known otherwise. Where a round finds other terms than the first search, it is not believed, and what
was found before it stays.

Examples
--------
>>> import numpy as np
>>> from trueup.error import discover, polynomials
>>> from trueup.worlds.simulators import Lorenz63
>>> states = Lorenz63().run(Lorenz63().spun_up(1), 2e-3, steps=4_000, every=5)[:, 0]
>>> seen = states + 0.1 * states.std(axis=0) * np.random.default_rng(0).normal(size=states.shape)
>>> given = {"dt": 0.01, "length": 20, "library": polynomials(("x", "y", "z"), degree=1)}
>>> found = discover(Lorenz63(rho=20.0), seen, noise=Smoothed(0.1), **given)
>>> [f.name for f in found.terms], bool(abs(found.value("x", "y") - 8) < 0.2)
(['x'], True)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trueup.core.black_box import BlackBox
from trueup.core.cards import Card
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.windows import Windows
from trueup.error.assimilation.ensemble_filter import EnsembleFilter
from trueup.error.assimilation.lagged import LaggedSmoother
from trueup.error.assimilation.observations import Observations
from trueup.error.discovery.discrepancy import Discrepancy
from trueup.error.discovery.search import Search


if TYPE_CHECKING:
    from trueup.error.discovery.discover import Discovery


CARD = Card(
    name="Smoothed",
    question="error",
    family="discovery",
    summary="missing terms from noisy runs, whose states an ensemble of the model smooths first",
    paper="cycled ensemble filters for missing physics: Mojgani, Chattopadhyay & Hassanzadeh 2022, "
    "Chaos 32, 061105; lagged smoother: Evensen, van Leeuwen 2000; extrapolation: Aitken 1926",
    axes={"noise": "ensemble smoother, repeated"},
    cost="a run of all members along all observations, and a search, for every round",
    not_for="independent samples of a few states, which have no past; noise so large that the "
    "search without it finds wrong terms",
)
PLAIN = EnsembleFilter(inflation=1.2, rotate=True, smoother=LaggedSmoother(10))
"""Forgets within some cycles, so that a wrong model pulls little."""
MOST = 0.95
"""Share of an error that is believed to stay from round to round at most."""


@dataclass(frozen=True)
class Smoothed:
    """Noise of observations that an ensemble smoother takes off, as ``noise`` of a ``Discovery``.

    Use it for long runs that are observed often with 10 % of noise or more. Use long windows alone
    where noise is small, and where windows are independent samples.

    Parameters
    ----------
    noise
        Standard deviation of the noise as a share of that of the states; None estimates it.
    filter
        An ``EnsembleFilter`` with a smoother. By default a square root with an inflation of 1.2
        and a lag of 10 states. Fields need a ``DistanceTaper`` as localisation.
    members
        Members of the ensemble, 3 or more.
    rounds
        How often states are smoothed and terms searched again, 2 or more.
    """

    noise: float | None = None
    filter: EnsembleFilter = PLAIN
    members: int = 20
    rounds: int = 3

    def __post_init__(self) -> None:
        if not isinstance(self.filter, EnsembleFilter) or self.filter.smoother is None:
            raise UsageError(
                "Smoothed",
                f"filter is {self.filter!r}",
                do="Pass an EnsembleFilter with a smoother, such as LaggedSmoother(20)",
            )
        if self.members < 3 or self.rounds < 2:
            raise UsageError(
                "Smoothed",
                f"{self.members} members, {self.rounds} rounds",
                why="a spread takes three members, and a limit two rounds",
                do="Pass 20 members and 3 rounds",
            )

    def search(
        self, settings: Discovery, step: Any, windows: Windows, *, level: float, seed: int
    ) -> Discrepancy:
        """What ``step`` misses on the smoothed run that ``windows`` are cut from."""
        if settings.target == "per step" or settings.library.inputs:
            raise UsageError(
                "discover",
                "states are to be smoothed, and the model is one of steps or driven by inputs",
                why="the ensemble runs the model alone",
                do="Pass the noise as a number",
            )
        run, places = series(windows)
        kept = places[:, 0] > 0  # the first state is where the ensemble starts

        def cut(states: np.ndarray) -> Windows:
            return Windows(states[places[kept]], windows.dt, windows.starts[kept])

        before = Search(replace(settings, noise=self.noise), step, windows)
        rounds = [before.run(level=level, seed=seed)]
        for _ in range(self.rounds if rounds[0].terms else 0):
            states, left = self.states(rounds[-1].corrected, run, before, windows.dt, seed)
            later = replace(settings, noise=left)
            made = Search(later, step, cut(states)).run(level=level, seed=seed)
            if _named(made) != _named(rounds[0]):
                break
            rounds.append(made)
        found = _limit(rounds) if len(rounds) > 2 else rounds[0]
        return replace(found, settings=settings, rows=windows.rows, noise=rounds[0].noise)

    def states(self, step: Any, run: np.ndarray, search: Search, dt: float, seed: int):
        """The smoothed ``run`` (times, ...), and the share of noise that is left in it."""
        sd = np.broadcast_to(
            search.sd.reshape(-1, *[1] * (len(search.shape) - 1)), search.shape
        ).reshape(run.shape[1:])
        rng = np.random.default_rng([seed, self.members])
        start = run[0] + sd * rng.normal(size=(self.members, *run.shape[1:]))
        start = search.smooth(start.reshape(-1, 1, *search.shape)).reshape(start.shape)
        box = BlackBox(step, trial=start[:2], dt=dt)
        seen = Observations(run[1:].reshape(len(run) - 1, -1), error=sd.ravel())
        made = self.filter.run(box, start, observations=seen, dt=dt, seed=seed)
        left = float(np.mean(made.smoothed_spread)) / float(np.sqrt(np.mean(sd**2)))
        share = float((search.sd / search.size).max())
        return np.concatenate([run[:1], made.smoothed]), share * left


def series(windows: Windows) -> tuple[np.ndarray, np.ndarray]:
    """The run (times, ...) that ``windows`` are cut from, NaN where none lies, and their places."""
    if windows.starts is None:
        raise EvidenceError(
            "discover",
            "windows have no starts",
            why="a smoother follows one run through time, these are independent samples",
            do="Cut a long run by Windows.of, or pass the noise as a number",
        )
    first = np.round((windows.starts - windows.starts.min()) / windows.dt).astype(int)
    places = first[:, None] + np.arange(windows.length + 1)
    run = np.full((places.max() + 1, *windows.shape), np.nan)
    run[places] = windows.states
    return run, places


def _named(found: Discrepancy) -> list[tuple[int, str]]:
    return [(f.place, f.name) for f in found.terms]


def _limit(rounds: list[Discrepancy]) -> Discrepancy:
    """The last of ``rounds`` with its coefficients where more of them would go."""
    values = np.array([[f.value for f in one.terms] for one in rounds])
    changes = np.diff(values, axis=0) / np.maximum([f.sd for f in rounds[-1].terms], 1e-300)
    size = float((changes[:-1] ** 2).sum())
    stays = float((changes[1:] * changes[:-1]).sum()) / size if size else 0.0
    stays = min(max(stays, 0.0), MOST)
    wider = 1 / (1 - stays)
    terms = []
    for i, found in enumerate(rounds[-1].terms):
        value = found.value + stays * wider * (values[-1, i] - values[-2, i])
        moved = abs(value - values[0, i])
        low, high = (value + wider * (end - found.value) for end in (found.low, found.high))
        sd = float(np.hypot(wider * found.sd, moved / 2))
        terms.append(replace(found, value=value, sd=sd, low=low - moved, high=high + moved))
    return replace(rounds[-1], terms=tuple(terms))
