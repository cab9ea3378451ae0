"""Terms that may be missing from a model: products of derivatives, or functions of the user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from trueup.core.errors import UsageError
from trueup.error.discovery.mesh import Mesh


@dataclass(frozen=True)
class Factor:
    """A derivative of one component, to a power.

    Parameters
    ----------
    component
        Number of the component of the state.
    orders
        How often it is derived along each dimension of the mesh.
    power
        Its power, 1 or more.
    """

    component: int = 0
    orders: tuple[int, ...] = ()
    power: int = 1


@dataclass(frozen=True)
class Term:
    """A term of an equation: a product of ``factors``, or a ``function`` of the user.

    Parameters
    ----------
    factors
        What is multiplied; empty is the constant 1.
    function
        Takes states (n, components, *mesh) and gives (n, *mesh); replaces ``factors``.
    name
        Name of a term with a function; SymPy reads it where it can.
    """

    factors: tuple[Factor, ...] = ()
    function: Callable[[np.ndarray], np.ndarray] | None = field(default=None, compare=False)
    name: str = ""

    def __post_init__(self) -> None:
        if self.function is not None and not self.name:
            raise UsageError(
                "Term", "a term with a function has no name", do='Pass name="sin(theta)"'
            )

    @property
    def symbols(self) -> int:
        """How many symbols it is written with: u_xx with three, u^2 with two, a function is one."""
        return sum(f.power * (1 + sum(f.orders)) for f in self.factors) or 1

    def words(self, components: tuple[str, ...], dims: tuple[str, ...]) -> str:
        """The term as people write it: ``u^2 u_xx``."""
        if self.function is not None:
            return self.name
        if not self.factors:
            return "1"
        return " ".join(_words(f, components, dims) for f in self.factors)

    def code(self, components: tuple[str, ...], dims: tuple[str, ...]) -> str:
        """The term as SymPy reads it: ``u**2*Derivative(u, x, x)``."""
        if self.function is not None:
            return self.name
        parts = [_code(f, components, dims) for f in self.factors]
        return "*".join(parts) or "1"

    def to_dict(self) -> dict:
        """A dict for JSON."""
        if self.function is not None:
            raise UsageError(
                "Term",
                f"the term '{self.name}' is a function of yours",
                why="only products of derivatives can be written down",
                do="Keep it as Python code, or write it as factors",
            )
        return {"factors": [[f.component, list(f.orders), f.power] for f in self.factors]}

    @classmethod
    def from_dict(cls, row: dict) -> Term:
        """The term of ``to_dict``."""
        return cls(tuple(Factor(int(c), tuple(o), int(p)) for c, o, p in row["factors"]))


def _words(factor: Factor, components: tuple[str, ...], dims: tuple[str, ...]) -> str:
    letters = "".join(dim * n for dim, n in zip(dims, factor.orders, strict=False))
    name = components[factor.component] + (f"_{letters}" if letters else "")
    return name if factor.power == 1 else f"{name}^{factor.power}"


def _code(factor: Factor, components: tuple[str, ...], dims: tuple[str, ...]) -> str:
    name = components[factor.component]
    along = [dim for dim, n in zip(dims, factor.orders, strict=False) for _ in range(n)]
    name = f"Derivative({', '.join([name, *along])})" if along else name
    return name if factor.power == 1 else f"{name}**{factor.power}"


def evaluate(terms: tuple[Term, ...], states: np.ndarray, mesh: Mesh | None) -> list[np.ndarray]:
    """Every term at ``states`` (n, components, *mesh), each (n, *mesh)."""
    known: dict[Factor, np.ndarray] = {}
    return [_value(term, states, mesh, known) for term in terms]


def _value(term: Term, states: np.ndarray, mesh: Mesh | None, known: dict) -> np.ndarray:
    shape = (len(states), *states.shape[2:])
    if term.function is not None:
        found = np.asarray(term.function(states), dtype=np.float64)
        if found.shape != shape:
            raise UsageError(
                "Library",
                f"the term '{term.name}' gave shape {found.shape} for states {states.shape}",
                do=f"Give one number a point: shape {shape}",
            )
        return found
    if mesh is not None and mesh.method == "weak" and (made := _flux(term, mesh)):
        return (
            mesh.derivative(_factor(made, states, mesh, known), term.factors[1].orders) / made.power
        )
    found = None
    for factor in term.factors:
        value = _factor(factor, states, mesh, known)
        found = value if found is None else found * value
    return np.ones(shape) if found is None else found


def _flux(term: Term, mesh: Mesh) -> Factor | None:
    """The power whose derivative the term is: u^3 where it is u^2 u_x, three times."""
    if len(term.factors) != 2:
        return None
    front, back = term.factors
    same = front.component == back.component and not any(front.orders)
    once = sum(back.orders) == 1 and back.power == 1
    return Factor(front.component, (0,) * mesh.ndim, front.power + 1) if same and once else None


def _factor(factor: Factor, states: np.ndarray, mesh: Mesh | None, known: dict) -> np.ndarray:
    """A factor, from the lower power or the field where that is known already."""
    if factor in known:
        return known[factor]
    if factor.power > 1:
        lower = Factor(factor.component, factor.orders, factor.power - 1)
        base = Factor(factor.component, factor.orders)
        value = _factor(lower, states, mesh, known) * _factor(base, states, mesh, known)
    elif any(factor.orders):
        assert mesh is not None
        value = mesh.derivative(states[:, factor.component], factor.orders)
    else:
        value = states[:, factor.component]
    known[factor] = value
    return value
