"""Ranks where they help most, at the bytes of equal ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from trueup.parameters.compensation.spectrum import Spectrum


def share_out(spectra: Mapping[str, Spectrum], rank: int) -> dict[str, int]:
    """Name -> rank, for the least sum of relative errors at the cost of ``rank`` everywhere.

    What the next rank of a layer gains falls from rank to rank, so the best by cost come first.

    Examples
    --------
    >>> def of(*energy):
    ...     return Spectrum(np.array(energy), np.eye(3), np.ones((3, 3)), 10.0)
    >>> share_out({"a": of(9, 5, 1), "b": of(2, 1, 0)}, 1)
    {'a': 2, 'b': 0}
    """
    budget = sum(rank * one.cost for one in spectra.values())
    rows = [
        (energy / max(one.whole, 1e-30) / one.cost, one.cost, name)
        for name, one in spectra.items()
        for energy in one.energy.tolist()
    ]
    found, places = dict.fromkeys(spectra, 0), np.argsort([-row[0] for row in rows], kind="stable")
    for place in places:
        gain, cost, name = rows[place]
        if gain > 0 and cost <= budget:
            found[name] += 1
            budget -= cost
    return found
