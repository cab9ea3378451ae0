"""What the reference simulators share: checks, steps, runs and states on the attractor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np

from trueup.core.errors import DivergedError, EvidenceError, UsageError
from trueup.core.simulator import check_dt, run
from trueup.worlds.simulators.arrays import Arrays, arrays_of, is_tensor, keep_memory
from trueup.worlds.simulators.integrators import Integrator, integrator
from trueup.worlds.simulators.integrators.rk4 import rate


class AbstractSystem(ABC):
    """``u_t = L u + N(u)`` for a batch of members; final classes are frozen dataclasses.

    A state is an array of NumPy or torch of shape (..., *shape), single or double precision, which
    every answer keeps. Final classes give ``shape``, ``nonlinear`` and ``initial``, those with
    modes other than the values themselves ``modes`` and ``values``, those with a stiff linear part
    ``linear``.
    """

    DT: ClassVar[float]
    """A step that is sound for the usual settings."""
    SPIN_UP: ClassVar[float]
    """Time after which a state of ``initial`` has come to the attractor."""

    integrator: str | Integrator

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of the state of one member."""

    @abstractmethod
    def nonlinear(self, modes: Any, arrays: Arrays) -> Any:
        """``N`` in modes, in memory of its own."""

    @abstractmethod
    def initial(self, members: int = 1, *, seed: int = 0) -> np.ndarray:
        """(members, *shape) documented states to start from."""

    def linear(self) -> np.ndarray | None:
        """The diagonal of ``L`` in modes, double precision; None for no linear part."""
        return None

    def modes(self, state: Any, arrays: Arrays) -> Any:
        """From values to modes."""
        return state

    def values(self, modes: Any, arrays: Arrays) -> Any:
        """From modes to values."""
        return modes

    def tendency(self, state: Any) -> Any:
        """Rate of change ``u_t`` of a state, of the same shape."""
        state = self._state("tendency", state)
        arrays = arrays_of(state)
        return self.values(rate(self, self.modes(state, arrays), arrays), arrays)

    def step(self, state: Any, dt: float, *, previous: Any = None) -> Any:
        """The state a time ``dt`` later.

        Parameters
        ----------
        state
            (..., *shape) values; left as they are.
        dt
            Length of the step, above 0.
        previous
            The state a time ``dt`` before, for integrators of two levels; None lets them start
            themselves.

        Raises
        ------
        EvidenceError
            Where ``state`` has another shape or is not finite.
        UsageError
            Where ``dt`` makes no sense, or ``previous`` is given to a scheme of one step.
        DivergedError
            Where members became NaN or infinite; its ``members`` say which.
        """
        march = self.march(state, dt, previous=previous)
        march.advance(1)
        return march.state()

    def march(self, state: Any, dt: float, *, previous: Any = None) -> March:
        """Steps in a row that remember what their scheme needs: ``advance(steps)``, ``state()``."""
        return March(self, state, dt, previous)

    def run(self, state: Any, dt: float, *, steps: int, every: int = 1) -> Any:
        """(steps / every + 1, *state.shape) states at times 0, every * dt, ...

        See Also
        --------
        trueup.core.simulator.run : the same for any simulator.
        """
        return run(self, state, dt=dt, steps=steps, every=every)

    def spun_up(self, members: int = 1, *, seed: int = 0) -> np.ndarray:
        """(members, *shape) states on the attractor: ``initial`` run for ``SPIN_UP`` by ``DT``."""
        march = self.march(self.initial(members, seed=seed), self.DT)
        march.advance(round(self.SPIN_UP / self.DT))
        return march.state()

    def _state(self, call: str, state: Any) -> Any:
        """``state`` as an array of floats, its shape checked."""
        if not is_tensor(state):
            state = np.asarray(state)
            state = state.astype(np.float64) if state.dtype.kind in "iu" else state
        kind, shape = str(state.dtype).removeprefix("torch."), tuple(state.shape)
        who = f"{type(self).__name__}.{call}"
        if kind not in ("float32", "float64"):
            raise EvidenceError(
                who, f"a state must be float32 or float64; got {kind} of shape {shape}",
                do="Pass state.astype('float64')",
            )  # fmt: skip
        if shape[len(shape) - len(self.shape) :] != self.shape:
            wanted = ", ".join(map(str, ("...", *self.shape)))
            raise EvidenceError(
                who, f"a state must have shape ({wanted}); got {shape}",
                do=f"Pass such an array, or choose {self._resize()}",
            )  # fmt: skip
        return state

    def _resize(self) -> str:
        return "a system of that size"


class March:
    """A run under way: ``advance(steps)``, then ``state()``."""

    def __init__(self, system: AbstractSystem, state: Any, dt: float, previous: Any) -> None:
        self.system, self.dt = system, check_dt(f"{type(system).__name__}.step", dt)
        self.scheme = integrator(system.integrator)
        state = system._state("step", state)
        self.arrays = arrays_of(state)
        keep_memory()
        if previous is not None:
            previous = system.modes(self._like(state, previous), self.arrays)
        self.taken, self.given = 0, state
        self.carry = self.scheme.start(
            system, system.modes(state, self.arrays), previous, self.arrays
        )

    def advance(self, steps: int) -> None:
        """So many steps on."""
        with np.errstate(all="ignore"):  # what diverged is told by `state`
            for _ in range(steps):
                self.carry = self.scheme.advance(self.system, self.carry, self.dt, self.arrays)
        self.taken += steps

    def state(self) -> Any:
        """The values now; NaN and infinity are refused."""
        if not self.taken:
            return self.arrays.copy(self.given)
        with np.errstate(all="ignore"):
            values = self.system.values(self.carry[0], self.arrays)
        if not self.arrays.finite(values):
            self._refuse(values)
        return values

    def _like(self, state: Any, previous: Any) -> Any:
        previous = self.system._state("step", previous)
        if previous.shape != state.shape or previous.dtype != state.dtype:
            raise EvidenceError(
                f"{type(self.system).__name__}.step",
                f"'previous' must be like the state, {tuple(state.shape)} of {state.dtype}; got "
                f"{tuple(previous.shape)} of {previous.dtype}",
                do="Pass the state a step before",
            )
        return previous

    def _refuse(self, values: Any) -> None:
        who, axes = f"{type(self.system).__name__}.step", len(self.system.shape)
        bad = self.arrays.broken(self.given, axes)
        if bad.any():
            raise EvidenceError(
                who, f"the state has NaN or infinity in {_members(bad)}", do="Mend these members"
            )
        bad = self.arrays.broken(values, axes)
        raise DivergedError(
            who,
            f"{_members(bad)} became NaN or infinite within {self.taken} steps of dt={self.dt:g}",
            members=np.flatnonzero(bad).tolist(),
            do=f"Take a smaller dt (usual: {self.system.DT:g}), or look at the coefficients",
        )


def check_members(who: str, members: int) -> int:
    """A number of members, at least 1."""
    if not isinstance(members, int | np.integer) or members < 1:
        raise UsageError(who, f"'members' must be at least 1; got {members!r}", do="Pass 1 or more")
    return int(members)


def check_coefficients(system: Any, **values: float) -> None:
    """Refuse coefficients that are no finite numbers."""
    for name, value in values.items():
        if not isinstance(value, int | float | np.number) or not np.isfinite(value):
            raise UsageError(
                type(system).__name__, f"{name!r} must be a finite number; got {value!r}",
                do="Pass the coefficient of the equation",
            )  # fmt: skip


def _members(bad: np.ndarray) -> str:
    """Which members, in words: numbers of the batch, flattened."""
    if not bad.ndim:
        return "the one member"
    index = np.flatnonzero(bad)
    said = ", ".join(map(str, index[:5])) + (", ..." if len(index) > 5 else "")
    return f"member{'s' * (len(index) > 1)} {said} ({len(index)} of {bad.size})"
