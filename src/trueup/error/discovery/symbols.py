"""Terms as SymPy expressions and LaTeX."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from trueup.core.errors import MissingPackage


if TYPE_CHECKING:
    from trueup.error.discovery.discrepancy import Discrepancy


def expressions(found: Discrepancy) -> dict[str, Any]:
    """Component -> SymPy expression of its missing tendency, of functions of the dimensions.

    A term that is a function of the user's is read by its name.
    """
    if importlib.util.find_spec("sympy") is None:
        raise MissingPackage(
            "Discrepancy.sympy", "SymPy is not here", do="pip install 'trueup[sympy]'"
        )
    sympy = importlib.import_module("sympy")
    library = found.settings.library
    places = [sympy.Symbol(name) for name in library.dims]
    known: dict[str, Any] = dict(zip(library.dims, places, strict=True))
    for name in library.components:
        known[name] = sympy.Function(name)(*places) if places else sympy.Symbol(name)
    made = {}
    for component in library.components:
        mine = [f for f in found.terms if f.component == component]
        parts = [f.value * sympy.sympify(f.term.code(library.components, library.dims), known)
                 for f in mine]  # fmt: skip
        made[component] = sympy.Add(*parts)
    return made


def latex(found: Discrepancy) -> str:
    """A line a component, such as ``\\dot{u} \\mathrel{+}= ...``."""
    import sympy

    rounded = {
        name: expression.xreplace(
            {number: sympy.Float(number, 4) for number in expression.atoms(sympy.Float)}
        )
        for name, expression in expressions(found).items()
    }
    return " \\\\\n".join(
        f"\\dot{{{name}}} \\mathrel{{+}}= {sympy.latex(expression)}"
        for name, expression in rounded.items()
    )
