"""Forms: every kind of prediction becomes columns and comes back."""

from __future__ import annotations

import numpy as np
import pytest

from trueup.core import EvidenceError, Points, Probabilities, Quantiles, Sets
from trueup.core.forms import columns_of, form_of
from trueup.core.laws import mean_of, median_of, quantile_of, sd_of
from trueup.worlds import forecasts


KINDS = ("normal", "quantiles", "ensemble", "intervals", "points")


@pytest.mark.parametrize("kind", KINDS)
def test_columns_come_back_as_the_same_prediction(kind):
    said = forecasts(kind, rows=50).evidence.prediction
    form = form_of(said)
    again = form.prediction(columns_of(said), like=said)
    assert form_of(again) == form and len(form.names) == form.width
    assert np.array_equal(columns_of(again), columns_of(said))


def test_probabilities_and_sets_come_back():
    said = Probabilities([[0.2, 0.8]], classes=("a", "b"))
    again = form_of(said).prediction(columns_of(said), like=said)
    assert again.probs == pytest.approx(said.probs) and again.classes == ("a", "b")
    sets = Sets(np.array([[True, False]]), 0.9)
    assert form_of(sets).prediction(columns_of(sets), like=said).members.tolist() == [[True, False]]


@pytest.mark.parametrize("kind", KINDS)
def test_middle_and_spread_are_those_of_the_world(kind):
    world = forecasts(kind, rows=200, members=4_000)
    said = world.evidence.prediction
    close = {"abs": 0.1} if kind == "ensemble" else {"abs": 1e-9}
    assert median_of(said) == pytest.approx(world.mean, **close)
    assert mean_of(said) == pytest.approx(world.mean, **close)
    if kind != "points":
        assert sd_of(said) == pytest.approx(world.sd, rel=0.1 if kind == "ensemble" else 1e-9)


def test_quantiles_between_levels_are_interpolated_and_none_is_made_up():
    said = Quantiles([0.1, 0.5, 0.9], [[0.0, 1.0, 5.0]])
    assert quantile_of(said, 0.7) == pytest.approx([3.0])
    with pytest.raises(EvidenceError, match=r"level 0\.95 lies outside the stated levels 0\.1"):
        quantile_of(said, 0.95)
    with pytest.raises(EvidenceError, match="kind 'probabilities' has no quantiles"):
        quantile_of(Probabilities([0.5]), 0.5)
    assert quantile_of(Points([1.0]), 0.9).tolist() == [1.0]
