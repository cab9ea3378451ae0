"""Unit tests of learners: learners of known behaviour, and AUC against pairs and bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from trueup.core.errors import EvidenceError, UsageError
from trueup.error import algorithmic_unit_tests, mil_tests
from trueup.error.unit_tests.algorithmic import UnitTest, _auc


def fixed(score):
    """A learner that has learned ``score`` of a bag whatever it is shown."""
    return lambda bags, labels: lambda bags: np.array([score(bag) for bag in bags])


LEARNERS = {
    "largest positive instance": (lambda b: b[:, 0].max(), ("respects",) * 3),
    "no poison": (lambda b: -b[:, 1].max(), ("breaks", "undecided", "undecided")),
    "how much is harmless": (lambda b: (b[:, 2] > 2.5).sum(), ("undecided", "breaks", "undecided")),
    "how large": (len, ("respects", "breaks", "breaks")),
    "mean with poison": (
        lambda b: b[:, 0].mean() - b[:, 1].mean(), ("breaks", "respects", "respects"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LEARNERS)
def test_learners_of_known_behaviour(name):
    """What a learner cannot see it cannot judge: 19 of 20 intervals then hold one half."""
    score, expected = LEARNERS[name]
    for seed in range(3):
        done = algorithmic_unit_tests(fixed(score), mil_tests(), seed=seed)
        for each, outcome in zip(done, expected, strict=True):
            assert each.outcome == outcome or 0.4 < each.turned.value < 0.6


def test_a_learner_of_nothing_is_undecided():
    done = algorithmic_unit_tests(fixed(lambda b: 0.0), mil_tests())
    assert [each.outcome for each in done] == ["undecided"] * 3


def test_a_learner_that_respects_is_nearly_perfect_and_never_falls():
    for done in algorithmic_unit_tests(fixed(lambda b: b[:, 0].max()), mil_tests(), examples=2000):
        assert done.turned.value > 0.98 and done.falls.value == 0


@pytest.mark.parametrize("place", range(3))
def test_failing_is_a_proof(place):
    """The largest of any scores of instances is not below 1/2: one of 40 intervals may say so."""
    rng, found = np.random.default_rng(5), []
    for seed in range(80):
        w, bend, centre = (
            rng.normal(size=8),
            rng.normal(size=8) * rng.integers(2),
            rng.normal(size=8),
        )

        def score(b, w=w, bend=bend, centre=centre):
            return (np.sin(b) @ w + (b - centre) ** 2 @ bend).max()

        tests = mil_tests()[place : place + 1]
        found.append(
            algorithmic_unit_tests(fixed(score), tests, examples=100, seed=seed)[0].outcome
        )
    assert found.count("breaks") <= 7


def test_a_learner_of_absence_falls_whenever_poison_is_added():
    done = algorithmic_unit_tests(fixed(lambda b: -b[:, 1].max()), mil_tests())[0]
    assert done.falls.value > 0.99 and done.seen.value > 0.99 and done.turned.value < 0.01
    assert "breaks" in str(done) and "absence" in str(done)


def test_undecided_as_often_as_the_level_says():
    """A learner that knows nothing is called neither in 95 % of tests; binomial, 1 in 10,000."""
    rng = np.random.default_rng(0)

    def fit(bags, labels):
        return lambda bags: rng.normal(size=len(bags))

    poison = mil_tests()[:1]
    said = [algorithmic_unit_tests(fit, poison, examples=40, seed=s)[0].outcome
            for s in range(400)]  # fmt: skip
    assert 3 <= 400 - said.count("undecided") <= 40


def test_worlds_hold_what_they_say():
    poison, frequency, size = mil_tests(dimensions=5, instances=10)
    rng = np.random.default_rng(1)
    for label, draw in ((0, poison.train), (1, poison.turned)):
        bags, y = draw(200, rng)
        held = np.array([bag[:, 1].max() > 7 for bag in bags])
        assert np.array_equal(held, y == label)
    for label, draw in ((1, frequency.train), (0, frequency.turned)):
        bags, y = draw(200, rng)
        many = np.array([(bag[:, 2] > 2.8).sum() for bag in bags])
        assert (many[y == label] >= 10).mean() > 0.97 and many[y != label].max() <= 4
    for label, draw in ((1, size.train), (0, size.turned)):
        bags, y = draw(2000, rng)
        sizes = np.array([len(bag) for bag in bags])
        assert 2.6 < sizes[y == label].mean() / sizes[y != label].mean() < 3.2
        assert len({len(np.unique(b, axis=0)) for b in bags} - set(range(5, 18))) == 0
    for draw in (poison.train, poison.turned, frequency.turned, size.turned):
        bags, y = draw(500, rng)
        assert roc_auc_score(y, [bag[:, 0].max() for bag in bags]) > 0.97
    assert bags[0].shape[1] == 5


def test_auc_is_the_share_of_pairs_with_an_interval_as_wide_as_the_bootstrap():
    rng = np.random.default_rng(2)
    above, below = rng.normal(1, 1, 150).round(1), rng.normal(0, 2, 90).round(1)
    found = _auc(above, below)
    pairs = np.mean([(a > b) + 0.5 * (a == b) for a in above for b in below])
    assert np.isclose(found.value, pairs, rtol=1e-12)
    labels = np.repeat([1, 0], [150, 90])
    assert np.isclose(found.value, roc_auc_score(labels, np.concatenate([above, below])))
    drawn = [_auc(rng.choice(above, 150), rng.choice(below, 90)).value for _ in range(2000)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert np.isclose(found.high - found.low, high - low, rtol=0.1)
    assert _auc(above + 100, below).low < 1 == _auc(above + 100, below).value


def test_own_tests_need_no_bags():
    """A test of monotony in one feature, for learners of tables."""

    def draw(sign):
        def drawn(n, rng):
            y = np.arange(n) % 2
            x = rng.normal(size=(n, 2)) + np.outer(2 * y - 1, [0.8, 5.0 * sign])
            return x, y

        return drawn

    only_first = UnitTest("first", "it reads the second feature", draw(1), draw(-1))
    done = algorithmic_unit_tests(lambda x, y: lambda x: x[:, 0], [only_first])
    assert done[0].outcome == "respects" and done[0].falls is None
    assert (
        algorithmic_unit_tests(lambda x, y: lambda x: x.sum(1), [only_first])[0].outcome == "breaks"
    )


def test_refusals():
    with pytest.raises(UsageError, match="examples is 3"):
        algorithmic_unit_tests(fixed(len), mil_tests(), examples=3)
    with pytest.raises(UsageError, match="with 0 tests"):
        algorithmic_unit_tests(fixed(len), [])
    with pytest.raises(EvidenceError, match=r"shape \(2, 1\)|shape \(400, 1\)"):
        algorithmic_unit_tests(lambda b, y: lambda b: np.zeros((len(b), 1)), mil_tests())
    with pytest.raises(EvidenceError, match="400 are not finite"):
        algorithmic_unit_tests(lambda b, y: lambda b: np.full(len(b), np.nan), mil_tests())
    with pytest.raises(UsageError, match="dimensions is 2"):
        mil_tests(dimensions=2)
