"""From what a search knows to what it tells: a ``Discrepancy``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trueup.error.discovery.discrepancy import Discrepancy, Finding
from trueup.error.discovery.grams import Grams
from trueup.error.discovery.regressions import solved
from trueup.error.discovery.rivals import Rival
from trueup.error.discovery.select import Choice


if TYPE_CHECKING:
    from trueup.error.discovery.search import Search


def told(
    search: Search,
    choice: Choice,
    alive: np.ndarray,
    sizes: dict[str, np.ndarray],
    *,
    level: float,
    rivals: tuple[Rival, ...],
    **checks,
) -> Discrepancy:
    """The places ``alive`` as findings, with ``sizes`` (p,) by their names, and all others."""
    library = search.settings.library
    named = [(library.components[c], library.names[t]) for c, t in search.places]
    findings = tuple(
        Finding(
            *named[at], library.terms[search.places[at][1]], search.places[at][0],
            inclusion=float(choice.shares[at]), level=level,
            **{name: float(column[i]) for name, column in sizes.items()},
        )
        for i, at in enumerate(np.flatnonzero(alive))
    )  # fmt: skip
    here = {(f.component, f.name) for f in findings}
    return Discrepancy(
        findings, search.settings, search.step, search.windows.rows,
        tuple((*named[at], float(choice.shares[at])) for at in np.flatnonzero(~alive)),
        cutoff=float(search.cutoff), noise=tuple(map(float, search.sd)),
        numerics=search.numerics, rivals=tuple(r for r in rivals if here.issuperset(r.terms)),
        **checks,
    )  # fmt: skip


def share_explained(grams: Grams, basis: np.ndarray) -> float:
    """Share of the misses' variance that the chosen terms, all of ``grams``, explain."""
    tied = grams.mapped(basis)
    xx, xy, yy = tied.total()
    return float(1 - tied.left(solved(xx, xy, np.ones(len(xy), dtype=bool))).sum() / yy)
