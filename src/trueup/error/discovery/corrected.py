"""The corrected simulator: the user's step, and what was missing, integrated together."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from trueup.core.errors import EvidenceError, UsageError
from trueup.core.rows import NOBODY, Rows
from trueup.error.discovery.library import Library
from trueup.error.discovery.mesh import Mesh
from trueup.error.discovery.source import source
from trueup.error.discovery.terms import Term, evaluate


SCHEMA = 1
GROWTH = 1.0
"""Exponent of growth in a step above which a wave is left to the model alone."""


@dataclass(frozen=True, eq=False)
class Corrected:
    r"""A simulator ``step(state, dt)`` with the missing tendency f added.

    A step is half a step of f, a step of the model, half a step of f (Strang 1968), so its order
    is the model's up to 2. On a periodic mesh linear terms are solved exactly wave by wave, other
    terms by the Runge-Kutta method of order 4 in the frame that moves with them; elsewhere by that
    method alone. Waves that f would blow up, because it takes a part of the model's damping back,
    are left as the model makes them: those that f makes grow by more than e in a step, and growing
    ones that nothing was learned from. The user's step is called, never changed.

    Parameters
    ----------
    model
        The user's step.
    library
        The terms that are added.
    coefficients
        (components, terms) their coefficients.
    substeps
        Steps of f within half a step of the model.
    rows
        Identities of the states that the coefficients were learned on.
    per_step
        Whether f is what every step misses, whatever its length, instead of a rate.
    cutoff
        Wavenumber up to which waves were learned from.

    Examples
    --------
    >>> from trueup.error.discovery.library import polynomials
    >>> decay = Corrected(lambda s, dt: s, polynomials(("x",), degree=1).only(["x"]), [[-1.0]])
    >>> float(decay.step(np.ones((1, 1)), 0.5)[0, 0].round(4))
    0.6065
    """

    model: Any
    library: Library
    coefficients: np.ndarray
    substeps: int = 4
    rows: Rows = NOBODY
    per_step: bool = False
    cutoff: float = np.inf

    def __post_init__(self) -> None:
        found = np.array(self.coefficients, dtype=np.float64)
        wanted = (len(self.library.components), len(self.library))
        if found.shape != wanted or not np.isfinite(found).all():
            raise UsageError(
                "Corrected",
                f"coefficients of shape {found.shape} for (components, terms) {wanted}",
                do="Pass a finite number for every component and term",
            )
        object.__setattr__(self, "coefficients", found)

    def __call__(self, state: Any, dt: float) -> Any:
        return self.step(state, dt)

    def step(self, state: Any, dt: float) -> Any:
        """The state a time ``dt`` later; of one state, or of a batch with members in front."""
        call = getattr(self.model, "step", self.model)
        if not isinstance(state, np.ndarray):  # a tensor goes through NumPy, and back
            state_like = state.detach().cpu().numpy()
            found = self._whole(
                state_like, dt, lambda s: call(state.new_tensor(s), dt).cpu().numpy()
            )
            return state.new_tensor(found)
        return self._whole(state, dt, lambda s: np.asarray(call(s, dt)))

    def tendency(self, state: np.ndarray) -> np.ndarray:
        """What was missing: the rate of change f (…) that is added to the model's."""
        states = self._parted(np.asarray(state, dtype=np.float64))
        return self._rate(states).reshape(np.shape(state))

    def to_dict(self) -> dict:
        """A dict for JSON: all but the user's step."""
        mesh = self.library.mesh
        return {
            "schema": SCHEMA,
            "components": list(self.library.components),
            "mesh": None if mesh is None else vars(mesh),
            "terms": [term.to_dict() for term in self.library.terms],
            "words": [f"{self.library.components[i]}' += " + " + ".join(self._words(i))
                      for i in self.library.searched],
            "coefficients": self.coefficients.tolist(),
            "substeps": self.substeps,
            "per_step": self.per_step,
            "equations": list(self.library.equations),
            "inputs": list(self.library.inputs),
            "rows": self.rows.ids.tolist(),
            "cutoff": None if np.isinf(self.cutoff) else self.cutoff,
        }  # fmt: skip

    def save(self, path: str | Path) -> Path:
        """Write it, without the user's step, as JSON."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.to_dict(), indent=1), encoding="utf-8")
        return path

    def source(self) -> str:
        """Python source of this simulator, which needs NumPy and nothing else.

        A module with ``tendency(state)`` and ``step(model_step, state, dt)``, by the same scheme.

        Raises
        ------
        UsageError
            A term is a function of the user's, which cannot be written down.
        """
        return source(self)

    @classmethod
    def load(cls, path: str | Path, model: Any) -> Corrected:
        """What ``save`` wrote, around the step ``model``."""
        row = json.loads(Path(path).read_text(encoding="utf-8"))
        if row.get("schema") != SCHEMA:
            raise EvidenceError(
                "Corrected.load",
                f"{path} has schema {row.get('schema')}",
                do=f"Pass a file of schema {SCHEMA}, as Corrected.save writes it",
            )
        mesh = row["mesh"] and Mesh(**{k: tuple(v) if isinstance(v, list) else v
                                       for k, v in row["mesh"].items()})  # fmt: skip
        terms = tuple(Term.from_dict(term) for term in row["terms"])
        library = Library(terms, tuple(row["components"]), mesh,
                          tuple(row["equations"]), tuple(row["inputs"]))  # fmt: skip
        ids = Rows(np.array(row["rows"], dtype=np.uint64))
        seen = np.inf if row.get("cutoff") is None else row["cutoff"]
        found = np.array(row["coefficients"])
        return cls(model, library, found, row["substeps"], ids, row["per_step"], seen)

    def _words(self, component: int) -> list[str]:
        pairs = zip(self.coefficients[component], self.library.names, strict=True)
        return [f"{value:.6g} {name}" for value, name in pairs if value] or ["0"]

    def _whole(self, state: np.ndarray, dt: float, call) -> np.ndarray:
        if self.per_step:
            missed = self._rate(self._parted(state.astype(np.float64)))
            return (np.asarray(call(state)) + missed.reshape(state.shape)).astype(state.dtype)
        before = self._half(state, dt)
        return self._half(np.asarray(call(before)), dt)

    def _half(self, state: np.ndarray, dt: float) -> np.ndarray:
        now = self._parted(state.astype(np.float64))
        with np.errstate(over="ignore", invalid="ignore"):  # a state that blows up is NaN
            for _ in range(self.substeps):
                now = self._flow(now, dt / 2 / self.substeps)
        return now.reshape(state.shape).astype(state.dtype)

    def _parted(self, state: np.ndarray) -> np.ndarray:
        """States (n, components, *mesh)."""
        space = self.library.mesh.ndim if self.library.mesh else 0
        return state.reshape(-1, len(self.library.components), *state.shape[state.ndim - space :])

    def _rate(self, states: np.ndarray, skip: frozenset = frozenset()) -> np.ndarray:
        """f at ``states``, without the pairs (component, term) of ``skip``."""
        values = evaluate(self.library.terms, states, self.library.mesh)
        found = np.zeros_like(states)
        for (component, term), weight in np.ndenumerate(self.coefficients):
            if weight and (component, term) not in skip:
                found[:, component] += weight * values[term]
        return found

    def _flow(self, states: np.ndarray, dt: float) -> np.ndarray:
        """f alone over ``dt``: Runge-Kutta, in the frame of the linear terms on periodic meshes."""
        mesh = self.library.mesh
        if mesh is None or not mesh.spectral:
            return _runge_kutta(self._rate, states, dt, lambda s: s)
        half = np.exp(self._tame(states.shape[2:], dt) * dt / 2)

        def carried(s: np.ndarray) -> np.ndarray:
            return mesh.backward(half * mesh.forward(s), states.shape[2:])

        if len(self.linear) == np.count_nonzero(self.coefficients):
            return carried(carried(states))
        return _runge_kutta(lambda s: self._rate(s, self.linear), states, dt, carried)

    @cached_property
    def linear(self) -> frozenset:
        """Pairs (component, term) that are a derivative of the component itself."""
        mesh = self.library.mesh
        if mesh is None or not mesh.spectral or mesh.method != "spectral":
            return frozenset()
        return frozenset(
            (c, t)
            for (c, t), weight in np.ndenumerate(self.coefficients)
            if weight and _is_linear(self.library.terms[t], c)
        )

    def _symbol(self, shape: tuple[int, ...]) -> np.ndarray:
        """Rates (components, *modes) of the linear terms."""
        mesh = self.library.mesh
        assert mesh is not None
        waves = mesh.wavenumbers(shape)
        found = np.zeros((len(self.library.components), *mesh.lengths(shape).shape), complex)
        for c, t in self.linear:
            factor = self.library.terms[t].factors[0]
            along = [(1j * k) ** n for k, n in zip(waves, factor.orders, strict=False)]
            found[c] += self.coefficients[c, t] * np.prod(np.broadcast_arrays(*along), axis=0)
        return found

    def _tame(self, shape: tuple[int, ...], dt: float) -> np.ndarray:
        """Rates without those that are left to the model; ``dt`` is a substep."""
        mesh, symbol = self.library.mesh, self._symbol(shape)
        assert mesh is not None
        growth = symbol.real * dt * 2 * self.substeps
        unseen = mesh.lengths(shape) > self.cutoff
        return np.where((growth > GROWTH) | (unseen & (growth > 0)), 0.0, symbol)


def _is_linear(term: Term, component: int) -> bool:
    only = len(term.factors) == 1 and term.function is None
    return only and term.factors[0].power == 1 and term.factors[0].component == component


def _runge_kutta(rate, states: np.ndarray, dt: float, carried) -> np.ndarray:
    """A step of order 4 in the frame that ``carried`` moves by half a step."""
    first = rate(states)
    middle = carried(states)
    second = rate(middle + dt / 2 * carried(first))
    third = rate(middle + dt / 2 * second)
    end = carried(middle)
    last = rate(end + dt * carried(third))
    return end + dt / 6 * (carried(carried(first)) + 2 * carried(second + third) + last)
