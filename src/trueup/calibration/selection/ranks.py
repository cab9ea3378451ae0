"""Ranks of candidates among labelled rows, and what a test of many candidates makes of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.errors import EvidenceError
from trueup.core.validate import finite, refuse_rows, same_length


SLACK = 1e-10
"""Relative rounding of sums of weights: a p-value that equals its threshold counts as below it."""


@dataclass(frozen=True, eq=False)
class Ranks:
    """Where every candidate stands among the labelled rows of one model.

    Attributes
    ----------
    scores
        (m,) scores of the candidates; higher is more promising.
    above
        (m,) weight of the labelled rows that are not what is looked for and score no lower.
    total
        Weight of all labelled rows.
    weight
        (m,) weights of the candidates.
    """

    scores: np.ndarray
    above: np.ndarray
    total: float
    weight: np.ndarray

    @property
    def p_values(self) -> np.ndarray:
        """(m,) conformal p-values; equal scores count against the candidate."""
        return (self.above + self.weight) / (self.total + self.weight)

    def sizes(self, fdr: float) -> np.ndarray:
        """(m,) how many candidates Benjamini-Hochberg selects when candidate j counts as certain.

        The p-value of another candidate l is then ``(above_l + w_j [s_j >= s_l]) / (total + w_j)``:
        symmetric in j and the labelled rows. With candidates in falling order of their scores, j
        splits the order: before it stand those without ``w_j``, from it on those with. On either
        side rank r is reached where a number that does not depend on j lies on the right side of
        ``w_j``; the last such rank is found by bisection. O(m log m), where a loop takes O(m^2).
        """
        m = len(self.scores)
        if not m:
            return np.zeros(0, dtype=np.int64)
        order = np.argsort(-self.scores, kind="stable")
        falling, above, w = self.scores[order], self.above[order], self.weight[order]
        # Candidates with the score of j are interchangeable: j may stand first among them.
        first = np.searchsorted(-falling, -falling, side="left")
        share = fdr * np.arange(1, m + 2) / m
        slack = SLACK * (self.total + w)
        room = (share[:m] * self.total - above) / (1.0 - share[:m])
        highest = np.maximum.accumulate(room[::-1])
        late = m - np.searchsorted(highest, w - slack, side="left")
        early = last_below(above / share[1:] - self.total, w + slack, before=first) + 2
        sizes = np.empty(m, dtype=np.int64)
        sizes[order] = np.where(late - 1 > first, late, early)
        return sizes


def ranks(truth, scores, candidates, *, weight=None, candidate_weight=None) -> Ranks:
    """Ranks of ``candidates`` (m,) among labelled rows with ``scores`` (n,)."""
    w = np.ones(len(scores)) if weight is None else weight
    null = ~truth
    order = np.argsort(scores[null], kind="stable")
    sums = np.concatenate([[0.0], np.cumsum(w[null][order])])
    below = np.searchsorted(scores[null][order], candidates, side="left")
    own = np.ones(len(candidates)) if candidate_weight is None else candidate_weight
    return Ranks(candidates, sums[-1] - sums[below], float(w.sum()), own)


def last_below(values: np.ndarray, limits: np.ndarray, *, before: np.ndarray) -> np.ndarray:
    """For each of ``limits`` (m,) the last place below ``before`` with a value <= limit, or -1.

    Steps of falling powers of two walk down from ``before`` over stretches whose least value is too
    large.

    Examples
    --------
    >>> values, limits = np.array([3.0, 1.0, 2.0]), np.array([1.5, 0.5])
    >>> last_below(values, limits, before=np.array([3, 3])).tolist()
    [1, -1]
    """
    least = [np.concatenate([[np.inf], values])]  # least[b][i]: over the 2**b places that end at i
    while 2 ** len(least) <= len(values):
        half, step = least[-1], 2 ** (len(least) - 1)
        joined = half.copy()
        joined[step:] = np.minimum(half[step:], half[:-step])
        least.append(joined)
    place = before.copy()
    for power in reversed(range(len(least))):
        step = 2**power
        skip = (place >= step) & (least[power][place] > limits)
        place = np.where(skip, place - step, place)
    return place - 1


def check_labelled(who: str, truth, scores, candidates) -> tuple[np.ndarray, ...]:
    """Truth as bool (n,), scores (..., n) and candidates (..., m) as finite numbers."""
    found = np.asarray(truth)
    if found.ndim != 1 or not np.isin(found, (0, 1)).all():
        raise EvidenceError(
            who,
            f"truth must be (n,) of True and False; got {found.dtype} of shape {found.shape}",
            do="Pass whether each labelled row is what is looked for, such as y > 0",
        )
    given = np.asarray(scores, dtype=np.float64), np.asarray(candidates, dtype=np.float64)
    given = tuple(finite(who, array, array.ndim) for array in given)
    fits = given[0].ndim and given[0].shape[:-1] == given[1].shape[:-1]
    if not fits or given[0].shape[-1] != len(found) or not len(found):
        raise EvidenceError(
            who,
            f"truth {found.shape}, scores {given[0].shape} and candidates {given[1].shape} do not "
            "fit",
            do="Pass one score a labelled row and one a candidate, of the same models",
        )
    return found.astype(bool), *given


def check_weights(who: str, weight, like: np.ndarray) -> np.ndarray | None:
    """Weights (n,) that are finite and positive, or None."""
    if weight is None:
        return None
    w = finite(who, weight, 1)
    same_length(who, w, like)
    if (w <= 0).any():
        refuse_rows(who, "weights must be positive", w <= 0, w)
    return w
