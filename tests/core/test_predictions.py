"""The kinds of prediction: what they hold, what they keep, and that they are one closed set."""

import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.core import (
    Ensemble,
    Intervals,
    Normal,
    Points,
    Probabilities,
    Quantiles,
    Sets,
)
from trueup.core.errors import EvidenceError
from trueup.core.predictions import Prediction
from trueup.core.probabilities import EPS, log_softmax
from trueup.core.validate import SUM_TOLERANCE


KINDS = {
    "probabilities": Probabilities([[0.2, 0.8], [0.5, 0.5], [1.0, 0.0]]),
    "points": Points([1, 2, 3]),
    "normal": Normal([0, 1, 2], [1, 1, 2]),
    "quantiles": Quantiles([0.1, 0.9], [[0, 1], [2, 1], [0, 0]]),
    "ensemble": Ensemble([[1, 2, 3, 4]] * 3),
    "intervals": Intervals([0, 0, 0], [1, 0, 2], 0.9),
    "sets": Sets(np.eye(3, dtype=bool), 0.9),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_rows_and_keeps_its_kind(kind):
    made = KINDS[kind]
    assert isinstance(made, Prediction) and made.kind == kind
    assert len(made) == 3 and len(made.take([2, 0])) == 2 and len(made.take(slice(0, 0))) == 0
    again = made.take([0, 1, 2])
    for name, value in vars(made).items():
        assert np.array_equal(getattr(again, name), value) or getattr(again, name) is value is None


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_are_frozen_and_travel(kind):
    made = KINDS[kind]
    with pytest.raises(FrozenInstanceError):
        made.kind_of_mine = 1
    assert len(pickle.loads(pickle.dumps(made))) == 3


def test_crossing_quantiles_are_data():
    assert KINDS["quantiles"].values[1].tolist() == [2.0, 1.0]


def test_an_event_has_two_columns_and_says_so():
    event, two = Probabilities([0.2, 0.9]), Probabilities([[0.8, 0.2], [0.1, 0.9]])
    assert event.event and not two.event and event.k == two.k == 2
    assert event.probs == pytest.approx(two.probs, abs=1e-15)
    assert event.take([1]).event and event.classes == (0, 1)
    assert Probabilities([0.5], classes=("no", "yes")).take([0]).classes == ("no", "yes")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_rounded_rows_are_accepted(dtype):
    said = np.random.default_rng(0).dirichlet(np.ones(100), 50).astype(dtype)
    assert Probabilities(said).probs.dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_may_miss_one_by_the_tolerance_and_no_more(dtype):
    near = np.full((3, 1_000), 1e-3, dtype)
    near[1, 0] += dtype(SUM_TOLERANCE * 0.99)
    assert len(Probabilities(near)) == 3
    near[1, 0] += dtype(SUM_TOLERANCE * 0.02)
    with pytest.raises(EvidenceError, match=r"sum to one: 1 of 3 rows, the first at \[1\]"):
        Probabilities(near)


def test_single_precision_stays_until_it_is_asked_for():
    said = np.array([0.1, 0.7], np.float32)
    event = Probabilities(said)
    assert event.said is said and event.chance.tolist() == said.astype(float).tolist()
    assert event.probs.tolist() == [[1 - p, p] for p in said.astype(float)]
    assert event.take([1]).said.dtype == np.float32 and np.isfinite(event.log_probs()).all()


def test_lists_integers_and_bools_are_probabilities_too():
    assert Probabilities([0, 1]).probs.tolist() == [[1, 0], [0, 1]]
    assert Probabilities([[True, False]]).probs.tolist() == [[1, 0]]


def test_smallest_probability_in_a_logarithm_is_the_same_for_both_widths():
    for dtype in (np.float32, np.float64):
        logs = Probabilities(np.array([[0.0, 1.0]], dtype)).log_probs()
        assert logs.tolist() == [[np.log(EPS), 0.0]]


def test_logits_keep_what_probabilities_round():
    made = Probabilities.from_logits([[0.0, 800.0], [0.0, -800.0]])
    assert made.log_probs().tolist() == [[-800.0, 0.0], [0.0, -800.0]]
    assert made.take([1]).log_probs().tolist() == [[0.0, -800.0]]
    assert Probabilities.from_logits([[1.0, 2.0]], classes=("a", "b")).classes == ("a", "b")


@given(st.lists(st.floats(-700, 700), min_size=2, max_size=6), st.floats(-100, 100))
def test_log_softmax_sums_to_one_and_ignores_a_shift(row, shift):
    z = np.array([row])
    logs = log_softmax(z)
    assert np.exp(logs).sum() == pytest.approx(1.0)
    assert log_softmax(z + shift) == pytest.approx(logs, abs=1e-9)
    assert (logs <= 0).all()


def test_log_softmax_of_no_rows():
    assert log_softmax(np.empty((0, 3))).shape == (0, 3)
