"""Oracles: a loop, closed forms of normal laws and of few members."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trueup.calibration import rms_z
from trueup.core import Ensemble, EvidenceError, Normal
from trueup.worlds import forecasts


def test_is_the_loop():
    rng = np.random.default_rng(0)
    mean, sd, y = rng.normal(size=90), rng.exponential(size=90), rng.normal(size=90)
    want = math.sqrt(sum(((t - a) / s) ** 2 for t, a, s in zip(y, mean, sd, strict=True)) / 90)
    assert rms_z(y, Normal(mean, sd)).value == pytest.approx(want, rel=1e-12)


def test_closed_form_of_normal_laws():
    e = forecasts("normal", spread=0.8, bias=0.5, rows=20_000).evidence
    found = rms_z(e.truth, e.prediction, level=0.9999)
    assert found.low < math.sqrt(1.25) / 0.8 < found.high


def test_of_good_members_it_is_what_their_number_makes_of_it():
    m = 12
    e = forecasts("ensemble", members=m, rows=40_000).evidence
    found = rms_z(e.truth, e.prediction, level=0.9999)
    assert found.low < math.sqrt((m + 1) * (m - 1) / (m * (m - 3))) < found.high


def test_equal_members_give_no_number_and_say_so():
    found = rms_z([0.0, 1.0], Ensemble([[0.0, 1.0], [2.0, 2.0]]))
    assert math.isnan(found.value) and "not a finite number" in found.how
    with pytest.raises(EvidenceError, match="rms_z: needs two members at least"):
        rms_z([0.0], Ensemble([[1.0]]))
