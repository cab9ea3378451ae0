"""Oracles: the closed form for Dirichlet laws, the same row of matrix scaling."""

import numpy as np
import pytest

from trueup.calibration import DirichletCalibration, MatrixScaling
from trueup.core import Evidence, Probabilities
from trueup.worlds import confused_classes


def test_recovers_the_closed_form_of_dirichlet_laws():
    """Classes with laws Dir(alpha_j): W_j = alpha_j - 1 up to what classes share (Kull, 2019)."""
    rng = np.random.default_rng(1)
    alpha = np.array([[4.0, 2.0, 1.0], [1.5, 3.0, 2.0], [1.0, 1.0, 3.0]])
    y = rng.integers(0, 3, 40_000)
    said = np.vstack([rng.dirichlet(a) for a in alpha[y]])
    m = (
        DirichletCalibration(off_diagonal=1e-6, intercept=1e-6)
        .fit(Evidence(Probabilities(said), y))
        .map
    )
    true = alpha - alpha.mean(axis=0)
    assert m.weight - m.weight.mean(axis=0) == pytest.approx(true, abs=0.08)


def test_is_a_row_of_matrix_scaling():
    e = confused_classes(500).evidence
    one = DirichletCalibration(off_diagonal=0.3, intercept=0.2).fit(e).map
    two = MatrixScaling(off_diagonal=0.3, intercept=0.2).fit(e).map
    assert np.array_equal(one.weight, two.weight) and np.array_equal(one.shift, two.shift)
