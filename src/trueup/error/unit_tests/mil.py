"""Unit tests of multiple-instance learners: a bag is positive because of one of its instances.

The standard assumption: an instance is positive or not, and a bag is positive where at least one of
its instances is. Then absence is no evidence, copies of an instance are none, and adding an
instance never lowers the score of a bag. In each test a positive bag holds one positive instance,
so that the largest score of an instance solves it; a shortcut is easier.

Failing is a proof. Where the shortcut is turned, a positive bag holds what a negative one holds and
more, but for copies. Whatever a learner thinks of an instance, the largest score then favours the
positive bag or neither: its AUC is 1/2 or more.

Examples
--------
>>> [test.name for test in mil_tests()]
['poison', 'frequency', 'size']
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import UsageError
from trueup.error.unit_tests.algorithmic import UnitTest


CARD = Card(
    name="mil_tests",
    question="error",
    family="unit_tests",
    summary="three worlds in which a bag is positive because of one instance, and shortcuts tempt",
    axes={"poison": "absence of evidence", "frequency": "copies", "size": "how large"},
    paper="Raff, Holt 2023, arXiv:2310.17867, sections 3 and 4",
    mission=(146,),
    cost="O(examples x instances x dimensions)",
    not_for="learners that mean to count (threshold or collective assumptions), which may do so",
)

FAR, NEAR = 10.0, 5.0
"""Distance of poison and of the positive concept from the background, in its spreads."""

Bags = list[np.ndarray]


def mil_tests(*, dimensions: int = 8, instances: int = 8) -> tuple[UnitTest, ...]:
    """The tests of the standard assumption of multiple-instance learning.

    Instances of the background are standard normal. The positive concept lies 5 along the first
    axis, poison 10 along the second, a harmless concept 5 along the third.

    * ``poison``: in training poison lies in every negative bag and in no positive one; turned, in
      every positive and in no negative one. A learner that fails took absence for evidence.
    * ``frequency``: in training positive bags hold as many copies of a harmless instance as
      background, negative bags one; turned, the other way. A learner that fails counted copies.
    * ``size``: in training the background of positive bags is there three times; turned, that of
      negative ones. A learner that fails looked at the size.

    The first also asks whether a score falls when poison is added to a bag, the others whether it
    falls when copies of the background are.

    Parameters
    ----------
    dimensions
        Numbers of an instance, 3 or more.
    instances
        Instances of the background in a bag on average, 4 or more; each bag has half as many to
        one and a half times.

    Returns
    -------
    tuple of UnitTest
        Inputs are lists of bags (instances, dimensions).

    Examples
    --------
    >>> bags, labels = mil_tests()[0].train(100, np.random.default_rng(0))
    >>> bags[0].shape[1], len(bags), int(labels.sum())
    (8, 100, 50)
    """
    if dimensions < 3 or instances < 4:
        raise UsageError(
            "mil_tests",
            f"dimensions is {dimensions}, instances is {instances}",
            do="Pass 3 dimensions and 4 instances or more",
        )
    world = _World(dimensions, instances)
    return (
        UnitTest("poison", "it takes the absence of an instance for evidence",
                 world.poison(0), world.poison(1), world.probe(poison=True)),
        UnitTest("frequency", "it counts copies of one instance",
                 world.frequency(1), world.frequency(0), world.probe()),
        UnitTest("size", "it looks at the size of the bag",
                 world.size(1), world.size(0), world.probe()),
    )  # fmt: skip


class _World:
    """Draws bags of background with what a test adds to them."""

    def __init__(self, dimensions: int, instances: int) -> None:
        self.dimensions, self.instances = dimensions, instances

    def poison(self, label: int) -> Callable:
        """Poison in the bags of ``label``."""
        return self._draw(lambda bag, y, rng: self._near(rng, 1, FAR) if y == label else bag[:0])

    def frequency(self, label: int) -> Callable:
        """Many copies of a harmless instance in the bags of ``label``, one in the others."""

        def more(bag, y, rng):
            return np.repeat(self._near(rng, 2, NEAR), self.instances if y == label else 1, axis=0)

        return self._draw(more)

    def size(self, label: int) -> Callable:
        """The background three times in the bags of ``label``."""
        return self._draw(lambda bag, y, rng: np.tile(bag, (2 if y == label else 0, 1)))

    def probe(self, *, poison: bool = False) -> Callable:
        """Positive bags, and the same bags with poison or copies of the background added."""

        def draw(n: int, rng: np.random.Generator) -> tuple[Bags, Bags]:
            plain = [self._background(rng) for _ in range(n)]
            new = [self._near(rng, 1, FAR) if poison else bag for bag in plain]
            plain = [np.concatenate([bag, self._near(rng, 0, NEAR)]) for bag in plain]
            return plain, [np.concatenate(both) for both in zip(plain, new, strict=True)]

        return draw

    def _draw(self, more: Callable) -> Callable:
        def drawn(y: int, rng: np.random.Generator) -> np.ndarray:
            bag = self._background(rng)
            positive = [self._near(rng, 0, NEAR)] if y else []
            # No learner may read the label off the place of an instance.
            return rng.permutation(np.concatenate([bag, *positive, more(bag, y, rng)]))

        def draw(n: int, rng: np.random.Generator) -> tuple[Bags, np.ndarray]:
            labels = np.arange(n) % 2
            return [drawn(int(y), rng) for y in labels], labels

        return draw

    def _background(self, rng: np.random.Generator) -> np.ndarray:
        half = self.instances // 2
        return rng.normal(size=(rng.integers(half, 3 * half + 1), self.dimensions))

    def _near(self, rng: np.random.Generator, axis: int, far: float) -> np.ndarray:
        """One instance (1, d) around ``far`` on an axis."""
        new = rng.normal(size=(1, self.dimensions))
        new[:, axis] += far
        return new
