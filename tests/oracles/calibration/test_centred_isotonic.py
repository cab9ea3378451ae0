"""Oracles: scikit-learn's blocks and a slow interpolation, the paper's rule by hand."""

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

from trueup.calibration import CentredIsotonic, IsotonicCalibration
from trueup.core import Evidence, Probabilities
from trueup.worlds import confident_by_factor


def slowly(p, y, new) -> np.ndarray:
    """Lines between the mean scores of scikit-learn's blocks, in log-odds."""
    level = IsotonicRegression().fit_transform(p, y)
    points, levels = [], []
    for value in np.unique(level):
        rows = level == value
        points.append(logit(p[rows]).mean())
        guard = 0.5 / (rows.sum() + 1)
        levels.append(logit(np.clip(value, guard, 1 - guard)))
    return expit(np.interp(logit(new), points, levels))


@pytest.mark.parametrize("digits", [2, 12])
def test_equals_lines_through_the_blocks_of_scikit_learn(digits):
    e = confident_by_factor(2.0, rows=2_000, seed=1).evidence
    p = e.prediction.probs[:, 1].round(digits).clip(0.01, 0.99)
    new = np.linspace(0.02, 0.98, 200)
    fitted = CentredIsotonic().fit(Evidence(Probabilities(p), e.truth))
    assert fitted.apply(Probabilities(new)).probs[:, 1] == pytest.approx(slowly(p, e.truth, new))


def test_blocks_by_hand():
    """Outcomes 0 | 1 0 | 1: the middle block says a half at the mean of its two scores."""
    x = np.array([-2.0, -1.0, 0.5, 3.0])
    m = CentredIsotonic().fit(Evidence(Probabilities(expit(x)), [0, 1, 0, 1])).map
    assert m.points == pytest.approx([-2.0, -0.25, 3.0])
    assert expit(m.levels) == pytest.approx([0.25, 0.5, 0.75])


def test_a_small_sure_block_at_an_end_is_pooled_with_its_neighbour():
    """Half a surprise in a block of two is 1/6; the neighbour of a hundred rows says 1/50."""
    p = np.r_[np.full(2, 0.01), np.full(100, 0.2), np.full(50, 0.9)]
    y = np.r_[0, 0, np.arange(100) < 2, np.arange(50) > 5].astype(int)
    m = CentredIsotonic().fit(Evidence(Probabilities(p), y)).map
    assert expit(m.levels) == pytest.approx([2 / 102, 44 / 50])


def test_beats_isotonic_on_smooth_curves():
    """Mean squared distance from the truth over 20 tables: the paper's reason to centre."""
    gains = []
    for seed in range(20):
        world = confident_by_factor(2.0, rows=500, seed=seed)
        said = np.linspace(0.05, 0.95, 200)
        errors = [
            (
                (s.fit(world.evidence).apply(Probabilities(said)).probs[:, 1] - world.curve(said))
                ** 2
            )
            for s in (IsotonicCalibration(), CentredIsotonic())
        ]
        gains.append(errors[0].mean() - errors[1].mean())
    assert np.mean(gains) / (np.std(gains, ddof=1) / np.sqrt(20)) > 4
