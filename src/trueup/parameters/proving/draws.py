r"""Proof of a method that depends on luck: several calibration draws and seeds.

One draw says how good one file is. Whether the method is good, another draw must show, too: the
interval of the mean difference holds the luck of the test rows and that of the draws.

Examples
--------
>>> import numpy as np, torch
>>> from trueup.parameters import Trial, prove_draws
>>> rng = np.random.default_rng(0)
>>> x = rng.normal(size=(500, 2)).astype(np.float32)
>>> trial = Trial(x, (x[:, 0] > 0).astype(int), arch=torch.nn.Linear(2, 2))
>>> before = {"weight": np.zeros((2, 2), np.float32), "bias": np.zeros(2, np.float32)}
>>> def make(seed):
...     size = np.float32(1 + 0.1 * np.random.default_rng(seed).normal())
...     return before | {"weight": size * np.float32([[-1, 0], [1, 0]])}
>>> made = prove_draws(before, make, on=trial)
>>> made.outcome.value, len(made.draws), made.between > 0
('proven', 5, True)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trueup.core.cards import Card
from trueup.core.draws import OverDraws, over_draws
from trueup.core.errors import UsageError
from trueup.core.estimate import Estimate
from trueup.core.proof import Proof, check_margin, judge
from trueup.parameters.proving.predicted import Tried, tried
from trueup.parameters.proving.trial import Trial
from trueup.parameters.proving.weights import lost


__all__ = ["DrawnProof", "prove_draws"]

CARD = Card(
    name="prove_draws",
    question="parameters",
    family="proving",
    summary="a method proven over several calibration draws and seeds, their luck in the interval",
    paper="Searle, Casella, McCulloch 1992, Variance Components, chapter 4",
    cost="draws + 1 runs of the network over the rows, and as many runs of the method",
    needs=("torch",),
    not_for="one file that will be shipped as it is: prove_weights judges that one",
)


@dataclass(frozen=True)
class DrawnProof(Proof):
    """A proof over several draws; ``after`` and ``difference`` are means over them.

    Attributes
    ----------
    draws
        Difference of each draw.
    between
        Standard deviation from one draw to another, beyond what the test rows explain.
    """

    draws: tuple[float, ...] = ()
    between: float = math.nan

    def to_dict(self) -> dict:
        """A dict for JSON."""
        between = self.between if math.isfinite(self.between) else None
        return {**super().to_dict(), "draws": list(self.draws), "between": between}


def prove_draws(
    before: Any,
    make: Callable[[int], Any],
    *,
    on: Trial,
    draws: int = 5,
    score: str = "",
    level: float = 0.95,
    margin: float = 0.0,
) -> DrawnProof:
    """Compare ``before`` with what ``make`` gives for several seeds, on the same held-out rows.

    Parameters
    ----------
    before
        Weights or a module.
    make
        Seed -> changed weights, calibrated on rows that the seed draws.
    on
        Held-out rows, which no draw may have seen.
    draws
        How many seeds, 0, 1, ..., at least 2.
    score, level, margin
        As of ``prove_weights``.

    Returns
    -------
    DrawnProof
        ``nonfinite`` where one of the networks gives NaN or infinite numbers.
    """
    check_margin(margin)
    if draws < 2:
        raise UsageError("prove_draws", f"draws is {draws}", do="Pass 2 or more, such as 5")
    first = tried(before, on, score)
    sides = [tried(make(seed), on, score) for seed in range(draws)]
    if any(side.evidence is None for side in (first, *sides)):
        gone = lost(first.score.name, sides[0].learned, margin)
        return DrawnProof(**vars(gone))
    return _proof(first, sides, level=level, margin=margin)


def _proof(before: Tried, sides: list[Tried], *, level: float, margin: float) -> DrawnProof:
    measure = before.score
    assert before.evidence is not None
    start = measure.cube(before.evidence)
    n = len(before.evidence)
    cubes = [measure.cube(side.evidence) for side in sides if side.evidence is not None]
    base, found = measure.replicates(start), [measure.replicates(cube) for cube in cubes]
    paired = [one.minus(base, scale=measure.scale) for one in found]
    nothing = type(base)(0.0, base.without * 0, base.sizes)
    plain = [one.minus(nothing, scale=measure.scale) for one in found]
    difference, after = (over_draws(each, level=level) for each in (paired, plain))
    made = _estimate(difference, level, n)
    return DrawnProof(
        measure.name, measure.estimate(start, level=level), _estimate(after, level, n), made,
        judge(made, better=measure.better, margin=margin), "", sides[0].learned, n, margin,
        tuple(one.value for one in paired), difference.between,
    )  # fmt: skip


def _estimate(found: OverDraws, level: float, n: int) -> Estimate:
    return Estimate(found.value, found.low, found.high, level, n, f"paired {found.how}")
