"""Oracles: a general search for every mode, the normal law in closed form, the true law."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logit

from trueup.calibration import HierarchicalPlatt, PerGroup, PlattScaling, log_loss
from trueup.calibration.recalibrate.shrinkage import _law
from trueup.core import Evidence, Probabilities
from trueup.worlds import confident_by_group


def test_every_line_is_the_mode_of_its_posterior():
    e = confident_by_group(groups=12, rows=40, seed=1).evidence
    m = HierarchicalPlatt("group").fit(e).map
    x, precision = logit(e.prediction.probs[:, 1]), np.linalg.inv(m.spread)
    for g, name in enumerate(m.names):
        rows = e.by["group"] == name

        def loss(line, rows=rows):
            eta, away = line[0] + line[1] * x[rows], line - m.center
            return (np.logaddexp(0, eta) - e.truth[rows] * eta).sum() + away @ precision @ away / 2

        found = minimize(loss, m.center, method="BFGS", options={"gtol": 1e-6}).x
        assert m.lines[g] == pytest.approx(found, abs=1e-4)


def test_large_groups_keep_their_own_lines():
    """With 30,000 rows a group the prior is worth nothing: Platt's lines group by group."""
    e = confident_by_group(groups=3, rows=60_000, seed=2).evidence
    own = [[m.intercept, m.slope] for m in PerGroup("group").fit(e).map.maps]
    assert HierarchicalPlatt("group").fit(e).map.lines[:-1] == pytest.approx(
        np.array(own), abs=0.02
    )


def test_the_step_of_the_law_is_that_of_normal_means():
    """Maximisation with lines and their uncertainty: mean, and spread about it plus the mean."""
    rng = np.random.default_rng(0)
    lines, sure = rng.normal(size=(50_000, 2)), np.diag([0.04, 0.01])
    center, spread = _law(lines, np.tile(sure, (50_000, 1, 1)), np.eye(2))
    assert center == pytest.approx(lines.mean(axis=0), abs=1e-4)
    assert spread == pytest.approx(np.cov(lines.T, bias=True) + sure, abs=1e-4)


def test_the_law_is_found():
    """Spread .5 of shifts and .2 of slopes from 1,000 groups of about 200 rows, to a tenth."""
    world = confident_by_group(groups=1_000, rows=200, seed=4)
    found = HierarchicalPlatt("group").fit(world.evidence).map.parameters
    assert (found["intercept"], found["slope"]) == pytest.approx((-0.2, 0.6), abs=0.04)
    assert (found["intercept_sd"], found["slope_sd"]) == pytest.approx((0.5, 0.2), rel=0.1)


def test_groups_that_do_not_differ_are_pooled():
    world = confident_by_group(groups=100, rows=50, slope_sd=0.0, shift_sd=0.0, seed=5)
    fitted = HierarchicalPlatt("group").fit(world.evidence)
    assert fitted.converged
    assert np.abs(fitted.map.lines[:-1] - [-0.2, 0.6]).max() < 0.15


def test_new_rows_lose_less_than_under_pooled_and_separate_lines():
    """Log loss on rows that no fit saw, over ten worlds of small groups; paired t above 4."""
    gains = []
    for seed in range(10):
        e = confident_by_group(groups=80, rows=60, seed=seed).evidence
        half = np.random.default_rng(seed).random(len(e)) < 0.5
        learn, new = e.take(half), e.take(~half)
        made = [HierarchicalPlatt("group"), PlattScaling(), PerGroup("group", least=1)]
        loss = [log_loss(new.truth, s.fit(learn).correct(new)).value for s in made]
        gains.append([loss[1] - loss[0], loss[2] - loss[0]])
    gains = np.array(gains)
    assert (gains.mean(axis=0) / (gains.std(axis=0, ddof=1) / np.sqrt(10)) > 4).all()


def test_groups_without_weight_and_without_name_take_the_line_of_all():
    e = confident_by_group(groups=5, rows=100, seed=6).evidence
    names = e.by["group"].astype(object)
    names[:5] = None
    weight = np.where(names == "g00001", 0.0, 1.0)
    m = HierarchicalPlatt("group").fit(
        Evidence(e.prediction, e.truth, by={"group": names}, weight=weight)).map  # fmt: skip
    assert np.array_equal(m.lines[1], m.lines[-1]) and len(m.names) == 5
    nameless = Evidence(Probabilities([0.2, 0.7]), [0, 1], by={"group": np.array([None, None])})
    assert HierarchicalPlatt("group").fit(nameless).map.names == ()
