"""Oracles: the integral of the definition by brute force over rows; the kernel's transform."""

import numpy as np
import pytest
from scipy.integrate import quad

from trueup.calibration import kde_ece
from trueup.calibration.measures.kde_ece import triweight
from trueup.worlds import confident_by_factor


def by_rows(y, p, *, points: int = 4_001) -> float:
    """Released code of the authors in formulas: triweight of sd h, mirrored at 0 and 1."""
    h = p[y == 1].std() * (2 * len(p)) ** -0.2
    t = np.linspace(0, 1, points)

    def density(scores):
        total = np.zeros(points)
        for image in (scores, -scores, 2 - scores):
            u = (t[:, None] - image) / (3 * h)
            total += (35 / 32 * np.maximum(1 - u**2, 0) ** 3 / (3 * h)).sum(axis=1)
        return total / len(p)

    f, g = density(p), density(p[y == 1])
    return float(np.trapezoid(np.abs(t * f - g), t) / np.trapezoid(f, t))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("factor", [2.0, 1.0])
def test_equals_the_integral_over_rows(factor, seed):
    e = confident_by_factor(factor, shift=0.3, rows=400, seed=seed).evidence
    p, y = e.prediction.probs[:, 1], e.truth
    assert kde_ece(y, p).value == pytest.approx(by_rows(y, p), rel=1e-3)


def test_several_classes_speak_of_the_top_label():
    e = confident_by_factor(2.0, rows=400, classes=4, seed=1).evidence
    p, right = e.prediction.probs.max(axis=1), e.prediction.probs.argmax(axis=1) == e.truth
    want = by_rows(right.astype(int), p)
    assert kde_ece(e.truth, e.prediction).value == pytest.approx(want, rel=1e-3)


@pytest.mark.parametrize("s", [0.0, 0.05, 0.2, 3.0, 40.0])
def test_transform_of_the_kernel(s):
    want, _ = quad(lambda u: 35 / 32 * (1 - u**2) ** 3 * np.cos(s * u), -1, 1, limit=200)
    assert triweight(np.array([s]))[0] == pytest.approx(want, abs=1e-5)


def test_no_events_is_no_crash():
    found = kde_ece(np.zeros(200, int), np.linspace(0.1, 0.3, 200))
    assert found.value == pytest.approx(0.2, abs=0.01)
