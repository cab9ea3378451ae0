"""Oracles: pairs of rows by a loop, the row-wise formula of the paper, and its interval."""

import numpy as np
import pytest

from trueup.calibration import calibration_error, ece
from trueup.calibration.measures.calibration_error import CalibrationError
from trueup.core import Evidence, Probabilities
from trueup.core.grid import equal_mass
from trueup.worlds import calibrated, clustered, confident_by_factor


def bins_of(e: Evidence, bins: int) -> np.ndarray:
    """Equal-mass bin of every row."""
    cube = calibration_error.cube(e)
    part = equal_mass(cube.table["w"].sum(axis=0), bins=bins)
    return part[cube.grid(e.prediction.probs[:, 1])]


@pytest.mark.parametrize("weighted", [False, True])
def test_squared_error_is_the_mean_over_pairs_of_different_groups(weighted):
    e = clustered(120, mean_size=4, seed=1).evidence
    w = np.random.default_rng(0).exponential(size=120) if weighted else np.ones(120)
    e = Evidence(e.prediction, e.truth, cluster=e.cluster, weight=w if weighted else None)
    r, group, part = e.truth - e.prediction.probs[:, 1], e.groups(), bins_of(e, 5)
    total = 0.0
    for b in np.unique(part):
        rows = np.flatnonzero(part == b)
        pairs = [(i, j) for i in rows for j in rows if group[i] != group[j]]
        top = sum(w[i] * w[j] * r[i] * r[j] for i, j in pairs)
        total += w[rows].sum() / w.sum() * top / sum(w[i] * w[j] for i, j in pairs)
    measure = CalibrationError(bins=5)
    assert measure.replicates(measure.cube(e)).value == pytest.approx(total, rel=1e-9)
    assert measure(
        e.truth, e.prediction, weight=e.weight, cluster=e.cluster
    ).value == pytest.approx(np.sqrt(max(total, 0)), rel=1e-9)


def test_rows_by_themselves_equal_the_formula_of_the_paper():
    """Mean over bins of (ybar - pbar)^2 - var / (n - 1): with one row a group, the same number."""
    said = np.repeat([0.2, 0.5, 0.8], 20)
    happened = (np.random.default_rng(2).random(60) < 0.5).astype(int)
    keys, seen, k = [], set(), 0
    while len(keys) < 60:  # keys that fall into sixty different groups
        group = int(Evidence(Probabilities([0.5]), [0], cluster=[k]).groups()[0])
        keys += [k] if group not in seen else []
        seen.add(group)
        k += 1
    found = calibration_error(happened, said, cluster=keys).value
    want = 0.0
    for p in (0.2, 0.5, 0.8):
        y = happened[said == p]
        want += ((y.mean() - p) ** 2 - y.mean() * (1 - y.mean()) / (len(y) - 1)) * 20 / 60
    assert found == pytest.approx(np.sqrt(max(want, 0)), rel=1e-9) and want > 0


def test_many_rows_recover_the_true_error_that_ece_overstates():
    found, plain = [], []
    world = confident_by_factor(1.15, rows=1_500)
    for seed in range(40):
        e = confident_by_factor(1.15, rows=1_500, seed=seed).evidence
        cube = calibration_error.cube(e)
        found.append(calibration_error.replicates(cube).value)
        plain.append(ece(e.truth, e.prediction).value)
    true = world.truth["calibration_error_debiased"]
    bound = 4 * np.std(found, ddof=1) / np.sqrt(40)
    assert abs(np.mean(found) - true**2) < bound and np.mean(plain) > 1.3 * true


def test_the_interval_is_that_of_the_debiased_value():
    """A peer's bootstrap resamples the biased value: at zero its interval leaves zero out."""
    misses = 0
    for seed in range(60):
        e = calibrated(2_000, seed=seed).evidence
        found = calibration_error(e.truth, e.prediction)
        assert found.low <= found.value <= found.high
        misses += found.low > 0
    assert misses <= 8  # 2.5 % expected; 8 of 60 has a chance below 1e-4


def test_one_cluster_alone_has_no_pairs_and_so_no_value():
    e = calibrated(100).evidence
    assert np.isnan(calibration_error(e.truth, e.prediction, cluster=np.zeros(100, int)).value)


def test_dependent_rows_do_not_pass_for_miscalibration():
    """Clusters that share their luck: naive pairs see an error that is none."""
    naive, honest = [], []
    for seed in range(60):
        e = clustered(1_000, factor=1.0, icc=0.6, mean_size=40, seed=seed).evidence
        for values, made in ((honest, e), (naive, Evidence(e.prediction, e.truth))):
            values.append(calibration_error.replicates(calibration_error.cube(made)).value)
    z = [np.mean(v) / (np.std(v, ddof=1) / np.sqrt(60)) for v in (naive, honest)]
    assert z[0] > 5 and abs(z[1]) < 3.9
