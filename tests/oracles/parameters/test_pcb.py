"""PCB: against a loop that sorts, in the order of the published steps."""

from __future__ import annotations

import numpy as np
import pytest

from trueup.parameters import PCB, merge


def by_hand(taus: np.ndarray, density: float) -> np.ndarray:
    """Merged difference of (k, n) differences: every step one after another, with sorts."""
    k, n = taus.shape
    held, scores = np.zeros((k, n)), np.zeros((k, n))
    for i in range(k):
        sizes = np.sort(np.abs(taus[i]))
        low, high = sizes[int(n * 1e-4)], sizes[int(n * (1 - 1e-4) - 1)]
        size = np.minimum(np.maximum(np.abs(taus[i]), low), high)
        held[i] = np.sign(taus[i]) * size
        intra = np.exp(k * ((size - size.min()) / (size.max() - size.min())) ** 2)
        scores[i] = intra * np.tanh(taus[i] * taus.sum(axis=0))
    parts = np.zeros((k, n))
    for i in range(k):
        least = np.sort(scores[i])[int(n * (1 - density))]
        parts[i] = (np.maximum(scores[i], least) - least) / (scores[i].max() - least)
    return (held * parts).sum(axis=0) / np.maximum(parts.sum(axis=0), 1e-12)


@pytest.mark.parametrize("density", [0.05, 0.3])
@pytest.mark.parametrize("scope", ["tensor", "model"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pcb_by_hand(density, scope, dtype):
    rng = np.random.default_rng(7)
    tensors = {"a": (120, 100), "b": (37,)}
    base, *models = (
        {n: (rng.standard_t(4, size=s) * 0.1).astype(dtype) for n, s in tensors.items()}
        for _ in range(4)
    )
    found = merge(models, base=base, method=PCB(density, scale=1.2, scope=scope))
    for names in [("a", "b")] if scope == "model" else [("a",), ("b",)]:
        taus = np.array([np.concatenate([(m[n] - base[n]).ravel() for n in names]) for m in models])
        start = np.concatenate([base[n].ravel() for n in names])
        made = np.concatenate([found[n].ravel() for n in names])
        wanted = start + 1.2 * by_hand(taus.astype(np.float64), density)
        allowed = 1e-11 if dtype is np.float64 else 2e-6
        assert made == pytest.approx(wanted, rel=allowed, abs=allowed)


def test_many_models_do_not_overflow():
    """exp(k) leaves single precision at 88 models."""
    rng = np.random.default_rng(0)
    base = {"w": np.zeros(50, np.float32)}
    models = [{"w": rng.normal(size=50).astype(np.float32)} for _ in range(100)]
    assert np.isfinite(merge(models, base=base, method=PCB(0.5))["w"]).all()


def test_numbers_of_no_model_matter_nothing():
    """Where models pull apart and one is small, the large one has its way."""
    base = {"w": np.zeros(5)}
    models = [{"w": np.array(v)} for v in ([5.0, 4, 0.1, 0, 1], [-0.1, 4, 0.1, 3, 5])]
    found = merge(models, base=base, method=PCB(0.4))["w"]
    assert found[0] == pytest.approx(4.0) and found[1] == pytest.approx(4.0)  # 5 is held at 4
    assert found[2] == found[3] == 0
