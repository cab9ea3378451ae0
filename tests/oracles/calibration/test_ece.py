"""Oracles: a loop, scikit-learn's curve, and every bin that peers got wrong."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from trueup.calibration import (
    BinnedCalibrationError,
    ExpectedCalibrationError,
    ace,
    calibration_error,
    classwise_ece,
    ece,
    ece_equal_mass,
    mce,
    rms_calibration_error,
    top_class_ece,
)
from trueup.core import Evidence, EvidenceError, Probabilities, UsageError, cube_of
from trueup.core.grid import EdgeGrid, Grid
from trueup.worlds import calibrated, clustered, confident_by_factor


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
    p = np.linspace(0.011, 0.989, 1_500)
    found = ExpectedCalibrationError(bins=15, mass=True)(e.truth, p).value
    gaps = [abs((e.truth - p)[part].sum()) for part in np.array_split(np.arange(1_500), 15)]
    assert found == pytest.approx(sum(gaps) / 1_500, abs=1e-12)


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


PEERS = {
    (1, 5): (0.09983252, 0.15711439), (1, 15): (0.10167072, 0.15781812),
    (1, 50): (0.10912344, 0.16604066), (1, 500): (0.18725485, 0.210769),
    (2, 5): (0.10917731, 0.16681859), (2, 15): (0.1222416, 0.17141333),
    (2, 50): (0.13560001, 0.18331161), (2, 500): (0.25294931, 0.26086608),
    (math.inf, 5): (0.15044575, 0.19388109), (math.inf, 15): (0.26992039, 0.24608326),
    (math.inf, 50): (0.33953493, 0.68329895), (math.inf, 500): (0.92370103, 0.84495789),
}  # fmt: skip
"""(norm, bins) -> event, top label of four classes: torchmetrics 1.9.0 (float32 inside)."""

EVENT = confident_by_factor(2.0, shift=0.3, rows=2_000, seed=7).evidence
FOUR = confident_by_factor(2.0, rows=2_000, classes=4, seed=7).evidence


@pytest.mark.parametrize(("norm", "bins"), PEERS)
def test_norms_and_bins_equal_those_of_torchmetrics(norm, bins):
    measure = BinnedCalibrationError(bins=bins, norm=norm)
    found = [measure(e.truth, e.prediction).value for e in (EVENT, FOUR)]
    assert found == pytest.approx(PEERS[norm, bins], abs=3e-7)


def test_maximum_and_equal_mass_equal_those_of_netcal():
    """netcal 1.4.0: MCE(15), and ECE(15, equal_intervals=False)."""
    found = [m(e.truth, e.prediction).value for m in (mce, ece_equal_mass) for e in (EVENT, FOUR)]
    want = [0.26992039, 0.24608318, 0.10188385, 0.15672926]
    assert found == pytest.approx(want, abs=5.1e-9)


def by_sorted_rows(y, p, bins: int, norm: float = 1.0) -> float:
    """Equal mass by definition: the sorted rows cut into equal parts (no ties here)."""
    order = np.argsort(p)
    cut = np.floor((np.arange(len(p)) + 0.5) * bins / len(p)).astype(int)
    parts = [order[cut == b] for b in range(bins) if (cut == b).any()]
    terms = [len(r) / len(p) * abs((y - p)[r].mean()) ** norm for r in parts]
    return sum(terms) ** (1 / norm)


@pytest.mark.parametrize("bins", [1, 5, 10, 25, 100, 200, 500])
def test_equal_mass_equals_sorted_rows_for_any_number_of_bins(bins):
    y, p = EVENT.truth, EVENT.prediction.probs[:, 1]
    measure = BinnedCalibrationError(bins=bins, mass=True)
    assert measure(y, p).value == pytest.approx(by_sorted_rows(y, p, bins), abs=1e-12)
    top = FOUR.truth == FOUR.prediction.probs.argmax(axis=1), FOUR.prediction.probs.max(axis=1)
    found = measure(FOUR.truth, FOUR.prediction).value
    assert found == pytest.approx(by_sorted_rows(*top, bins), abs=1e-12)


@pytest.mark.parametrize("bins", [5, 15, 100])
def test_ace_cuts_each_class_by_itself(bins):
    probs, truth = FOUR.prediction.probs, FOUR.truth
    each = [by_sorted_rows(truth == j, probs[:, j], bins) for j in range(4)]
    found = BinnedCalibrationError(bins=bins, mass=True, over="classwise")(truth, probs)
    assert found.value == pytest.approx(np.mean(each), abs=1e-12)
    assert ace.name == "ace" and ace.bins == 15
    rms = rms_calibration_error(EVENT.truth, EVENT.prediction).value
    want = by_sorted_rows(EVENT.truth, EVENT.prediction.probs[:, 1], 15, 2.0)
    assert rms == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize("mass", [False, True])
def test_top_class_error_bins_within_each_predicted_class(mass):
    probs, truth = FOUR.prediction.probs, FOUR.truth
    winner, total = probs.argmax(axis=1), 0.0
    for j in range(4):
        rows = winner == j
        loop = by_sorted_rows if mass else by_loop
        total += loop(truth[rows] == j, probs[rows].max(axis=1), 15) * rows.mean()
    measure = BinnedCalibrationError(over="predicted class", mass=mass)
    assert measure(truth, probs).value == pytest.approx(total, abs=1e-12)
    assert top_class_ece(truth, probs).value >= ece(truth, probs).value  # errors no longer cancel


def test_top_class_error_sees_what_cancels_between_classes():
    said = np.repeat([[0.7, 0.3], [0.3, 0.7]], 500, axis=0)
    truth = np.r_[np.arange(500) % 10 >= 5, np.arange(500) % 10 >= 1].astype(int)
    assert ece(truth, said).value == pytest.approx(0.0, abs=1e-12)  # .5 and .9 average to .7
    assert top_class_ece(truth, said).value == pytest.approx(0.2, abs=1e-12)


def test_predicted_classes_of_an_event_are_its_two_sides():
    p, y = EVENT.prediction.probs[:, 1], EVENT.truth
    two = top_class_ece(y, np.column_stack([1 - p, p])).value
    assert top_class_ece(y, p).value == pytest.approx(two, abs=1e-12)


def test_debiased_square_is_that_of_calibration_error():
    """With equal-mass bins it is the same estimator, on exact instead of fine-bin quantiles."""
    for e in (EVENT, clustered(1_000, seed=3).evidence, FOUR):
        roles = {"cluster": e.cluster}
        found = BinnedCalibrationError(mass=True, norm=2, debias=True)(
            e.truth, e.prediction, **roles
        )
        want = calibration_error(e.truth, e.prediction, **roles)
        assert [found.value, found.low, found.high] == pytest.approx(
            [want.value, want.low, want.high], abs=0.003
        )


def test_debiased_mean_takes_off_what_a_normal_law_adds():
    """Per bin: twice the gap minus the mean of |N(gap, s)|, s between groups, by simulation."""
    e, measure = EVENT, BinnedCalibrationError(bins=3, debias=True)
    p, y, group = e.prediction.probs[:, 1], e.truth, e.groups()
    rng, want = np.random.default_rng(0), 0.0
    for b in range(3):
        rows = np.ceil(p * 3).clip(1, 3) == b + 1
        gap = (y - p)[rows].mean()
        size = np.bincount(group[rows], minlength=128)
        left = np.bincount(group[rows], (y - p)[rows] - gap, minlength=128)
        spread = np.sqrt((left**2).sum() / (size.sum() ** 2 - (size**2).sum()))
        noisy = np.abs(rng.normal(gap, spread, 400_000)).mean()
        want += rows.mean() * (2 * abs(gap) - noisy)
    assert measure(y, p).value == pytest.approx(want, abs=1e-4)


def test_debiasing_halves_the_bias_at_calibration_and_removes_it_far_away():
    plain, freed, far = [], [], []
    for seed in range(60):
        e = calibrated(2_000, seed=seed).evidence
        plain.append(ece(e.truth, e.prediction).value)
        freed.append(BinnedCalibrationError(debias=True)(e.truth, e.prediction).value)
        made = confident_by_factor(2.0, rows=2_000, seed=seed).evidence
        far.append(BinnedCalibrationError(debias=True)(made.truth, made.prediction).value)
    assert 0.25 < np.mean(freed) / np.mean(plain) < 0.65
    truth = ece(*whole(200_000)).value
    assert abs(np.mean(far) - truth) < 4 * np.std(far, ddof=1) / np.sqrt(60) + 0.001


def whole(rows: int):
    """A table so large that the plug-in is the truth."""
    e = confident_by_factor(2.0, rows=rows, seed=999).evidence
    return e.truth, e.prediction


@pytest.mark.parametrize("norm", [1, 2, math.inf])
def test_confidence_of_one_is_no_bin_of_its_own_in_any_norm(norm):
    found = BinnedCalibrationError(norm=norm)([1, 0], [0.95, 1.0]).value
    assert found == pytest.approx(0.475, abs=1e-12)


def test_a_ready_cube_gives_the_same_equal_width_bins():
    for e in (EVENT, FOUR):
        cube = cube_of(e, classes=True)
        for measure in (ece, mce, classwise_ece, BinnedCalibrationError(bins=20, norm=2)):
            want = measure(e.truth, e.prediction).value
            assert measure.estimate(cube).value == pytest.approx(want, abs=1e-12)
        fine = BinnedCalibrationError(mass=True).estimate(cube).value
        assert fine == pytest.approx(ece_equal_mass(e.truth, e.prediction).value, abs=0.004)


def test_a_cube_without_the_cells_is_refused():
    cube = cube_of(FOUR)
    with pytest.raises(UsageError, match=r"classwise_ece: the cube has no cells for over='classw"):
        classwise_ece.estimate(cube)
    with pytest.raises(UsageError, match=r"top_class_ece: the cube has no cells for over='predic"):
        top_class_ece.estimate(cube_of(EVENT))
    with pytest.raises(UsageError, match="7 bins do not divide the cube's 60"):
        BinnedCalibrationError(bins=7).estimate(cube)


@pytest.mark.parametrize(("settings", "words"), [
    ({"norm": 0.5}, "norm is 0.5"), ({"norm": math.inf, "debias": True}, "norm is inf with debias"),
    ({"over": "labels"}, "over is 'labels'"), ({"bins": 0}, "bins is 0"),
])  # fmt: skip
def test_settings_that_make_no_sense(settings, words):
    with pytest.raises(UsageError, match=words):
        BinnedCalibrationError(**settings)


def test_ties_are_never_torn_apart():
    p = np.repeat([0.2, 0.4, 0.9], [50, 900, 50])
    y = np.random.default_rng(0).integers(0, 2, 1_000)
    each = [abs((y - p)[p == value].sum()) / 1_000 for value in (0.2, 0.4, 0.9)]
    assert BinnedCalibrationError(bins=100, mass=True)(y, p).value == pytest.approx(sum(each))
    order = np.random.default_rng(1).permutation(1_000)
    again = BinnedCalibrationError(bins=4, mass=True)(y[order], p[order]).value
    assert again == pytest.approx(BinnedCalibrationError(bins=4, mass=True)(y, p).value, abs=1e-12)


def test_cubes_of_other_edges_do_not_add():
    halves = [ece_equal_mass.cube(EVENT.take(slice(a, a + 1_000))) for a in (0, 1_000)]
    assert halves[0].grid != halves[1].grid
    with pytest.raises(EvidenceError, match="the cubes have other bins"):
        halves[0] + halves[1]
    parts = [ace.cube(FOUR.take(slice(a, a + 1_000))) for a in (0, 1_000)]
    with pytest.raises(EvidenceError, match="the cubes have other bins"):
        parts[0] + parts[1]
    grid = EdgeGrid.of(np.array([0.3, 0.3, 0.3]), bins=4)
    assert grid.size == 4 and grid.width_bin.tolist() == [0] * 4
    assert Grid(4, 1)(np.array([0.0, 0.25, 0.26, 1.0])).tolist() == [0, 0, 1, 3]


def test_weights_are_masses():
    w = np.random.default_rng(2).integers(0, 4, 2_000)
    keep = np.repeat(np.arange(2_000), w)
    for measure in (ece_equal_mass, mce, BinnedCalibrationError(bins=100, mass=True, norm=2)):
        weighted = measure(EVENT.truth, EVENT.prediction, weight=w).value
        repeated = Evidence(Probabilities(EVENT.prediction.probs[keep, 1]), EVENT.truth[keep])
        want = measure(repeated.truth, repeated.prediction).value
        assert weighted == pytest.approx(want, abs=1e-12)
