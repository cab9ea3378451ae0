"""What a simulator misses: terms with intervals, readable, and what to do with them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trueup.core.estimate import Estimate
from trueup.core.rows import Rows
from trueup.error.discovery.corrected import Corrected
from trueup.error.discovery.grams import INNER
from trueup.error.discovery.numerics import Numerics
from trueup.error.discovery.quadrature import UNKNOWN, Quadrature
from trueup.error.discovery.rivals import Rival, told
from trueup.error.discovery.symbols import expressions, latex
from trueup.error.discovery.terms import Term


if TYPE_CHECKING:
    from trueup.error.discovery.discover import Discovery


COARSE = 0.001
"""Error of the integrals over time, as a share of the misses, from which on it is said aloud."""

SURE = 0.5
"""Inclusion below which a term that was found is doubtful."""


@dataclass(frozen=True)
class Finding:
    """One missing term.

    Attributes
    ----------
    component
        The component in whose equation it is missing.
    name
        The term as people write it.
    term, place
        The term itself, and the number of the component.
    value, sd, low, high, level
        Its coefficient, standard error, and interval.
    inclusion
        Share of resamples of the windows in which it is worth having.
    used
        Its coefficient in the corrected simulator, estimated without the doubtful terms; 0 of one
        of these.
    """

    component: str
    name: str
    term: Term
    place: int
    value: float
    sd: float
    low: float
    high: float
    inclusion: float
    level: float = 0.95
    used: float = 0.0

    @property
    def doubtful(self) -> bool:
        """Whether other windows would hardly show it."""
        return self.inclusion < SURE

    @property
    def estimate(self) -> Estimate:
        """The coefficient with its interval."""
        return Estimate(self.value, self.low, self.high, self.level, how="block bootstrap")

    def __str__(self) -> str:
        return f"{shown(self.value, (self.high - self.low) / 2)} {self.name}"


def shown(value: float, half: float) -> str:
    """A value to the digits that its interval leaves it, at most six after the point.

    Examples
    --------
    >>> shown(0.98765, 0.0123), shown(-0.5, 2e-9)
    ('0.988 ± 0.012', '-0.500000 ± 2e-09')
    """
    digits = 6 if half <= 0 else min(max(1 - math.floor(math.log10(half)), 0), 6)
    wide = f"{half:.{digits}f}" if half >= 10.0**-digits else f"{half:.0e}"
    return f"{value:.{digits}f} ± {wide}"


@dataclass(frozen=True, eq=False)
class Discrepancy:
    """What a simulator misses; ``terms`` may be empty, which is an outcome too.

    Attributes
    ----------
    terms
        The missing terms: a ``Finding`` each.
    settings
        How they were searched.
    step
        The model that misses them.
    rows
        Identities of the states that were seen.
    others
        Component, name and inclusion of every term that was left out.
    cutoff
        Wavenumber above which noise drowns the waves; infinite where nothing was cut.
    noise
        Standard deviation of the noise of every component.
    numerics
        Order and share of the solver's own error; None where it could not be told.
    quadrature
        Error of the integrals over time as a share of the misses, NaN where it could not be told,
        and the wavenumber above which waves move too far between two states.
    explained
        Share of the variance of the misses that the terms explain.
    rivals
        Other terms that explain these windows as well: a ``Rival`` each.
    """

    terms: tuple[Finding, ...]
    settings: Discovery
    step: Any
    rows: Rows
    others: tuple[tuple[str, str, float], ...] = ()
    cutoff: float = float("inf")
    noise: tuple[float, ...] = ()
    numerics: Numerics | None = None
    explained: float = 0.0
    quadrature: Quadrature = UNKNOWN
    rivals: tuple[Rival, ...] = ()

    def __str__(self) -> str:
        if not self.terms:
            return "nothing is missing that these terms could explain"
        lines = []
        for component in dict.fromkeys(f.component for f in self.terms):
            parts = [str(f) for f in self.terms if f.component == component]
            lines.append(f"{component}' += " + " + ".join(parts).replace("+ -", "- "))
        share = f"{100 * self.settings.least:.3g} %"
        lines.append(f"everything else explains less than {share} of what is missing")
        if np.isfinite(self.quadrature.cutoff):
            lines.append(
                f"waves above {self.quadrature.cutoff:.3g} move too far between two states "
                "to be read: left out"
            )
        if self.quadrature.share > COARSE:
            lines.append(
                f"integrals over time are off by {100 * self.quadrature.share:.2g} %: "
                "states lie too far apart, intervals are widened"
            )
        return "\n".join([*lines, *self.warnings])

    __repr__ = __str__

    @property
    def sure(self) -> tuple[Finding, ...]:
        """The terms that are not doubtful."""
        return tuple(f for f in self.terms if not f.doubtful)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Terms that are doubtful, and ``limits``, in words; empty is best."""
        few = [f.name for f in self.terms if f.doubtful]
        doubt = (f"{', '.join(few)}: worth having in fewer than half of the resamples, left out of "
                 "the corrected simulator")  # fmt: skip
        return (doubt, *self.limits) if few else self.limits

    @property
    def limits(self) -> tuple[str, ...]:
        """What these windows cannot tell, in words."""
        if not self.terms:
            return ()
        library = self.settings.library
        return (*told(self.rivals, len(library.components) > 1), *self._unchecked())

    def _unchecked(self) -> Iterator[str]:
        """What was neither mended nor measured."""
        library, through = self.settings.library, self.settings.target == "through the step"
        mesh = library.mesh
        if through and np.isnan(self.quadrature.share):
            yield ("windows of one interval do not show the error of integrals over time, and no "
                   "interval holds it: use a length of 2 or more")  # fmt: skip
        orders = [sum(f.orders) for term in library.terms for f in term.factors]
        bare = mesh is not None and not mesh.spectral and mesh.method != "weak"
        if bare and any(self.noise) and max(orders, default=0):
            yield (f"noise is cut from no wave where ends do not meet: derivatives up to order "
                   f"{max(orders)} blow it up, and terms may be wrong; Mesh(method='weak') looks "
                   "through it")  # fmt: skip

    @property
    def corrected(self) -> Corrected:
        """The simulator with the missing terms added, but for doubtful ones."""
        return self.correct()

    def correct(self, *, doubtful: bool = False) -> Corrected:
        """The simulator with the missing terms added.

        Parameters
        ----------
        doubtful
            Whether terms come in that are worth having in fewer than half of the resamples, such as
            errors of differences near a wall; else the others are estimated without them.
        """
        library = self.settings.library
        weights = np.zeros((len(library.components), len(library)))
        for found in self.terms:
            value = found.value if doubtful else found.used
            weights[found.place, library.names.index(found.name)] = value
        used = np.flatnonzero(weights.any(axis=0))
        few = (
            replace(library, terms=tuple(library.terms[i] for i in used)) if len(used) else library
        )
        return Corrected(
            self.step, few, weights[:, used] if len(used) else weights, rows=self.rows,
            per_step=self.settings.target == "per step", cutoff=INNER * self.cutoff,
        )  # fmt: skip

    @property
    def sympy(self) -> Any:
        """Component -> SymPy expression of what is missing from its equation."""
        return expressions(self)

    @property
    def latex(self) -> str:
        """What is missing, for LaTeX."""
        return latex(self)

    def to_dict(self) -> dict:
        """A dict for JSON."""
        kept = ("component", "name", "value", "sd", "low", "high", "inclusion", "level", "used")
        return {
            "terms": [{name: getattr(f, name) for name in kept} for f in self.terms],
            "others": [list(row) for row in self.others],
            "cutoff": None if np.isinf(self.cutoff) else self.cutoff,
            "noise": list(self.noise),
            "numerics": self.numerics and {"order": self.numerics.order,
                                           "share": self.numerics.share},
            "quadrature": {name: value if np.isfinite(value) else None
                           for name, value in vars(self.quadrature).items()},
            "explained": self.explained,
            "rivals": [{"terms": [list(pair) for pair in rival.terms],
                        "instead": [list(pair) for pair in rival.instead]}
                       for rival in self.rivals],
            "warnings": list(self.warnings),
        }  # fmt: skip

    def value(self, name: str, component: str = "") -> float:
        """Coefficient of the term ``name``; 0 where it was not found."""
        found = [f.value for f in self.terms
                 if f.name == name and component in ("", f.component)]  # fmt: skip
        return found[0] if found else 0.0
