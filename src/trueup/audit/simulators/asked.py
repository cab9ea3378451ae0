"""What is asked of a search: how observations are cut, and which terms are tried."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trueup.adapters.observations import Observed
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.windows import EVEN, Windows, spacing_of
from trueup.error.discovery.library import Library, polynomials, products
from trueup.error.discovery.mesh import Mesh


MANY = 12
"""Components of a plain state above which a field is likelier."""
SEAM = 4.0
"""A step from the last point to the first, in usual steps, that a periodic field does not make."""
FEWEST = 40
"""Windows of a proof that shorter forecasts are to leave, at least."""
ENOUGH = 1_000_000
"""Numbers in the first states of all windows, above which more windows cost time alone."""
LONGEST, STILL = 20, 0.25
"""Intervals of a window of noisy states, at most; its move in time, in variances of the states."""
REACTIONS = 3
"""Highest degree of products of components: springs that harden and autocatalysis have it."""
FREE = 4
"""Components of a plain state up to which there are few enough products of that degree."""
FIELDS = "uvwabcde"
"""What fields are called where nobody named them, a letter each; more are no fields."""
LEADS = 20
"""Intervals of the windows of a proof, where nothing else is asked."""


@dataclass(frozen=True)
class Cut:
    """How observations become windows.

    Parameters
    ----------
    dt
        Time between states, where the file does not say it.
    length, every
        Intervals of a window, and from one window to the next. None takes 2 intervals where there
        is no noise, and else as many as states stay alike over, so that noise cancels.
    hold_out
        Share of the observations, the latest, that only the proof sees; in [0, 0.9].
    lead
        Intervals of the windows of the proof: how far forecasts go.
    """

    dt: float | None = None
    length: int | None = None
    every: int | None = None
    hold_out: float = 0.3
    lead: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.hold_out <= 0.9:
            raise UsageError("--hold-out", f"{self.hold_out} is no share", do="Pass 0 to 0.9")
        for name in ("length", "every", "lead"):
            if (asked := getattr(self, name)) is not None and asked < 1:
                raise UsageError(f"--{name}", f"{asked} intervals", do="Pass 1 or more")

    def windows(
        self, seen: Observed, *, noise: float | None = 0.0
    ) -> tuple[Windows, Windows | None]:
        """Windows to learn from, and later ones for the proof."""
        return self._ready(seen) if seen.cut else self._of_a_run(seen, noise)

    def _of_a_run(self, seen: Observed, noise: float | None) -> tuple[Windows, Windows | None]:
        dt = self._time_step(seen)
        if seen.stamps is not None and len(seen.stamps) > 1:
            dt = spacing_of(seen.stamps, dt)
        last = len(seen.states) - round(self.hold_out * len(seen.states))
        length = self.length or (2 if noise == 0 else long_enough(seen.states[:last]))
        if min(last, len(seen.states) - last if self.hold_out else last) <= length:
            raise EvidenceError(
                "discover",
                f"{len(seen.states)} states, of which {len(seen.states) - last} are held out, "
                f"cannot be cut into windows of {length} intervals",
                why="both parts must hold a window",
                do="Observe longer, or hold fewer out: --hold-out 0",
            )
        every = self.every or max(length, math.ceil(seen.states[:last].size / ENOUGH))
        learned = Windows.of(seen.states[:last], dt=dt, length=length, every=every)
        if not self.hold_out:
            return learned, None
        later = seen.states[last:]
        lead = self.lead or max(learned.length, min(LEADS, len(later) // FEWEST))
        # Windows that overlap are a series, and are judged as one.
        every = max(1, min(lead, (len(later) - lead) // FEWEST))
        return learned, Windows.of(later, dt=dt, length=lead, every=every)

    def _time_step(self, seen: Observed) -> float | None:
        """The time between states that is asked for or that the file says; both must agree."""
        if self.dt is None or seen.dt is None:
            return seen.dt if self.dt is None else self.dt
        if abs(self.dt - seen.dt) > EVEN * abs(seen.dt):
            raise EvidenceError(
                "discover", f"--dt is {self.dt}, but the file says {seen.dt:.6g}", do="Leave it out"
            )
        return self.dt

    def _ready(self, seen: Observed) -> tuple[Windows, Windows | None]:
        asked = [name for name in ("length", "every", "lead") if getattr(self, name) is not None]
        if asked:
            raise UsageError(
                f"--{asked[0]}", "the file holds windows, which are cut already", do="Leave it out"
            )
        dt = self._time_step(seen)
        if dt is None:
            raise EvidenceError("discover", "the time between states is not known", do="--dt 0.01")
        all_ = Windows(seen.states, dt, seen.stamps)
        last = len(all_) - round(self.hold_out * len(all_))
        held = all_.take(slice(last, None)) if last < len(all_) else None
        return all_.take(slice(0, last)), held


@dataclass(frozen=True)
class Tried:
    """Which terms are tried.

    Parameters
    ----------
    powers, orders
        Of a field: highest power, highest derivative.
    degree
        Highest degree of products without a derivative.
    only, without
        Names of terms: these alone, or all but these.
    components
        Names of the components.
    spacing
        Distances of the points of a field, where the file does not say them.
    periodic
        Whether the ends of a field meet; None looks at it.
    edge
        Points that are left out at ends that do not meet, or of noisy states half the width of a
        test function; None takes an eighth of them.
    noisy
        Whether states carry noise: fields whose ends do not meet are then seen in the weak form.
    """

    powers: int | None = None
    orders: int | None = None
    degree: int | None = None
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    spacing: tuple[float, ...] = ()
    periodic: bool | None = None
    edge: int | None = None
    noisy: bool = False

    def library(self, seen: Observed) -> Library:
        """The library for these states."""
        mesh = self._mesh(seen)
        shape = seen.states.shape[2:] if seen.cut else seen.states.shape[1:]
        whole = self._products(mesh, seen, shape) if mesh else self._polynomials(seen, shape)
        whole = whole.only(self.only) if self.only else whole
        return whole.without(self.without) if self.without else whole

    def _mesh(self, seen: Observed) -> Mesh | None:
        space = () if seen.field is None else tuple(
            str(d) for d in seen.field.dims if d not in ("time", "component"))  # fmt: skip
        if self.spacing:
            dims = space if len(space) == len(self.spacing) else ("x", "y", "z")
            points = seen.states.shape[-len(self.spacing) :]
            mesh = Mesh(self.spacing, dims, (True,) * len(self.spacing), points=points)
        elif space:
            mesh = Mesh.of(seen.field)
        else:
            self._refuse(("powers", "orders", "periodic", "edge"), "a field; name its --spacing")
            return None
        # What holds an end reaches inwards, as far as the model carries it within a window.
        usual = max(mesh.accuracy, min(mesh.points) // 8) if self.edge is None else self.edge
        ends = meets(seen.states, mesh.ndim) if self.periodic is None else (
            (self.periodic,) * mesh.ndim)  # fmt: skip
        method = "weak" if self.noisy and not all(ends) else "spectral"
        return Mesh(mesh.spacing, mesh.dims, ends, method, points=mesh.points,
                    edge=0 if all(ends) else usual)  # fmt: skip

    def _refuse(self, names: tuple[str, ...], what: str) -> None:
        asked = [name for name in names if getattr(self, name) is not None]
        if asked:
            raise UsageError(f"--{asked[0]}", f"it is for {what}", do="Leave it out")

    def _products(self, mesh: Mesh, seen: Observed, shape: tuple[int, ...]) -> Library:
        n = shape[0] if len(shape) > mesh.ndim else 1
        usual = (4, 4) if n * mesh.ndim == 1 else (1, 2)
        powers, orders = (u if a is None else a for a, u in
                          zip((self.powers, self.orders), usual, strict=True))  # fmt: skip
        if n > len(FIELDS) and not (self.components or seen.components):
            raise EvidenceError(
                "discover",
                f"a state of shape {shape} would be {n} fields",
                why="components stand before the points of a field: (times, components, points)",
                do="Turn the axes round, or name all with --components",
            )
        names = self._components(seen, n, FIELDS)
        found = products(mesh, powers=powers, orders=orders, components=names)
        degree = REACTIONS if self.degree is None and n * mesh.ndim > 1 else self.degree
        return found if degree is None else found + polynomials(names, degree=degree, mesh=mesh)

    def _polynomials(self, seen: Observed, shape: tuple[int, ...]) -> Library:
        if len(shape) != 1 or shape[0] > MANY:
            raise EvidenceError(
                "discover",
                f"a state has shape {shape} and the file does not say how far points lie apart",
                why=f"a state of more than {MANY} numbers is taken for a field",
                do="Pass --spacing 0.1, one number a dimension of the field",
            )
        names = self._components(seen, shape[0], "xyzw" if shape[0] <= 4 else ())
        usual = REACTIONS if shape[0] <= FREE else 2
        return polynomials(names, degree=usual if self.degree is None else self.degree)

    def _components(self, seen: Observed, n: int, letters) -> tuple[str, ...]:
        names = self.components or seen.components or tuple(letters)[:n]
        names = names or tuple(f"x{i + 1}" for i in range(n))
        if len(names) != n or len(set(names)) < n:
            raise UsageError(
                "--components",
                f"{len(names)} names {names} for {n} components",
                do="Name each once, in the order of the states: --components x,y,z",
            )
        return tuple(names)


def long_enough(states: np.ndarray) -> int:
    """Intervals over which ``states`` (times, ...) move by less than half a standard deviation.

    A multiple of 4, whose integrals can be checked, or 2; at most 20, and so few that 50 windows
    are left. Noise is in the states at both ends, and its part in their distance is that of
    neighbours.

    Examples
    --------
    >>> long_enough(np.sin(np.arange(2_000) * 0.1))
    4
    """
    some = states[: 4 * LONGEST * FEWEST].astype(np.float64)
    size = some.var(axis=0).mean()

    def moved(by: int) -> float:
        return float(((some[by:] - some[:-by]) ** 2).mean())

    tries = [n for n in range(4, LONGEST + 1, 4) if n * 50 < len(states)]
    good = [n for n in tries if moved(n) - moved(1) <= STILL * size]
    return max(good, default=2)


def meets(states: np.ndarray, dimensions: int) -> tuple[bool, ...]:
    """Whether the ends of a field seem to meet: of each of the last ``dimensions`` axes."""
    found = []
    for axis in range(-dimensions, 0):
        usual = np.sqrt(np.mean(np.diff(states, axis=axis) ** 2))
        seam = np.take(states, 0, axis=axis) - np.take(states, -1, axis=axis)
        found.append(bool(np.sqrt(np.mean(seam**2)) <= SEAM * usual))
    return tuple(found)
