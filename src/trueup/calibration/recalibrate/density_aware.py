"""Density-aware calibration: less sure where there was little to learn from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from scipy.optimize import minimize

from trueup.calibration.recalibrate.beside import feature_input, features_of, in_one_order
from trueup.calibration.recalibrate.temperature import TemperatureScaling
from trueup.core.cards import Card
from trueup.core.correction import AbstractCorrection
from trueup.core.effort import Effort
from trueup.core.errors import UsageError
from trueup.core.evidence import Evidence
from trueup.core.expressions import Expr, Join, Linear, Scaled, Total, operate
from trueup.core.expressions import log_softmax as log_softmax_of
from trueup.core.fitted import AbstractMap
from trueup.core.probabilities import Probabilities, log_softmax


CARD = Card(
    name="DensityAware",
    question="calibration",
    family="recalibrate",
    summary="cool logits by distance from the training rows, then calibrate: for shifted data",
    axes={"map": "a scale that grows with distance, then that of the base", "loss": "log loss",
          "grouping": "none"},
    paper="Tomani, Waseda, Shen & Cremers 2023, ICML, arXiv:2302.05118, section 3",
    exports=("DensityAware", "neighbour_distances"),
    claims=("recovers the effect of distance", "keeps the ranking of classes",
            "does not raise the loss it is fitted on"),
    cost="O(n k) a step, some tens of steps; distances cost O(n m d) for m training rows",
    not_for="features that say nothing of what the model has seen",
)  # fmt: skip

FLOOR = 0.05
"""Least scale: logits are never sharpened more than twentyfold."""


@dataclass(frozen=True)
class DensityAware(AbstractCorrection):
    r"""Divide logits by :math:`S(x) = w_0 + \sum_l w_l s_l(x)`, then fit ``base``.

    The features :math:`s_l` are distances of a row from the rows that the model was trained on, one
    a layer, as ``neighbour_distances`` gives them: far from all training rows the model has nothing
    to be sure about. The weights :math:`w_l \ge 0` minimise the log loss, from the best single
    temperature on; a weight that would make distant rows surer becomes 0. The order of classes
    stays.

    The published code starts from weights of one and steps by finite differences; here the gradient
    is :math:`-(\mathbb{E}_p[z] - z_y) \, s_l / S^2`, and S never falls below 0.05.

    Parameters
    ----------
    base
        The correction that follows.
    columns
        Names of the features in tables; empty means ``feature_0``, ``feature_1``, ...

    Examples
    --------
    >>> from trueup.core import Evidence
    >>> from trueup.worlds import confident_by_factor
    >>> near = confident_by_factor(1.0, rows=5_000, classes=3).evidence
    >>> far = confident_by_factor(3.0, rows=5_000, classes=3, seed=1).evidence
    >>> said = Probabilities(np.vstack([near.prediction.probs, far.prediction.probs]))
    >>> distance = np.repeat([0.1, 0.9], 5_000)
    >>> learn = Evidence(said, np.append(near.truth, far.truth), features=distance)
    >>> found = DensityAware().fit(learn).map
    >>> (found.shift + found.weights * np.array([0.1, 0.9])).round(1)      # true: 1 and 3
    array([1., 3.])
    """

    base: AbstractCorrection = field(default_factory=TemperatureScaling)
    columns: tuple[str, ...] = ()
    reads: ClassVar[tuple[str, ...]] = ("features",)
    effort: ClassVar[Effort] = Effort.ASKED

    def learn_from(self, evidence: Evidence, weight: np.ndarray) -> tuple[AbstractMap, bool]:
        assert isinstance(evidence.prediction, Probabilities)
        distances = features_of("DensityAware", evidence, self.columns)
        logs = evidence.prediction.log_probs()
        order = in_one_order(distances, logs, evidence.truth)
        evidence, weight = evidence.take(order), weight[order]
        logs, distances = logs[order], distances[order]
        start, _ = TemperatureScaling().learn(logs, evidence.truth, weight)
        theta, reached = _weights(logs, evidence.truth, weight, distances, start.temperature)
        scale = np.maximum(theta[0] + distances @ theta[1:], FLOOR)[:, None]
        said = Probabilities.from_logits(logs / scale)
        after, converged = self.base.learn_from(replace(evidence, prediction=said), weight)
        return Cooled(after, theta[1:], float(theta[0]), self.columns), converged and reached


@dataclass(frozen=True, eq=False)
class Cooled(AbstractMap):
    """Divide log-probabilities by ``shift + features @ weights``, at least 0.05; then ``after``."""

    after: AbstractMap
    weights: np.ndarray
    shift: float
    columns: tuple[str, ...] = ()

    def expression(self, logs: Expr) -> Expr:
        distances = feature_input(len(self.weights), self.columns)
        scale = Linear(distances, self.weights[None, :], np.array([self.shift]))
        least = Scaled(scale, 0.0, FLOOR)
        cooled = operate("divide", logs, Total(Join((scale, least)), greatest=True))
        return self.after.expression(log_softmax_of(cooled))

    @property
    def parameters(self) -> dict[str, float]:
        found = {f"weight[{j}]": float(w) for j, w in enumerate(self.weights)}
        return {"shift": self.shift, **found, **self.after.parameters}


def neighbour_distances(
    features: np.ndarray, *, reference: np.ndarray, neighbours: int = 50
) -> np.ndarray:
    """Squared distance (n,) of every row to its ``neighbours``-th nearest row of ``reference``.

    Rows are brought to length 1 first, so that the direction of an embedding counts; distances lie
    between 0 and 4. Use rows that the model was trained on as the reference, never those that a
    correction is fitted on, of which each is its own neighbour.

    Parameters
    ----------
    features
        (n, d) numbers of one layer.
    reference
        (m, d) the same numbers of training rows, m >= 1.
    neighbours
        Which neighbour counts, >= 1; at most m.

    Examples
    --------
    >>> neighbour_distances([[1.0, 0.0], [0.0, 2.0]], reference=[[3.0, 0.0]], neighbours=1)
    array([0., 2.])
    """
    rows, known = _unit(features), _unit(reference)
    if rows.shape[1] != known.shape[1] or not 1 <= neighbours <= len(known):
        raise UsageError(
            "neighbour_distances",
            f"{neighbours} neighbours, features {rows.shape}, reference {known.shape}",
            do="Pass the same columns for both and at most as many neighbours as reference rows",
        )
    parts = [
        2.0
        - 2.0 * np.partition(part @ known.T, len(known) - neighbours)[:, len(known) - neighbours]
        for part in np.array_split(rows, max(1, len(rows) * len(known) // 2**22))
    ]
    return np.maximum(np.concatenate(parts), 0.0)


def _unit(values) -> np.ndarray:
    rows = np.asarray(values, dtype=np.float64)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-10)


def _weights(logs, truth, weight, distances, temperature: float) -> tuple[np.ndarray, bool]:
    """Shift and weights (1 + d,) of least log loss, and whether they were reached."""
    unit = np.maximum(distances.std(axis=0), 1e-12)
    z = logs - logs.max(axis=1, keepdims=True)
    y, w, rows = truth, weight / weight.sum(), np.arange(len(truth))
    s = np.column_stack([np.ones(len(y)), distances / unit])

    def loss(theta):
        scale = s @ theta
        free = scale > FLOOR
        scale = np.where(free, scale, FLOOR)
        logs_now = log_softmax(z / scale[:, None])
        mean = np.einsum("nk,nk->n", np.exp(logs_now), z)
        # d loss / d S = -(E z - z_y) / S^2
        slope = -(mean - z[rows, y]) / scale**2 * free
        return -(w @ logs_now[rows, y]), s.T @ (w * slope)

    start = np.append(temperature, np.zeros(s.shape[1] - 1))
    bounds = [(None, None)] + [(0.0, None)] * (s.shape[1] - 1)
    options = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 1_000}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    theta = found.x if found.fun <= loss(start)[0] else start
    return theta / np.append(1.0, unit), bool(np.abs(theta).max() < 1e3)
