"""A choice within a budget by evolution: layers trade levels, whole choices are tried.

A parent has children; each makes some layers larger and others smaller, within the budget. All
children are tried on few rows, the better ones on more, the best of them and the parent on all. The
better of both is the next parent, so the loss never rises.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import UsageError
from trueup.parameters.allocation.candidates import AbstractAllocation, Candidates, Found


CARD = Card(
    name="Evolution",
    question="parameters",
    family="allocation",
    summary="bits by layer within a budget of bytes by evolution; whole choices are tried",
    paper="Sieberling et al. 2025, EvoPress, ICML, 2410.14649, algorithm 1",
    axes={"allocation": "evolution"},
    mission=(175,),
    cost="generations x (offspring / 8 + survivors / 2 + 1) runs of the network",
    not_for="networks that are slow to run: IntegerProgramme needs layers x options runs",
    needs=("torch",),
)
SHARES = (1 / 8, 1 / 2)
"""Shares of the rows on which children and survivors are tried."""


@dataclass(frozen=True)
class Evolution(AbstractAllocation):
    """Search a choice by trying whole ones.

    Parameters
    ----------
    generations, offspring
        How often a parent has children, and how many, at least 1.
    survivors
        How many of them are tried on half the rows.
    start
        A search whose choice is the first parent; None begins with all layers alike.
    seed
        Of all random choices.

    Examples
    --------
    >>> Evolution(generations=10, seed=1)
    Evolution(generations=10, offspring=16, survivors=4, start=None, seed=1)
    """

    generations: int = 30
    offspring: int = 16
    survivors: int = 4
    start: AbstractAllocation | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.generations < 1 or not 1 <= self.survivors <= self.offspring:
            raise UsageError(
                "Evolution", f"{self.generations} generations, {self.offspring} offspring, "
                f"{self.survivors} survivors", do="Pass 1 or more, and fewer survivors",
            )  # fmt: skip

    def __call__(self, candidates: Candidates, budget: int) -> Found:
        rng = np.random.default_rng(self.seed)
        order = candidates.bytes.argsort(axis=1, kind="stable")
        parent = candidates.largest_uniform(budget)
        if self.start is not None:
            parent = self.start(candidates, budget).choice
        trace = [candidates.lost(parent)]
        for _ in range(self.generations):
            children = [child(parent, candidates.bytes, order, budget, rng)
                        for _ in range(self.offspring)]  # fmt: skip
            for share, left in zip(SHARES, (self.survivors, 1), strict=True):
                children = _fittest(candidates, children, share, left, rng)
            lost = candidates.lost(children[0])
            if lost < trace[-1]:
                parent = children[0]
            trace.append(min(lost, trace[-1]))
        return Found(parent, trace[-1], tuple(trace))


def _fittest(
    candidates: Candidates, children: list, share: float, left: int, rng: np.random.Generator
) -> list:
    """The ``left`` best of children on a random ``share`` of the rows."""
    rows = rng.permutation(candidates.rows)[: max(1, round(share * candidates.rows))]
    lost = [candidates.lost(one, rows) for one in children]
    return [children[place] for place in np.argsort(lost, kind="stable")[:left]]


def child(
    parent: np.ndarray,
    sizes: np.ndarray,
    order: np.ndarray,
    budget: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Raise one to three layers by a level, lower others until the budget holds."""
    choice = parent.copy()
    rank = np.array([int(np.flatnonzero(order[i] == c)[0]) for i, c in enumerate(choice)])
    for _ in range(min(rng.integers(1, 4, size=2))):
        low = np.flatnonzero(rank < sizes.shape[1] - 1)
        if not len(low):
            break
        raised = rng.choice(low)
        rank[raised] += 1
        while sizes[np.arange(len(rank)), order[np.arange(len(rank)), rank]].sum() > budget:
            others = np.flatnonzero((rank > 0) & (np.arange(len(rank)) != raised))
            if not len(others):
                return parent.copy()
            rank[rng.choice(others)] -= 1
    return order[np.arange(len(rank)), rank]
