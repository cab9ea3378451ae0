"""Oracles: a slow loop over all cuts, and cases by hand."""

import numpy as np
import pytest

from trueup.calibration import shrink_classes
from trueup.core.errors import EvidenceError, UsageError


def by_hand(q, threshold):
    """Drop one rival after the other; (classes that stay, confidence)."""
    ranked = sorted(range(len(q)), key=lambda j: (-q[j], j))
    for rivals in range(len(q) - 1):
        stay = [ranked[0], *ranked[1 + rivals :]]
        confidence = q[ranked[0]] / sum(q[j] for j in stay)
        if confidence >= threshold:
            break
    return set(stay), confidence


@pytest.mark.parametrize("k", [2, 3, 10])
@pytest.mark.parametrize("threshold", [0.6, 0.95])
def test_equals_a_slow_loop(k, threshold):
    rng = np.random.default_rng(k)
    probs = np.concatenate([rng.dirichlet(np.full(k, a), 100) for a in (0.1, 1.0, 10.0)])
    found = shrink_classes(probs, threshold=threshold)
    for q, kept, confidence, certain in zip(
        probs, found.kept, found.confidence, found.certain, strict=True
    ):
        stay, expected = by_hand(q, threshold)
        assert set(np.flatnonzero(kept)) == stay
        assert confidence == pytest.approx(expected, rel=1e-12)
        assert certain == (expected >= threshold)


def test_a_certain_row_keeps_all_classes():
    found = shrink_classes(np.array([[0.01, 0.97, 0.02]]))
    assert found.kept.all() and found.certain.all()
    assert found.confidence[0] == 0.97


def test_a_row_without_hope_is_not_certain():
    found = shrink_classes(np.full((1, 4), 0.25))
    assert found.kept.tolist() == [[True, False, False, True]]
    assert (found.confidence[0], found.certain[0]) == (0.5, False)


@pytest.mark.parametrize("threshold", [0.0, 1.0, -1.0, float("nan")])
def test_a_threshold_must_be_a_share(threshold):
    with pytest.raises(UsageError, match=r"shrink_classes: threshold is .* Pass a share"):
        shrink_classes(np.array([[0.5, 0.5]]), threshold=threshold)


def test_what_are_no_probabilities_is_refused():
    with pytest.raises(EvidenceError):
        shrink_classes(np.array([[0.5, 0.9]]))
