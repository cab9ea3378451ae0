"""Oracles: the premium of credibility in closed form, its ratio of variances, slow scores."""

import numpy as np
import pytest

from corrections import number_evidence, score_of_rows
from trueup.calibration import (
    EMOS,
    BiasCorrection,
    ConformalShift,
    IsotonicCDF,
    PerGroup,
    PlattScaling,
    QuantileMapping,
    SpreadScaling,
)
from trueup.calibration.recalibrate.credibility import PRIORS, credibility, halves, loss_of_rows
from trueup.core import Evidence, FitError, Normal, Points, Probabilities
from trueup.core.forms import columns_of, form_of
from trueup.core.laws import NUMBERS
from trueup.worlds import confident_by_group, forecasts


BASES = [
    BiasCorrection(),
    BiasCorrection(line=True),
    SpreadScaling(shift="constant"),
    SpreadScaling(shift="spread"),
    EMOS(),
    IsotonicCDF(),
    ConformalShift(scaled=True),
    QuantileMapping(knots=20),
]
CASES = [(base, kind) for base in BASES for kind in NUMBERS if kind in base.kinds]
NAMES = [f"{type(base).__name__}-{kind}" for base, kind in CASES]


def drawn_groups(groups: int, rows: int, sd: float, seed: int) -> tuple[Evidence, np.ndarray]:
    """Points whose error has a mean by group, normal with ``sd``, and chance of sd 1."""
    rng = np.random.default_rng(seed)
    shift = rng.normal(0, sd, groups)
    group = np.repeat(np.arange(groups), rng.geometric(1 / rows, groups))
    said = rng.normal(size=len(group))
    truth = said + shift[group] + rng.normal(size=len(group))
    return Evidence(Points(said), truth, by={"group": group}), shift


@pytest.mark.parametrize(("base", "kind"), CASES, ids=NAMES)
def test_equals_a_fit_of_every_group_by_hand(base, kind):
    e = number_evidence(kind, rows=900)
    after = PerGroup("group", base).fit(e).correct(e)
    for name in np.unique(e.by["group"]):
        own = e.take(e.by["group"] == name)
        by_hand = columns_of(base.fit(own).apply(own.prediction))
        assert columns_of(after.take(e.by["group"] == name)) == pytest.approx(by_hand, abs=1e-9)


@pytest.mark.parametrize(("base", "kind"), CASES, ids=NAMES)
def test_a_prior_mixes_the_columns_of_both_maps(base, kind):
    e = number_evidence(kind, rows=900)
    pooled = columns_of(base.fit(e).apply(e.prediction))
    own = columns_of(PerGroup("group", base).fit(e).correct(e))
    sizes = {name: (e.by["group"] == name).sum() for name in np.unique(e.by["group"])}
    share = np.array([sizes[name] / (sizes[name] + 200.0) for name in e.by["group"]])[:, None]
    found = columns_of(PerGroup("group", base, prior=200.0).fit(e).correct(e))
    assert found == pytest.approx(share * own + (1 - share) * pooled, abs=1e-9)
    whole = PerGroup("group", base, prior=np.inf).fit(e)
    assert columns_of(whole.correct(e)) == pytest.approx(pooled, abs=1e-9)
    assert whole.map.own == () and whole.map.parameters["maps"] == 0.0


def test_a_mean_error_becomes_the_premium_of_credibility():
    """Buhlmann: z times the mean of the group plus 1 - z times that of all, z = n / (n + k)."""
    e, _ = drawn_groups(6, 40, 0.5, seed=0)
    error, group = e.truth - e.prediction.values, e.by["group"]
    found = PerGroup("group", least=1, prior=25.0).fit(e)
    for g in range(6):
        n = (group == g).sum()
        premium = (error[group == g].sum() + 25.0 * error.mean()) / (n + 25.0)
        moved = found.apply(Points([0.0]), group=np.array([g])).values
        assert moved == pytest.approx(premium, abs=1e-12)


@pytest.mark.parametrize(("sd", "ratio"), [(1.0, 1), (0.32, 10), (0.1, 100)])
def test_the_learned_prior_is_the_ratio_of_variances(sd, ratio):
    """Within one step of the grid of the variance within over that between, in eight of ten."""
    steps = []
    for seed in range(10):
        e, _ = drawn_groups(300, 40, sd, seed=seed)
        share = PerGroup("group", least=4, prior=None).fit(e).map.shares
        sizes = np.bincount(e.by["group"], minlength=300)
        own = (share > 0) & (share < 1)
        prior = float(np.median(sizes[own] * (1 - share[own]) / share[own])) if own.any() else 0.0
        steps.append(abs(np.log10(max(prior, 1.0) / ratio)))
    assert (np.array(steps) < 0.53).sum() >= 8, steps


def test_groups_that_do_not_differ_are_pooled():
    """With nothing between groups a group of forty is believed by a third at most."""
    shares = []
    for seed in range(10):
        e, _ = drawn_groups(200, 40, 0.0, seed=seed)
        m = PerGroup("group", prior=None).fit(e).map
        shares.append(m.shares.mean())
    assert np.mean(shares) < 0.1, shares


@pytest.mark.parametrize("kind", NUMBERS)
def test_losses_are_the_textbook_scores_up_to_a_factor(kind):
    e = number_evidence(kind, rows=50)
    form, said = form_of(e.prediction), columns_of(e.prediction)
    ours, meant = loss_of_rows(form, said, e.truth), score_of_rows(e.prediction, e.truth)
    assert ours / ours[0] == pytest.approx(meant / meant[0], rel=1e-9)


def test_the_loss_of_probabilities_is_that_of_what_happened():
    e = confident_by_group(groups=3, rows=50).evidence
    form, probs = form_of(e.prediction), e.prediction.probs
    ours = loss_of_rows(form, 3.0 + e.prediction.log_probs(), e.truth)
    assert ours == pytest.approx(-np.log(probs[np.arange(len(e)), e.truth]))


def test_credibility_rises_with_rows():
    assert credibility(np.array([0.0, 5.0, 50.0]), 0.0).tolist() == [0.0, 1.0, 1.0]
    assert credibility(np.array([5.0, 50.0]), np.inf).tolist() == [0.0, 0.0]
    assert list(PRIORS) == sorted(PRIORS, reverse=True)


def test_halves_keep_clusters_and_late_rows_together():
    e = forecasts("normal", rows=4_000).evidence
    cluster, time = np.arange(4_000) // 8, np.arange(4_000)
    one, two = halves(Evidence(e.prediction, e.truth, cluster=cluster), np.ones(4_000))
    assert (one != two).all() and 0.4 < one.mean() < 0.6
    assert not set(cluster[one]) & set(cluster[two])
    early = halves(Evidence(e.prediction, e.truth, time=time), np.ones(4_000))[0]
    assert time[early].max() < time[~early].min()
    order = np.random.default_rng(0).permutation(4_000)
    again = halves(e.take(order), np.ones(4_000))[0]
    assert np.array_equal(again, halves(e, np.ones(4_000))[0][order])


@pytest.mark.parametrize("kind", ["normal", "points"])
def test_neither_order_nor_repetition_changes_a_learned_prior(kind):
    made = number_evidence(kind)
    settings = PerGroup("group", prior=None)
    order = np.random.default_rng(1).permutation(len(made))
    twice = made.take(np.repeat(np.arange(len(made)), 2))
    shares = [settings.fit(each).map.shares for each in (made, made.take(order))]
    assert shares[0] == pytest.approx(shares[1], abs=1e-12)
    weighted = Evidence(made.prediction, made.truth, weight=np.full(len(made), 2.0), by=made.by)
    found = [columns_of(settings.fit(each).correct(made)) for each in (twice, weighted)]
    assert found[0] == pytest.approx(found[1], abs=1e-9)


def test_small_groups_strangers_and_failing_fits_take_the_map_of_all():
    e = number_evidence("quantiles", rows=900)
    names = e.by["group"].astype(object)
    names[:15], names[15:30], names[30:60] = "few", None, "thirty"
    learn = Evidence(e.prediction, e.truth, by={"group": names})
    asked = np.array(["few", "never", None, "a"], dtype=object)
    four = e.prediction.take(slice(0, 4))
    for prior in (0.0, 50.0):
        # Thirty rows promise no interval at level .98: the map of all rows does.
        fitted = PerGroup("group", ConformalShift(), prior=prior).fit(learn)
        pooled = columns_of(ConformalShift().fit(learn).apply(four))
        after = columns_of(fitted.apply(four, group=asked))
        assert after[:3] == pytest.approx(pooled[:3]) and abs(after[3] - pooled[3]).max() > 1e-3
        assert fitted.map.own == ("a", "b", "it's")
        assert fitted.unseen(group=asked).tolist() == [False, True, True, False]


def test_new_rows_lose_less_than_under_one_map_and_under_maps_apart():
    """Interval score of new rows over ten worlds of small groups; paired t above 4."""
    gains = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        group = np.repeat(np.arange(60), 40)
        spread, bias = np.exp(rng.normal(0, 0.3, 60)), rng.normal(0, 0.4, 60)
        told = {"spread": spread[group], "bias": bias[group], "rows": 2_400}
        learn, new = (forecasts("normal", seed=s, **told).evidence for s in (seed, seed + 100))
        base, scores = SpreadScaling(shift="spread"), []
        for settings in (PerGroup("group", base, prior=None), base, PerGroup("group", base)):
            fitted = settings.fit(Evidence(learn.prediction, learn.truth, by={"group": group}))
            on = Evidence(new.prediction, new.truth, by={"group": group})
            scores.append(score_of_rows(fitted.correct(on), new.truth).mean())
        gains.append([scores[1] - scores[0], scores[2] - scores[0]])
    gains = np.array(gains)
    assert (gains.mean(axis=0) / (gains.std(axis=0, ddof=1) / np.sqrt(10)) > 4).all(), gains


def test_a_prior_serves_probabilities():
    e = confident_by_group(groups=40, rows=60, seed=1).evidence
    fitted = PerGroup("group", prior=None).fit(e)
    assert ((fitted.map.shares >= 0) & (fitted.map.shares < 1)).all()
    assert fitted.correct(e).probs.shape == (len(e), 2)


def test_what_cannot_be_is_refused():
    with pytest.raises(FitError, match=r"PerGroup: prior is -1\. Pass a number of rows, at least"):
        PerGroup("group", prior=-1)
    with pytest.raises(FitError, match=r"PerGroup\.fit: PlattScaling corrects no normal\. Pass a"):
        PerGroup("group", PlattScaling()).fit(number_evidence("normal"))
    e = Evidence(Normal([0.0], [1.0]), [0.5], by={"group": np.array(["a"])})
    fitted = PerGroup("group", prior=None).fit(e)
    assert fitted.map.own == ()  # one row teaches no prior
    assert PerGroup("group").gives(form_of(Probabilities([0.5]))).kind == "probabilities"
    members = form_of(number_evidence("ensemble").prediction)
    assert PerGroup("group", EMOS()).gives(members).names == ("mean", "sd")
