"""One search for missing terms: windows to sums, sums to terms, terms to coefficients."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri

from trueup.core.black_box import BlackBox
from trueup.core.errors import FitError
from trueup.core.windows import Windows
from trueup.error.discovery.discrepancy import Discrepancy, Finding
from trueup.error.discovery.estimate import NOTHING, coefficients, resamples
from trueup.error.discovery.grams import INNER, Grams, projection, rows
from trueup.error.discovery.increments import Increments, Place
from trueup.error.discovery.maps import Steps
from trueup.error.discovery.noise import ROUNDING, cutoff, noise_sd, spread
from trueup.error.discovery.numerics import refined
from trueup.error.discovery.quadrature import (
    UNKNOWN,
    Quadrature,
    coarser,
    resolved,
    unsure,
    widened,
)
from trueup.error.discovery.refusals import refuse_dependent, refuse_few
from trueup.error.discovery.regressions import REGRESSIONS, solved
from trueup.error.discovery.select import choose, inclusion, supports
from trueup.error.discovery.sums import Make, summed
from trueup.error.discovery.ties import free


if TYPE_CHECKING:
    from trueup.error.discovery.discover import Discovery

NOISY = 4
"""Repetitions with noise added, for the extrapolation; even."""
OWN = 0x51AE
"""What tells the seeds of this search from those of others."""
SEEN = 1e-6
"""Share of the states' size from which on noise is worth extrapolating."""
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
        some = self.parted(np.asarray(windows.states[:64], dtype=np.float64))
        self.mesh = mesh = library.mesh
        self.sd = noise_sd(some, getattr(settings.noise, "noise", settings.noise), mesh)
        self.sd[list(library.places(library.inputs))] = 0.0
        self.size = spread(some)
        seen = np.maximum(self.sd, ROUNDING[windows.states.dtype] * self.size)
        spectral = mesh is not None and mesh.spectral
        self.cutoff = cutoff(some, seen, mesh) if spectral else np.inf
        box = BlackBox(step, trial=np.asarray(windows.states[:2, 0]), dt=windows.dt)
        through = settings.target == "through the step"
        kind = Steps if settings.target == "per step" else Increments
        self.increments = kind(box, library, windows.dt, through, size=float(some.std()))
        self.far = np.inf
        if mesh is not None and spectral and settings.target != "per step":
            some = self.smooth(some)
            self.far = resolved(self.increments, some, seen, mesh=mesh, cutoff=self.cutoff)
            self.cutoff = min(self.cutoff, self.far)
        self.keep, self.bands, self.each = projection(
            mesh, (len(self.mine), *self.shape[1:]), INNER * self.cutoff
        )
        self.step = step

    def run(self, *, level: float, seed: int) -> Discrepancy:
        noisy = (self.sd > SEEN * self.size).any()
        quick = replace(self.increments, rule="midpoint" if noisy else "chained")
        alive, shares = self._choose(quick, seed)
        if not self._enough(quick, self._named(alive)):
            alive, shares = self._choose(self.increments, seed)
        first = self._named(alive)
        index, found, numerics, plain = self._estimate(first, level=level, seed=seed)
        alive[np.delete(np.flatnonzero(alive), index)] = False
        quadrature, explained = UNKNOWN, 0.0
        if len(index):
            places, kept = [first[i] for i in index], plain.only(index)
            found, quadrature = self._in_time(kept, places, found)
            explained = _explained(kept.weighed(self._even(kept)), self._basis(places))
        return self._told(found, shares, alive, (numerics, quadrature, explained), level)

    def _choose(self, increments: Increments, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Which terms are worth having, and in what share of resamples each is."""
        grams = self.grams(increments, self.places)
        even = grams.weighed(self._even(grams))
        self._refuse_dependent(even)
        basis = self._basis(self.places)
        tied, counts = even.mapped(basis), self._counts(even, seed)[:100]
        tries = supports(tied, REGRESSIONS[self.settings.regression], counts)
        loose = choose(tied, self._allowed(tied, tries, basis), least=self.settings.least)
        worth = inclusion(tied, loose, counts, least=self.settings.least)
        alive = (basis[:, loose] != 0).any(axis=1)
        return alive, np.where(basis != 0, worth, 0.0).max(axis=1)

    def _counts(self, grams: Grams, seed: int) -> np.ndarray:
        return resamples(grams.blocks, seed=seed, run=self._neighbours(grams.blocks))

    def _named(self, alive: np.ndarray) -> list[Place]:
        return [place for place, on in zip(self.places, alive, strict=True) if on]

    def _enough(self, quick: Increments, chosen: list[Place]) -> bool:
        """Whether ``quick`` columns of the ``chosen`` terms are within ``least`` of the exact."""
        few = self.smooth(self.parted(next(self.windows.chunks(FEW))[:16]))
        pairs = zip(quick.columns(few, chosen), self.increments.columns(few, chosen), strict=True)
        for column, exact in pairs:
            one, two = self.rows(column), self.rows(exact)
            if np.square(one - two).sum() > self.settings.least**2 * np.square(two).sum():
                return False
        return True

    def _in_time(self, grams: Grams, places: list[Place], found):
        """Intervals that hold the error of the integrals as well, and what that error is."""
        worse = coarser(self, places)
        if worse is None:
            return found, Quadrature(float("nan"), self.far)
        off, share = unsure(grams, worse[0], found.weights, worse[1], self._basis(places))
        return widened(found, off), Quadrature(share, self.far)

    def grams(
        self, increments: Increments, places: list[Place], *, seed: int | None = None
    ) -> Grams:
        """Sums over all windows; with a ``seed`` the noise is added to the states once more.

        Of 2 i and 2 i + 1 one adds what the other takes away, so that their mean is free of what is
        linear in the noise.
        """
        sign = 1.0 if seed is None else (-1.0) ** seed
        # Never the very numbers that a user drew the noise of a made-up truth from.
        rng = None if seed is None else np.random.default_rng([OWN, seed // 2])

        def make(states: np.ndarray, rng: Any) -> Grams:
            return self.part(increments, states, places, rng, sign)

        return self.summed(make, len(places), rng)

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
        return self.mesh.low_pass(states, self.cutoff)

    def chunks(self, columns: int):
        return self.windows.chunks(self.most(columns))

    def most(self, columns: int) -> int:
        """Numbers of states at a time, so that their ``columns`` stay within memory."""
        return max(HELD // (columns + AROUND), 1)

    def parted(self, states: np.ndarray) -> np.ndarray:
        return states.reshape(*states.shape[:2], *self.shape)

    def _even(self, grams: Grams) -> np.ndarray:
        """Weights that bring the components to one size, all waves alike."""
        power = grams.yy.sum(axis=0).reshape(len(self.mine), self.each).sum(axis=1)
        count = grams.rows.reshape(len(self.mine), self.each).sum(axis=1)
        none = power <= 0
        if none.all():
            raise FitError(
                "discover",
                "the model predicts the observations exactly",
                do="There is nothing to find; pass observations of the real system",
            )
        weights = np.where(none, 0.0, count / np.where(none, 1.0, power))
        return np.repeat(weights, self.each)

    def _refuse_dependent(self, grams: Grams) -> None:
        library = self.settings.library
        several = self.shape[0] > 1
        refuse_dependent(grams, [
            f"{library.names[t]} (in {library.components[c]})" if several else library.names[t]
            for c, t in self.places
        ])  # fmt: skip

    def _basis(self, places: list[Place]) -> np.ndarray:
        """Coefficients of ``places`` by those that the ties leave free, the others being 0."""
        return free(self.settings.library.equalities(places))

    def _allowed(self, grams: Grams, tries: np.ndarray, basis: np.ndarray) -> np.ndarray:
        """Supports without the terms whose sign is known to be another."""
        signs = dict(self.settings.signs)
        names = self.settings.library.names
        wanted = np.array([signs.get(names[t], 0) for _, t in self.places])
        if not wanted.any():
            return tries
        xx, xy, _ = grams.total()
        kept = []
        for alive in tries:
            while (wrong := np.sign(basis @ solved(xx, xy, alive)) * wanted < 0).any():
                alive = alive & ~(basis[wrong] != 0).any(axis=0)
            kept.append(alive)
        return np.unique(kept, axis=0)

    def _neighbours(self, blocks: int) -> int:
        """Blocks that are drawn together: windows of one run hang together."""
        return 1 if self.windows.starts is None else max(1, round(blocks ** (1 / 3)))

    def _estimate(self, places: list[Place], *, level: float, seed: int):
        """Terms whose interval leaves out 0, with their coefficients; the weakest go one by one."""
        index = np.arange(len(places))
        if not places:
            return index, NOTHING, None, None
        plain = self.grams(self.increments, places)
        better, numerics = refined(self, plain, places)
        times = NOISY if (self.sd > SEEN * self.size).any() else 0
        noisier = [self.grams(self.increments, places, seed=one)
                   for one in range(2 * seed, 2 * seed + times)]  # fmt: skip
        counts = self._counts(plain, seed)
        while len(index):
            basis = self._basis([places[i] for i in index])
            held = ~basis.any(axis=1)
            if held.any():  # a tie leaves these nothing but 0
                index = index[~held]
                continue
            first, second, *others = (g.only(index) for g in (better, plain, *noisier))
            found = coefficients(first, second, others, counts, level=level, basis=basis)
            sure = np.abs(found.values) / (self._certain(level) * (found.high - found.values))
            if sure.min() > 1:
                return index, found, numerics, plain
            index = np.delete(index, sure.argmin())
        return index, NOTHING, numerics, plain

    def _certain(self, level: float) -> float:
        """How much wider an interval must leave out 0, as so many terms were tried (Bonferroni)."""
        return float(ndtri((1 - level) / 2 / len(self.places)) / ndtri((1 - level) / 2))

    def _told(self, found, shares, alive, checks, level) -> Discrepancy:
        library = self.settings.library
        named = [(library.components[c], library.names[t]) for c, t in self.places]
        findings = [
            Finding(
                *named[at], library.terms[self.places[at][1]], self.places[at][0],
                *(float(column[i]) for column in (found.values, found.sd, found.low, found.high)),
                float(shares[at]), level,
            )
            for i, at in enumerate(np.flatnonzero(alive))
        ]  # fmt: skip
        others = [(*named[at], float(shares[at])) for at in np.flatnonzero(~alive)]
        return Discrepancy(
            tuple(findings), self.settings, self.step, self.windows.rows, tuple(others),
            cutoff=float(self.cutoff), noise=tuple(map(float, self.sd)), numerics=checks[0],
            quadrature=checks[1], explained=checks[2],
        )  # fmt: skip


def _explained(grams: Grams, basis: np.ndarray) -> float:
    """Share of the misses' variance that the chosen terms, all of ``grams``, explain."""
    tied = grams.mapped(basis)
    xx, xy, yy = tied.total()
    return float(1 - tied.left(solved(xx, xy, np.ones(len(xy), dtype=bool))).sum() / yy)
