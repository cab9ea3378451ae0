"""Proof: each of the six outcomes is reached, by the road on which a user would reach it."""

import json
import math

import numpy as np
import pytest
from scipy.stats import norm

import trueup as tu
from trueup.calibration import (
    IsotonicCalibration,
    TemperatureScaling,
    accuracy,
    brier,
    log_loss,
)
from trueup.core import Ensemble, Estimate, Evidence, Normal, Outcome, Points, Probabilities
from trueup.core.errors import UsageError
from trueup.core.laws import like_with_like
from trueup.core.proof import LEAST_ROWS, judge, prove
from trueup.error import mae
from trueup.worlds import autocorrelated, calibrated, clustered, confident_by_factor, forecasts


def halves(evidence: Evidence) -> tuple[Evidence, Evidence]:
    half = len(evidence) // 2
    return evidence.take(slice(half)), evidence.take(slice(half, None))


def test_proven():
    learn, new = halves(confident_by_factor(2.0, rows=4_000, seed=1).evidence)
    made = prove(None, TemperatureScaling().fit(learn), on=new, score=log_loss)
    assert made.outcome is Outcome.PROVEN and made.difference.high < 0
    assert made.difference.value == pytest.approx(made.after.value - made.before.value)
    assert (made.method, made.learned_on, made.proven_on) == ("TemperatureScaling", 2_000, 2_000)
    text = str(made)
    assert text.startswith("TemperatureScaling: log_loss 0.") and "on 2,000 rows: proven. " in text


def test_no_improvement():
    learn, new = halves(calibrated(1_000, seed=1).evidence)
    made = prove(None, IsotonicCalibration().fit(learn), on=new, score=log_loss)
    assert made.outcome is Outcome.NO_IMPROVEMENT and made.difference.value > 0
    assert str(made).endswith("no_improvement. Not better on rows that it never saw.")


def test_not_enough_evidence_of_a_small_gain():
    learn, new = halves(confident_by_factor(1.1, rows=600, seed=0).evidence)
    made = prove(None, TemperatureScaling().fit(learn), on=new, score=log_loss)
    assert made.outcome is Outcome.NOT_ENOUGH_EVIDENCE
    assert made.difference.low < made.difference.value < 0 < made.difference.high


def test_not_enough_evidence_in_few_rows():
    said, truth = np.full(LEAST_ROWS - 1, 0.9), np.zeros(LEAST_ROWS - 1, int)
    better = Probabilities(np.full(len(said), 0.1))
    few = Evidence(Probabilities(said), truth)
    assert prove(None, better, on=few, score=brier).outcome is Outcome.NOT_ENOUGH_EVIDENCE
    enough = Evidence(Probabilities(np.r_[said, 0.9]), np.r_[truth, 0])
    better = Probabilities(np.full(len(enough), 0.1))
    assert prove(None, better, on=enough, score=brier).outcome is Outcome.PROVEN


def test_not_enough_evidence_in_one_cluster():
    e = confident_by_factor(2.0, rows=500).evidence
    one = Evidence(e.prediction, e.truth, cluster=np.zeros(500, int))
    after = Probabilities.from_logits(e.prediction.log_probs() / 2, event=True)
    assert prove(None, after, on=one, score=log_loss).outcome is Outcome.NOT_ENOUGH_EVIDENCE


def test_diverged():
    right = np.r_[np.full(100, 0.1), np.full(100, 0.9)]
    truth = (right > 0.5).astype(int)
    noise = np.random.default_rng(0).normal(0, 0.01, 200)
    fitted = TemperatureScaling().fit(Evidence(Probabilities(right + noise), truth))
    assert not fitted.converged
    new = confident_by_factor(2.0, rows=200).evidence
    assert prove(None, fitted, on=new, score=log_loss).outcome is Outcome.DIVERGED


def test_nonfinite():
    nothing = confident_by_factor(2.0, rows=200).evidence.take([])
    made = prove(None, nothing.prediction, on=nothing, score=log_loss)
    assert made.outcome is Outcome.NONFINITE and math.isnan(made.difference.value)


@pytest.mark.parametrize(("estimate", "better", "outcome"), [
    (Estimate(-0.1, -0.2, -0.01, n=100), "lower", Outcome.PROVEN),
    (Estimate(-0.1, -0.2, 0.01, n=100), "lower", Outcome.NOT_ENOUGH_EVIDENCE),
    (Estimate(0.1, -0.01, 0.2, n=100), "lower", Outcome.NO_IMPROVEMENT),
    (Estimate(0.0, 0.0, 0.0, n=100), "lower", Outcome.NO_IMPROVEMENT),
    (Estimate(0.1, 0.01, 0.2, n=100), "higher", Outcome.PROVEN),
    (Estimate(0.1, -0.01, 0.2, n=100), "higher", Outcome.NOT_ENOUGH_EVIDENCE),
    (Estimate(-0.1, -0.2, -0.01, n=100), "higher", Outcome.NO_IMPROVEMENT),
    (Estimate(-0.1, -0.2, -0.01, n=29), "lower", Outcome.NOT_ENOUGH_EVIDENCE),
    (Estimate(math.inf, n=100), "lower", Outcome.NONFINITE),
    (Estimate(-0.1, n=100), "lower", Outcome.NOT_ENOUGH_EVIDENCE),
])  # fmt: skip
def test_judge(estimate, better, outcome):
    assert judge(estimate, better=better) is outcome
    assert judge(estimate, better=better, converged=False) is Outcome.DIVERGED


def test_two_bare_predictions_and_a_score_to_raise():
    e = confident_by_factor(1.0, rows=2_000, seed=2).evidence
    worse = Probabilities(1 - e.prediction.probs[:, 1])
    up = prove(worse, None, on=e, score=accuracy)
    down = prove(None, worse, on=e, score=accuracy)
    assert (up.outcome, down.outcome) == (Outcome.PROVEN, Outcome.NO_IMPROVEMENT)
    assert up.difference.value == pytest.approx(-down.difference.value)
    assert up.method == "" and up.learned_on == 0 and str(up).startswith("after: accuracy")


def test_points_are_proven_by_the_same_function():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=500)
    on = Evidence(Points(truth + rng.normal(size=500)), truth)
    made = prove(None, Points(0.5 * on.prediction.values), on=on, score=mae)
    assert made.outcome is Outcome.PROVEN


@pytest.mark.parametrize("world", [clustered, autocorrelated])
def test_roles_of_rows_reach_the_interval(world):
    e = world(2_000, seed=4).evidence
    after = Probabilities.from_logits(e.prediction.log_probs() / 2, event=True)
    plain = Evidence(e.prediction, e.truth)
    wide, narrow = (prove(None, after, on=on, score=log_loss).difference for on in (e, plain))
    assert wide.high - wide.low > 1.1 * (narrow.high - narrow.low)


def test_dict_is_json():
    learn, new = halves(confident_by_factor(2.0, rows=1_000).evidence)
    made = prove(None, TemperatureScaling().fit(learn), on=new, score=log_loss, level=0.9)
    row = json.loads(json.dumps(made.to_dict(), allow_nan=False))
    assert row["outcome"] == "proven" and row["learned_on"] == row["proven_on"] == 500
    assert row["difference"]["level"] == 0.9 and row["difference"]["high"] < 0


def test_level_decides_how_sure_a_proof_must_be():
    learn, new = halves(confident_by_factor(1.3, rows=1_500, seed=3).evidence)
    fitted = TemperatureScaling().fit(learn)
    strict = prove(None, fitted, on=new, score=log_loss, level=0.9999).outcome
    easy = prove(None, fitted, on=new, score=log_loss, level=0.5).outcome
    assert (strict, easy) == (Outcome.NOT_ENOUGH_EVIDENCE, Outcome.PROVEN)


def test_a_law_that_becomes_quantiles_gains_nothing_by_it():
    """At the 23 levels of hubs the CRPS comes out lower; a perfect law must not be 'mended'."""
    learn, new = (forecasts("normal", rows=4_000, seed=s).evidence for s in (0, 1))
    for name in ("IsotonicCDF", "ConformalShift"):
        fitted = tu.correct(learn, name)
        for score in ("", "crps"):
            made = tu.prove(None, fitted, on=new, score=score)
            assert made.outcome.value != "proven" and abs(made.difference.value) < 0.01
            assert made.score == (score or "wis")
        back = tu.prove(fitted, None, on=new)
        assert back.difference.value == pytest.approx(-made.difference.value, abs=1e-12)


def test_each_pair_of_kinds_is_compared_at_the_same_levels():
    law = Normal([1.0, 2.0], [1.0, 2.0])
    kinds = ("quantiles", "intervals")
    stated, interval = (forecasts(kind, rows=2).evidence.prediction for kind in kinds)
    one, other = like_with_like(law, interval)
    assert other is interval and one.level == interval.level
    assert one.high == pytest.approx(norm.ppf(0.95, law.mean, law.sd))
    one, other = like_with_like(interval, stated)
    assert one is interval and other.low == pytest.approx(interval.low)
    one, other = like_with_like(stated, law)
    assert one is stated and other.values[1, 3] == pytest.approx(norm.ppf(stated.levels[3], 2, 2))
    for pair in ((law, law), (law, Ensemble([[1.0], [2.0]])), (Points([1.0, 2.0]), stated)):
        assert like_with_like(*pair) == pair


@pytest.mark.parametrize(("difference", "better", "margin", "outcome"), [
    (Estimate(0.01, -0.01, 0.03, n=100), "lower", 0.05, Outcome.NOT_WORSE),
    (Estimate(0.01, -0.01, 0.03, n=100), "lower", 0.03, Outcome.NO_IMPROVEMENT),
    (Estimate(0.01, 0.005, 0.03, n=100), "lower", 0.05, Outcome.NOT_WORSE),
    (Estimate(-0.2, -0.3, -0.1, n=100), "lower", 0.05, Outcome.PROVEN),
    (Estimate(-0.1, -0.3, 0.1, n=100), "lower", 0.05, Outcome.NOT_ENOUGH_EVIDENCE),
    (Estimate(-0.01, -0.03, 0.01, n=100), "higher", 0.05, Outcome.NOT_WORSE),
    (Estimate(-0.01, -0.06, 0.01, n=100), "higher", 0.05, Outcome.NO_IMPROVEMENT),
    (Estimate(0.0, 0.0, 0.0, n=100), "lower", 1e-9, Outcome.NOT_WORSE),
    (Estimate(0.0, 0.0, 0.0, n=10), "lower", 0.05, Outcome.NOT_ENOUGH_EVIDENCE),
    (Estimate(math.nan, n=100), "lower", 0.05, Outcome.NONFINITE),
])  # fmt: skip
def test_a_margin_allows_a_loss(difference, better, margin, outcome):
    assert judge(difference, better=better, margin=margin) is outcome


def test_a_margin_is_remembered():
    evidence = confident_by_factor(1.0, rows=4_000).evidence
    made = prove(None, evidence.prediction, on=evidence, score=log_loss, margin=0.01)
    assert made.outcome is Outcome.NOT_WORSE and made.margin == 0.01
    assert made.to_dict()["margin"] == 0.01
    assert "margin" not in prove(None, None, on=evidence, score=log_loss).to_dict()
    for bad in (-0.1, math.nan, math.inf):
        with pytest.raises(UsageError, match="margin is"):
            prove(None, None, on=evidence, score=log_loss, margin=bad)
