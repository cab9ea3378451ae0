"""A search for missing physics as a value: print it, write it into a folder."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from trueup.adapters.observations import Observed
from trueup.audit.simulators.asked import Cut, Tried
from trueup.audit.whole import whole, write_whole
from trueup.core.black_box import BlackBox
from trueup.core.errors import MissingPackage
from trueup.core.proof import Proof
from trueup.core.windows import Windows
from trueup.error.discovery.corrected import Corrected
from trueup.error.discovery.discover import Discovery
from trueup.error.discovery.discrepancy import Discrepancy, Finding
from trueup.error.discovery.proof import forecast_error, prove_simulator


SCHEMA = 1
MANY = 200
"""Windows that are looked at for what the model misses, at most."""
OWN = 0.01
"""Share of how far states move that a model may miss by its own steps in time."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a simulator misses, and what mending it is worth.

    Attributes
    ----------
    found
        The terms.
    learned, held
        Windows of the search, and later ones that only the proof saw; None where none were held.
    proof
        Of forecasts over ``held``.
    before, after
        (n, leads) errors of forecasts over ``held``, as the model makes them and corrected.
    model, data
        What the step and the observations are called.
    seconds
        Time taken.
    created
        When, UTC.
    doubtful
        Whether doubtful terms enter the correction.
    missed
        What the model misses over a window, over what noise explains of it; see ``missed_by``.
    """

    found: Discrepancy
    learned: Windows
    held: Windows | None
    proof: Proof | None
    before: np.ndarray | None
    after: np.ndarray | None
    model: str
    data: str
    seconds: float
    created: str
    doubtful: bool = False
    missed: float = 0.0

    @property
    def enters(self) -> dict[Finding, float]:
        """The terms that enter the correction, with their coefficients there."""
        if self.doubtful:
            return {f: f.value for f in self.found.terms}
        return {f: f.used for f in self.found.sure}

    @property
    def corrected(self) -> Corrected | None:
        """The simulator corrected; None where nothing was found that is sure enough."""
        return self.found.correct(doubtful=self.doubtful) if self.enters else None

    def to_dict(self) -> dict:
        """A dict for JSON: ``discovery.json``."""
        library = self.found.settings.library
        mesh = library.mesh
        return {
            "schema": SCHEMA,
            "model": self.model,
            "data": self.data,
            "created": self.created,
            "equations": str(self.found).splitlines()[: len(library.components)],
            **self.found.to_dict(),
            "library": list(library.names),
            "mesh": None if mesh is None else {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in vars(mesh).items()},
            "windows": {"n": len(self.learned), "length": self.learned.length,
                        "dt": self.learned.dt},
            "proof": None if self.proof is None else self.proof.to_dict(),
            "forecast_error": self._errors(),
            "seconds": self.seconds,
        }  # fmt: skip

    def _errors(self) -> dict | None:
        if self.held is None or self.before is None or self.after is None:
            return None
        leads = (np.arange(self.held.length) + 1) * self.held.dt
        means = {"before": self.before.mean(axis=0), "after": self.after.mean(axis=0)}
        return {"lead": leads.tolist(), **{name: mean.tolist() for name, mean in means.items()}}

    def save_json(self, path: str | Path) -> Path:
        """Write ``to_dict`` as JSON and return the path."""
        return write_whole(path, json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n")

    def report(self, path: str | Path) -> Path:
        """Write the report as one HTML file that opens without a network, and return its path."""
        from trueup.audit.simulators.document import document
        from trueup.report.discovery import render

        return write_whole(path, render(document(self)))

    def save(self, folder: str | Path) -> list[str]:
        """Write everything into ``folder`` and say what was not written, and why."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.save_json(folder / "discovery.json")
        corrected = self.corrected
        if corrected is not None:
            with whole(folder / "corrected.json") as path:
                corrected.save(path)
            write_whole(folder / "corrected.py", corrected.source())
        try:
            self.report(folder / "report.html")
        except MissingPackage as error:
            return [f"No report: {error}"]
        return []


def search(
    step: Any, seen: Observed, *, cut: Cut, tried: Tried, names: tuple[str, str], **settings: Any
) -> Found:
    """Find what ``step`` misses in observations, and prove it on those held out.

    Parameters
    ----------
    step
        The model.
    seen
        The observations.
    cut, tried
        How they become windows, and which terms are tried.
    names
        What the step and the observations are called.
    settings
        ``noise``, ``level`` and ``seed``; ``doubtful`` puts doubtful terms into the correction.
    """
    began = time.perf_counter()
    library = tried.library(seen)
    learned, held = cut.windows(seen, noise=settings.get("noise", 0.0))
    library.state_shape(learned.shape)
    fits = {name: settings[name] for name in ("level", "seed") if name in settings}
    found = Discovery(library, noise=settings.get("noise", 0.0)).fit(step, learned, **fits)
    doubtful = settings.get("doubtful", False)
    corrected = found.correct(doubtful=doubtful)
    enters = found.terms if doubtful else found.sure
    proof = before = after = None
    if held is not None:
        before = forecast_error(step, held)
        after = forecast_error(corrected, held) if enters else before
        if enters:
            proof = prove_simulator(corrected, against=step, on=held)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    missed = missed_by(step, learned, found.noise) if not found.terms else 0.0
    seconds = round(time.perf_counter() - began, 2)
    made = (found, learned, held, proof, before, after, *names, seconds, created)
    return Found(*made, doubtful, missed)


def missed_by(step: Any, windows: Windows, noise: tuple[float, ...]) -> float:
    """What ``step`` misses at the ends of windows, over what noise and its own error explain.

    Root mean squares; noise is in both ends, and a model is not blamed for 1 % of how far states
    move, which is its own error in time and not physics.
    """
    states = windows.states[:: -(-len(windows) // MANY)].astype(np.float64)
    first, last = states[:, 0], states[:, -1]
    box, now = BlackBox(step, trial=windows.states[:2, 0], dt=windows.dt, finite=False), first
    for _ in range(windows.length):
        now = box(now, windows.dt)
    missed, moved = (float(np.sqrt(np.mean((last - one) ** 2))) for one in (now, first))
    usual = np.hypot(np.sqrt(2 * np.mean(np.square(noise))), OWN * moved)
    return missed / float(usual) if usual > 0 else 0.0
