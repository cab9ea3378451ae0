"""The parts of a cycle: forecast, look, update, inflate, write down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from trueup.core.errors import EvidenceError
from trueup.error.assimilation.local import LOCAL
from trueup.error.assimilation.observer import WHO, Observer
from trueup.error.assimilation.rotations import Rotations
from trueup.error.assimilation.updates import UPDATES


FEWEST = 3
"""Members below which a spread says nothing."""


class Lost(Exception):
    """Members that are not finite any more; ``kept`` are the places of the others."""

    def __init__(self, kept: np.ndarray) -> None:
        self.kept = kept


@dataclass(frozen=True)
class Model:
    """A simulator that advances (members, ...) states, on a client's workers where there is one."""

    step: Callable
    dt: float
    every: int
    shape: tuple[int, ...]
    client: object = None

    def advance(self, E: np.ndarray, cycles: int) -> np.ndarray:
        """(e, n, m) states after so many cycles."""
        flat = E.reshape(-1, *self.shape)
        steps = self.every * cycles
        if self.client is None:
            made = _advance(flat, self.step, self.dt, steps)
        else:
            cores = sum(self.client.ncores().values())
            parts = np.array_split(flat, min(max(cores, 1), len(flat)))
            jobs = [
                self.client.submit(_advance, part, self.step, self.dt, steps, pure=False)
                for part in parts
            ]
            made = np.concatenate(self.client.gather(jobs))
        if made.shape != flat.shape:
            raise EvidenceError(
                WHO,
                f"step made states {made.shape} of {flat.shape}",
                do="Pass a step that takes (members, ...) states and dt, and returns new ones",
            )
        return made.reshape(E.shape).astype(E.dtype, copy=False)


def _advance(states, step, dt, steps):
    for _ in range(steps):
        states = step(states, dt)
    return np.asarray(states)


@dataclass
class Cycle:
    """Settings, model and observations y (t, e, p) of a run, and what it wrote down."""

    settings: object
    model: Model
    observer: Observer
    y: np.ndarray
    rng: np.random.Generator
    members: np.ndarray
    lost: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        t, e, _ = self.y.shape
        m, dtype = int(np.prod(self.model.shape)), self.observer.dtype
        gaps = np.isnan(self.y)
        self.gaps = [gap if gap.any() else None for gap in gaps]
        self.nothing = gaps.all((1, 2))
        self.means = {name: np.empty((t, e, m), dtype) for name in ("forecast", "analysis")}
        self.spreads = {name: np.empty((t, e), dtype) for name in ("forecast", "analysis")}
        self.innovations = np.full(self.y.shape, np.nan, dtype)
        self.ratio2, self.seen = np.full((t, e), np.nan), np.full((t, e), np.nan)
        self.inflation = np.ones((t, e), dtype)
        self.rotations = Rotations(self.rng, dtype) if self.settings.rotate else None
        self.reach = None
        if self.settings.localisation is not None:
            index = self.observer.index
            self.reach = self.settings.localisation.meet(self.model.shape, index)

    @property
    def times(self) -> int:
        """Number of times with observations or without."""
        return len(self.y)

    def forecast(self, E: np.ndarray, k: int, cycles: int = 1) -> np.ndarray:
        """Advance members; raises ``Lost`` where some are not finite."""
        E = self.model.advance(E, cycles)
        if np.isfinite(E.sum()):
            return E
        bad = ~np.isfinite(E).all((0, 2))
        if not bad.any():
            return E
        self.lost += [(k, int(i)) for i in self.members[bad]]
        if (~bad).sum() < FEWEST:
            raise EvidenceError(
                WHO,
                f"{(~bad).sum()} finite members are left at time {k}; members "
                f"{[i for _, i in self.lost]} are not finite",
                why=f"fewer than {FEWEST} members have no spread to speak of",
                do="Take a smaller dt, less inflation, or a start nearer to what the model can do",
            )
        self.members = self.members[~bad]
        raise Lost(np.flatnonzero(~bad))

    def write(self, name: str, k: int, mean: np.ndarray, A: np.ndarray) -> None:
        """Remember mean and spread of a time."""
        self.means[name][k] = mean
        self.spreads[name][k] = spread_of(A)

    def look(self, E: np.ndarray, k: int, *, write: bool = True, error: float = 1.0):
        """S (e, n, p) and d (e, p): anomalies over sqrt(n - 1) and innovations, in error's sd.

        ``error`` multiplies the standard deviation of the error.
        """
        seen = self.observer.see(E)
        mean = seen.mean(1)
        off = self.y[k] - mean
        Y = (seen - mean[:, None]) * (1 / (error * (E.shape[1] - 1) ** 0.5))
        S, d = self.observer.white(Y, off if error == 1 else off / error, self.gaps[k])
        if write:
            self.innovations[k] = off
            self._compare(S, d, k)
        return S, d

    def _compare(self, S, d, k) -> None:
        """How far innovations are, over what error and spread allow."""
        variance = (S * S).sum(1)
        share = d * d / (1 + variance)
        count = d.shape[1] if self.gaps[k] is None else (~self.gaps[k]).sum(1)
        with np.errstate(invalid="ignore", divide="ignore"):
            self.ratio2[k] = share.sum(1) / count
            self.seen[k] = np.sqrt(variance.sum(1) / count)

    def transform(self, A: np.ndarray, S: np.ndarray, d: np.ndarray):
        """What the update does to any state."""
        if self.reach is None:
            return UPDATES[self.settings.update](S, d, self.rng)
        return LOCAL[self.settings.update](A, S, d, self.rng, self.reach)

    def prior(self, A, S, d, k):
        """Anomalies inflated before the update, where inflation follows from innovations."""
        inflation = self.settings.inflation
        if not hasattr(inflation, "factor"):
            return A, S
        factor = inflation.factor(S, d)
        self.inflation[k] = factor
        return A * factor[:, None, None], S * factor[:, None, None]

    def rotation(self, e: int, n: int):
        """(e, n, n) random rotations that keep the mean, or None."""
        return None if self.rotations is None else self.rotations.draw(e, n)

    def inflated(self, A: np.ndarray, before: np.ndarray, k: int) -> np.ndarray:
        """Anomalies after an update, relaxed towards the spread ``before`` and inflated."""
        if self.settings.relaxation:
            old, new = (np.sqrt((X * X).mean(1)) for X in (before, A))
            gain = self.settings.relaxation * (old - new) / np.where(new > 0, new, 1)
            A = A * (1 + gain)[:, None]
        if isinstance(self.settings.inflation, int | float) and self.settings.inflation != 1:
            self.inflation[k] = self.settings.inflation
            A = A * A.dtype.type(self.settings.inflation)
        return A


def split(E: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (e, m) and anomalies (e, n, m)."""
    mean = E.mean(1)
    return mean, E - mean[:, None]


def spread_of(A: np.ndarray) -> np.ndarray:
    """(e,) standard deviation of members, root mean square over the state."""
    e, n, m = A.shape
    flat = A.reshape(e, n * m)
    return np.sqrt(np.einsum("ei,ei->e", flat, flat) / max((n - 1) * m, 1))


def turned(Q: np.ndarray | None, A: np.ndarray) -> np.ndarray:
    """Rotated anomalies."""
    return A if Q is None else Q @ A
