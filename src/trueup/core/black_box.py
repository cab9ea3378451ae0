"""A user's step, called safely: on batches, and never trusted to behave."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from trueup.core.errors import EvidenceError


Step = Callable[[Any, float], Any]


class BlackBox:
    """``step(state, dt) -> state`` of a user, called on batches of NumPy states.

    Whether it takes a batch is found out once, on two states; else states go one by one. What comes
    back is checked: its shape, that it is finite, and once that the input was left alone.

    Parameters
    ----------
    step
        A function ``(state, dt) -> state``, or an object with such a method ``step``. It may take a
        batch of states (members in front), of NumPy or of torch.
    trial
        (n, ...) a few states to try it on.
    dt
        The time step to try, > 0.
    finite
        Whether a state that becomes NaN or infinite is refused; else it is NaN from then on.
    """

    def __init__(self, step: Any, *, trial: np.ndarray, dt: float, finite: bool = True) -> None:
        call = getattr(step, "step", step)
        if not callable(call):
            raise EvidenceError(
                "discover",
                f"the step is a {type(step).__name__}",
                do="Pass a function (state, dt) -> state, or an object with a method step",
            )
        _takes_two(call)
        self.call: Step = call
        self.dtype = trial.dtype
        self.shape = trial.shape[1:]
        self.batched = True
        self.torch = False
        self.finite = finite
        self._try(trial[:2].copy(), dt)

    def __call__(self, states: np.ndarray, dt: float, times: int = 1) -> np.ndarray:
        """States (n, ...) of any layout after ``times`` steps of ``dt``, in float64."""
        now = states.reshape(len(states), *self.shape).astype(self.dtype, copy=False)
        for _ in range(times):
            now = self._once(now, dt) if self.finite else self._lenient(now, dt)
        return now.astype(np.float64, copy=False).reshape(states.shape)

    def _once(self, states: np.ndarray, dt: float) -> np.ndarray:
        if self.batched:
            found = self._numpy(states, dt)
        else:
            found = np.stack([self._numpy(state, dt) for state in states])
        _same_shape(found, states)
        if not np.isfinite(found).all():
            bad = np.any(~np.isfinite(found).reshape(len(found), -1), axis=1)
            raise EvidenceError(
                "step",
                f"{bad.sum()} of {len(found)} states became NaN or infinite within {dt:.6g}",
                why=f"the largest number before was {np.abs(states).max():.4g}",
                do="Use a shorter time between states, or look at the model on such states",
            )
        return found

    def _lenient(self, states: np.ndarray, dt: float) -> np.ndarray:
        """Like ``_once``, but a state that is lost becomes NaN, and stays so."""
        found = np.full_like(states, np.nan)
        alive = np.flatnonzero(np.isfinite(states).reshape(len(states), -1).all(axis=1))
        try:
            found[alive] = self._once(states[alive], dt)
        except (ValueError, ArithmeticError):  # some are lost: one by one shows which
            for one in alive:
                with contextlib.suppress(ValueError, ArithmeticError):
                    found[one] = self._once(states[one : one + 1], dt)[0]
        return found

    def _numpy(self, states: np.ndarray, dt: float) -> np.ndarray:
        given = sys.modules["torch"].from_numpy(states) if self.torch else states
        found = self.call(given, dt)
        return np.asarray(found.detach().cpu() if hasattr(found, "detach") else found)

    def _try(self, two: np.ndarray, dt: float) -> None:
        """Find out about torch and batches, and whether the input is left alone."""
        ones = np.stack([self._untouched(state, dt) for state in two])
        try:
            together = self._untouched(two, dt)
            self.batched = together.shape == two.shape and _close(together, ones)
        except _Touched:
            raise
        except Exception:  # a step of one state may refuse a batch in any way
            self.batched = False

    def _untouched(self, state: np.ndarray, dt: float) -> np.ndarray:
        given = state.copy()
        try:
            found = self._numpy(given, dt)
        except (TypeError, AttributeError):
            if self.torch or "torch" not in sys.modules:
                raise
            self.torch = True  # a step that wants tensors refuses arrays so
            found = self._numpy(given, dt)
        if not np.array_equal(given, state):
            raise _Touched(
                "step",
                "it changed the state that it was given",
                why="the state before is needed again",
                do="Copy it first: state = state.copy()",
            )
        _same_shape(found, state)
        return found


def _takes_two(call: Step) -> None:
    """Refuse a step that cannot be called as ``step(state, dt)``."""
    try:
        signature = inspect.signature(call)
    except (TypeError, ValueError):  # some built-in functions have none
        return
    try:
        signature.bind(None, 0.0)
    except TypeError as error:
        raise EvidenceError(
            "step",
            f"it takes {signature}",
            why="it is called as step(state, dt)",
            do="Pass a function of a state and a time step",
        ) from error


class _Touched(EvidenceError):
    """The input was changed."""


def _same_shape(found: np.ndarray, states: np.ndarray) -> None:
    if found.shape != states.shape or found.dtype != states.dtype:
        raise EvidenceError(
            "step",
            f"it turned a state of {states.dtype} {states.shape} into {found.dtype} {found.shape}",
            do="Return a state of the same shape and type",
        )


def _close(one: np.ndarray, two: np.ndarray) -> bool:
    size = max(float(np.abs(two).max()), 1e-300)
    tolerance = 1e-4 if one.dtype == np.float32 else 1e-8
    return bool(np.nanmax(np.abs(one - two), initial=0.0) <= tolerance * size)
