"""One search for missing terms: windows to sums, sums to terms, terms to coefficients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trueup.core.black_box import BlackBox
from trueup.core.errors import EvidenceError, FitError
from trueup.core.windows import Windows
from trueup.error.discovery.discrepancy import Discrepancy, Finding
from trueup.error.discovery.estimate import NOTHING, coefficients, resamples
from trueup.error.discovery.grams import Grams, projection, rows
from trueup.error.discovery.increments import Increments, Place
from trueup.error.discovery.library import Library
from trueup.error.discovery.maps import Steps
from trueup.error.discovery.noise import ROUNDING, cutoff, noise_sd, spread
from trueup.error.discovery.numerics import refined
from trueup.error.discovery.quadrature import Quadrature, coarser, resolved, unsure, widened
from trueup.error.discovery.regressions import REGRESSIONS, solved
from trueup.error.discovery.select import choose, inclusion, standardised, supports
from trueup.error.discovery.ties import free


if TYPE_CHECKING:
    from trueup.error.discovery.discover import Discovery

NOISY = 4
"""Repetitions with noise added, for the extrapolation."""
DEPENDENT = 1e-10
"""Smallest eigenvalue of the correlations of the terms below which some say the same."""
SEEN = 1e-6
"""Share of the states' size from which on noise is worth extrapolating."""
INNER = 0.75
"""Share of the kept waves that are rows: faster ones lack products with lost ones."""


class Search:
    """One search: what is known of the windows before any term is chosen."""

    def __init__(self, settings: Discovery, step: Any, windows: Windows) -> None:
        self.settings, self.windows = settings, windows
        library = settings.library
        self.shape = library.state_shape(windows.shape)
        self.places: list[Place] = [(c, t) for c in library.searched for t in range(len(library))]
        self.mine = list(library.searched)
        _enough(windows, self.places, library)
        some = self.parted(windows.states[: min(len(windows), 64)].astype(np.float64))
        self.mesh = mesh = library.mesh
        self.sd = noise_sd(some, settings.noise, mesh)
        self.sd[list(library.places(library.inputs))] = 0.0
        self.size = spread(some)
        seen = np.maximum(self.sd, ROUNDING[windows.states.dtype] * self.size)
        spectral = mesh is not None and mesh.spectral
        self.cutoff = cutoff(some, seen, mesh) if spectral else np.inf
        box = BlackBox(step, trial=windows.states[:2, 0], dt=windows.dt)
        through = settings.target == "through the step"
        kind = Steps if settings.target == "per step" else Increments
        self.increments = kind(box, library, windows.dt, through)
        self.far = np.inf
        if mesh is not None and spectral and settings.target != "per step":
            some = self.smooth(some)
            self.far = resolved(self.increments, some, self.sd, mesh=mesh, cutoff=self.cutoff)
            self.cutoff = min(self.cutoff, self.far)
        self.keep, self.bands, self.each = projection(
            mesh, (len(self.mine), *self.shape[1:]), INNER * self.cutoff
        )
        self.step = step

    def run(self, *, level: float, seed: int) -> Discrepancy:
        grams = self.grams(self.increments, self.places)
        even = grams.weighed(self._even(grams))
        self._refuse_dependent(even)
        basis = self._basis(self.places)
        tied = even.mapped(basis)
        counts = resamples(grams.blocks, seed=seed, run=self._neighbours(grams.blocks))
        tries = supports(tied, REGRESSIONS[self.settings.regression], counts[:100])
        loose = choose(tied, self._allowed(tied, tries, basis), least=self.settings.least)
        worth = inclusion(tied, loose, counts[:100], least=self.settings.least)
        alive = (basis[:, loose] != 0).any(axis=1)
        shares = np.where(basis != 0, worth, 0.0).max(axis=1)
        first = [place for place, on in zip(self.places, alive, strict=True) if on]
        plain = grams.only(np.flatnonzero(alive))
        index, found, numerics = self._estimate(plain, first, counts, level=level, seed=seed)
        alive[np.delete(np.flatnonzero(alive), index)] = False
        found, quadrature = self._in_time(plain.only(index), [first[i] for i in index], found)
        return self._told(found, shares, alive, (numerics, quadrature), even, level)

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
        """Sums over all windows; with a ``seed`` the noise is added to the states once more."""
        rng = None if seed is None else np.random.default_rng(seed)
        return Grams.joined(
            self.part(increments, states, places, rng) for states in self.chunks(len(places))
        )

    def part(self, increments, states, places, rng) -> Grams:
        states = self.parted(states)
        if rng is not None:
            shape = (-1, *[1] * (len(self.shape) - 1))
            states = states + rng.normal(size=states.shape) * self.sd.reshape(shape)
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
        return self.windows.chunks(max(20_000_000 // max(columns, 1), 1))

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
        """Name the terms that say the same on these states, or nothing at all."""
        library = self.settings.library
        xx, xy, yy = grams.total()
        named = [f"{library.names[t]} (in {library.components[c]})" if self.shape[0] > 1
                 else library.names[t] for c, t in self.places]  # fmt: skip
        size = np.diagonal(xx)
        empty = size <= 1e-24 * size.max()
        if empty.any():
            names = ", ".join(np.array(named)[empty])
            raise EvidenceError(
                "discover", f"{names} vanish on these states", do="Leave them out of the library"
            )
        values, vectors = np.linalg.eigh(standardised(xx, xy, yy)[0])
        if values[0] < DEPENDENT:
            names = ", ".join(np.array(named)[np.abs(vectors[:, 0]) > 0.05])
            raise EvidenceError(
                "discover",
                f"{names} are linearly dependent on these states",
                why="no observation can tell their coefficients apart",
                do="Leave one of them out: library.without([...])",
            )

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

    def _estimate(self, grams: Grams, places: list[Place], counts, *, level: float, seed: int):
        """Terms whose interval leaves out 0, with their coefficients; the weakest go one by one."""
        if not places:
            return np.zeros(0, dtype=int), NOTHING, None
        better, numerics = refined(self, grams, places)
        times = NOISY if (self.sd > SEEN * self.size).any() else 0
        seeds = range(seed + 1, seed + 1 + times)
        noisier = [self.grams(self.increments, places, seed=one) for one in seeds]
        index = np.arange(len(places))
        while True:
            basis = self._basis([places[i] for i in index])
            held = ~basis.any(axis=1)
            if held.any():  # a tie leaves these nothing but 0
                index = index[~held]
                continue
            sums = [g.only(index) for g in (better, *noisier)]
            found = (
                coefficients(sums[0], sums[1:], counts, level=level, basis=basis)
                if len(index)
                else NOTHING
            )
            sure = np.abs(found.values) / (found.high - found.values)
            if sure.min(initial=2.0) > 1:
                return index, found, numerics
            index = np.delete(index, sure.argmin())

    def _told(self, found, shares, alive, checks, even: Grams, level) -> Discrepancy:
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
        kept = np.flatnonzero(alive)
        others = [(*named[at], float(shares[at])) for at in np.flatnonzero(~alive)]
        return Discrepancy(
            tuple(findings), self.settings, self.step, self.windows.rows, tuple(others),
            cutoff=float(self.cutoff), noise=tuple(map(float, self.sd)), numerics=checks[0],
            quadrature=checks[1],
            explained=_explained(even.only(kept), self._basis([self.places[i] for i in kept])),
        )  # fmt: skip


def _explained(grams: Grams, basis: np.ndarray) -> float:
    """Share of the misses' variance that the chosen terms, all of ``grams``, explain."""
    tied = grams.mapped(basis)
    xx, xy, yy = tied.total()
    return float(1 - tied.left(solved(xx, xy, np.ones(len(xy), dtype=bool))).sum() / yy)


def _enough(windows: Windows, places: list[Place], library: Library) -> None:
    """Refuse fewer numbers than unknowns."""
    components = len(library.components)
    rows_each = int(np.prod(windows.shape)) // components
    if len(windows) < 10 or len(windows) * rows_each <= 2 * len(library):
        raise EvidenceError(
            "discover",
            f"{len(windows)} windows of {rows_each} points for {len(library)} terms",
            why="the windows must outnumber what they are to decide, and ten are needed to hold "
            "some out",
            do="Observe longer, or use a smaller library",
        )
