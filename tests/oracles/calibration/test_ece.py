"""Oracles: a loop, scikit-learn's curve, and every bin that peers got wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from trueup.calibration import ExpectedCalibrationError, classwise_ece, ece, ece_equal_mass
from trueup.core import EvidenceError
from trueup.worlds import confident_by_factor


def by_loop(y, p, bins: int, weight=None) -> float:
    """The definition: bins (lo, hi], 0 in the first, every row by itself."""
    weight = np.ones(len(p)) if weight is None else weight
    total = 0.0
    for b in range(bins):
        inside = np.array([b / bins < x <= (b + 1) / bins or (b == 0 and x == 0) for x in p])
        total += abs((weight * (y - p))[inside].sum())
    return total / weight.sum()


@pytest.mark.parametrize("bins", [1, 2, 3, 7, 10, 15, 16, 20, 100])
def test_event_equals_a_loop(bins):
    e = confident_by_factor(2.0, shift=0.3, rows=500, seed=1).evidence
    p, weight = e.prediction.probs[:, 1], np.random.default_rng(0).exponential(size=500)
    found = ExpectedCalibrationError(bins=bins)(e.truth, p, weight=weight).value
    assert found == pytest.approx(by_loop(e.truth, p, bins, weight), abs=1e-12)


def test_event_equals_the_curve_of_scikit_learn_once_its_bins_are_weighed():
    e = confident_by_factor(2.0, rows=5_000, seed=1).evidence
    p = e.prediction.probs[:, 1]
    share, said = calibration_curve(e.truth, p, n_bins=15)
    count = np.bincount(np.minimum((p * 15).astype(int), 14), minlength=15)
    want = (count * np.abs(share - said)).sum() / 5_000
    assert ece(e.truth, p).value == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize("classes", [2, 4])
def test_top_label_and_classwise_equal_loops(classes):
    e = confident_by_factor(2.0, rows=400, classes=classes, seed=2).evidence
    said = e.prediction.probs
    winner = said.argmax(axis=1)
    top = by_loop(winner == e.truth, said.max(axis=1), 15)
    assert ece(e.truth, said).value == pytest.approx(top, abs=1e-12)
    each = [by_loop(e.truth == j, said[:, j], 15) for j in range(classes)]
    assert classwise_ece(e.truth, said).value == pytest.approx(np.mean(each), abs=1e-12)


@given(
    st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1, max_size=40),
    st.sampled_from([1, 2, 15, 60]),
)
def test_any_scores_equal_a_loop(rows, bins):
    p, y = np.array([p for p, _ in rows]), np.array([int(y) for _, y in rows])
    found = ExpectedCalibrationError(bins=bins)(y, p).value
    assert found == pytest.approx(by_loop(y, p, bins), abs=1e-12)


def test_confidence_of_exactly_one_stays_in_the_last_bin():
    """A peer puts it into a hidden bin of its own: .525 instead of .475."""
    assert ece([1, 0], [0.95, 1.0]).value == pytest.approx(0.475, abs=1e-12)


def test_confidence_of_exactly_zero_is_fine():
    """A peer crashes on it."""
    assert ece([0, 1, 0], [0.0, 1.0, 0.0]).value == 0.0
    assert ece([1, 0], [0.0, 1.0]).value == 1.0


def test_as_many_bins_as_asked_for():
    """A peer makes one bin less: two bins become one, .034 instead of .103 on this model."""
    e = confident_by_factor(2.0, shift=0.3, rows=200_000, seed=0).evidence
    p = e.prediction.probs[:, 1]
    two, fifteen = (ExpectedCalibrationError(bins=b)(e.truth, p).value for b in (2, 15))
    gap = abs((e.truth - p).mean())
    assert two == pytest.approx(0.1029, abs=0.003) and gap == pytest.approx(0.034, abs=0.003)
    assert fifteen == pytest.approx(0.1049, abs=0.003)
    assert ExpectedCalibrationError(bins=1)(e.truth, p).value == pytest.approx(gap, abs=1e-12)


@pytest.mark.parametrize("measure", [ece, ece_equal_mass], ids=lambda m: m.name)
def test_file_order_does_not_matter(measure):
    """A peer's 'array split' bins by place: .034 on shuffled rows, .105 on sorted ones."""
    e = confident_by_factor(2.0, shift=0.3, rows=20_000, seed=0).evidence
    p = e.prediction.probs[:, 1]
    values = [measure(e.truth[o], p[o]).value for o in (np.argsort(p), np.arange(20_000))]
    assert values[0] == pytest.approx(values[1], abs=1e-12) and values[0] > 0.09


def test_equal_mass_bins_hold_equally_many_rows():
    e = confident_by_factor(2.0, rows=1_500, seed=3).evidence
    p = np.sort(np.linspace(0.011, 0.989, 1_500))  # few rows a fine bin, so that quantiles are met
    found = ExpectedCalibrationError(bins=15, mass=True)(e.truth, p).value
    gaps = [abs((e.truth - p)[part].sum()) for part in np.array_split(np.arange(1_500), 15)]
    assert found == pytest.approx(sum(gaps) / 1_500, abs=0.003)


def test_one_outlier_moves_it_by_its_own_share_only():
    """A peer stretches scores to [0, 1] first: one outlier moves its ECE from .346 to .498."""
    rng = np.random.default_rng(0)
    p = rng.uniform(0.4, 0.6, 999)
    y = (rng.random(999) < 0.9).astype(int)
    before, after = ece(y, p).value, ece(np.append(y, 1), np.append(p, 0.999)).value
    assert abs(after - before) < 0.002


def test_what_is_no_probability_is_refused_not_dropped():
    """A peer drops values outside [0, 1] in silence: 0.0 though every answer is wrong."""
    with pytest.raises(EvidenceError, match=r"outside \[0, 1\]"):
        ece([0, 0], [2.3, 5.1])


def test_it_is_biased_near_calibration_and_says_so():
    e = confident_by_factor(1.0, rows=2_000, seed=5).evidence
    found = ece(e.truth, e.prediction)
    assert found.low > 0  # the truth is 0: no interval of it is sound, hence the noise floor
    assert "noise floor" in (__import__("trueup.calibration.measures.ece", fromlist=["x"]).__doc__)
