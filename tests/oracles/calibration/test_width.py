"""Oracles: closed forms, and the agreement of kinds that say the same."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from trueup.calibration import width, width_50, width_90, width_95
from trueup.core import Ensemble, EvidenceError, Intervals, Normal, Quantiles
from trueup.worlds import forecasts


def test_closed_form_of_normal_laws():
    sd = np.array([1.0, 3.0])
    for measure, level in ((width_50, 0.5), (width_90, 0.9), (width_95, 0.95)):
        want = 2 * norm.ppf((1 + level) / 2) * 2.0
        assert measure([0, 0], Normal([0, 0], sd)).value == pytest.approx(want, rel=1e-12)


def test_kinds_that_say_the_same_are_as_wide():
    made = {k: forecasts(k, spread=0.8).evidence for k in ("normal", "quantiles", "intervals")}
    found = [width(e.truth, e.prediction).value for e in made.values()]
    assert found == pytest.approx([found[0]] * 3, rel=1e-12)


def test_members_in_between_are_interpolated():
    said = Ensemble([[4.0, 1.0, 3.0, 2.0]])  # ranks 1.25 and 3.75 of 5
    assert width_50([0.0], said).value == pytest.approx(2.5)


def test_of_crossed_quantiles_it_is_negative():
    assert width_50([0.0], Quantiles([0.25, 0.75], [[1.0, 0.0]])).value == -1.0


def test_own_level_only():
    said = Intervals([0.0], [2.0], 0.8)
    assert width([1.0], said).value == 2.0
    with pytest.raises(
        EvidenceError, match=r"width_90: no interval at level 0.9: these are stated a"
    ):
        width_90([1.0], said)
