"""What a simulator is, and how it is run.

>>> import numpy as np
>>> class Decay:
...     def step(self, state, dt):
...         return state * np.exp(-dt)
>>> run(Decay(), np.ones(2), dt=0.5, steps=4, every=2)[:, 0].round(3)
array([1.   , 0.368, 0.135])
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np

from trueup.core.errors import EvidenceError, UsageError


@runtime_checkable
class Simulator(Protocol):
    """Anything with ``step(state, dt) -> state``.

    A state is an array of any shape whose first axes may count members of a batch; ``step`` gives
    a new state of the same shape and type and leaves its input as it was. A simulator may offer
    more, which is used where it is: ``tendency(state)``, the rate of change of a state;
    ``march(state, dt)``, for schemes that remember more than the last state.
    """

    def step(self, state: Any, dt: float, /) -> Any:
        """The state a time ``dt`` later."""
        ...


def run(simulator: Simulator, state: Any, *, dt: float, steps: int, every: int = 1) -> Any:
    """Many steps in a row; states are kept ``every`` so many steps.

    A scheme of two steps starts itself from ``state`` and then remembers what it needs, which
    ``step`` by ``step`` would not.

    Parameters
    ----------
    simulator
        Anything with ``step``.
    state
        Where to start; any shape that the simulator takes.
    dt
        Length of a step, above 0.
    steps
        Number of steps, at least 0, a multiple of ``every``.
    every
        Steps from one kept state to the next, at least 1.

    Returns
    -------
    array
        (steps / every + 1, *shape of the state) states at times 0, every * dt, ...; the first is
        ``state``.

    Raises
    ------
    UsageError
        Where ``dt``, ``steps`` or ``every`` make no sense.
    """
    dt = check_dt("run", dt)
    _check_counts(steps, every)
    marches = getattr(simulator, "march", None)
    march = marches(state, dt) if marches else _Steps(simulator, state, dt)
    first = march.state()
    kept = _room(first, steps // every + 1)
    kept[0] = first
    for place in range(1, len(kept)):
        march.advance(every)
        kept[place] = march.state()
    return kept


def check_dt(who: str, dt: float) -> float:
    """``dt`` as a float above 0; anything else is refused."""
    try:
        value = float(dt)
    except (TypeError, ValueError):
        value = float("nan")
    if not 0 < value < float("inf"):
        raise UsageError(
            who, f"'dt' must be a finite number above 0; got {dt!r}", do="Pass the time of one step"
        )
    return value


def _check_counts(steps: int, every: int) -> None:
    whole = all(isinstance(n, int | np.integer) for n in (steps, every))
    if not whole or steps < 0 or every < 1 or steps % every:
        raise UsageError(
            "run",
            "'steps' must be a whole number, at least 0 and a multiple of 'every', at least 1; "
            f"got steps={steps!r}, every={every!r}",
            do="Pass, for example, steps=100, every=10",
        )


class _Steps:
    """A march of a simulator that only steps."""

    def __init__(self, simulator: Simulator, state: Any, dt: float) -> None:
        self.simulator, self.now, self.dt = simulator, state, dt

    def advance(self, steps: int) -> None:
        for _ in range(steps):
            self.now = self.simulator.step(self.now, self.dt)

    def state(self) -> Any:
        return self.now


def _room(state: Any, times: int) -> Any:
    """An empty array for so many states, of the kind of ``state``."""
    if hasattr(state, "new_empty"):  # torch
        return state.new_empty((times, *state.shape))
    if not isinstance(state, np.ndarray):
        raise EvidenceError(
            "run",
            f"a state must be an array of NumPy or torch; got {type(state).__name__}",
            do="Pass numpy.asarray(state)",
        )
    return np.empty((times, *state.shape), state.dtype)
