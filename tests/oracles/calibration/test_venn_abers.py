"""Oracles: an isotonic fit for every inserted row, numbers of the venn-abers package, Manokhin."""

import time

import numpy as np
import pytest
from scipy.optimize import isotonic_regression
from scipy.special import logit

from trueup.calibration import VennAbers
from trueup.calibration.recalibrate.venn_sweep import probabilities_if_event
from trueup.core import Evidence, Probabilities, UsageError
from trueup.worlds import confident_by_factor


def inserted(x, y, at: float, outcome: int) -> float:
    """The isotonic curve at ``at`` of the rows and one more row there."""
    scores, group = np.unique(np.append(x, at), return_inverse=True)
    mass = np.bincount(group).astype(float)
    events = np.bincount(group, np.append(y, outcome))
    found = isotonic_regression(events / mass, weights=mass).x
    return found[np.searchsorted(scores, at)]


@pytest.mark.parametrize("digits", [1, 2, 12])
@pytest.mark.parametrize("rows", [1, 2, 7, 60])
def test_equals_an_isotonic_fit_for_every_new_row(rows, digits):
    rng = np.random.default_rng(rows)
    for _ in range(10):
        p = rng.uniform(0.05, 0.95, rows).round(digits)
        y = (rng.random(rows) < p**2).astype(int)
        new = np.append(p, rng.uniform(0.01, 0.99, 20).round(digits).clip(0.01, 0.99))
        found = VennAbers().fit(Evidence(Probabilities(p), y)).map.interval(logit(new))
        meant = [[inserted(p, y, at, 0), inserted(p, y, at, 1)] for at in new]
        assert found == pytest.approx(np.array(meant), abs=1e-12)


def test_the_sweep_equals_a_slow_loop_on_weights():
    rng = np.random.default_rng(0)
    for _ in range(100):
        mass = rng.exponential(size=rng.integers(1, 40)) + 0.01
        events = mass * rng.random(len(mass)).round(1)
        meant = []
        for i in range(len(mass)):
            more = np.arange(len(mass)) == i
            made = isotonic_regression((events + more) / (mass + more), weights=mass + more)
            meant.append(made.x[i])
        assert probabilities_if_event(mass, events) == pytest.approx(np.array(meant), abs=1e-12)


P = np.array([0.1, 0.2, 0.2, 0.35, 0.4, 0.4, 0.55, 0.6, 0.7, 0.7, 0.85, 0.9])
Y = np.array([0, 0, 1, 0, 1, 0, 1, 0, 1, 1, 0, 1])


def test_equals_the_venn_abers_package():
    """Numbers of venn-abers 1.5.4; on 40 random tables with ties it differs by 1e-15 at most."""
    new = np.array([0.05, 0.2, 0.3, 0.4, 0.62, 0.7, 0.95])
    fitted = VennAbers().fit(Evidence(Probabilities(P), Y))
    low = [0, 1 / 4, 1 / 4, 1 / 3, 2 / 5, 1 / 2, 3 / 5]
    high = [2 / 5, 1 / 2, 1 / 2, 3 / 5, 3 / 4, 3 / 4, 1]
    assert fitted.map.interval(logit(new)) == pytest.approx(np.column_stack([low, high]), abs=1e-12)
    merged = [0.28571429, 0.4, 0.4, 0.47368421, 0.55555556, 0.6, 0.71428571]
    assert fitted.apply(Probabilities(new)).probs[:, 1] == pytest.approx(merged, abs=5e-9)


def three_classes() -> Evidence:
    rng = np.random.default_rng(3)
    z = rng.normal(0, 1.5, (60, 3))
    p = np.exp(2 * z)
    p = (p / p.sum(axis=1, keepdims=True)).round(6)
    truth = (z - np.log(-np.log(rng.random((60, 3))))).argmax(axis=1)
    return Evidence(Probabilities(p / p.sum(axis=1, keepdims=True)), truth)


@pytest.mark.parametrize(("pairs", "meant"), [
    (True, [[0.81130465, 0.03502554, 0.15366981], [0.18866310, 0.45845743, 0.35287947],
            [0.08234227, 0.54918768, 0.36847005], [0.82029449, 0.07353380, 0.10617171]]),
    (False, [[0.86855241, 0.03494176, 0.09650582], [0.22888502, 0.39164770, 0.37946727],
             [0.09239055, 0.47645353, 0.43115592], [0.88850862, 0.03909438, 0.07239700]]),
])  # fmt: skip
def test_several_classes_equal_the_package(pairs, meant):
    """venn-abers 1.5.4, one_vs_one and one_vs_all."""
    e = three_classes()
    after = VennAbers(pairs=pairs).fit(e).apply(e.prediction.take(slice(0, 4))).probs
    assert after == pytest.approx(np.array(meant), abs=5e-9)


def test_parts_are_merged_by_geometric_means():
    fitted = VennAbers(folds=3).fit(Evidence(Probabilities(P[::2]), Y[::2]))
    new = np.array([0.15, 0.5, 0.8])
    low, high = np.ones(3), np.ones(3)
    for part in range(3):
        own = VennAbers().fit(Evidence(Probabilities(P[::2][part::3]), Y[::2][part::3])).map
        p0, p1 = own.interval(logit(new)).T
        low, high = low * (1 - p0) ** (1 / 3), high * p1 ** (1 / 3)
    merged = high / (low + high)
    assert fitted.apply(Probabilities(new)).probs[:, 1] == pytest.approx(merged, abs=1e-12)


def test_two_classes_that_never_happened_are_a_coin():
    e = three_classes()
    rows = np.flatnonzero(e.truth == 0)
    fitted = VennAbers(pairs=True).fit(e.take(rows))
    assert fitted.map.maps[2].levels.tolist() == [0.0]
    assert (fitted.apply(e.prediction).probs.argmax(axis=1) == 0).all()


def test_a_score_and_its_neighbour_in_the_last_digit_are_one_score():
    """Engines differ in the last digits of a logarithm; at a step that must not matter."""
    fitted = VennAbers().fit(Evidence(Probabilities(P), Y)).map
    x = logit(P)
    for near in (np.nextafter(x, -9), np.nextafter(x, 9)):
        assert np.array_equal(fitted.interval(near), fitted.interval(x))


def test_a_hundred_thousand_rows_take_half_a_second():
    """venn-abers 1.5.4 takes 0.46 s for as many rows; this takes 0.08 s where nothing else runs."""
    learn = confident_by_factor(2.0, rows=100_000, seed=1).evidence
    new = confident_by_factor(2.0, rows=100_000, seed=2).evidence.prediction
    start = time.process_time()
    VennAbers().fit(learn).apply(new)
    assert time.process_time() - start < 0.46


def test_no_folds_is_an_error():
    with pytest.raises(UsageError, match=r"VennAbers: folds is 0\. Pass a whole number"):
        VennAbers(folds=0)
