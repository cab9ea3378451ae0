"""Windows: short stretches of observed states, the rows that a simulator is judged by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from trueup.core.errors import EvidenceError
from trueup.core.rows import Rows


EVEN = 1e-3
"""Share of a time step by which time stamps may be off and still count as even."""


@dataclass(frozen=True, eq=False)
class Windows:
    """Stretches of states in time, a row a stretch.

    Parameters
    ----------
    states
        (n, m + 1, ...) m + 1 consecutive states a window, with the time between them in ``dt``;
        finite. float32 stays float32. A Dask array stays one, and is summed where it lies.
    dt
        Time between two states, > 0.
    starts
        (n,) times of the first states; windows of one run in their order. Empty means that windows
        are independent samples.

    Examples
    --------
    >>> Windows.of(np.zeros((9, 4)), dt=0.1, length=2).states.shape
    (4, 3, 4)
    """

    states: np.ndarray
    dt: float
    starts: np.ndarray | None = None

    def __post_init__(self) -> None:
        states = self.states if is_lazy(self.states) else np.asarray(self.states)
        states = states if states.dtype == np.float32 else states.astype(np.float64, copy=False)
        if states.ndim < 3 or states.shape[1] < 2 or not states.size:
            raise EvidenceError(
                "Windows",
                f"states have shape {states.shape}",
                why="a window holds two states or more, and a state one number or more",
                do="Pass (windows, states in time, ...); for one long run use Windows.of",
            )
        bad = ~np.asarray(np.isfinite(states).all(axis=tuple(range(1, states.ndim))))
        if bad.any():
            raise EvidenceError(
                "Windows",
                f"{bad.sum()} of {len(states)} windows hold NaN or infinite values, the first is "
                f"number {int(bad.argmax())}",
                do="Leave these windows out, or fill the gaps (see error.discovery.interpolate)",
            )
        object.__setattr__(self, "states", states)
        object.__setattr__(self, "dt", step_of_time("Windows", self.dt))
        if self.starts is not None and np.shape(self.starts) != (len(states),):
            raise EvidenceError(
                "Windows",
                f"{np.size(self.starts)} starts for {len(states)} windows",
                do="Pass the time of the first state of every window",
            )

    def __len__(self) -> int:
        return len(self.states)

    @property
    def length(self) -> int:
        """Intervals m in a window."""
        return self.states.shape[1] - 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a state."""
        return self.states.shape[2:]

    @cached_property
    def rows(self) -> Rows:
        """Identities of all states but the first of a window, where two windows may touch."""
        contents = []
        for part in self.chunks():
            found = Rows.of([part[:, 1:].reshape(len(part) * self.length, -1)]).contents
            assert found is not None
            contents.append(found)
        return Rows(np.concatenate(contents))

    def take(self, index) -> Windows:
        """The windows of ``index``."""
        starts = None if self.starts is None else self.starts[index]
        return Windows(self.states[index], self.dt, starts)

    def chunks(self, numbers: int = 4_000_000) -> Iterator[np.ndarray]:
        """States in float64, some windows at a time, of about so many ``numbers``."""
        few = max(1, numbers // max(self.states[0].size, 1))
        for first in range(0, len(self), few):
            yield np.asarray(self.states[first : first + few]).astype(np.float64)

    @classmethod
    def of(
        cls, run: Any, *, dt: float | None = None, length: int = 2, every: int | None = None
    ) -> Windows:
        """Windows of one long ``run``.

        Parameters
        ----------
        run
            (times, ...) states in time, or an xarray ``DataArray`` or ``Dataset`` with a dimension
            ``time`` at any place. Several variables, or a dimension ``component``, are components.
        dt
            Time between states; read from the coordinate ``time`` of an xarray (dates in seconds).
        length
            Intervals m of a window.
        every
            Steps from the start of one window to the next; ``length`` by default, so that windows
            share only their ends.
        """
        states, stamps = states_of(run)
        if stamps is not None:
            dt = spacing_of(stamps, dt)
        if dt is None:
            raise EvidenceError(
                "Windows.of", "the time between states is not known", do="Pass dt=0.01"
            )
        dt = step_of_time("Windows.of", dt)
        every = length if every is None else every
        if length < 1 or every < 1 or len(states) <= length:
            raise EvidenceError(
                "Windows.of",
                f"{len(states)} states cannot be cut into windows of {length} intervals every "
                f"{every}",
                do="Pass more states, or a shorter length",
            )
        first = np.arange(0, len(states) - length, every)
        starts = first * dt if stamps is None else stamps[first]
        if is_lazy(states):
            each = [states[i : first[-1] + i + 1 : every] for i in range(length + 1)]
            return cls(np.stack(each, axis=1), dt, starts)
        return cls(states[first[:, None] + np.arange(length + 1)], dt, starts)


def is_lazy(states: Any) -> bool:
    """Whether ``states`` are a Dask array, which is read block by block."""
    return hasattr(states, "to_delayed") and hasattr(states, "rechunk")


def step_of_time(who: str, dt: Any) -> float:
    """``dt`` as a number, refused unless it is finite and above 0."""
    dt = float(dt)
    if not (np.isfinite(dt) and dt > 0):
        raise EvidenceError(who, f"dt is {dt}", do="Pass the time between states, above 0")
    return dt


def states_of(run: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """States (times, ...) and their time stamps where they are known."""
    if not hasattr(run, "dims"):
        return (run if is_lazy(run) else np.asarray(run)), None
    run = field_of("Windows.of", run)
    if "time" not in run.dims:
        raise EvidenceError(
            "Windows.of",
            f"dimensions are {tuple(run.dims)}",
            why="one of them must be 'time'",
            do="Rename it: observations.rename(t='time')",
        )
    run = run.transpose("time", *({"component"} & set(run.dims)), ...)
    stamps = np.asarray(run["time"].values) if "time" in run.coords else None
    states = run.data if is_lazy(run.data) else run.values
    return states, None if stamps is None else seconds(stamps)


FEW = 12
"""Points of a dimension without coordinates that are taken for components, at most."""
SPACE = ("x", "y", "z", "lat", "lon", "latitude", "longitude", "level")
"""Names of dimensions that are never taken for components."""


def field_of(who: str, run: Any) -> Any:
    """An xarray ``DataArray``; variables of a ``Dataset`` become a dimension ``component``.

    So does the only dimension without coordinates, where it is short: nobody measured along it.
    """
    if not hasattr(run, "data_vars"):
        bare = [d for d in run.dims if d not in (*run.coords, *SPACE, "time", "component")]
        one = len(bare) == 1 and "component" not in run.dims and run.sizes[bare[0]] <= FEW
        return run.rename({bare[0]: "component"}) if one else run
    dims = {name: tuple(variable.dims) for name, variable in run.data_vars.items()}
    if len({frozenset(d) for d in dims.values()}) != 1:
        raise EvidenceError(
            who,
            f"the variables have dimensions {dims}",
            why="the variables of a state must share theirs",
            do="Pass some of them: observations[['u', 'v']]",
        )
    alone = len(dims) == 1
    return field_of(who, run[next(iter(dims))]) if alone else run.to_dataarray("component")


def seconds(stamps: np.ndarray) -> np.ndarray:
    """Time stamps as numbers: dates as seconds since the first, numbers as they are."""
    if stamps.dtype == object:  # dates of other calendars
        return np.array([(stamp - stamps[0]).total_seconds() for stamp in stamps])
    if stamps.dtype.kind in "mM":
        return (stamps - stamps[0]) / np.timedelta64(1, "s")
    return stamps.astype(np.float64)


def spacing_of(stamps: np.ndarray, dt: float | None) -> float:
    """The time between even ``stamps``, which ``dt`` must equal where it is given."""
    gaps = np.diff(stamps)
    usual = float(np.median(gaps))
    if usual <= 0:
        raise EvidenceError(
            "Windows.of",
            f"times do not rise: {usual:.6g} from one state to the next",
            why="a model steps forward",
            do="Turn the observations round, the earliest first",
        )
    off = np.abs(gaps - usual) > EVEN * abs(usual)
    if off.any():
        at = int(off.argmax())
        raise EvidenceError(
            "Windows.of",
            f"times are not evenly spaced: {usual:.6g} between most states, {gaps[at]:.6g} after "
            f"state {at}",
            why="every window is compared with steps of one length",
            do="Cut the run at its gaps, or interpolate to even times",
        )
    if dt is not None and abs(dt - usual) > EVEN * usual:
        raise EvidenceError(
            "Windows.of",
            f"dt is {dt}, but the times of the states are {usual:.6g} apart",
            do="Leave dt out, or pass every n-th state",
        )
    return usual
