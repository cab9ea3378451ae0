"""How usual a class would be: the scores of conformal sets, each a function of probabilities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from trueup.calibration.conformal.standing import OfAll, OfNodes, OfTruth
from trueup.core.errors import UsageError
from trueup.core.expressions import Expr, Scaled, operate
from trueup.core.saved import Saved


class AbstractScore(Saved, ABC):
    """How well a class conforms with what the model says; the higher, the more usual.

    A final class gives the formula twice: in numbers, and as an expression for other engines. Both
    read where a class stands among the others of its row: its probability ``p``, the ``mass`` and
    the number ``rank`` of all classes that are at least as probable, ``top`` the greatest
    probability, ``rival`` that of the other classes, and in numbers ``u`` in [0, 1), or 1 where
    chance plays no part.
    """

    chance: ClassVar[bool] = True
    """Whether a randomised variant exists."""

    plain: ClassVar[bool] = False
    """Whether the score is the probability itself."""

    exact: ClassVar[bool] = False
    """Whether equal rows have equal scores to the last digit in every engine."""

    @abstractmethod
    def conformity(self, s: Any) -> np.ndarray:
        """Score of the classes that stand as ``s`` says."""

    @abstractmethod
    def expression(self, s: OfNodes) -> Expr:
        """The same without chance, a column a class."""

    def of_truth(self, probs: np.ndarray, truth: np.ndarray, *, seed: int | None) -> np.ndarray:
        """Score (n,) of the class that came."""
        return self.conformity(OfTruth(probs, truth, self._seed(seed)))

    def of_all(self, probs: np.ndarray, *, seed: int | None) -> np.ndarray:
        """Score (n, k) of every class."""
        return self.conformity(OfAll(probs, self._seed(seed)))

    def _seed(self, seed: int | None) -> int | None:
        return seed if self.chance else None


@dataclass(frozen=True)
class LAC(AbstractScore):
    """The probability itself: the smallest sets on average, and the least alike in coverage.

    Also called THR, or hinge loss (Sadinle, Lei & Wasserman 2019, JASA 114(525)).
    """

    chance: ClassVar[bool] = False
    plain: ClassVar[bool] = True
    exact: ClassVar[bool] = True

    def conformity(self, s: Any) -> np.ndarray:
        return s.p

    def expression(self, s: OfNodes) -> Expr:
        return s.p


@dataclass(frozen=True)
class Margin(AbstractScore):
    """The probability less that of the strongest rival (Johansson et al. 2017, IJCNN)."""

    chance: ClassVar[bool] = False
    exact: ClassVar[bool] = True

    def conformity(self, s: Any) -> np.ndarray:
        return s.p - s.rival

    def expression(self, s: OfNodes) -> Expr:
        return operate("subtract", s.p, s.rival)


@dataclass(frozen=True)
class APS(AbstractScore):
    """Less the mass of all classes as probable or more (Romano, Sesia & Candes 2020)."""

    def conformity(self, s: Any) -> np.ndarray:
        return (1.0 - s.u) * s.p - s.mass

    def expression(self, s: OfNodes) -> Expr:
        return Scaled(s.mass, -1.0)


@dataclass(frozen=True)
class RAPS(AbstractScore):
    """APS that holds back long sets (Angelopoulos, Bates, Malik & Jordan 2021).

    Parameters
    ----------
    penalty
        Taken off for each class beyond the free ones, >= 0.
    free
        So many classes cost nothing, >= 0.

    Examples
    --------
    >>> RAPS(penalty=0.1, free=1).of_all(np.array([[0.5, 0.3, 0.2]]), seed=None)
    array([[-0.5, -0.9, -1.2]])
    """

    penalty: float = 0.01
    free: int = 5

    def __post_init__(self) -> None:
        _check("RAPS", penalty=self.penalty, free=self.free)

    def conformity(self, s: Any) -> np.ndarray:
        beyond = np.maximum(s.rank - self.free, 0)
        return (1.0 - s.u) * s.p - s.mass - self.penalty * beyond

    def expression(self, s: OfNodes) -> Expr:
        free = Scaled(s.rank, 1.0, -float(self.free))
        beyond = operate("greatest", free, Scaled(s.rank, 0.0))
        return operate("subtract", Scaled(s.mass, -1.0), Scaled(beyond, self.penalty))


@dataclass(frozen=True)
class SAPS(AbstractScore):
    """Less the greatest probability and a penalty by rank (Huang et al. 2024, ICML).

    It trusts of the probabilities their order and the first alone: for models of many classes whose
    small probabilities are noise.

    Parameters
    ----------
    penalty
        Taken off for each rank after the first, > 0.

    Examples
    --------
    >>> SAPS(penalty=0.2).of_all(np.array([[0.5, 0.3, 0.2]]), seed=None)
    array([[-0.5, -0.7, -0.9]])
    """

    penalty: float = 0.2

    def __post_init__(self) -> None:
        _check("SAPS", penalty=self.penalty)

    def conformity(self, s: Any) -> np.ndarray:
        after = self.penalty * (s.rank - 2.0 + s.u)
        return -s.top - np.where(s.rank > 1, after, (s.u - 1.0) * s.top)

    def expression(self, s: OfNodes) -> Expr:
        after = Scaled(s.rank, -self.penalty, self.penalty)
        return operate("subtract", after, s.top)


def _check(who: str, **settings: float) -> None:
    for name, value in settings.items():
        if not 0 <= value < np.inf:
            raise UsageError(who, f"{name} is {value}", do="Pass 0 or more")


SCORES: dict[str, AbstractScore] = {
    "lac": LAC(),
    "margin": Margin(),
    "aps": APS(),
    "raps": RAPS(),
    "saps": SAPS(),
}
"""Name -> score with its usual settings; each works with every guarantee."""


def score_called(who: str, score: str | AbstractScore) -> AbstractScore:
    """The score of that name, or itself."""
    if isinstance(score, AbstractScore):
        return score
    if score not in SCORES:
        raise UsageError(who, f"there is no score {score!r}", do=f"Use {', '.join(SCORES)}")
    return SCORES[score]
