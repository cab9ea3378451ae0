"""Split conformal intervals against slow loops, the Beta law of coverage, and published defects."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta, betabinom, chisquare, kstest, norm

from shared_data import shared
from trueup.calibration import ConformalIntervals, LikelihoodRatio
from trueup.core import Evidence
from trueup.core.errors import EvidenceError, FitError, LeakageError, UsageError
from trueup.core.laws import quantile_of, sd_of
from trueup.core.predictions import Ensemble, Intervals, Points
from trueup.verbs import correct, prove
from trueup.worlds import forecasts


RATE = 1e-4
"""False-alarm rate of each statistical test here."""

KINDS = ("points", "normal", "quantiles", "intervals", "ensemble")
FITS = [
    ("points", "residual"),
    *[(kind, score) for kind in ("normal", "quantiles", "intervals")
      for score in ("residual", "scaled", "cqr", "cqr_r", "cqr_m")],
    ("ensemble", "residual"), ("ensemble", "scaled"),
]  # fmt: skip


def ends_of(prediction, level):
    """Stated interval of a row by the library of laws, an implementation of its own."""
    if isinstance(prediction, Intervals):
        return prediction.low, prediction.high
    half = (1 - level) / 2
    return quantile_of(prediction, half), quantile_of(prediction, 1 - half)


def middle_of(prediction):
    if isinstance(prediction, Ensemble):
        return prediction.members.mean(axis=1)
    return quantile_of(prediction, 0.5)


def by_hand(learn: Evidence, new, *, score: str, level: float, asymmetric: bool):
    """Ends (m, 2), a plain loop over rows, sorted and counted."""

    def frame(prediction):
        middle = middle_of(prediction)
        if score in ("residual", "scaled"):
            unit = np.ones(len(middle)) if score == "residual" else sd_of(prediction)
            return middle, middle, unit, unit
        low, high = ends_of(prediction, level)
        units = {"cqr": (low * 0 + 1, low * 0 + 1), "cqr_r": (high - low, high - low),
                 "cqr_m": (middle - low, high - middle)}  # fmt: skip
        return low, high, *units[score]

    below, above = [], []
    for low, high, down, up, y in zip(*frame(learn.prediction), learn.truth, strict=True):
        below.append((low - y) / down)
        above.append((y - high) / up)
    n = len(below)

    def ranked(scores, share):
        return sorted(scores)[int(np.ceil(round(share * (n + 1), 9))) - 1]

    if asymmetric:
        q_low, q_high = ranked(below, (1 + level) / 2), ranked(above, (1 + level) / 2)
    else:
        q_low = q_high = ranked(np.maximum(below, above), level)
    made = []
    for low, high, down, up in zip(*frame(new), strict=True):
        a, b = low - q_low * down, high + q_high * up
        made.append((a, b) if a <= b else ((a + b) / 2,) * 2)
    return np.array(made)


@pytest.mark.parametrize("asymmetric", [False, True])
@pytest.mark.parametrize(("kind", "score"), FITS)
@pytest.mark.parametrize("spread", [0.5, 2.0])
def test_equals_a_loop(kind, score, asymmetric, spread):
    world = forecasts(kind, spread=spread, bias=0.3, rows=140, seed=3).evidence
    learn, new = world.take(slice(0, 100)), world.take(slice(100, None))
    fitted = ConformalIntervals(score, level=0.85, asymmetric=asymmetric).fit(learn)
    made = fitted.apply(new.prediction)
    hand = by_hand(learn, new.prediction, score=score, level=0.85, asymmetric=asymmetric)
    assert np.column_stack([made.low, made.high]) == pytest.approx(hand, rel=1e-9)
    assert made.level == 0.85 and fitted.gives.kind == "intervals"


def margins(n: int, level: float, times: int, asymmetric: bool) -> np.ndarray:
    """Margins (times, 2) of fits on n truths from N(0, 1), forecast as 0."""
    rng = np.random.default_rng(n)
    settings = ConformalIntervals(level=level, asymmetric=asymmetric)
    found = np.empty((times, 2))
    for i, truth in enumerate(rng.normal(size=(times, n))):
        evidence = Evidence(Points(np.zeros(n)), truth)
        margin = settings.learn_from(evidence, np.ones(n))[0].margin
        found[i] = margin.low, margin.high
    return found


@pytest.mark.parametrize(("n", "level"), [(9, 0.9), (19, 0.9), (50, 0.5), (200, 0.95)])
def test_coverage_follows_its_beta_law(n, level):
    """Given the margin, coverage is Beta(k, n + 1 - k) with k = ceil(level (n + 1)); 1e4 fits."""
    q = margins(n, level, 10_000, False)[:, 0]
    k = int(np.ceil(level * (n + 1) - 1e-9))
    coverage = norm.cdf(q) - norm.cdf(-q)
    assert kstest(coverage, beta(k, n + 1 - k).cdf).pvalue > RATE
    # The counts among m new rows then follow the BetaBinomial law.
    m = 20
    counts = np.random.default_rng(1).binomial(m, coverage)
    law = betabinom(m, k, n + 1 - k).pmf(np.arange(m + 1)) * len(counts)
    seen = np.bincount(counts, minlength=m + 1).astype(float)
    keep = law >= 5
    observed, expected = (
        np.append(seen[keep], seen[~keep].sum()),
        np.append(law[keep], law[~keep].sum()),
    )
    good = expected > 0
    assert (
        chisquare(
            observed[good], expected[good] * observed[good].sum() / expected[good].sum()
        ).pvalue
        > RATE
    )


def test_two_margins_follow_their_beta_laws():
    n, level = 59, 0.9
    found = margins(n, level, 10_000, True)
    k = int(np.ceil(0.95 * (n + 1)))
    for side in found.T:
        assert kstest(norm.cdf(side), beta(k, n + 1 - k).cdf).pvalue > RATE


@pytest.mark.parametrize(("kind", "score"), FITS)
def test_covers_new_rows(kind, score):
    """Coverage of 2e5 new rows, each fit on 500: within the BetaBinomial law."""
    n, m, level = 500, 200_000, 0.9
    world = forecasts(kind, spread=0.6, bias=0.5, rows=n + m, seed=11).evidence
    made = ConformalIntervals(score, level=level).fit(world.take(slice(0, n)))
    said, truth = made.apply(world.prediction.take(slice(n, None))), world.truth[n:]
    count = int(((said.low <= truth) & (truth <= said.high)).sum())
    k = int(np.ceil(level * (n + 1)))
    law = betabinom(m, k, n + 1 - k)
    assert law.ppf(RATE / 2) <= count <= law.ppf(1 - RATE / 2)


def test_holds_within_every_group():
    """Groups of very different noise: coverage of each follows its own law, pooled it does not."""
    rng, n = np.random.default_rng(5), 3_000
    group = np.repeat(["calm", "wild"], n)
    noise = np.where(group == "calm", 0.2, 5.0)
    evidence = Evidence(Points(np.zeros(2 * n)), noise * rng.normal(size=2 * n), by={"g": group})
    fitted = ConformalIntervals(level=0.9, per="g").fit(evidence)
    pooled = ConformalIntervals(level=0.9).fit(evidence)
    low = norm.ppf(beta(2701, 300).ppf([RATE / 2, 1 - RATE / 2]) / 2 + 0.5)
    for name, sd in (("calm", 0.2), ("wild", 5.0)):
        reach = fitted.apply(Points([0.0]), g=np.array([name])).high[0]
        assert low[0] <= reach / sd <= low[1]
    reach = pooled.apply(Points([0.0])).high[0]
    assert 2 * norm.cdf(reach / 5.0) - 1 < 0.85 and reach / 0.2 > 5
    assert fitted.unseen(g=np.array(["calm", "new"])).tolist() == [False, True]
    stranger = fitted.apply(Points([0.0]), g=np.array(["new"])).high[0]
    assert stranger == pytest.approx(reach)


def test_sizes_are_guarded():
    """n rows reach n / (n + 1): with two residuals a step, 66.7 %; nothing collapses in silence.

    A package of forecasts gives 64 % instead of 90 % there, one of conformal sets forgot the + 1,
    and in one an asymmetric score cancelled the guard.
    """
    two = Evidence(Points([0.0, 0.0]), [1.0, -2.0])
    words = (
        r"2 rows cannot reach level 0\.9; the largest .* 0\.6667; level 0\.9 needs 9 rows\. "
        r".*level=0\.6666 at most"
    )
    with pytest.raises(FitError, match=words):
        ConformalIntervals(level=0.9).fit(two)
    assert ConformalIntervals(level=2 / 3).fit(two).apply(Points([0.0])).high[0] == 2.0
    nine = Evidence(Points(np.zeros(9)), np.arange(9.0))
    assert ConformalIntervals(level=0.9).fit(nine).apply(Points([0.0])).high[0] == 8.0
    with pytest.raises(
        FitError, match=r"9 rows cannot reach level 0\.9; .* 0\.8; .* needs 19 rows"
    ):
        ConformalIntervals(level=0.9, asymmetric=True).fit(nine)
    groups = Evidence(
        Points(np.zeros(20)), np.arange(20.0), by={"step": np.repeat([1, 2], [18, 2])}
    )
    with pytest.raises(FitError, match=r"2 rows of group '2' cannot reach level 0\.9"):
        ConformalIntervals(level=0.9, per="step").fit(groups)


def test_the_rank_is_exact_in_decimals():
    """0.07 * 100 is 7.000000000000001 in binary; the rank is 7 all the same."""
    scores = Evidence(Points(np.zeros(99)), np.arange(1.0, 100.0))
    for level in (0.07, 0.14, 0.28, 0.55, 0.56, 0.57, 0.58):
        reach = ConformalIntervals(level=level).fit(scores).apply(Points([0.0])).high[0]
        assert reach == round(level * 100)


def test_weights_count_rows():
    rng = np.random.default_rng(2)
    truth, count = rng.normal(size=200), rng.integers(0, 4, 200)
    points = Points(np.zeros(200))
    heavy = Evidence(points, truth, weight=count)
    again = Evidence(points, truth).take(np.repeat(np.arange(200), count))
    for asymmetric in (False, True):
        made = [ConformalIntervals(asymmetric=asymmetric).fit(e).map.margin for e in (heavy, again)]
        assert made[0] == made[1]


def test_what_holds_nothing_is_a_point():
    """Intervals that are far too wide shrink; where they turn inside out the middle stays."""
    low = np.full(100, -10.0)
    wide = Evidence(Intervals(low, -low, 0.9), np.random.default_rng(0).normal(size=100))
    fitted = ConformalIntervals(level=0.9).fit(wide)
    made = fitted.apply(Intervals([-10.0, 0.0], [10.0, 1.0], 0.9))
    assert made.high[0] < 3 and made.low[1] == made.high[1] == pytest.approx(0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_sql_equals_numpy(kind):
    import duckdb

    from trueup.core.forms import columns_of

    world = forecasts(kind, rows=300, members=5, spread=0.5).evidence
    group = np.where(np.arange(300) % 2, "a", "b")
    world = Evidence(world.prediction, world.truth, by={"g": group})
    fitted = ConformalIntervals(level=0.8, per="g").fit(world)
    made = fitted.apply(world.prediction, g=group)
    columns = columns_of(world.prediction)
    names = [f"c{j}" for j in range(columns.shape[1])]
    with duckdb.connect() as connection:
        kinds = ", ".join(f"{c} DOUBLE" for c in names)
        connection.execute(f"CREATE TABLE t (i INTEGER, g VARCHAR, {kinds})")
        marks = ", ".join("?" * (2 + len(names)))
        rows = [[i, group[i], *row] for i, row in enumerate(columns.tolist())]
        connection.executemany(f"INSERT INTO t VALUES ({marks})", rows)
        query = fitted.sql("FROM t ORDER BY i", names, event=False)
        got = np.array(connection.execute(query).fetchall())[:, -2:]
    assert got == pytest.approx(np.column_stack([made.low, made.high]), abs=1e-12)


def test_bad_input():
    for level in (0.0, 1.0, -0.1, 90, np.nan):
        with pytest.raises(UsageError, match="level is"):
            ConformalIntervals(level=level)
    with pytest.raises(UsageError, match=r"score is 'abs'\. Use one of usual, residual"):
        ConformalIntervals("abs")
    evidence = Evidence(Points(np.zeros(50)), np.arange(50.0))
    with pytest.raises(FitError, match=r"'cqr' needs a lower and an upper quantile; .* points"):
        ConformalIntervals("cqr").fit(evidence)
    with pytest.raises(FitError, match="'scaled' needs a spread"):
        ConformalIntervals("scaled").fit(evidence)
    with pytest.raises(FitError, match="no column 'region'"):
        ConformalIntervals(per="region").fit(evidence)
    with pytest.raises(EvidenceError, match="NaN or infinite"):
        Evidence(Points([0.0, np.nan]), [0.0, 1.0])
    with pytest.raises(EvidenceError, match=r"truth has shape \(3,\) for 2 predictions"):
        Evidence(Points([0.0, 1.0]), [0.0, 1.0, 2.0])
    with pytest.raises(FitError, match="there are no rows"):
        ConformalIntervals().fit(evidence.take([]))


def weighted_by_hand(scores, ratios, ratio, level):
    """Least score whose normalised weight, with the new row at infinity, reaches the level."""
    total = sum(ratios) + ratio
    mass = 0.0
    for score, weight in sorted(zip(scores, ratios, strict=True)):
        mass += weight / total
        if mass >= level - 1e-12:
            return score
    return np.inf


@pytest.mark.parametrize("asymmetric", [False, True])
def test_ratios_equal_a_loop(asymmetric):
    rng = np.random.default_rng(8)
    truth, ratios = rng.normal(size=300), rng.exponential(size=300)
    evidence = Evidence(Points(np.zeros(300)), truth, by={"w": ratios})
    fitted = ConformalIntervals(level=0.8, ratio="w", asymmetric=asymmetric).fit(evidence)
    asked = np.array([0.0, 0.01, 1.0, 5.0, 20.0, 40.0, 1e4])
    made = fitted.apply(Points(np.zeros(7)), w=asked)
    for w, low, high in zip(asked, made.low, made.high, strict=True):
        level = 0.9 if asymmetric else 0.8
        sides = (-truth, truth) if asymmetric else (np.abs(truth), np.abs(truth))
        hand = [weighted_by_hand(side, ratios, w, level) for side in sides]
        assert [-low, high] == pytest.approx(np.minimum(hand, 1e150), rel=1e-12)
    assert made.high[-1] == 1e150


def test_equal_ratios_are_none():
    rng = np.random.default_rng(8)
    said, truth = Points(np.zeros(99)), rng.normal(size=99)
    plain = ConformalIntervals().fit(Evidence(said, truth)).apply(Points([0.0]))
    even = ConformalIntervals(ratio="w").fit(Evidence(said, truth, by={"w": np.full(99, 3.0)}))
    assert even.apply(Points([0.0]), w=np.array([3.0])).high == plain.high


def test_shifted_features():
    """x moves from N(0, 1) to N(1.5, 1) where the noise is larger: weights give .9 back.

    The true ratio, and the one learned from the features, each over 60 fits and 2,000 new rows;
    the spread of the mean coverage is measured on the fits.
    """
    found = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x, new = rng.normal(size=1_000), rng.normal(size=2_000) + 1.5
        y, truth = (
            np.exp(0.5 * x) * rng.normal(size=1_000),
            np.exp(0.5 * new) * rng.normal(size=2_000),
        )
        points, row = Points(np.zeros(1_000)), Points(np.zeros(2_000))
        true = Evidence(points, y, by={"w": np.exp(1.5 * x - 1.125)}, features=x)
        learned = LikelihoodRatio.between(x, rng.normal(size=2_000) + 1.5)
        made = [
            ConformalIntervals().fit(true).apply(row),
            ConformalIntervals(ratio="w").fit(true).apply(row, w=np.exp(1.5 * new - 1.125)),
            ConformalIntervals(ratio=learned).fit(true).apply(row, features=new),
        ]
        found.append([np.mean((m.low <= truth) & (truth <= m.high)) for m in made])
    plain, right, learned = np.array(found).T
    assert plain.mean() < 0.8
    for each in (right, learned):
        spread = each.std(ddof=1) / np.sqrt(len(each))
        assert each.mean() > 0.9 - norm.ppf(1 - RATE) * spread and each.mean() < 0.93


def test_too_few_rows_for_the_ratios():
    ratios = np.append(np.full(99, 1e-3), 1e3)
    heavy = Evidence(Points(np.zeros(100)), np.arange(100.0), by={"w": ratios})
    with pytest.raises(FitError, match="no column 'v' in 'by'"):
        ConformalIntervals(ratio="v").fit(heavy)
    with pytest.raises(FitError, match=r"these likelihood ratios reach the level 0\.5 at most"):
        ConformalIntervals(ratio="w", level=0.9).fit(heavy.take([99]))
    with pytest.raises(UsageError, match="ratio goes with per='all' only"):
        ConformalIntervals(ratio="w", per="g")


def test_rows_of_the_fit_prove_nothing():
    world = forecasts("normal", rows=200).evidence
    fitted = correct(world, "ConformalIntervals", level=0.8)
    with pytest.raises(LeakageError):
        prove(fitted, fitted, on=world, score="mae")


SETS = [
    "concrete",
    "energy",
    "housing",
    "yacht",
    "wine",
    "airfoil",
    "parkinsons",
    "autompg",
    "bike",
]


def real_coverage(name: str, settings: ConformalIntervals):
    """(rows inside, their expectation, its variance) over the ten splits, least squares each.

    A third of the training rows is kept for the margins. Splits share rows, so their counts are
    not independent; drawn at random they lean on each other by less than 0.
    """
    data = np.load(shared("tabular", "uci_regression_a", "data.npz"))
    xy, tests = data[f"{name}__xy"].astype(float), data[f"{name}__test"]
    X, y = np.column_stack([np.ones(len(xy)), xy[:, :-1]]), xy[:, -1]
    inside, mean, variance = 0, 0.0, 0.0
    for split, test in enumerate(tests.T):
        train = np.random.default_rng(split).permutation(np.flatnonzero(~test))
        learn, cal = train[: 2 * len(train) // 3], train[2 * len(train) // 3 :]
        said = X @ np.linalg.lstsq(X[learn], y[learn], rcond=None)[0]
        made = settings.fit(Evidence(Points(said[cal]), y[cal])).apply(Points(said[test]))
        inside += int(((made.low <= y[test]) & (y[test] <= made.high)).sum())
        k = int(np.ceil(settings.level * (len(cal) + 1)))
        law = betabinom(int(test.sum()), k, len(cal) + 1 - k)
        mean, variance = mean + law.mean(), variance + law.var()
    return inside, mean, variance


@pytest.mark.parametrize("name", SETS)
def test_real_regressions(name):
    """Coverage at .9 over the ten fixed splits of sets of the UCI archive, a linear model each."""
    inside, mean, variance = real_coverage(name, ConformalIntervals(level=0.9))
    assert abs(inside - mean) < norm.ppf(1 - RATE / 2) * np.sqrt(variance)
