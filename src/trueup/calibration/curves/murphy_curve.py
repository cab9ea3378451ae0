r"""Murphy curve: the mean elementary score at every threshold of a decision.

.. math:: S_\theta = \frac1w \sum_i w_i \begin{cases} \theta & p_i > \theta,\ y_i = 0 \\
          1 - \theta & p_i \le \theta,\ y_i = 1 \end{cases}

is what decisions cost that act when the probability exceeds ``theta``, if acting in vain costs
``theta`` and missing an event ``1 - theta``. Every proper score is a mixture of these: the Brier
score is ``2 integral S``, the log loss ``integral S / (theta (1 - theta))``. A forecast whose curve
is nowhere above another's is therefore at least as good under all of them.

``murphy_curve`` gives the curve, or with ``against`` the difference of two forecasts of the same
rows, each with a band that holds at all thresholds at once; it is widened by the spread of two more
surprises, which counts where few happen. ``elementary_score`` is one point of it.
For several classes it speaks of the confidence that the winning class is right.

Examples
--------
>>> from trueup.worlds import confident_by_factor
>>> e = confident_by_factor(2.0, rows=4_000).evidence
>>> truth = e.truth, e.prediction
>>> curve = murphy_curve(*truth)
>>> len(curve), 0 < curve.at(0.5).value < 0.5
(99, True)
>>> honest = e.prediction.probs[:, 1] ** 0.5
>>> honest = honest / (honest + e.prediction.probs[:, 0] ** 0.5)
>>> difference = murphy_curve(e.truth, honest, against=e.prediction)
>>> bool((difference.low <= 0).all() and (difference.high < 0).any())
True
"""

from __future__ import annotations

import numpy as np

from trueup.core.cards import Card
from trueup.core.cube import Cube, score_cube
from trueup.core.curve import Curve
from trueup.core.evidence import Evidence
from trueup.core.grid import Grid
from trueup.core.measure import check_level
from trueup.core.probabilities import Probabilities
from trueup.core.rows import NOBODY


CARD = Card(
    name="murphy_curve",
    question="calibration",
    family="curves",
    summary="cost of decisions at every threshold: is one forecast better under all proper scores?",
    paper="Ehm, Gneiting, Jordan, Krueger 2016, JRSS B 78(3), doi:10.1111/rssb.12154",
    cost="O(n) once for the cube, then milliseconds",
    not_for="one number to choose by: use a proper score",
)

THRESHOLDS = Grid(100, 1)


def murphy_curve(
    y_true,
    y_pred,
    *,
    against=None,
    weight=None,
    cluster=None,
    time=None,
    level: float = 0.95,
    simultaneous: bool = True,
) -> Curve:
    """Mean elementary scores at thresholds 0.01, 0.02 .. 0.99, or those minus ``against``'s.

    Parameters
    ----------
    y_true
        (n,) labels.
    y_pred
        ``Probabilities`` or an array, (n,) of the event or (n, k) of classes.
    against
        Another forecast of the same rows; the curve is then the paired difference, below 0 where
        ``y_pred`` is better.
    weight, cluster, time
        (n,) roles of rows.
    level
        Level of the band, in (0, 1).
    simultaneous
        Whether the band holds at all thresholds at once, else at each by itself.
    """
    check_level("murphy_curve", level)
    roles = {"weight": weight, "cluster": cluster, "time": time, "rows": NOBODY}
    cubes = [
        score_cube(Evidence(_probabilities(said), y_true, **roles), grid=THRESHOLDS)
        for said in ([y_pred] if against is None else [y_pred, against])
    ]
    values = [_without(cube) for cube in cubes]
    value, without = values[0]
    if against is not None:
        value, without = value - values[1][0], without - values[1][1]
    x = np.arange(1, THRESHOLDS.width) / THRESHOLDS.width
    sizes = cubes[0].table.total("n")[:, 0]
    w, w2 = cubes[0].table.total("w", "w2").sum(axis=0)
    # Two surprises more of each kind: at the ends of the scale hardly any happen.
    few = 2 * (x**2 + (1 - x) ** 2) * (w2 / w**2) ** 2 if w > 0 else 0 * x
    options = {"n": cubes[0].n, "level": level, "simultaneous": simultaneous, "few": few}
    return Curve.of(x, without, value, sizes=sizes[sizes > 0], **options)


def _probabilities(said) -> Probabilities:
    return said if isinstance(said, Probabilities) else Probabilities(said)


def _without(cube: Cube) -> tuple[np.ndarray, np.ndarray]:
    """(99,) elementary scores, and (g, 99) those without each group."""
    used = cube.table["n"].sum(axis=1) > 0
    w, y = cube.table["w"][used], cube.table["y"][used]
    theta = np.arange(1, THRESHOLDS.width) / THRESHOLDS.width
    vain = (w - y)[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]
    cost = theta * vain + (1 - theta) * y.cumsum(axis=1)[:, :-1]
    weight = w.sum(axis=1, keepdims=True)
    total, all_weight = cost.sum(axis=0), weight.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        return total / all_weight, (total - cost) / (all_weight - weight)
