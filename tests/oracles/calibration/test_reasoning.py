"""Oracles: the sum over all worlds, corners of boxes, and a world whose smoothing is known."""

import itertools
import math

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import binom

from trueup.calibration import COLEP, accuracy
from trueup.calibration.conformal.smoothing import moved
from trueup.core.errors import EvidenceError, UsageError


RATE = 1e-4
"""False-alarm rate of each comparison."""


def enumerated(pi, rho, knowledge, w):
    """Class and concept probabilities: every class with every state of the concepts, weighed."""
    k, c = knowledge.shape
    classes, on = np.zeros(k), np.zeros(c)
    for y, state in itertools.product(range(k), itertools.product((0, 1), repeat=c)):
        weight = pi[y] * math.prod(r if s else 1 - r for r, s in zip(rho, state, strict=True))
        for z, place in itertools.product(range(k), range(c)):
            held = z != y or knowledge[z, place] in (-1, state[place])  # "z implies it"
            weight *= math.exp(w[z, place]) if held else 1.0
        classes[y] += weight
        on += weight * np.array(state)
    return classes / classes.sum(), on / classes.sum()


def case(seed):
    rng = np.random.default_rng(seed)
    k, c = rng.integers(2, 5), rng.integers(1, 6)
    knowledge = rng.integers(-1, 2, (k, c))
    return rng, knowledge, 4 * rng.random((k, c)), rng.dirichlet(np.ones(k), 3), rng.random((3, c))


@pytest.mark.parametrize("seed", range(20))
def test_the_circuit_equals_the_sum_over_all_worlds(seed):
    _, knowledge, w, pi, rho = case(seed)
    circuit = COLEP(knowledge, w)
    classes, concepts = circuit.correct(pi, rho).probs, circuit.concepts(pi, rho)
    for i in range(3):
        expected = enumerated(pi[i], rho[i], knowledge, w)
        np.testing.assert_allclose(classes[i], expected[0], rtol=1e-9)
        np.testing.assert_allclose(concepts[i], expected[1], rtol=1e-9)


def test_twelve_classes_and_thirteen_concepts_once():
    """12 * 2^13 worlds, summed over tables instead of loops."""
    rng = np.random.default_rng(0)
    knowledge, pi, rho = rng.integers(0, 2, (12, 13)), rng.dirichlet(np.ones(12)), rng.random(13)
    states = np.array(list(itertools.product((0, 1), repeat=13)))
    broken = (states[None] != knowledge[:, None]).sum(axis=2)
    worlds = pi[:, None] * np.where(states, rho, 1 - rho).prod(axis=1) * np.exp(-2.0 * broken)
    found = COLEP(knowledge, 2.0).correct([pi], [rho]).probs[0]
    np.testing.assert_allclose(found, worlds.sum(axis=1) / worlds.sum(), rtol=1e-9)


def test_detectors_of_one_class_each_enter_by_their_odds():
    """The sum over all states of 4 class detectors and 3 concepts in which one class is true."""
    rng = np.random.default_rng(6)
    knowledge, q, rho = rng.integers(0, 2, (4, 3)), rng.random(4), rng.random(3)
    found = np.zeros(4)
    for state in itertools.product((0, 1), repeat=7):
        if sum(state[:4]) == 1:
            y = state.index(1)
            shares = zip([*q, *rho], state, strict=True)
            broken = sum(state[4 + i] != knowledge[y, i] for i in range(3))
            found[y] += math.prod(r if s else 1 - r for r, s in shares) * math.exp(-2.0 * broken)
    odds = COLEP(knowledge, 2.0).correct([q / (1 - q)], [rho]).probs[0]
    np.testing.assert_allclose(odds, found / found.sum(), rtol=1e-9)


def test_rules_of_no_strength_change_nothing():
    _, knowledge, _, pi, rho = case(3)
    np.testing.assert_allclose(COLEP(knowledge, 0.0).correct(pi, rho).probs, pi, rtol=1e-9)
    np.testing.assert_allclose(COLEP(knowledge, 0.0).concepts(pi, rho), rho, rtol=1e-9)


def test_rules_that_cannot_break_are_bayes():
    """Concepts of likelihood rho given their state, independent: the posterior of the class."""
    knowledge, pi, rho = np.array([[1, 0], [1, 1], [0, 0]]), [0.2, 0.3, 0.5], [0.9, 0.4]
    likelihood = np.where(knowledge, rho, 1 - np.array(rho)).prod(axis=1)
    expected = np.array(pi) * likelihood / (pi @ likelihood)
    found = COLEP(knowledge, np.inf).correct([pi], [rho]).probs[0]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def corners(pi, rho, knowledge, w):
    """Least and greatest probability of each class over the corners of the box."""
    lows, highs = zip(*[np.stack(side) for side in (pi, rho)], strict=True)
    ends = np.stack([np.concatenate(lows), np.concatenate(highs)])
    k = len(lows[0])
    chosen = np.array(list(itertools.product((0, 1), repeat=ends.shape[1])))
    points = np.where(chosen, ends[1], ends[0])
    p = COLEP(knowledge, w).correct(points[:, :k], points[:, k:]).probs
    return p.min(axis=0), p.max(axis=0)


@pytest.mark.parametrize("seed", range(20))
def test_bounds_hold_all_corners_and_for_two_classes_exactly(seed):
    """A share that is monotone in each number has its extremes in corners of the box."""
    rng, knowledge, w, pi, rho = case(seed)
    box = [(a[0] * 0.7, a[0] * 0.7 + 0.3 * rng.random(a[0].shape)) for a in (pi, rho)]
    low, high = COLEP(knowledge, w).bounds(*[(a[None], b[None]) for a, b in box])
    least, greatest = corners(*box, knowledge, w)
    assert (low[0] <= least + 1e-12).all() and (greatest <= high[0] + 1e-12).all()
    if len(knowledge) == 2:
        np.testing.assert_allclose([low[0], high[0]], [least, greatest], rtol=1e-9)


def test_bounds_of_a_point_are_the_point(monkeypatch):
    _, knowledge, w, pi, rho = case(7)
    circuit = COLEP(knowledge, w)
    expected = circuit.correct(pi, rho).probs
    monkeypatch.setattr("trueup.calibration.conformal.reasoning.BLOCK", 1)  # a row at once
    for side in circuit.bounds((pi, pi), (rho, rho)):
        np.testing.assert_allclose(side, expected, rtol=1e-9)


TRAITS = np.random.default_rng(8).permuted(np.tile([0, 1], (12, 7))[:, :13], axis=1)
"""Which of 12 classes has which of 13 traits."""


@pytest.mark.parametrize("skill", [0.3, 1.0, 2.0])
def test_useful_detectors_raise_accuracy(skill):
    """The model sees 12 noisy numbers, detectors 13 others: independent, as the circuit assumes."""
    rng, rows = np.random.default_rng(9), 4_000
    y = rng.integers(0, 12, rows)
    u = 1.5 * np.eye(12)[y] + rng.normal(size=(rows, 12))
    v = skill * (TRAITS[y] - 0.5) + rng.normal(size=(rows, 13))
    pi = np.exp(1.5 * u - (1.5 * u).max(axis=1, keepdims=True))
    pi, rho = pi / pi.sum(axis=1, keepdims=True), 1 / (1 + np.exp(-skill * v))
    before = pi.argmax(axis=1) == y
    after = COLEP(TRAITS).correct(pi, rho).probs.argmax(axis=1) == y
    gain = after.astype(float) - before
    assert gain.mean() / (gain.std() / math.sqrt(rows)) > 3.7
    assert accuracy(y, COLEP(TRAITS).correct(pi, rho)).value == after.mean()


def smoothed(x, sigma):
    """Class and concept shares of probit detectors under noise of spread sigma, in closed form."""
    spread = math.sqrt(0.5 + sigma**2)
    return ndtr((x[:, :12] - 1.5) / spread), ndtr(x[:, 12:] / spread)


def test_certified_sets_hold_the_truth_under_attack():
    """Each attack goes against the true class and its traits; level .8, one row a data set."""
    radius, sigma, inside, plain = 0.8, 1.0, 0, 0
    circuit = COLEP(TRAITS)
    for seed in range(300):
        rng = np.random.default_rng([seed, 4])
        y = rng.integers(0, 12, 101)
        x = np.hstack([3 * np.eye(12)[y], 2.0 * (TRAITS[y] - 0.5)]) + rng.normal(size=(101, 25))
        clean = circuit.correct(*smoothed(x[:100], sigma)).probs[np.arange(100), y[:100]]
        limit = np.sort(clean)[100 - math.ceil(0.8 * 101)]
        against = -np.concatenate([np.eye(12)[y[100]], 2 * TRAITS[y[100]] - 1])
        new = x[100:] + radius * against / np.linalg.norm(against)
        pi, rho = smoothed(new, sigma)
        boxes = [tuple(moved(a, s * radius / sigma) for s in (-1, 1)) for a in (pi, rho)]
        inside += circuit.bounds(*boxes)[1][0, y[100]] >= limit
        plain += circuit.correct(pi, rho).probs[0, y[100]] >= limit
    assert inside >= binom.ppf(RATE, 300, 0.8)
    assert plain < binom.ppf(RATE, 300, 0.8)  # sets that expect no attack lose it


def test_bad_input_is_refused():
    with pytest.raises(UsageError, match="knowledge has shape"):
        COLEP([[2, 1], [0, 1]])
    with pytest.raises(UsageError, match="strength has shape"):
        COLEP([[0, 1], [1, 1]], [1.0])
    with pytest.raises(UsageError, match="least -1"):
        COLEP([[0, 1], [1, 1]], -1.0)
    circuit = COLEP([[0, 1], [1, 1]])
    with pytest.raises(EvidenceError, match="do not fit knowledge"):
        circuit.correct([[0.5, 0.5]], [[0.5]])
    with pytest.raises(EvidenceError, match="concepts are negative, too large or NaN"):
        circuit.correct([[0.5, 0.5]], [[0.5, np.nan]])
    with pytest.raises(EvidenceError, match="a low is above its high"):
        circuit.bounds(([[0.5, 0.5]], [[0.4, 0.5]]), ([[0.5, 0.5]], [[0.5, 0.5]]))
