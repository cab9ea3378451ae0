"""Greedy soup: against all that could have been taken, and the rule of the paper by hand."""

from __future__ import annotations

import numpy as np
import pytest

from trueup.core import Estimate
from trueup.core.errors import EvidenceError, UsageError
from trueup.parameters import greedy_soup, merge


def world(seed: int):
    """Models around a target, and how far an average is from it."""
    rng = np.random.default_rng(seed)
    target = rng.normal(size=6)
    models = [{"w": target + rng.normal(size=6) * s} for s in (0.3, 1, 0.5, 2, 0.4)]
    return models, lambda weights: -float(np.sum((weights["w"] - target) ** 2))


@pytest.mark.parametrize("seed", range(5))
def test_taken_by_the_rule_of_the_paper(seed):
    models, score = world(seed)
    order = sorted(range(5), key=lambda i: -score(models[i]))
    taken = [order[0]]
    for i in order[1:]:
        mean = {"w": np.mean([models[j]["w"] for j in (*taken, i)], axis=0)}
        best = {"w": np.mean([models[j]["w"] for j in taken], axis=0)}
        if score(mean) >= score(best):
            taken.append(i)
    soup = greedy_soup(models, score)
    assert soup.taken == tuple(taken) and list(soup.tried) == order
    assert soup.weights["w"] == pytest.approx(np.mean([models[j]["w"] for j in taken], axis=0))
    assert soup.value == pytest.approx(score(soup.weights)) and soup.value >= max(soup.alone)


def test_a_score_that_does_not_drop_lets_a_model_in():
    soup = greedy_soup([{"w": np.ones(1)}, {"w": np.zeros(1)}], lambda _: 0.5)
    assert soup.taken == (0, 1) and soup.weights["w"] == [0.5]


def test_estimates_count_by_their_value():
    models, score = world(0)

    def estimate(weights) -> Estimate:
        value = score(weights)
        return Estimate(value, value - 1, value + 1, n=10)

    assert greedy_soup(models, estimate).taken == greedy_soup(models, score).taken


def test_a_soup_says_that_its_score_chose_it():
    models, score = world(1)
    assert "prove the soup on" in str(greedy_soup(models, score))


def test_nothing_to_choose_from_and_scores_that_are_none_are_refused():
    with pytest.raises(UsageError, match="got 0 models"):
        greedy_soup([], float)
    with pytest.raises(EvidenceError, match="the score of model 0 is nan"):
        greedy_soup([{"w": np.ones(2)}], lambda _: np.nan)


def test_a_uniform_soup_is_the_average():
    models, _ = world(2)
    assert merge(models)["w"] == pytest.approx(np.mean([m["w"] for m in models], axis=0))
