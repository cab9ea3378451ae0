"""TIES: against a loop over numbers that sorts."""

from __future__ import annotations

import numpy as np
import pytest

from trueup.core.errors import UsageError
from trueup.parameters import TIES, merge


def by_hand(taus: list[list[float]], density: float) -> list[float]:
    """Trim, elect, merge, one number after another."""
    trimmed = []
    for tau in taus:
        keep = max(round(density * len(tau)), 1)
        least = sorted((abs(t) for t in tau), reverse=True)[keep - 1]
        trimmed.append([t if abs(t) >= least else 0.0 for t in tau])
    merged = []
    for column in zip(*trimmed, strict=True):
        total = sum(column)
        agree = [t for t in column if t * total > 0]
        merged.append(sum(agree) / len(agree) if agree else 0.0)
    return merged


@pytest.mark.parametrize("density", [0.1, 0.33, 1.0])
@pytest.mark.parametrize("scope", ["tensor", "model"])
def test_ties_by_hand(density, scope):
    rng = np.random.default_rng(5)
    base, *models = ({"a": rng.normal(size=(6, 5)), "b": 3 * rng.normal(size=17)} for _ in range(4))
    found = merge(models, base=base, method=TIES(density, scale=0.7, scope=scope))
    groups = [("a", "b")] if scope == "model" else [("a",), ("b",)]
    for names in groups:
        flat = [np.concatenate([m[n].ravel() - base[n].ravel() for n in names]) for m in models]
        start = np.concatenate([base[n].ravel() for n in names])
        made = np.concatenate([found[n].ravel() for n in names])
        assert made == pytest.approx(start + 0.7 * np.array(by_hand(flat, density)), rel=1e-12)


def test_shares_elect_and_weigh():
    base = {"w": np.zeros(1)}
    models = [{"w": np.array([v])} for v in (1.0, -1.5, 2.0)]
    found = [
        merge(models, base=base, method=TIES(1.0), shares=s)["w"][0] for s in ([1, 4, 1], [3, 1, 1])
    ]
    assert found == pytest.approx([-1.5, (3 * 1 + 2) / 4])


def test_opposite_models_cancel():
    base = {"w": np.zeros(3)}
    models = [{"w": np.array(v)} for v in ([1.0, 2, 3], [-1.0, -2, -3])]
    assert np.array_equal(merge(models, base=base, method=TIES(1.0))["w"], np.zeros(3))


def test_a_base_is_needed():
    with pytest.raises(UsageError, match="TIES merges differences from a base, and there is none"):
        merge([{"w": np.ones(2)}] * 2, method=TIES())
