"""One search for missing terms: windows to sums, sums to terms, terms to coefficients."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri

from trueup.core.black_box import BlackBox
from trueup.core.errors import EvidenceError, FitError
from trueup.core.windows import Windows
from trueup.error.discovery.discrepancy import Discrepancy, Finding
from trueup.error.discovery.estimate import NOTHING, coefficients, resamples
from trueup.error.discovery.grams import INNER, Grams, projection, rows
from trueup.error.discovery.increments import Increments, Place
from trueup.error.discovery.library import Library
from trueup.error.discovery.noise import ROUNDING, cutoff, noise_sd, spread
from trueup.error.discovery.numerics import refined
from trueup.error.discovery.regressions import REGRESSIONS, solved
from trueup.error.discovery.select import choose, inclusion, standardised, supports


if TYPE_CHECKING:
    from trueup.error.discovery.discover import Discovery

NOISY = 4
"""Repetitions with noise added, for the extrapolation; even."""
OWN = 0x51AE
"""What tells the seeds of this search from those of others."""
DEPENDENT = 1e-10
"""Smallest eigenvalue of the correlations of the terms below which some say the same."""
SEEN = 1e-6
"""Share of the states' size from which on noise is worth extrapolating."""
FEW = 500_000
"""Numbers in the states that the columns are tried on."""


class Search:
    """One search: what is known of the windows before any term is chosen."""

    def __init__(self, settings: Discovery, step: Any, windows: Windows) -> None:
        self.settings, self.windows = settings, windows
        library = settings.library
        self.shape = library.state_shape(windows.shape)
        self.places: list[Place] = [
            (c, t) for c in range(self.shape[0]) for t in range(len(library))
        ]
        _enough(windows, self.places, library)
        some = self.parted(windows.states[: min(len(windows), 64)].astype(np.float64))
        self.mesh = mesh = library.mesh
        self.sd = noise_sd(some, settings.noise, mesh)
        self.size = spread(some)
        seen = np.maximum(self.sd, ROUNDING[windows.states.dtype] * self.size)
        spectral = mesh is not None and mesh.spectral
        self.cutoff = cutoff(some, seen, mesh) if spectral else np.inf
        self.keep, self.bands, self.each = projection(mesh, self.shape, INNER * self.cutoff)
        box = BlackBox(step, trial=windows.states[:2, 0], dt=windows.dt)
        through = settings.target == "through the step"
        self.increments = Increments(box, library, windows.dt, through)
        self.step = step

    def run(self, *, level: float, seed: int) -> Discrepancy:
        noisy = (self.sd > SEEN * self.size).any()
        quick = replace(self.increments, rule="midpoint" if noisy else "chained")
        even, alive = self._choose(quick)
        first = self._named(alive)
        if not self._enough(quick, first):
            even, alive = self._choose(self.increments)
            first = self._named(alive)
        counts = resamples(even.blocks, seed=seed, run=self._neighbours(even.blocks))
        shares = inclusion(even, alive, counts[:100], least=self.settings.least)
        index, found, numerics, explained = self._estimate(first, counts, level=level, seed=seed)
        alive[np.delete(np.flatnonzero(alive), index)] = False
        return self._told(found, shares, alive, numerics, explained, level)

    def _choose(self, increments: Increments) -> tuple[Grams, np.ndarray]:
        """Sums of all terms, components alike, and which terms are worth having."""
        grams = self.grams(increments, self.places)
        even = grams.weighed(self._even(grams))
        self._refuse_dependent(even)
        tries = supports(even, REGRESSIONS[self.settings.regression])
        return even, choose(even, self._allowed(even, tries), least=self.settings.least)

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
        return Grams.joined(
            self._part(increments, states, places, rng, sign) for states in self.chunks(len(places))
        )

    def _part(self, increments, states, places, rng, sign: float = 1.0) -> Grams:
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
        return rows(fields, self.mesh, self.keep)

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
        power = grams.yy.sum(axis=0).reshape(self.shape[0], self.each).sum(axis=1)
        count = grams.rows.reshape(self.shape[0], self.each).sum(axis=1)
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

    def _allowed(self, grams: Grams, tries: np.ndarray) -> np.ndarray:
        """Supports without the terms whose sign is known to be another."""
        signs = dict(self.settings.signs)
        names = self.settings.library.names
        wanted = np.array([signs.get(names[t], 0) for _, t in self.places])
        if not wanted.any():
            return tries
        xx, xy, _ = grams.total()
        kept = []
        for alive in tries:
            while (wrong := np.sign(solved(xx, xy, alive)) * wanted < 0).any():
                alive = alive & ~wrong
            kept.append(alive)
        return np.unique(kept, axis=0)

    def _neighbours(self, blocks: int) -> int:
        """Blocks that are drawn together: windows of one run hang together."""
        return 1 if self.windows.starts is None else max(1, round(blocks ** (1 / 3)))

    def _estimate(self, places: list[Place], counts, *, level: float, seed: int):
        """Terms whose interval leaves out 0, with their coefficients; the weakest go one by one."""
        if not places:
            return np.zeros(0, dtype=int), NOTHING, None, 0.0
        plain = self.grams(self.increments, places)
        better, numerics = refined(self, plain, places)
        times = NOISY if (self.sd > SEEN * self.size).any() else 0
        seeds = range(2 * seed, 2 * seed + times)
        noisier = [self.grams(self.increments, places, seed=one) for one in seeds]
        index = np.arange(len(places))
        while True:
            sums = [g.only(index) for g in (better, plain, *noisier)]
            found = (
                coefficients(*sums[:2], sums[2:], counts, level=level) if len(index) else NOTHING
            )
            sure = np.abs(found.values) / (self._certain(level) * (found.high - found.values))
            if sure.min(initial=2.0) > 1:
                even = plain.weighed(self._even(plain))
                return index, found, numerics, _explained(even, index)
            index = np.delete(index, sure.argmin())

    def _certain(self, level: float) -> float:
        """How much wider an interval must leave out 0, as so many terms were tried (Bonferroni)."""
        return float(ndtri((1 - level) / 2 / len(self.places)) / ndtri((1 - level) / 2))

    def _told(self, found, shares, alive, numerics, explained: float, level) -> Discrepancy:
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
            cutoff=float(self.cutoff), noise=tuple(map(float, self.sd)), numerics=numerics,
            explained=explained,
        )  # fmt: skip


def _explained(grams: Grams, index: np.ndarray) -> float:
    """Share of the misses' variance that the columns of ``index`` explain."""
    xx, xy, yy = grams.total()
    alive = np.isin(np.arange(len(xy)), index)
    return float(1 - grams.left(solved(xx, xy, alive)).sum() / yy)


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
