"""Oracles: SciPy on the simplex, sums by hand, worlds where its rows are known, dependence."""

import numpy as np
import pytest
from scipy.optimize import minimize

import trueup as tu
from trueup.calibration import AutomaticCalibration, TemperatureScaling, log_loss
from trueup.calibration.recalibrate.automatic import mixed
from trueup.calibration.recalibrate.blend import Blend, best_shares
from trueup.calibration.recalibrate.contest import entrants, folds_of, held_out, split_by
from trueup.calibration.recalibrate.do_nothing import DoNothing, Identity
from trueup.calibration.recalibrate.temperature import Temperature
from trueup.core import Evidence, Probabilities
from trueup.core.effort import Effort
from trueup.core.fitted import Fitted
from trueup.core.forms import Form
from trueup.core.rows import Rows
from trueup.worlds import calibrated, clustered, confident_by_factor, confused_classes


def test_shares_equal_a_constrained_minimiser():
    rng = np.random.default_rng(0)
    logs, weight = np.log(rng.random((200, 3))), rng.exponential(size=200)
    share = best_shares(logs, weight, prior=0.5)

    def loss(x):
        a = np.exp(x) / np.exp(x).sum()
        return -(weight @ np.log(np.exp(logs) @ a)) - 0.5 * np.log(a).sum()

    best = minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-7}).x
    assert share == pytest.approx(np.exp(best) / np.exp(best).sum(), abs=1e-4)
    assert mixed(logs, share) == pytest.approx(np.log(np.exp(logs) @ share))


def test_a_blend_is_the_sum_of_what_its_parts_say():
    said = Probabilities(np.random.default_rng(1).dirichlet(np.ones(3), 50))
    maps = (Temperature(2.0), Identity())
    blend = Fitted(
        "x",
        Blend(maps, np.array([0.3, 0.7])),
        Form("probabilities", 3),
        Rows(np.zeros(0, np.uint64)),
    )
    cooled = said.probs**0.5 / (said.probs**0.5).sum(axis=1, keepdims=True)
    assert blend.apply(said).probs == pytest.approx(0.3 * cooled + 0.7 * said.probs, abs=1e-12)


def test_it_is_no_worse_than_any_of_its_rows_on_new_data():
    """Four worlds: its loss on new rows is within 0.002 nats of the best row's, or better."""
    for make in (
        lambda rows, seed: confident_by_factor(2.0, rows=rows, seed=seed),
        lambda rows, seed: confident_by_factor(2.0, rows=rows, classes=4, seed=seed),
        lambda rows, seed: confused_classes(rows, seed=seed),
    ):
        learn, new = make(1_500, 1).evidence, make(10_000, 2).evidence
        losses = {
            card.name: log_loss(new.truth, s.fit(learn).apply(new.prediction)).value
            for card, s in entrants(k=learn.prediction.k, rows=len(learn), small=1e6)
        }
        ours = log_loss(new.truth, AutomaticCalibration().fit(learn).apply(new.prediction)).value
        assert ours < min(losses.values()) + 0.002, losses


def test_what_is_calibrated_is_mostly_left_alone():
    """Forty calibrated tables: one in six may be touched by chance at one standard error."""
    touched = [
        not isinstance(AutomaticCalibration().fit(calibrated(300, seed=s).evidence).map, Identity)
        for s in range(40)
    ]
    assert np.mean(touched) < 0.35


def test_clusters_stay_whole_and_blocks_stay_neighbours():
    e = clustered(600, seed=1).evidence
    fold = folds_of(e, 5)
    assert set(fold) == set(range(5))
    for key in np.unique(e.cluster)[:50]:
        assert len(set(fold[e.cluster == key])) == 1
    series = Evidence(e.prediction, e.truth, time=np.arange(600))
    assert (np.diff(folds_of(series, 5)) >= 0).all()


def test_copies_of_one_outcome_are_not_taken_for_evidence():
    """Twenty patients, a hundred copies of each: rows alone would choose a wild curve."""
    base = calibrated(20, seed=3).evidence
    rows = np.repeat(np.arange(20), 100)
    copies = Evidence(base.prediction.take(rows), base.truth[rows], cluster=rows)
    new = calibrated(20_000, seed=4).evidence
    careful = AutomaticCalibration().fit(copies).apply(new.prediction)
    careless = AutomaticCalibration().fit(Evidence(copies.prediction, copies.truth))
    losses = [log_loss(new.truth, q).value for q in (careful, careless.apply(new.prediction))]
    assert losses[0] < losses[1]


def test_who_is_tried_is_declared_by_effort():
    names = {c.name for c, _ in entrants(k=3, rows=100, small=1_000)}
    few = {c.name for c, _ in entrants(k=3, rows=10_000, small=1_000)}
    assert "StructuredMatrixScaling" in names - few
    assert "AutomaticCalibration" not in names | few and "DoNothing" in few
    assert "MatrixScaling" not in {c.name for c, _ in entrants(k=2, rows=9, small=1_000)}
    assert AutomaticCalibration.effort is Effort.ASKED


def test_a_fit_without_a_minimum_is_out():
    said = np.where(np.arange(100) % 2, 0.9, 0.1)
    e = Evidence(Probabilities(said), np.arange(100) % 2)
    folds = split_by(e, folds_of(e, 5))
    assert held_out(TemperatureScaling(), folds) is None
    assert held_out(DoNothing(), folds) is not None


def test_it_is_called_by_name():
    e = confident_by_factor(2.0, rows=1_000, seed=1).evidence
    fitted = tu.correct(e, "AutomaticCalibration", folds=3)
    assert fitted.method == "AutomaticCalibration" and len(fitted.rows) == 1_000
