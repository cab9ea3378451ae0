"""One search for missing terms: windows to sums, sums to terms, terms to coefficients."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri

from trueup.core.black_box import BlackBox
from trueup.core.windows import Windows
from trueup.error.discovery.discrepancy import SURE, Discrepancy
from trueup.error.discovery.estimate import NOTHING, Coefficients, coefficients, resamples
from trueup.error.discovery.findings import share_explained, told
from trueup.error.discovery.grams import INNER, Grams, projection, rows
from trueup.error.discovery.increments import Increments, Place
from trueup.error.discovery.maps import Steps
from trueup.error.discovery.noise import ROUNDING, cutoff, faint, noise_sd, spread
from trueup.error.discovery.numerics import Limit, Numerics, fit_to_choose, limit, measured
from trueup.error.discovery.quadrature import (
    UNKNOWN,
    Quadrature,
    coarser,
    resolved,
    unsure,
    widened,
)
from trueup.error.discovery.refusals import refuse_dependent, refuse_few
from trueup.error.discovery.regressions import REGRESSIONS
from trueup.error.discovery.rivals import rivals_of, settled
from trueup.error.discovery.select import Choice, inclusion, signed, supports
from trueup.error.discovery.sums import Make, summed
from trueup.error.discovery.ties import free
from trueup.error.discovery.weights import by_part, even


if TYPE_CHECKING:
    from trueup.error.discovery.discover import Discovery

NOISY = 4
"""Repetitions with noise added, for the extrapolation; even."""
OWN = 0x51AE
"""What tells the seeds of this search from those of others."""
SEEN = 1e-6
"""Share of the states' size from which on noise is worth extrapolating."""
SOME = 64
"""Windows that noise and waves are looked at in, at most."""
FEW = 500_000
"""Numbers in the states that the columns are tried on."""


HELD = 20_000_000
"""Numbers that are held at a time, about: 160 MB."""
AROUND = 20
"""Arrays of the size of the states that smoothing and steps of the model hold besides columns."""


class Search:
    """One search: what is known of the windows before any term is chosen."""

    def __init__(self, settings: Discovery, step: Any, windows: Windows) -> None:
        self.settings, self.windows = settings, windows
        library = settings.library
        self.shape = library.state_shape(windows.shape)
        self.places: list[Place] = [(c, t) for c in library.searched for t in range(len(library))]
        self.mine = list(library.searched)
        refuse_few(windows, library)
        # From all over the series: what starts with a bang is quiet for most of it.
        some = windows.states[:: -(-len(windows) // SOME)]
        some = self.parted(np.asarray(some, dtype=np.float64))
        self.mesh = mesh = library.mesh
        self.size = spread(self.parted(states) for states in windows.chunks())
        share = getattr(settings.noise, "noise", settings.noise)  # of Smoothed its own
        self.sd = noise_sd(some, self.size, noise=share, mesh=mesh)
        self.sd[list(library.places(library.inputs))] = 0.0
        self.noisy = bool((self.sd > SEEN * self.size).any())
        box = BlackBox(step, trial=np.asarray(windows.states[:2, 0]), dt=windows.dt)
        through = settings.target == "through the step"
        kind = Steps if settings.target == "per step" else Increments
        self.increments = kind(box, library, windows.dt, through, size=float(some.std()))
        self.cutoff = self.faint = self.far = np.inf
        if mesh is not None and mesh.spectral:
            self._look(some, ROUNDING[windows.states.dtype] * self.size)
        self.waves = self.cutoff
        self.keep, self.bands, self.each = projection(
            mesh, (len(self.mine), *self.shape[1:]), INNER * self.cutoff
        )
        self.step = step

    def _look(self, some: np.ndarray, rounding: np.ndarray) -> None:
        """Which waves can be seen in ``some`` of the states, and which are there at all."""
        mesh = self.mesh
        assert mesh is not None
        sd = np.maximum(self.sd, rounding)
        self.cutoff = cutoff(some, sd, mesh)
        if self.settings.target != "per step":
            seen = mesh.low_pass(some, self.cutoff)
            self.far = resolved(self.increments, seen, sd, mesh=mesh, cutoff=self.cutoff)
            self.cutoff = min(self.cutoff, self.far)
        self.faint = self.cutoff
        if self.noisy:
            self.faint = min(faint(some, self.sd, mesh, self.cutoff), self.far)

    def run(self, *, level: float, seed: int) -> Discrepancy:
        rule = "midpoint" if self.noisy else "chained"
        quick = fit_to_choose(self, replace(self.increments, rule=rule))
        exact = self.increments if isinstance(quick, Increments) else limit(self)
        choice = self._choose(quick, seed)
        if not self._enough(quick, exact, self._named(choice.alive)):
            choice = self._choose(exact, seed)
        alive = choice.alive.copy()
        first = self._named(alive)
        doubtful = choice.shares[alive] < SURE
        # Terms are told apart by waves that are clear; coefficients need products with all others.
        self.waves = self.faint
        index, found, used, better, plain = self._estimate(first, doubtful, level=level, seed=seed)
        alive[np.delete(np.flatnonzero(alive), index)] = False
        quadrature, explained = UNKNOWN, 0.0
        if len(index):
            places, kept = [first[i] for i in index], plain.only(index)
            found, quadrature = self._in_time(kept, places, found)
            best = better.only(index)
            explained = share_explained(
                best.weighed(even(best, len(self.mine))), self.basis(places)
            )
        self.waves = self.cutoff
        rivals = rivals_of(self, replace(choice, alive=alive), exact)
        sizes = {"value": found.values, "sd": found.sd, "low": found.low, "high": found.high,
                 "used": used}  # fmt: skip
        return told(self, choice, alive, sizes, level=level, quadrature=quadrature,
                    explained=explained, rivals=rivals)  # fmt: skip

    @cached_property
    def numerics(self) -> Numerics | None:
        """The error of the model's own solver."""
        return measured(self)

    def _choose(self, increments: Increments | Limit, seed: int) -> Choice:
        """Which terms are worth having."""
        grams = self.grams(increments, self.places)
        weights = even(grams, len(self.mine))
        self._refuse_dependent(grams.weighed(weights), weights)
        basis = self.basis(self.places)
        if self.mesh is not None and not self.mesh.spectral and self.each > 1:
            weights = by_part(grams.mapped(basis), weights, least=self.settings.least)
        equal = grams.weighed(weights)
        tied, counts = equal.mapped(basis), self._counts(equal, seed)[:100]
        tries = supports(tied, REGRESSIONS[self.settings.regression], counts)
        symbols = [self.settings.library.terms[t].symbols for _, t in self.places] @ (basis != 0)
        loose = settled(tied, self.allowed(tied, tries, basis), least=self.settings.least,
                        allowed=lambda tries: self.allowed(tied, tries, basis),
                        symbols=symbols)  # fmt: skip
        worth = inclusion(tied, loose, counts, least=self.settings.least)
        alive = (basis[:, loose] != 0).any(axis=1)
        shares = np.where(basis != 0, worth, 0.0).max(axis=1)
        return Choice(alive, shares, tied, increments, weights)

    def _counts(self, grams: Grams, seed: int) -> np.ndarray:
        return resamples(grams.blocks, seed=seed, run=self._neighbours(grams.blocks))

    def _named(self, alive: np.ndarray) -> list[Place]:
        return [place for place, on in zip(self.places, alive, strict=True) if on]

    def _enough(self, quick, exact, chosen: list[Place]) -> bool:
        """Whether ``quick`` columns of the ``chosen`` terms are within ``least`` of the exact."""
        few = self.smooth(self.parted(next(self.windows.chunks(FEW))[:16]))
        pairs = zip(quick.columns(few, chosen), exact.columns(few, chosen), strict=True)
        for pair in pairs:
            one, two = map(self.rows, pair)
            if np.square(one - two).sum() > self.settings.least**2 * np.square(two).sum():
                return False
        return True

    def _in_time(self, grams: Grams, places: list[Place], found):
        """Intervals that hold the error of the integrals as well, and what that error is."""
        worse = coarser(self, places)
        if worse is None:
            return found, Quadrature(float("nan"), self.far)
        off, share = unsure(grams, worse[0], found.weights, worse[1], self.basis(places))
        return widened(found, off), Quadrature(share, self.far)

    def grams(
        self, increments: Increments | Limit, places: list[Place], *, seed: int | None = None
    ) -> Grams:
        """Sums over all windows; with a ``seed`` the noise is added to the states once more.

        Of 2 i and 2 i + 1 one adds what the other takes away, so that their mean is free of what is
        linear in the noise.
        """
        sign = 1.0 if seed is None else (-1.0) ** seed
        # Never the very numbers that a user drew the noise of a made-up truth from.
        rng = None if seed is None else np.random.default_rng([OWN, seed // 2])

        return self.summed(
            lambda states, rng: self.part(increments, states, places, rng, sign), len(places), rng
        )

    def summed(self, make: Make, columns: int, rng: Any = None) -> Grams:
        """Sums over all windows of what ``make`` gives for some, of so many ``columns``."""
        return summed(self.windows, make, numbers=self.most(columns), rng=rng)

    def part(self, increments, states, places, rng, sign: float = 1.0) -> Grams:
        states = self.parted(states)
        if rng is not None:
            shape = (-1, *[1] * (len(self.shape) - 1))
            states = states + rng.normal(size=states.shape) * (sign * self.sd).reshape(shape)
        states = self.smooth(states)
        target = self.rows(increments.misses(states))
        columns = np.stack([self.rows(c) for c in increments.columns(states, places)])
        return Grams.of(columns, target, self.bands)

    def rows(self, fields: np.ndarray) -> np.ndarray:
        """Fields (n, components, *mesh) as rows of the regression."""
        return rows(fields[:, self.mine], self.mesh, self.keep)

    def smooth(self, states: np.ndarray) -> np.ndarray:
        """States without the waves that noise or rounding drowns."""
        if self.mesh is None or not self.mesh.spectral:
            return states
        return self.mesh.low_pass(states, self.waves)

    def most(self, columns: int) -> int:
        """Numbers of states at a time, so that their ``columns`` stay within memory."""
        return max(HELD // (columns + AROUND), 1)

    def parted(self, states: np.ndarray) -> np.ndarray:
        return states.reshape(*states.shape[:2], *self.shape)

    def _refuse_dependent(self, grams: Grams, weights: np.ndarray) -> None:
        library, several = self.settings.library, self.shape[0] > 1
        # Of a component that the model predicts exactly nothing is asked.
        asked = dict(zip(self.mine, weights.reshape(len(self.mine), -1).any(axis=1), strict=True))
        at = [i for i, (c, _) in enumerate(self.places) if asked[c]]
        refuse_dependent(grams.only(at), [
            f"{library.names[t]} (in {library.components[c]})" if several else library.names[t]
            for c, t in (self.places[i] for i in at)
        ])  # fmt: skip

    def basis(self, places: list[Place]) -> np.ndarray:
        """Coefficients of ``places`` by those that the ties leave free, the others being 0."""
        return free(self.settings.library.equalities(places))

    def allowed(self, grams: Grams, tries: np.ndarray, basis: np.ndarray) -> np.ndarray:
        """Supports without the terms whose sign is known to be another."""
        signs = dict(self.settings.signs)
        names = self.settings.library.names
        wanted = np.array([signs.get(names[t], 0) for _, t in self.places])
        return signed(grams, tries, basis=basis, wanted=wanted)

    def _neighbours(self, blocks: int) -> int:
        """Blocks that are drawn together: windows of one run hang together."""
        return 1 if self.windows.starts is None else max(1, round(blocks ** (1 / 3)))

    def _estimate(self, places: list[Place], doubtful: np.ndarray, *, level: float, seed: int):
        """Terms whose interval leaves out 0, with their coefficients; the weakest go one by one.

        And their coefficients (p,) where the ``doubtful`` ones are left out.
        """
        index = np.arange(len(places))
        if not places:
            return index, NOTHING, NOTHING.values, None, None
        plain = self.grams(self.increments, places)
        better = plain if self.numerics is None else self.grams(limit(self), places)
        times = NOISY if self.noisy else 0
        noisier = [self.grams(self.increments, places, seed=one)
                   for one in range(2 * seed, 2 * seed + times)]  # fmt: skip
        counts = self._counts(plain, seed)

        def fit(index: np.ndarray) -> Coefficients:
            basis = self.basis([places[i] for i in index])
            first, second, *others = (g.only(index) for g in (better, plain, *noisier))
            return coefficients(first, second, others, counts, level=level, basis=basis)

        while len(index := self._loose(index, places)):
            found = fit(index)
            sure = np.abs(found.values) / (self._certain(level) * (found.high - found.values))
            if sure.min() > 1:
                break
            index = np.delete(index, sure.argmin())
        if not len(index):
            return index, NOTHING, NOTHING.values, better, plain
        used, few = np.zeros(len(index)), self._loose(index[~doubtful[index]], places)
        if len(few):
            used[np.isin(index, few)] = fit(few).values if len(few) < len(index) else found.values
        return index, found, used, better, plain

    def _loose(self, index: np.ndarray, places: list[Place]) -> np.ndarray:
        """The places of ``index`` to which ties leave more than 0."""
        while len(index):
            held = ~self.basis([places[i] for i in index]).any(axis=1)
            if not held.any():
                break
            index = index[~held]
        return index

    def _certain(self, level: float) -> float:
        """How much wider an interval must leave out 0, as so many terms were tried (Bonferroni)."""
        return float(ndtri((1 - level) / 2 / len(self.places)) / ndtri((1 - level) / 2))
