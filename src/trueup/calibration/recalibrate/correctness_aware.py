"""Correctness-aware calibration: a temperature a row, so that confidence tells right from wrong."""

from __future__ import annotations

from dataclasses import dataclass
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
from trueup.core.expressions import Expr, Linear, Scaled, operate
from trueup.core.fitted import AbstractMap
from trueup.core.probabilities import Probabilities


CARD = Card(
    name="CorrectnessAware",
    question="calibration",
    family="recalibrate",
    summary="a scale of its own for every row, from features: less sure where it is likely wrong",
    axes={"map": "a scale a row, from features", "loss": "squared error of being right",
          "grouping": "none"},
    paper="Optimizing Calibration by Gaining Aware of Prediction Correctness 2024, "
          "arXiv:2404.13016",
    mission=(9,),
    claims=("recovers the scale of every row", "keeps the ranking of classes"),
    cost="O(n (k + d hidden)) a step, some hundred steps",
    not_for="features that do not tell hard rows from easy ones: use TemperatureScaling",
)  # fmt: skip

LOSSES = ("correctness", "log_loss", "brier")
LN10 = float(np.log(10.0))


@dataclass(frozen=True)
class CorrectnessAware(AbstractCorrection):
    r"""Divide the logits of a row by a temperature :math:`T(x)` between 0.1 and 10.

    The features :math:`\phi` are whatever tells hard rows from easy ones; in the paper the largest
    probabilities that the model gives to transformed copies of the input (turned, grey, noisy).
    With :math:`h = \operatorname{softplus}(W \phi + b)` (or :math:`h = \phi` without hidden units)

    .. math:: \log_{10} T = 2 \sigma(v \cdot h + c) - 1,

    and the loss is the mean over rows of :math:`(\max_j p_j - 1[\text{right}])^2` with
    :math:`p = \operatorname{softmax}(z / T)`: it asks for confidence in right rows and none in
    wrong ones, while log loss also pulls at the classes that lost. The minimum is searched by
    L-BFGS with the exact gradient from the best single temperature, in double precision and without
    batches, so the same rows always give the same map.

    Parameters
    ----------
    hidden
        Hidden units; 0 makes v . phi + c a line.
    loss
        ``"correctness"`` as above, ``"log_loss"``, or ``"brier"`` for the squared error of all
        classes.
    balanced
        Whether right and wrong rows weigh the same in total, as published. The confidence then
        fits a table where half the rows are right, so it is too low for a better model.
    penalty
        Weight of the squared numbers of the network beside the sum of the losses, >= 0: what so
        many rows would weigh. Without it a thousand rows are too few for five hidden units.
    columns
        Names of the features in tables; empty means ``feature_0``, ``feature_1``, ...
    seed
        Seed of the hidden units' start.

    Examples
    --------
    >>> from trueup.core import Evidence
    >>> from trueup.worlds import confident_by_factor
    >>> sure = confident_by_factor(1.0, rows=5_000, classes=3).evidence
    >>> rash = confident_by_factor(3.0, rows=5_000, classes=3, seed=1).evidence
    >>> said = Probabilities(np.vstack([sure.prediction.probs, rash.prediction.probs]))
    >>> learn = Evidence(said, np.append(sure.truth, rash.truth), features=np.repeat([0, 1], 5_000))
    >>> fitted = CorrectnessAware().fit(learn)
    >>> fitted.map.temperatures(np.array([[0.0], [1.0]])).round(0)         # true: 1 and 3
    array([1., 3.])
    """

    hidden: int = 0
    loss: str = "correctness"
    balanced: bool = False
    penalty: float = 10.0
    columns: tuple[str, ...] = ()
    seed: int = 0
    reads: ClassVar[tuple[str, ...]] = ("features",)
    effort: ClassVar[Effort] = Effort.ASKED

    def __post_init__(self) -> None:
        if self.loss not in LOSSES or self.hidden < 0 or self.penalty < 0:
            raise UsageError(
                "CorrectnessAware",
                f"loss is {self.loss!r}, hidden {self.hidden}, penalty {self.penalty}",
                do=f"Pass one of {', '.join(LOSSES)}, hidden >= 0 and penalty >= 0",
            )

    def learn_from(self, evidence: Evidence, weight: np.ndarray) -> tuple[AbstractMap, bool]:
        assert isinstance(evidence.prediction, Probabilities)
        features = features_of("CorrectnessAware", evidence, self.columns)
        logs, truth = evidence.prediction.log_probs(), evidence.truth
        order = in_one_order(features, logs, truth)
        logs, truth, weight, features = logs[order], truth[order], weight[order], features[order]
        mean = np.average(features, axis=0, weights=weight)
        sd = np.sqrt(np.average((features - mean) ** 2, axis=0, weights=weight))
        sd = np.where(sd > 1e-12 * (1 + np.abs(mean)), sd, np.inf)
        pooled, _ = TemperatureScaling(largest=9.9).learn(logs, truth, weight)
        start = _start(features.shape[1], self.hidden, pooled.temperature, self.seed)
        penalty = self.penalty / weight.sum()
        if self.balanced:
            weight = _balanced(weight, logs.argmax(axis=1) == truth)
        task = _Task((features - mean) / sd, logs, truth, weight, self.loss, penalty, self.hidden)
        options = {"ftol": 1e-14, "gtol": 1e-8, "maxiter": 2_000, "maxfun": 4_000}
        found = minimize(task, start, jac=True, method="L-BFGS-B", options=options)
        layers = task.layers(found.x)
        return RowTemperature(*_of_raw_features(layers, mean, sd), self.columns), bool(
            found.nit < 2_000
        )


@dataclass(frozen=True, eq=False)
class RowTemperature(AbstractMap):
    """Divide log-probabilities by ``10 ** (2 sigmoid(v . h + c) - 1)``.

    Parameters
    ----------
    inner, inner_shift
        (hidden, d) and (hidden,): h = softplus(inner @ features + inner_shift); without rows h is
        the features.
    outer, outer_shift
        (hidden,) or (d,), and (1,).
    columns
        Names of the features in tables.
    """

    inner: np.ndarray
    inner_shift: np.ndarray
    outer: np.ndarray
    outer_shift: np.ndarray
    columns: tuple[str, ...] = ()

    def expression(self, logs: Expr) -> Expr:
        count = self.inner.shape[1]
        h: Expr = feature_input(count, self.columns)
        if len(self.inner):
            h = operate("softplus", Linear(h, self.inner, self.inner_shift))
        u = Linear(h, self.outer[None, :], self.outer_shift)
        share = operate("exp", Scaled(operate("softplus", Scaled(u, -1.0)), -1.0))
        return operate("multiply", logs, operate("exp", Scaled(share, -2 * LN10, LN10)))

    def temperatures(self, features: np.ndarray) -> np.ndarray:
        """Temperature (n,) of every row from its features (n, d)."""
        h = np.asarray(features, dtype=np.float64)
        if len(self.inner):
            h = np.logaddexp(0.0, h @ self.inner.T + self.inner_shift)
        return 10.0 ** (2.0 * _sigmoid(h @ self.outer + self.outer_shift[0]) - 1.0)

    @property
    def parameters(self) -> dict[str, float]:
        return {f"outer[{j}]": float(v) for j, v in enumerate(self.outer)}


@dataclass(frozen=True, eq=False)
class _Task:
    """The loss of the network's numbers and its gradient."""

    features: np.ndarray
    logs: np.ndarray
    truth: np.ndarray
    weight: np.ndarray
    loss: str
    penalty: float
    hidden: int

    def layers(self, theta):
        """Inner (hidden, d) and (hidden,), outer (hidden or d,) and (1,), from all numbers."""
        d, h = self.features.shape[1], self.hidden
        inner, rest = theta[: h * d].reshape(h, d), theta[h * d :]
        return inner, rest[:h], rest[h:-1], rest[-1:]

    def __call__(self, theta: np.ndarray):
        inner, inner_shift, outer, outer_shift = self.layers(theta)
        before = self.features @ inner.T + inner_shift
        h = np.logaddexp(0.0, before) if self.hidden else self.features
        s = _sigmoid(h @ outer + outer_shift[0])
        beta = np.exp(-LN10 * (2.0 * s - 1.0))
        w = self.weight / self.weight.sum()
        value, slope = _loss(self.logs, self.truth, beta, self.loss)
        back = w * slope * beta * (-2.0 * LN10) * s * (1.0 - s)
        inner_back = (back[:, None] * outer) * _sigmoid(before) if self.hidden else np.zeros((0, 0))
        parts = [
            (inner_back.T @ self.features + self.penalty * inner).ravel() if self.hidden else [],
            inner_back.sum(axis=0) if self.hidden else [],
            h.T @ back + self.penalty * outer,
            [back.sum()],
        ]
        size = (inner**2).sum() + (outer**2).sum()
        return w @ value + self.penalty / 2 * size, np.concatenate(parts)


def _loss(logs, truth, beta, loss: str) -> tuple[np.ndarray, np.ndarray]:
    """Loss (n,) of every row and its slope (n,) in the inverse temperature ``beta`` (n,)."""
    z = logs - logs.max(axis=1, keepdims=True)
    e = np.exp(beta[:, None] * z)
    total = e.sum(axis=1)
    p, rows = e / total[:, None], np.arange(len(z))
    away = z - np.einsum("nk,nk->n", p, z)[:, None]  # d log p_j / d beta
    if loss == "log_loss":
        return np.log(total) - beta * z[rows, truth], -away[rows, truth]
    if loss == "brier":
        gap = p.copy()
        gap[rows, truth] -= 1.0
        return (gap**2).sum(axis=1), 2.0 * (gap * p * away).sum(axis=1)
    wins = z.argmax(axis=1)
    top = p[rows, wins]
    gap = top - (wins == truth)
    return gap**2, 2.0 * gap * top * away[rows, wins]


def _start(d: int, hidden: int, temperature: float, seed: int) -> np.ndarray:
    """Numbers that give every row the same ``temperature``."""
    share = (np.log10(np.clip(temperature, 0.11, 9.0)) + 1.0) / 2.0
    inner = np.random.default_rng(seed).normal(size=hidden * d) / np.sqrt(max(d, 1))
    zeros = np.zeros(2 * hidden if hidden else d)
    return np.concatenate([inner, zeros, [np.log(share) - np.log1p(-share)]])


def _balanced(weight: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Weights under which right and wrong rows weigh the same, where there are both."""
    total = np.array([weight[~right].sum(), weight[right].sum()])
    return weight if (total <= 0).any() else weight / total[right.astype(int)]


def _of_raw_features(layers, mean: np.ndarray, sd: np.ndarray):
    """The same network of features that are not standardised."""
    inner, inner_shift, outer, outer_shift = layers
    if len(inner):
        return inner / sd, inner_shift - inner @ (mean / sd), outer, outer_shift
    return np.zeros((0, len(mean))), np.zeros(0), outer / sd, outer_shift - outer @ (mean / sd)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0.0, -x))
