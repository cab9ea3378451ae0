"""Every layer in every form that may be chosen, and what a choice costs and loses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trueup.core.errors import UsageError
from trueup.core.weights.packed import Packed


Score = str | Callable[[np.ndarray], float]
"""``"squared"``, ``"kl"``, or a loss of what a network gives."""


class Candidates:
    """Tensors, each packed by every option, and a network to try them in.

    Attributes
    ----------
    names
        The L tensors.
    packed
        K packed weights, an option each.
    bytes
        (L, K) what each tensor takes in each form.
    """

    def __init__(
        self, network: Any, inputs: Any, options: Sequence[Any], names: Any, score: Score
    ) -> None:
        self.packed: list[Packed] = [one.fit(network, inputs, names=names) for one in options]
        self.names = list(self.packed[0].tensors)
        self.bytes = np.array(
            [[one.tensors[name].bytes for one in self.packed] for name in self.names]
        )
        self.inputs, self.score = inputs, score
        self.whole = self.packed[0].rest
        self.trial = type(network).of(network.module)
        self.before = self.trial.run(inputs)
        self.rows = len(self.before)
        self.current = np.full(len(self.names), -1)

    def set(self, choice: np.ndarray) -> None:
        """Put the chosen forms into the network that is tried; -1 is the layer as it was."""
        for place in np.flatnonzero(choice != self.current):
            name = self.names[place]
            option = choice[place]
            values = self.whole[name] if option < 0 else self.packed[option].tensors[name].values()
            self.trial.layers[name.removesuffix(".weight")].set_matrix(values)
        self.current = choice.copy()

    def lost(self, choice: np.ndarray, rows: np.ndarray | None = None) -> float:
        """What a choice (L,) loses, on all rows or some; 0 where nothing is changed."""
        self.set(choice)
        if rows is None:
            return lost(self.before, self.trial.run(self.inputs), self.score)
        return lost(self.before[rows], self.trial.run(some(self.inputs, rows)), self.score)

    def cost(self, choice: np.ndarray) -> int:
        """Bytes of a choice."""
        return int(self.bytes[np.arange(len(choice)), choice].sum())

    def largest_uniform(self, budget: int) -> np.ndarray:
        """The option that fits the budget for all layers alike and takes most of it.

        Raises
        ------
        UsageError
            None fits.
        """
        totals = self.bytes.sum(axis=0)
        fits = np.flatnonzero(totals <= budget)
        if not len(fits):
            raise UsageError(
                "allocate", f"the budget is {budget} bytes, every option takes {totals.min()}",
                do="Pass a larger budget, or options of fewer bits",
            )  # fmt: skip
        return np.full(len(self.names), fits[np.argmax(totals[fits])])


@dataclass(frozen=True)
class Found:
    """A choice (L,), what it is expected to lose, and what the search came by."""

    choice: np.ndarray
    predicted: float
    trace: tuple[float, ...] = ()


class AbstractAllocation(ABC):
    """Settings of a search for the best choice within a budget."""

    @abstractmethod
    def __call__(self, candidates: Candidates, budget: int) -> Found:
        """The choice."""


@dataclass(frozen=True)
class Uniform(AbstractAllocation):
    """All layers alike: the option that takes most of the budget."""

    def __call__(self, candidates: Candidates, budget: int) -> Found:
        choice = candidates.largest_uniform(budget)
        return Found(choice, candidates.lost(choice))


def lost(before: np.ndarray, after: np.ndarray, score: Score) -> float:
    """What is lost from outputs ``before`` to ``after``.

    Examples
    --------
    >>> lost(np.array([[0.0, 2.0]]), np.array([[0.0, 1.0]]), "squared")
    0.25
    >>> round(lost(np.array([[0.0, 2.0]]), np.array([[0.0, 1.0]]), "kl"), 4)
    0.0671
    """
    if callable(score):
        return float(score(after) - score(before))
    one, two = before.astype(np.float64), after.astype(np.float64)
    if score == "squared":
        return float(((one - two) ** 2).sum() / (one**2).sum())
    if score != "kl":
        raise UsageError(
            "allocate", f"score is {score!r}", do='Use "squared", "kl" or a function of outputs'
        )
    one, two = _logs(one), _logs(two)
    return float((np.exp(one) * (one - two)).sum(axis=-1).mean())


def _logs(logits: np.ndarray) -> np.ndarray:
    from scipy.special import log_softmax

    return log_softmax(logits, axis=-1)


def some(inputs: Any, rows: np.ndarray) -> Any:
    """Some rows of inputs of any kind."""
    if isinstance(inputs, dict):
        return {name: part[rows] for name, part in inputs.items()}
    return tuple(part[rows] for part in inputs) if isinstance(inputs, tuple) else inputs[rows]
