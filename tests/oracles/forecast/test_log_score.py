"""Oracles: SciPy's density, and what the score of an ensemble means."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from trueup.core import Ensemble, EvidenceError, Normal
from trueup.forecast import log_score


def test_equals_scipy():
    rng = np.random.default_rng(0)
    mean, sd, y = rng.normal(size=200), rng.exponential(size=200) + 0.1, rng.normal(size=200)
    want = -norm.logpdf(y, mean, sd).mean()
    assert log_score(y, Normal(mean, sd)).value == pytest.approx(want, rel=1e-12)


def test_of_an_ensemble_it_is_half_of_dawid_and_sebastiani():
    rng = np.random.default_rng(1)
    x, y = rng.gamma(2, size=(200, 9)), rng.gamma(2, size=200)
    mean, variance = x.mean(axis=1), x.var(axis=1, ddof=1)
    dss = np.log(variance) + (y - mean) ** 2 / variance
    want = (dss.mean() + math.log(2 * math.pi)) / 2
    assert log_score(y, Ensemble(x)).value == pytest.approx(want, rel=1e-12)


def test_equal_members_give_no_number_and_say_so():
    found = log_score([0.0, 1.0], Ensemble([[0.0, 1.0], [2.0, 2.0]]))
    assert math.isnan(found.value) and math.isnan(found.low) and found.n == 2
    assert found.how == "no value: the score of a row is not a finite number"


def test_one_member_is_refused():
    with pytest.raises(EvidenceError, match="log_score: needs two members at least"):
        log_score([0.0], Ensemble([[1.0]]))
