"""The worlds of multiple-instance tests against linear learners whose behaviour is known."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from trueup.error import algorithmic_unit_tests, mil_tests


def of_means(bags, labels):
    """Logistic regression on means of bags: takes whatever differs, in either direction."""

    def means(bags):
        return np.array([bag.mean(axis=0) for bag in bags])

    model = LogisticRegression().fit(means(bags), labels)
    return lambda bags: model.decision_function(means(bags))


def by_largest(bags, labels):
    """Boosted by nothing but presence: the axis whose largest value tells most, never inverted."""
    top = np.array([bag.max(axis=0) for bag in bags])
    gap = top[labels == 1].mean(axis=0) - top[labels == 0].mean(axis=0)
    axis = int(np.argmax(gap / top.std(axis=0)))
    return lambda bags: np.array([bag[:, axis].max() for bag in bags])


def test_means_of_bags_break_the_assumption_and_presence_does_not():
    for seed in range(3):
        means, largest = (algorithmic_unit_tests(fit, mil_tests(), seed=seed)
                          for fit in (of_means, by_largest))  # fmt: skip
        assert [done.outcome for done in means][:2] == ["breaks", "breaks"]
        assert [done.outcome for done in largest] == ["respects"] * 3
        assert all(done.seen.low > 0.9 for done in (*means[:2], *largest))
        assert means[0].falls.low > 0.9 and largest[0].falls.value == 0


def test_same_seed_same_bags():
    draws = [mil_tests()[1].turned(20, np.random.default_rng(3)) for _ in range(2)]
    for one, two in zip(*(draw[0] for draw in draws), strict=True):
        np.testing.assert_array_equal(one, two)
