"""Breadcrumbs: against a loop that sorts."""

from __future__ import annotations

import numpy as np
import pytest

from trueup.parameters import Breadcrumbs, merge


@pytest.mark.parametrize(
    ("smallest", "largest"), [(0.85, 0.01), (0.5, 0.2), (0.0, 0.1), (0.3, 0.0)]
)
def test_bands_by_hand(smallest, largest):
    rng = np.random.default_rng(0)
    base, *models = ({"w": rng.normal(size=200), "b": rng.normal(size=10)} for _ in range(3))
    method = Breadcrumbs(smallest, largest, scale=0.5)
    found = merge(models, base=base, method=method)
    for name, start in base.items():
        total = np.zeros(start.size)
        for model in models:
            tau = model[name] - start
            order = sorted(range(tau.size), key=lambda j: abs(tau[j]))
            stay = order[round(smallest * tau.size) : tau.size - round(largest * tau.size)]
            for j in stay:
                total[j] += tau[j]
        assert found[name] == pytest.approx(start + 0.5 * total, rel=1e-12, abs=1e-14)
