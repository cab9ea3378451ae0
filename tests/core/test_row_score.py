"""Row scores: the mean over rows, however they are cut into blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import trueup
from trueup.core import Ensemble, EvidenceError, Normal, Points, Quantiles
from trueup.core.row_score import AbstractRowScore
from trueup.forecast import crps, log_score
from trueup.worlds import forecasts


@dataclass(frozen=True)
class Width(AbstractRowScore):
    """Distance of the outermost quantiles."""

    name = "width"
    label = "Width"
    kinds = ("quantiles",)

    def rows(self, prediction, truth):
        return prediction.values[:, -1] - prediction.values[:, 0]


def test_mean_of_many_blocks_is_the_mean_of_rows():
    made = forecasts("quantiles", rows=20_000).evidence
    want = np.mean(made.prediction.values[:, -1] - made.prediction.values[:, 0])
    found = Width()(made.truth, made.prediction)
    assert found.value == pytest.approx(want, rel=1e-12)
    assert found.low < want < found.high and found.n == 20_000


def test_weights_and_kinds():
    said = Quantiles([0.1, 0.9], [[0.0, 1.0], [0.0, 3.0]])
    assert Width()([0.0, 0.0], said, weight=[1.0, 3.0]).value == pytest.approx(2.5)
    with pytest.raises(EvidenceError, match="width: the prediction is of kind 'points'"):
        Width()([0.0], Points([1.0]))


@pytest.mark.parametrize("score", [crps, log_score], ids=lambda s: s.name)
def test_what_overflows_is_no_number_and_says_so(score):
    found = score([1e200, 2.0], Normal([0.0, 0.0], [1e-200, 1.0]))
    assert np.isnan([found.value, found.low, found.high]).all() and found.n == 2
    assert found.how == "no value: the score of a row is not a finite number"


def test_a_proof_of_it_is_not_finite():
    e = forecasts("ensemble", rows=100).evidence
    flat = Ensemble(np.where(np.arange(100)[:, None] == 7, 1.0, e.prediction.members))
    assert trueup.prove(None, flat, on=e, score="log_score").outcome.value == "nonfinite"
    assert trueup.prove(None, flat, on=e).after.finite


def test_laws_of_nothing_are_refused():
    with pytest.raises(
        EvidenceError, match=r"Ensemble: shape must be \(n, m\) with m >= 1; got \(2, 0"
    ):
        Ensemble(np.zeros((2, 0)))
    with pytest.raises(EvidenceError, match=r"levels \[\] do not fit values of shape \(2, 0\)"):
        Quantiles([], np.zeros((2, 0)))
    with pytest.raises(EvidenceError, match=r"levels must lie in \(0, 1\); got \[0.0, 0.5\]"):
        Quantiles([0.0, 0.5], np.zeros((2, 2)))
    with pytest.raises(EvidenceError, match="the sd must be positive: 1 of 2 rows"):
        Normal([0.0, 0.0], [1.0, 0.0])
