"""Oracles: the two costs row by row, the error rate, and refusals."""

import numpy as np
import pytest

from trueup.calibration import ElementaryScore, accuracy, elementary_score
from trueup.core import UsageError, cube_of
from trueup.worlds import confident_by_factor


E = confident_by_factor(2.0, shift=0.3, rows=1_000, seed=1).evidence
P = E.prediction.probs[:, 1]


@pytest.mark.parametrize("threshold", [0.05, 1 / 3, 0.5, 0.777, P[3]])
def test_equals_the_costs_of_rows(threshold):
    w = np.random.default_rng(0).exponential(size=1_000)
    vain = threshold * ((P > threshold) & (E.truth == 0))
    missed = (1 - threshold) * ((P <= threshold) & (E.truth == 1))
    found = ElementaryScore(threshold)(E.truth, P, weight=w).value
    assert found == pytest.approx(np.average(vain + missed, weights=w), abs=1e-12)


def test_half_the_error_rate_at_one_half():
    want = (1 - accuracy(E.truth, P).value) / 2
    assert elementary_score(E.truth, P).value == pytest.approx(want, abs=1e-12)


def test_a_ready_cube_knows_its_edges_only():
    cube = cube_of(E)
    for threshold in (0.25, 0.5, 59 / 60):
        score = ElementaryScore(threshold)
        assert score.estimate(cube).value == pytest.approx(score(E.truth, P).value, abs=1e-12)
    for made, threshold in ((cube, 0.777), (elementary_score.cube(E), 0.4)):
        with pytest.raises(UsageError, match=f"threshold {threshold} is no edge"):
            ElementaryScore(threshold).estimate(made)
    with pytest.raises(UsageError, match=r"elementary_score: threshold is 1\.0"):
        ElementaryScore(1.0)
