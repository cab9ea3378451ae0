"""Libraries: the terms that are tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations_with_replacement, product

import numpy as np

from trueup.core.errors import UsageError
from trueup.error.discovery.mesh import Mesh
from trueup.error.discovery.terms import Factor, Term, evaluate


Tie = tuple[tuple[tuple[str, str], float], ...]
"""Weights by component and term: the weighed sum of their coefficients is 0."""


@dataclass(frozen=True)
class Library:
    """Terms that may be missing from the equations of a state.

    Parameters
    ----------
    terms
        What is tried.
    components
        Names of the components of a state. Of one field a state is (*mesh); of several it is
        (components, *mesh); without a mesh it is (components,).
    mesh
        The mesh of the fields; None for a state of plain numbers.
    equations
        Components that may miss terms; empty means all but the inputs. A delayed value, or a
        position whose rate is a velocity, misses nothing.
    inputs
        Components that come from outside and are known at all times: a control, a forcing.
    ties
        Equalities between coefficients, see ``tied``.

    Examples
    --------
    >>> polynomials(("x", "y"), degree=2).names
    ('1', 'x', 'y', 'x^2', 'x y', 'y^2')
    >>> products(Mesh((0.1,)), powers=1, orders=2).names
    ('u_x', 'u_xx', 'u', 'u u_x', 'u u_xx')
    """

    terms: tuple[Term, ...]
    components: tuple[str, ...] = ("u",)
    mesh: Mesh | None = None
    equations: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    ties: tuple[Tie, ...] = ()

    names: tuple[str, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        names = tuple(t.words(self.components, self.dims) for t in self.terms)
        object.__setattr__(self, "names", names)
        twice = sorted({name for name in names if names.count(name) > 1})
        if not names or twice:
            raise UsageError(
                "Library",
                f"terms {twice} stand twice" if twice else "there is no term",
                do="Name every term once",
            )
        self.places(self.inputs)
        for (component, name), _ in (part for tie in self.ties for part in tie):
            self._named([name])
            if self.places((component,))[0] not in self.searched:
                raise UsageError(
                    "Library",
                    f"a tie holds '{component}', whose equation misses nothing",
                    do="Tie terms of equations that are searched",
                )
        if not self.searched or set(self.equations) & set(self.inputs):
            raise UsageError(
                "Library",
                f"equations are {self.equations}, inputs {self.inputs}",
                why="an input has no equation, and one component must have one",
                do="Name the components whose equations may miss terms",
            )

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the dimensions of the mesh."""
        return self.mesh.dims if self.mesh else ()

    def equalities(self, places: list[tuple[int, int]]) -> np.ndarray:
        """The ties as rows (ties, places) of numbers, of coefficients (component, term)."""
        found = np.zeros((len(self.ties), len(places)))
        for row, tie in zip(found, self.ties, strict=True):
            for (component, name), weight in tie:
                place = (self.components.index(component), self.names.index(name))
                if place in places:
                    row[places.index(place)] += weight
        return found

    def places(self, names: tuple[str, ...]) -> tuple[int, ...]:
        """Numbers of the components ``names``."""
        strange = [name for name in names if name not in self.components]
        if strange:
            raise UsageError(
                "Library",
                f"there is no component '{strange[0]}'",
                do=f"Use names of {', '.join(self.components)}",
            )
        return tuple(self.components.index(name) for name in names)

    @property
    def searched(self) -> tuple[int, ...]:
        """Numbers of the components whose equations may miss terms."""
        free = tuple(name for name in self.components if name not in self.inputs)
        return self.places(self.equations or free)

    def __len__(self) -> int:
        return len(self.terms)

    def __add__(self, other: Library) -> Library:
        """Both libraries in one; a term that stands in both is taken once."""
        shared = ("components", "mesh", "equations", "inputs")
        if any(getattr(self, name) != getattr(other, name) for name in shared):
            raise UsageError(
                "Library",
                f"components {self.components} and {other.components}, or the meshes, equations "
                "or inputs, differ",
                do="Join libraries of the same state",
            )
        new = [t for t, n in zip(other.terms, other.names, strict=True) if n not in self.names]
        return replace(self, terms=(*self.terms, *new), ties=(*self.ties, *other.ties))

    def only(self, names) -> Library:
        """The terms called ``names``; the coefficients of the others are 0 in every tie."""
        self._named(names)
        kept = (tuple(part for part in tie if part[0][1] in names) for tie in self.ties)
        return replace(
            self,
            terms=tuple(self.terms[self.names.index(name)] for name in names),
            ties=tuple(tie for tie in kept if tie),
        )

    def tied(self, *ties: Mapping[tuple[str, str], float]) -> Library:
        """With equalities between coefficients: symmetries, conservation laws.

        Each is a weight for some pairs (component, term): the sum of weight times coefficient is 0.

        Examples
        --------
        Two substances that diffuse alike, and what one loses the other gains:

        >>> mixed = products(Mesh((0.1,)), powers=1, orders=2, components=("u", "v"))
        >>> alike = {("u", "u_xx"): 1, ("v", "v_xx"): -1}
        >>> gains = {("u", "u v_x"): 1, ("v", "u v_x"): 1}
        >>> len(mixed.tied(alike, gains).ties)
        2
        """
        given = tuple(
            tuple((pair, float(weight)) for pair, weight in tie.items() if weight) for tie in ties
        )
        return replace(self, ties=(*self.ties, *given))

    def _named(self, names) -> None:
        """Refuse names of no term."""
        strange = [name for name in names if name not in self.names]
        if strange:
            raise UsageError(
                "Library.only",
                f"there is no term '{strange[0]}'",
                do=f"Use names of {', '.join(self.names[:12])}",
            )

    def without(self, names) -> Library:
        """The other terms than those called ``names``."""
        self._named(names)
        return self.only([name for name in self.names if name not in set(names)])

    def __call__(self, states: np.ndarray) -> list[np.ndarray]:
        """Every term at ``states`` (n, components, *mesh): arrays (n, *mesh)."""
        return evaluate(self.terms, states, self.mesh)

    def state_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """``shape`` of a state with its components in front; refused where it cannot be one."""
        space = self.mesh.ndim if self.mesh else 0
        wanted = (len(self.components), *shape[len(shape) - space :])
        points = self.mesh.points if self.mesh else ()
        if points and shape[len(shape) - space :] != tuple(points):
            raise UsageError(
                "Library",
                f"states have shape {shape}, the mesh has {points} points",
                why="these are states of another mesh, or their axes are in another order",
                do="Pass (time, ...) states on the mesh of the library",
            )
        if shape == wanted or (len(self.components) == 1 and (1, *shape) == wanted):
            return wanted
        raise UsageError(
            "Library",
            f"states have shape {shape}, components are {self.components}, the mesh has "
            f"{space} dimensions",
            do="Pass states (components, *mesh), or (*mesh) of one component, with time in front",
        )


def polynomials(
    components: tuple[str, ...],
    *,
    degree: int = 2,
    mesh: Mesh | None = None,
    equations: tuple[str, ...] = (),
    inputs: tuple[str, ...] = (),
) -> Library:
    """All products of ``components`` up to ``degree``, of plain numbers or at the points of a mesh.

    Examples
    --------
    How two substances may react, beside how they are carried and spread:

    >>> two, line = ("a", "b"), Mesh((0.1,))
    >>> both = products(line, powers=1, orders=2, components=two) + polynomials(two, mesh=line)
    >>> [name for name in both.names if "_x" not in name]
    ['a', 'b', '1', 'a^2', 'a b', 'b^2']
    """
    terms = []
    for n in range(degree + 1):
        for chosen in combinations_with_replacement(range(len(components)), n):
            counts = {c: chosen.count(c) for c in chosen}
            terms.append(Term(tuple(Factor(c, (), p) for c, p in counts.items())))
    return Library(
        tuple(terms), tuple(components), mesh, equations=tuple(equations), inputs=tuple(inputs)
    )


def products(
    mesh: Mesh, *, powers: int = 4, orders: int = 4, components: tuple[str, ...] = ("u",)
) -> Library:
    """u^p times a derivative of u, p up to ``powers`` and the derivative up to ``orders``.

    Of several components every power of one meets every derivative of every one; of two dimensions
    every mixed derivative. The constant is left out: on a periodic mesh it moves the mean alone.
    """
    few = [o for o in product(range(orders + 1), repeat=mesh.ndim) if sum(o) <= orders]
    few.sort(key=lambda o: (sum(o), tuple(-n for n in o)))
    n = len(components)
    terms: list[Term] = []
    for power in range(powers + 1):
        for first in range(n) if power else (0,):
            front = (Factor(first, (0,) * mesh.ndim, power),) if power else ()
            for order in few:
                for second in range(n) if any(order) else (0,):
                    back = (Factor(second, order),) if any(order) else ()
                    if front or back:
                        terms.append(Term(front + back))
    return Library(tuple(terms), tuple(components), mesh)


def functions(
    calls: Mapping[str, Callable[[np.ndarray], np.ndarray]],
    *,
    components: tuple[str, ...] = ("u",),
    mesh: Mesh | None = None,
) -> Library:
    """Terms that are functions of yours, by name: states (n, components, *mesh) to (n, *mesh).

    Examples
    --------
    >>> functions({"sin(x)": lambda s: np.sin(s[:, 0])}, components=("x", "v")).names
    ('sin(x)',)
    """
    return Library(tuple(Term((), f, name) for name, f in calls.items()), tuple(components), mesh)
