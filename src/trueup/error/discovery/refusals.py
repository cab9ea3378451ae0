"""Windows that cannot tell the terms of a library, and terms that no window can tell apart."""

from __future__ import annotations

import numpy as np

from trueup.core.errors import EvidenceError
from trueup.core.windows import Windows
from trueup.error.discovery.grams import Grams
from trueup.error.discovery.library import Library
from trueup.error.discovery.select import standardised


DEPENDENT = 1e-10
"""Smallest eigenvalue of the correlations of the terms below which some say the same."""


def refuse_dependent(grams: Grams, named: list[str]) -> None:
    """Name the terms that say the same on these states, or nothing at all."""
    xx, xy, yy = grams.total()
    size = np.diagonal(xx)
    empty = size <= 1e-24 * size.max()
    if empty.any():
        names = ", ".join(np.array(named)[empty])
        raise EvidenceError(
            "discover", f"{names} vanish on these states", do="Leave them out of the library"
        )
    r = standardised(xx, xy, yy)[0]
    if np.linalg.eigvalsh(r)[0] < DEPENDENT:
        # The first columns that depend on each other do so in one way: others mix theirs.
        upto = next(j for j in range(1, len(r) + 1) if np.linalg.eigvalsh(r[:j, :j])[0] < DEPENDENT)
        vector = np.linalg.eigh(r[:upto, :upto])[1][:, 0]
        names = ", ".join(np.array(named)[:upto][np.abs(vector) > 0.05])
        raise EvidenceError(
            "discover",
            f"{names} are linearly dependent on these states",
            why="such states cannot tell their coefficients apart",
            do="Observe a richer flow, or leave one of them out: library.without, or --without",
        )


def refuse_few(windows: Windows, library: Library) -> None:
    """Refuse fewer numbers than unknowns."""
    components = len(library.components)
    rows_each = int(np.prod(windows.shape)) // components
    if len(windows) < 10 or len(windows) * rows_each <= 2 * len(library):
        raise EvidenceError(
            "discover",
            f"{len(windows)} windows of {rows_each} points for {len(library)} terms",
            why="the windows must outnumber what they are to decide, and ten are needed to hold "
            "some out",
            do="Observe longer, or use a smaller library",
        )
