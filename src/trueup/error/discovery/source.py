"""A corrected simulator as Python source that needs NumPy and nothing else."""

from __future__ import annotations

import keyword
from typing import TYPE_CHECKING

import numpy as np

from trueup.core.errors import UsageError
from trueup.error.discovery.snippets import BODY, DERIVATIVES, HEAD, PLAIN, WAVES
from trueup.error.discovery.terms import Factor, Term


if TYPE_CHECKING:
    from trueup.error.discovery.corrected import Corrected

TAKEN = {"np", "states", "found", "derivative"}
"""Names that the written functions use themselves."""


def source(corrected: Corrected) -> str:
    """A module with ``tendency(state)`` and ``step(model_step, state, dt)``."""
    library, mesh = corrected.library, corrected.library.mesh
    strange = [term.name for term in library.terms if term.function is not None]
    if strange:
        raise UsageError(
            "Corrected.source",
            f"the term '{strange[0]}' is a function of yours",
            why="only products of derivatives can be written down",
            do="Write it as factors, or keep Corrected and the function in Python",
        )
    if corrected.per_step:
        raise UsageError(
            "Corrected.source",
            "what is missed is a map, not a rate",
            why="only rates of change can be written down",
            do="Save it with Corrected.save, and load it around the model",
        )
    linear = corrected.linear
    waves = mesh is not None and mesh.spectral
    parts = [
        HEAD.format(words=_quoted(corrected.to_dict()["words"]),
                    components=len(library.components),
                    shape=", ".join(("...", "components", *library.dims)),
                    substeps=corrected.substeps),
        _constants(corrected) if mesh is not None else "DIMENSIONS = 0\n",
        _rate("_all", corrected, frozenset(), "Everything that was missing."),
        _rate("_rest", corrected, linear, "What is not linear of it.") if waves else "",
        DERIVATIVES if mesh is not None else "",
        WAVES if waves else PLAIN,
        BODY,
    ]  # fmt: skip
    return "\n\n".join(part.strip("\n") + "\n" for part in parts if part)


def _number(value: float) -> str:
    return repr(float(value)) if np.isfinite(value) else "np.inf"


def _quoted(lines: list[str]) -> str:
    """Lines for a docstring: nothing in them may end it."""
    return "\n".join("    " + line.encode("unicode_escape").decode().replace('"', "'")
                     for line in lines)  # fmt: skip


def _constants(corrected: Corrected) -> str:
    mesh = corrected.library.mesh
    assert mesh is not None
    pairs = [
        (c, corrected.library.terms[t].factors[0].orders, float(corrected.coefficients[c, t]))
        for c, t in sorted(corrected.linear)
    ]
    return "\n".join([
        f"SPACING = {tuple(map(float, mesh.spacing))!r}",
        f"PERIODIC = {tuple(map(bool, mesh.periodic))!r}",
        f"POINTS = {tuple(map(int, mesh.points))!r}  # of a state; () where any will do",
        f"SPECTRAL = {mesh.method == 'spectral'}",
        f"ACCURACY = {int(mesh.accuracy)}  # order of differences",
        f"DIMENSIONS = {mesh.ndim}",
        f"CUTOFF = {_number(corrected.cutoff)}  # wavenumber above which no wave was seen",
        f"LINEAR = {pairs!r}  # component, orders of its derivative, coefficient",
        "",
    ])  # fmt: skip


def _rate(name: str, corrected: Corrected, skip: frozenset, says: str) -> str:
    """A function of the terms, every derivative made once."""
    library, weights = corrected.library, corrected.coefficients
    used = [(c, t) for (c, t), weight in np.ndenumerate(weights) if weight and (c, t) not in skip]
    names = _names(corrected)
    factors = dict.fromkeys(
        Factor(f.component, f.orders) for _, t in used for f in library.terms[t].factors
    )
    lines = [f"def {name}(states):", f'    """{says}"""', "    found = np.zeros_like(states)"]
    lines += [f"    {names[f]} = {_made(f)}" for f in factors]
    lines += [
        f"    found[:, {c}] += {float(weights[c, t])!r}{_product(library.terms[t], names)}"
        for c, t in used
    ]
    return "\n".join([*lines, "    return found", ""])


def _made(factor: Factor) -> str:
    field = f"states[:, {factor.component}]"
    return f"derivative({field}, {tuple(factor.orders)!r})" if any(factor.orders) else field


def _product(term: Term, names: dict[Factor, str]) -> str:
    return "".join(f" * {names[Factor(f.component, f.orders)]}" * f.power for f in term.factors)


def _names(corrected: Corrected) -> dict[Factor, str]:
    """A variable for every factor: its name on paper where Python takes it, else a number."""
    library = corrected.library
    factors = dict.fromkeys(
        Factor(f.component, f.orders) for term in library.terms for f in term.factors
    )
    said = [Term((f,)).words(library.components, library.dims) for f in factors]
    plain = all(s.isidentifier() and s.isascii() and not keyword.iskeyword(s) for s in said)
    if not plain or len(set(said) | TAKEN) < len(said) + len(TAKEN):
        said = [f"factor_{i}" for i in range(len(said))]
    return dict(zip(factors, said, strict=True))
