r"""Energy score: the CRPS of several numbers at once, from members.

.. math:: \mathrm{ES} = \frac1m \sum_i \|x_i - y\| - \frac{1}{2 m^2} \sum_{i,j} \|x_i - x_j\|

with Euclidean distances over the d numbers of a row (places, steps ahead, variables); with ``fair``
:math:`m (m - 1)` for :math:`m^2`. Proper, and in the common unit of the numbers: bring those of
different units to one before. It sees errors of the means and spreads well, wrong dependence
between the numbers only faintly; the variogram score is made for that.

Examples
--------
>>> energy_score([[0.0, 0.0]], [[[3.0, 4.0], [-3.0, -4.0]]]).value
2.5
"""

from __future__ import annotations

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import EvidenceError
from trueup.core.estimate import Estimate
from trueup.forecast.scores.several import mean_score


CARD = Card(
    name="energy_score",
    question="forecast",
    family="scores",
    summary="CRPS of several numbers at once, from members",
    paper="Gneiting & Raftery 2007, JASA 102(477), section 4.3",
    cost="O(n m^2 d)",
    not_for="wrong dependence between the numbers: use variogram_score; numbers of different units",
)


def energy_score(
    y_true, y_pred, *, against=None, fair=False, weight=None, cluster=None, time=None, level=0.95
) -> Estimate:
    """Mean energy score, or with ``against`` its paired difference, with an interval.

    Parameters
    ----------
    y_true
        (n, d) numbers that happened.
    y_pred
        (n, m, d) members of each row.
    against
        Members (n, m', d) of another forecast; the estimate is then that of ``y_pred`` minus that
        of ``against``, below 0 where ``y_pred`` is better.
    fair
        Whether members are judged as a sample of a law, else as the law that they are.
    weight, cluster, time
        (n,) roles of rows, as in ``Evidence``.
    level
        Level of the interval, in (0, 1).
    """
    roles = {"weight": weight, "cluster": cluster, "time": time}
    rows = _fair if fair else _plain
    return mean_score("energy_score", rows, y_true, y_pred, against=against, level=level, **roles)


def _plain(members: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return _energy(members, truth, pairs=members.shape[1] ** 2)


def _fair(members: np.ndarray, truth: np.ndarray) -> np.ndarray:
    m = members.shape[1]
    if m < 2:
        raise EvidenceError(
            "energy_score",
            f"fair needs two members at least; got shape {members.shape}",
            do="Use fair=False, or predict more members",
        )
    return _energy(members, truth, pairs=m * (m - 1))


def _energy(members: np.ndarray, truth: np.ndarray, *, pairs: int) -> np.ndarray:
    near = _length(members - truth[:, None]).mean(axis=1)
    apart = np.zeros(len(truth))
    for step in range(1, members.shape[1]):
        apart += _length(members[:, step:] - members[:, :-step]).sum(axis=1)
    return near - apart / pairs


def _length(x: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("nmd,nmd->nm", x, x))
