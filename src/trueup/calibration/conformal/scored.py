"""The map of conformal sets: scores of all classes, and which of them pass a threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.calibration.conformal.scores import AbstractScore
from trueup.calibration.conformal.standing import OfNodes
from trueup.calibration.conformal.thresholds import AbstractThreshold
from trueup.core.errors import Unwritable
from trueup.core.expressions import Expr, OfOne
from trueup.core.fitted import AbstractMap
from trueup.core.row_sums import row_blocks


SLACK = 1e-10
"""Sums of probabilities differ by so much between engines; a class this near is inside."""


def scores_of_truth(
    score: AbstractScore, probs: np.ndarray, truth: np.ndarray, *, seed: int | None
) -> np.ndarray:
    """Score (n,) of the class that came, in blocks of rows that stay in the cache."""
    blocks = row_blocks(len(probs), cells=0, width=probs.shape[1])
    return np.concatenate([score.of_truth(probs[b], truth[b], seed=seed) for b in blocks])


@dataclass(frozen=True, eq=False)
class Conformity(OfOne):
    """The scores of all classes from their probabilities ``x``."""

    score: AbstractScore
    seed: int | None

    def numpy(self, *parts: np.ndarray) -> np.ndarray:
        out = np.empty(parts[0].shape)
        for block in row_blocks(len(out), cells=0, width=self.width):
            out[block] = self.score.of_all(parts[0][block], seed=self.seed)
        return out

    def sql(self, *parts: list[str]) -> list[str]:
        what, why, do = self.stays
        raise Unwritable("export to sql", f"there is no way to write {what}", why=why, do=do)

    @property
    def written(self) -> Expr:
        return self if any(self.stays) else self.score.expression(OfNodes(self.x))

    @property
    def stays(self) -> tuple[str, str, str]:
        if self.seed is None or not self.score.chance:
            return ("", "", "")
        why = "the chance of a row is drawn from the digits of its probabilities, by this library"
        return ("scores with chance", why, "Fit with seed=None, or use `trueup apply` of a table")


@dataclass(frozen=True)
class ScoredSets(AbstractMap):
    """The classes whose score passes ``threshold``.

    Parameters
    ----------
    score
        How usual a class is.
    seed
        Seed of chance, None for none.
    threshold
        What a class must reach.
    """

    of = "probs"
    score: AbstractScore
    seed: int | None
    threshold: AbstractThreshold

    def expression(self, logs: Expr) -> Expr:
        if self.score.plain:
            return self.threshold.inside(logs)
        return self.threshold.inside(Conformity(logs, self.score, self.seed))

    @property
    def parameters(self) -> dict[str, float]:
        return self.threshold.parameters
