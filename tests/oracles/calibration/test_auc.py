"""Oracles: scikit-learn, all pairs by a loop, a closed form."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from trueup.calibration import auc
from trueup.core import Grid
from trueup.worlds import confident_by_factor


def test_event_is_close_to_scikit_learn():
    """Scores of one fine bin count as tied: below 1e-4, as the docstring says."""
    for seed in range(5):
        e = confident_by_factor(2.0, rows=5_000, seed=seed).evidence
        weight = np.random.default_rng(seed).exponential(size=5_000)
        said = e.prediction.probs[:, 1]
        want = roc_auc_score(e.truth, said, sample_weight=weight)
        assert auc(e.truth, said, weight=weight).value == pytest.approx(want, abs=1e-4)


def test_classes_are_close_to_scikit_learn():
    e = confident_by_factor(1.5, rows=4_000, classes=5, seed=1).evidence
    want = roc_auc_score(e.truth, e.prediction.probs, multi_class="ovr", average="macro")
    assert auc(e.truth, e.prediction).value == pytest.approx(want, abs=1e-4)


def test_equals_all_pairs_where_no_scores_share_a_bin():
    rng = np.random.default_rng(3)
    said = np.linspace(0.02, 0.98, 60)
    assert len(np.unique(Grid()(said))) == 60
    said = rng.choice(said, 200)
    happened = (rng.random(200) < said).astype(int)
    pairs = [
        (p > q) + 0.5 * (p == q) for p in said[happened == 1] for q in said[happened == 0]
    ]  # fmt: skip
    assert auc(happened, said).value == pytest.approx(np.mean(pairs), rel=1e-12)


def test_two_normal_laws_have_a_closed_form():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200_000)
    x = rng.normal(size=200_000) + 1.5 * y
    found = auc(y, 1 / (1 + np.exp(-x)))
    assert found.low < norm.cdf(1.5 / np.sqrt(2)) < found.high


def test_one_class_only_is_not_a_number_and_a_class_that_never_happened_has_no_say():
    assert np.isnan(auc([1, 1], [0.2, 0.9]).value)
    said = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.5, 0.4, 0.1], [0.3, 0.6, 0.1]])
    assert auc([0, 1, 0, 1], said).value == 1.0


def test_a_rising_map_leaves_it():
    e = confident_by_factor(2.0, rows=4_000, seed=2).evidence
    said = e.prediction.probs[:, 1]
    odds = np.log(said / (1 - said))
    assert auc(e.truth, 1 / (1 + np.exp(-odds / 2))).value == pytest.approx(
        auc(e.truth, said).value, abs=2e-4
    )
