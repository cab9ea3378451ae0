"""Algorithmic unit tests: does a learner respect what it says that it assumes?

A model is trained in a world with two ways to be right: the one that its assumption allows, and an
easier one that it forbids. It is then judged where the forbidden way has been turned round. AUC:

* near 1: the model went the allowed way;
* below 1/2: it went the forbidden way, which proves that it can;
* near 1/2: it went neither way, and the test says nothing.

Examples
--------
>>> from trueup.error import mil_tests
>>> def counting(bags, labels):
...     return lambda bags: np.array([len(bag) for bag in bags])
>>> for done in algorithmic_unit_tests(counting, mil_tests()):
...     print(done.name, done.outcome)
poison respects
frequency breaks
size breaks
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm, rankdata

from trueup.core.cards import Card
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.estimate import Estimate


CARD = Card(
    name="algorithmic_unit_tests",
    question="error",
    family="unit_tests",
    summary="train a learner in worlds where a forbidden shortcut is turned round at test time",
    axes={"trains": "an allowed and a forbidden way", "judges": "the forbidden way turned round"},
    paper="Raff, Holt 2023, Reproducibility in Multiple Instance Learning: A Case For Algorithmic "
    "Unit Tests, arXiv:2310.17867",
    mission=(146,),
    cost="a training a test",
    not_for="proving that a learner always respects an assumption: passing is no proof, failing is",
)

Draw = Callable[[int, np.random.Generator], tuple[Any, np.ndarray]]


@dataclass(frozen=True)
class UnitTest:
    """A world for training and the same world with the forbidden way turned round.

    Attributes
    ----------
    name
        What the test is called.
    says
        What a learner that fails has been shown to do, in a sentence.
    train, turned
        Each takes a number of examples and a generator, gives inputs and labels (n,) of 0 and 1.
    probe
        None, or a function like these that gives inputs and the same inputs with something added
        that must not lower a score.
    """

    name: str
    says: str
    train: Draw
    turned: Draw
    probe: Callable[[int, np.random.Generator], tuple[Any, Any]] | None = None


@dataclass(frozen=True)
class Tested:
    """What a learner did in a test.

    Attributes
    ----------
    name, says
        Those of the test.
    seen
        AUC on new examples of the world that it was trained in.
    turned
        AUC where the forbidden way has been turned round.
    falls
        Share of examples whose score fell by more than a hundredth of the spread of all scores
        when something was added that must not lower it; None where the test does not ask.
    """

    name: str
    says: str
    seen: Estimate
    turned: Estimate
    falls: Estimate | None = None

    @property
    def outcome(self) -> str:
        """``"respects"``, ``"breaks"``, or ``"undecided"`` where 1/2 lies in the interval."""
        if not self.turned.excludes(0.5):
            return "undecided"
        return "respects" if self.turned.value > 0.5 else "breaks"

    def __str__(self) -> str:
        said = f"; {self.says}" if self.outcome == "breaks" else ""
        return f"{self.name}: {self.outcome}, AUC {self.turned} after {self.seen} as trained{said}"


def algorithmic_unit_tests(
    fit: Callable[[Any, np.ndarray], Callable[[Any], Sequence[float]]],
    tests: Sequence[UnitTest],
    *,
    examples: int = 400,
    seed: int = 0,
) -> tuple[Tested, ...]:
    """Train a learner anew in the world of every test and judge it where the shortcut is turned.

    Use it before a model class is trusted with an assumption that its name promises, and as a
    regression test of its code. Intervals are those of the examples; chance of the training is
    seen by other seeds.

    Parameters
    ----------
    fit
        Takes inputs and labels (n,) of 0 and 1, gives a function from inputs to scores (n,), higher
        for label 1.
    tests
        What is tested, such as ``mil_tests()``.
    examples
        Examples to train on; as many are drawn for every look. At least 20.
    seed
        Seed of the worlds.

    Returns
    -------
    tuple of Tested
        One a test, in order.

    Raises
    ------
    UsageError
        Fewer than 20 examples, or no test.
    EvidenceError
        Scores of another shape, or not finite.

    Examples
    --------
    >>> from trueup.error import mil_tests
    >>> def largest(bags, labels):
    ...     return lambda bags: np.array([bag[:, 0].max() for bag in bags])
    >>> [done.outcome for done in algorithmic_unit_tests(largest, mil_tests())]
    ['respects', 'respects', 'respects']
    """
    if examples < 20 or not tests:
        raise UsageError(
            "algorithmic_unit_tests",
            f"examples is {examples}, with {len(tests)} tests",
            do="Draw 20 examples or more, and pass tests such as mil_tests()",
        )
    return tuple(_tested(fit, test, examples, [seed, place]) for place, test in enumerate(tests))


def _tested(fit, test: UnitTest, examples: int, seed: list[int]) -> Tested:
    rng = np.random.default_rng(seed)
    predict = fit(*test.train(examples, rng))
    seen, turned = (_judged(predict, *draw(examples, rng)) for draw in (test.train, test.turned))
    falls = None if test.probe is None else _falls(predict, *test.probe(examples, rng))
    return Tested(test.name, test.says, seen, turned, falls)


def _judged(predict, inputs, labels: np.ndarray) -> Estimate:
    scores = _scores(predict, inputs, len(labels))
    return _auc(scores[labels == 1], scores[labels == 0])


def _scores(predict, inputs, n: int) -> np.ndarray:
    scores = np.asarray(predict(inputs), dtype=np.float64)
    if scores.shape != (n,) or not np.isfinite(scores).all():
        bad = f"{int((~np.isfinite(scores)).sum())} are not finite"
        raise EvidenceError(
            "algorithmic_unit_tests",
            f"the learner gave scores of shape {scores.shape} for {n} inputs; {bad}",
            do="Let what fit returns give a finite number an input",
        )
    return scores


def _falls(predict, plain, more) -> Estimate:
    before = np.asarray(predict(plain), dtype=np.float64)
    after = _scores(predict, more, len(before))
    fell = after < before - 0.01 * np.std(np.concatenate([before, after]))
    return _share(float(fell.mean()), len(fell), how="Wilson interval")


def _auc(above: np.ndarray, below: np.ndarray) -> Estimate:
    """Share of pairs in the right order, ties half; Wilson's interval with DeLong's variance."""
    m, n = len(above), len(below)
    ranks = rankdata(np.concatenate([above, below]))
    over = (ranks[:m] - rankdata(above)) / n
    under = 1 - (ranks[m:] - rankdata(below)) / m
    value = float(over.mean())
    variance = over.var(ddof=1) / m + under.var(ddof=1) / n
    # Without any pair in the wrong order there is no variance to see: the fewer side counts.
    rows = float(value * (1 - value) / variance) if variance > 0 else min(m, n)
    return _share(value, rows, how="Wilson interval, variance of DeLong", n=m + n)


def _share(value: float, rows: float, *, how: str, n: int | None = None) -> Estimate:
    """Wilson's interval of a share that is as sure as one of so many rows."""
    z = float(norm.ppf(0.975))
    centre = (value + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * math.sqrt(value * (1 - value) / rows + (z / (2 * rows)) ** 2)
    low, high = max(centre - half, 0.0), min(centre + half, 1.0)
    return Estimate(value, low, high, n=int(rows) if n is None else n, how=how)
