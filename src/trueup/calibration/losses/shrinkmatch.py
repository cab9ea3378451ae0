"""ShrinkMatch: leave out the classes that the best one is confused with, and it becomes certain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import UsageError
from trueup.core.probabilities import Probabilities


CARD = Card(
    name="shrink_classes",
    question="calibration",
    family="losses",
    summary="drop rivals of the top class until it is certain, so that unsure pseudo-labels train",
    axes={"applies to": "pseudo-labels below a threshold", "changes": "the classes compared"},
    paper="Yang, Zhao, Qi, Qiao, Shi, Zhao 2023, arXiv:2308.06777, section 3",
    mission=(179,),
    cost="O(n k log k): a sort of every row",
    not_for="two classes, where nothing is left to compare with; rows whose top class is wrong",
)


@dataclass(frozen=True, eq=False)
class ShrunkClasses:
    """What is left of the classes of each row.

    Attributes
    ----------
    kept
        (n, k) of bool: the classes that stay; the top class always does.
    confidence
        (n,) probability of the top class among those that stay.
    certain
        (n,) of bool: the confidence reaches the threshold.
    """

    kept: np.ndarray
    confidence: np.ndarray
    certain: np.ndarray


def shrink_classes(probs: np.ndarray, *, threshold: float = 0.95) -> ShrunkClasses:
    r"""The largest set of classes in which the top class is certain, for every row.

    Semi-supervised training with pseudo-labels throws away rows whose top class is not certain.
    Mostly it has a few rivals while the other classes are clearly wrong; without the rivals the row
    still teaches that. With the probabilities of a row sorted, :math:`q_1 \ge q_2 \ge \dots \ge
    q_k`, the classes of rank :math:`2 .. j - 1` leave, for the least :math:`j \ge 2` with

    .. math:: \frac{q_1}{q_1 + \sum_{i \ge j} q_i} \ge \tau .

    Where no :math:`j \le k` is enough, the top class and the least likely one stay and the row is
    not certain. Train with the cross-entropy of a strongly augmented view over the classes
    ``kept``, times :math:`q_1` and times the share of rows that were certain from the start.

    Parameters
    ----------
    probs
        (n, k) probabilities of a weakly augmented view, k >= 2, rows that sum to one.
    threshold
        Confidence :math:`\tau` that counts as certain, in (0, 1).

    Raises
    ------
    UsageError
        A threshold outside (0, 1).

    Examples
    --------
    >>> shrunk = shrink_classes(np.array([[0.5, 0.45, 0.02, 0.03]]), threshold=0.9)
    >>> shrunk.kept
    array([[ True, False,  True,  True]])
    >>> shrunk.confidence.round(2), shrunk.certain
    (array([0.91]), array([ True]))
    """
    if not 0 < threshold < 1:
        raise UsageError(
            "shrink_classes", f"threshold is {threshold}", do="Pass a share in (0, 1), such as 0.95"
        )
    q = Probabilities(np.asarray(probs, dtype=np.float64)).probs
    order = np.argsort(-q, axis=1, kind="stable")
    falling = np.take_along_axis(q, order, axis=1)
    rest = np.cumsum(falling[:, ::-1], axis=1)[:, ::-1][:, 1:]
    confidence = falling[:, :1] / (falling[:, :1] + rest)
    enough = confidence >= threshold
    first = np.where(enough.any(axis=1), enough.argmax(axis=1), confidence.shape[1] - 1)
    ranks = np.arange(q.shape[1])
    kept = np.empty(q.shape, dtype=bool)
    np.put_along_axis(kept, order, (ranks == 0) | (ranks > first[:, None]), axis=1)
    reached = np.take_along_axis(confidence, first[:, None], axis=1)[:, 0]
    return ShrunkClasses(kept, reached, reached >= threshold)
