"""Several models of one truth: who is surely better, pair by pair."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from trueup.audit.finding import Finding
from trueup.audit.judged import AbstractJudged, score_words
from trueup.core.estimate import Estimate
from trueup.core.jackknife import Replicates, interval, t_p_value
from trueup.core.multiple import holm


SURE = 0.05


@dataclass(frozen=True)
class Comparison:
    """Score of ``a`` minus score of ``b`` on the same rows; ``p_value`` after Holm."""

    a: str
    b: str
    difference: Estimate
    p_value: float
    score: str = "log_loss"
    said: str = "log loss"

    def to_dict(self) -> dict:
        """A dict for JSON."""
        return {
            "a": self.a,
            "b": self.b,
            "score": self.score,
            "difference": self.difference.to_dict(),
            "p_value": self.p_value,
        }


def compare(models: list[AbstractJudged], *, level: float = 0.95) -> list[Comparison]:
    """Every pair of models by their paired score, Holm over the pairs.

    Rows are paired through their groups, so models must have predicted the same keys: a key or a
    cluster column decides the group, else the place of the row within its model.
    """
    found = [_compared(a, b, level) for a, b in combinations(models, 2)]
    adjusted = holm([c.p_value for c in found])
    return [replace(c, p_value=float(p)) for c, p in zip(found, adjusted, strict=True)]


def _compared(a: AbstractJudged, b: AbstractJudged, level: float) -> Comparison:
    score = a.score
    one, two = score.parts(a.cube), score.parts(b.cube)
    sizes = score.sizes(a.cube) + score.sizes(b.cube)

    def lead(sums: np.ndarray) -> np.ndarray:
        first, second = sums[:, : one.shape[1]], sums[:, one.shape[1] :]
        return score.value(first) - score.value(second)

    # Group by group: a group that only one of the two has leaves out that one's rows alone.
    parts, in_time = np.concatenate([one, two], axis=1), a.cube.grouping == "block"
    paired = Replicates.of(parts, lead, sizes=sizes, in_time=in_time)
    low, high, how = interval(paired, level=level)
    difference = Estimate(paired.value, low, high, level, a.cube.n, f"paired {how}")
    p_value = t_p_value(paired.value, paired.variance, df=paired.freedom)
    p_value = 1.0 if math.isnan(p_value) else p_value  # the same model twice, or a single group
    return Comparison(a.model, b.model, difference, p_value, score.name, score_words(score))


def comparison_findings(comparisons: list[Comparison]) -> list[Finding]:
    """A finding for every pair that surely differs."""
    found = []
    for c in comparisons:
        if c.p_value < SURE:
            better, worse = (c.a, c.b) if c.difference.value < 0 else (c.b, c.a)
            size = abs(c.difference.value)
            text = f"{better} predicts better than {worse}: its {c.said} is {size:.4g} lower."
            name = f"models_differ:{c.a}:{c.b}"
            unit = "nat" if c.score == "log_loss" else ""
            found.append(Finding(name, "low", text, c.difference, "models", min(size, 1.0), unit))
    return found
