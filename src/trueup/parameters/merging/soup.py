"""Greedy soup: models join an average as long as it gets no worse on held-out data.

Models are ranked by their own score. The best begins; each of the others joins where the average
with it scores at least as well. A uniform soup, the average of all, is ``merge(models)``.

The score that chose is no proof: held-out data have been looked at once for every model. Prove the
soup on a third set.

Examples
--------
>>> import numpy as np
>>> nets = [{"w": np.float32([v])} for v in (0, 3, 9)]
>>> soup = greedy_soup(nets, lambda weights: -abs(float(weights["w"][0]) - 2))
>>> soup.taken, soup.weights["w"]
((1, 0), array([1.5], dtype=float32))
>>> print(soup)
2 of 3 models taken: 1, 0; score -0.5, the best alone -1. The score chose them: prove the soup on
data that it never saw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.weights.opened import open_weights
from trueup.core.weights.view import Weights
from trueup.parameters.merging.merge import merge


CARD = Card(
    name="greedy_soup",
    question="parameters",
    family="merging",
    summary="models join an average as long as it gets no worse on held-out data",
    paper="Wortsman et al. 2022, Model soups, ICML, 2203.05482, recipe 1",
    axes={"delta": "weights", "sparsify": "none", "consensus": "mean of those that help"},
    mission=(34,),
    exports=("Soup", "greedy_soup"),
    cost="2 k - 1 scores",
    not_for="models that do not share a start; a score on the data that prove it",
)

Score = Callable[[Weights], Any]
"""What a model is worth on held-out data: a float or an ``Estimate``, larger is better."""


@dataclass(frozen=True)
class Soup:
    """What was taken, and why.

    Attributes
    ----------
    weights
        The average of the models that were taken.
    taken
        Places of these models, in the order in which they joined.
    alone
        (k,) score of every model by itself.
    tried
        Place of a model -> score of the average with it, in the order of trial.
    value
        Score of the soup on the data that chose it; flattering by the choice.
    """

    weights: Weights
    taken: tuple[int, ...]
    alone: tuple[float, ...]
    tried: dict[int, float]
    value: float

    def __str__(self) -> str:
        places = ", ".join(map(str, self.taken))
        return (
            f"{len(self.taken)} of {len(self.alone)} models taken: {places}; score "
            f"{self.value:.4g}, the best alone {max(self.alone):.4g}. The score chose them: prove "
            "the soup on\ndata that it never saw."
        )


def greedy_soup(models: Sequence[Any], score: Score) -> Soup:
    """Average of the models that do no harm, tried from the best to the worst.

    Parameters
    ----------
    models
        One or more of anything that ``open_weights`` takes.
    score
        Takes ``Weights``, gives a number or an ``Estimate``: larger is better. Pass minus a loss.

    Returns
    -------
    Soup
        Never below the best model on the data of ``score``.

    Raises
    ------
    UsageError
        No models.
    EvidenceError
        A score that is not a number.
    """
    opened = [open_weights(one, name=f"model {i}") for i, one in enumerate(models)]
    if not opened:
        raise UsageError("greedy_soup", "got 0 models", do="Pass one or more")
    alone = [_number(score(one), f"model {i}") for i, one in enumerate(opened)]
    first, *others = sorted(range(len(opened)), key=lambda i: -alone[i])
    taken, value, weights, tried = [first], alone[first], opened[first], {first: alone[first]}
    for i in others:
        candidate = merge([opened[j] for j in (*taken, i)])
        tried[i] = _number(score(candidate), f"the average with model {i}")
        if tried[i] >= value:
            taken, value, weights = [*taken, i], tried[i], candidate
    return Soup(weights, tuple(taken), tuple(alone), tried, value)


def _number(found: Any, what: str) -> float:
    value = float(found)
    if not np.isfinite(value):
        raise EvidenceError(
            "greedy_soup", f"the score of {what} is {value}", do="Pass a score that is finite"
        )
    return value
