"""Oracle: the identity."""

import numpy as np

from trueup.calibration import DoNothing, ece
from trueup.core import Probabilities
from trueup.worlds import confident_by_factor


def test_nothing_changes():
    e = confident_by_factor(2.0, rows=500, classes=4, seed=1).evidence
    fitted = DoNothing().fit(e)
    assert np.allclose(fitted.apply(e.prediction).probs, e.prediction.probs, rtol=1e-12, atol=0)
    assert fitted.converged and fitted.map.parameters == {}
    rounded = Probabilities(e.prediction.probs.round(4))  # rows that sum to one within rounding
    assert ece(e.truth, fitted.apply(rounded)).value > 0
