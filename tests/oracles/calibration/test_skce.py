"""Oracles: double loops over rows, the vector form of an event, blocks, and dependence."""

import numpy as np
import pytest

from trueup.calibration import SquaredKernelCalibrationError, skce
from trueup.core import Evidence, Probabilities, UsageError, cube_of
from trueup.worlds import calibrated, clustered, confident_by_factor


def by_loop(e: Evidence, h: float, *, top: bool = False) -> float:
    """Mean over pairs of different rows, of different groups where rows are clustered."""
    p, w = e.prediction.probs, np.ones(len(e)) if e.weight is None else e.weight
    if top:
        winner = p.argmax(axis=1)
        r, p = (winner == e.truth)[:, None] - p.max(axis=1)[:, None], p.max(axis=1)[:, None]
    else:
        r = np.eye(p.shape[1])[e.truth] - p
    group = np.arange(len(e)) if e.grouping == "row" else e.groups()
    total = pairs = 0.0
    for i in range(len(e)):
        for j in range(len(e)):
            if i != j and group[i] != group[j]:
                total += w[i] * w[j] * r[i] @ r[j] * np.exp(-np.linalg.norm(p[i] - p[j]) / h)
                pairs += w[i] * w[j]
    return total / pairs


@pytest.mark.parametrize("h", [0.3, 1.0])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("clusters", [False, True])
def test_several_classes_equal_a_double_loop(h, weighted, clusters):
    e = confident_by_factor(2.0, rows=90, classes=3, seed=1).evidence
    rng = np.random.default_rng(0)
    roles = {
        "weight": rng.exponential(size=90) if weighted else None,
        "cluster": np.arange(90) // 3 if clusters else None,
    }
    e = Evidence(e.prediction, e.truth, **roles)
    measure = SquaredKernelCalibrationError(bandwidth=h)
    assert measure(e.truth, e.prediction, **roles).value == pytest.approx(by_loop(e, h), rel=1e-9)
    top = SquaredKernelCalibrationError(bandwidth=h, over="top label")
    want = by_loop(e, h, top=True)
    assert top(e.truth, e.prediction, **roles).value == pytest.approx(want, rel=2e-3, abs=1e-5)


@pytest.mark.parametrize("clusters", [False, True])
def test_an_event_is_its_two_classes(clusters):
    """From the cube of scores what pairs of rows of two columns give."""
    made = clustered(200, factor=2.0, seed=2).evidence
    cluster = made.cluster if clusters else None
    event = skce(made.truth, made.prediction, cluster=cluster)
    two = skce(made.truth, Probabilities(made.prediction.probs), cluster=cluster)
    got, want = ([e.value, e.low, e.high] for e in (event, two))
    assert got == pytest.approx(want, rel=2e-3, abs=2e-6)


def test_leaving_a_group_out_equals_doing_so():
    e = clustered(150, factor=2.0, seed=3).evidence
    e = Evidence(Probabilities(e.prediction.probs), e.truth, cluster=e.cluster)
    made = skce.replicates(skce.cube(e))
    group = e.groups()
    for place, g in enumerate(np.unique(group)[:5]):
        rest = e.take(np.flatnonzero(group != g))
        assert made.without[place] == pytest.approx(by_loop(rest, 1.0), rel=1e-9)


def test_blocks_are_unbiased_and_add():
    e = confident_by_factor(2.0, rows=4_000, classes=3, seed=4).evidence
    whole = SquaredKernelCalibrationError(block=4_000)(e.truth, e.prediction)
    blocks = SquaredKernelCalibrationError(block=200)
    found = blocks(e.truth, e.prediction)
    assert abs(found.value - whole.value) < 0.1 * whole.value and found.low > 0
    halves = [blocks.cube(e.take(slice(a, a + 2_000))) for a in (0, 2_000)]
    assert blocks.estimate(halves[0] + halves[1]).n == 4_000


def test_it_sees_what_no_top_label_shows():
    """The winner's probability is right; those of the losers are not."""
    rng = np.random.default_rng(0)
    said = np.tile([0.6, 0.3, 0.1], (3_000, 1))
    truth = rng.choice(3, p=[0.6, 0.1, 0.3], size=3_000)
    e = Evidence(Probabilities(said), truth)
    assert not SquaredKernelCalibrationError(over="top label")(truth, e.prediction).low > 0
    assert skce(truth, e.prediction).value == pytest.approx(2 * 0.2**2, rel=0.15)
    assert skce(truth, e.prediction).low > 0


def test_interval_of_a_calibrated_model_holds_zero():
    """The law is far from normal at 0; the lower end is above it seldom enough."""
    above = sum(
        skce.estimate(skce.cube(calibrated(800, seed=seed).evidence)).low > 0 for seed in range(200)
    )
    assert above <= 14  # 2.5 % is 5 of 200; 14 has a chance below 1e-3


def test_what_cannot_be_said_is_refused():
    e = confident_by_factor(2.0, rows=50, classes=3).evidence
    with pytest.raises(UsageError, match="skce: the cube knows the top label only"):
        skce.estimate(cube_of(e))
    with pytest.raises(UsageError, match="skce: over is 'classes', block 2048"):
        SquaredKernelCalibrationError(over="classes")
    assert np.isfinite(SquaredKernelCalibrationError(over="top label").estimate(cube_of(e)).value)
