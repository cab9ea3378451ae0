"""Oracles: a loop, closed forms of the world, and the number of members."""

from __future__ import annotations

import numpy as np
import pytest

from trueup.calibration import spread_skill
from trueup.core import Ensemble, EvidenceError
from trueup.worlds import forecasts


def test_is_the_loop():
    rng = np.random.default_rng(0)
    x, y, w = rng.normal(size=(80, 5)), rng.normal(size=80), rng.exponential(size=80)
    error = sum(c * (t - row.mean()) ** 2 for c, t, row in zip(w, y, x, strict=True))
    spread = sum(c * 6 / 5 * row.var(ddof=1) for c, row in zip(w, x, strict=True))
    found = spread_skill(y, Ensemble(x), weight=w).value
    assert found == pytest.approx(np.sqrt(error / spread), rel=1e-12)


@pytest.mark.parametrize("members", [2, 5, 50])
def test_is_one_for_good_members_however_many(members):
    e = forecasts("ensemble", members=members, rows=20_000).evidence
    found = spread_skill(e.truth, e.prediction, level=0.9999)
    assert found.low < 1 < found.high


@pytest.mark.parametrize(("spread", "bias"), [(0.5, 0.0), (2.0, 0.0), (1.0, 1.0)])
def test_closed_form_of_normal_laws(spread, bias):
    e = forecasts("normal", spread=spread, bias=bias, rows=20_000).evidence
    found = spread_skill(e.truth, e.prediction, level=0.9999)
    assert found.low < np.sqrt(1 + bias**2) / spread < found.high


def test_one_member_is_refused():
    with pytest.raises(EvidenceError, match="spread_skill: needs two members at least"):
        spread_skill([0.0], Ensemble([[1.0]]))
