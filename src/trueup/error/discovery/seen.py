"""What a model misses on some windows, beside what the found terms explain of it."""

from __future__ import annotations

import numpy as np

from trueup.core.windows import Windows
from trueup.error.discovery.discrepancy import Discrepancy
from trueup.error.discovery.search import Search


def missed(found: Discrepancy, on: Windows) -> tuple[np.ndarray, np.ndarray]:
    """What the model misses a unit of time on the windows ``on``, and the part that is explained.

    Both (n, components, *mesh), without the waves that noise drowns.
    """
    search = Search(found.settings, found.step, on)
    names = found.settings.library.names
    places = [(f.place, names.index(f.name)) for f in found.terms]
    seen, explained = [], []
    for states in search.windows.chunks(search.most(len(places))):
        states = search.smooth(search.parted(states))
        seen.append(search.increments.misses(states))
        part = np.zeros_like(seen[-1])
        columns = search.increments.columns(states, places) if places else ()
        for finding, column in zip(found.terms, columns, strict=True):
            part += finding.value * column
        explained.append(part)
    return np.concatenate(seen), np.concatenate(explained)
