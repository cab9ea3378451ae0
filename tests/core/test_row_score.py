"""Row scores: the mean over rows, however they are cut into blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from trueup.core import EvidenceError, Points, Quantiles
from trueup.core.row_score import AbstractRowScore
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
