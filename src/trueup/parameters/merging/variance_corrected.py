r"""An average that keeps the variance of the weights.

The average of k independent nets has a k-th of their variance, so that signals fade from layer to
layer. Every matrix of the average is spread about its mean m until its variance is the mean of the
models' variances:

.. math:: \theta = m + (\bar\theta - m) \sqrt{\textstyle\sum_i w_i v_i / \bar v}

Biases, and what has one dimension, are averaged. Models that agree are hardly changed.

Examples
--------
>>> import numpy as np
>>> from trueup.parameters import merge
>>> rng = np.random.default_rng(0)
>>> nets = [{"w": rng.normal(size=(40, 50))} for _ in range(4)]
>>> [round(float(merge(nets, method=m)["w"].var()), 2) for m in (None, VarianceCorrected())]
[0.25, 1.01]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.parameters.merging.average import weighed
from trueup.parameters.merging.rule import AbstractMerging, Combine
from trueup.parameters.merging.stack import Piece, Stack


CARD = Card(
    name="VarianceCorrected",
    question="parameters",
    family="merging",
    summary="average of models whose matrices keep the variance that the models have",
    paper="Tian et al. 2024, Vanishing Variance Problem in Decentralized Networks, 2404.04616",
    axes={"delta": "weights", "sparsify": "none", "consensus": "mean of the models' variance"},
    mission=(82,),
    cost="O(k n), two passes over the files",
    not_for="models that are used as they come out: it is made for training on afterwards",
)


FLAT = 1e-12
"""Share of the models' variance below which that of the average is taken for rounding."""


@dataclass(frozen=True)
class VarianceCorrected(AbstractMerging):
    """Average, then matrices get the mean variance of the models' ones."""

    def ready(self, stack: Stack) -> Combine:
        (name,) = stack.names
        spec = stack.models[0].specs[name]
        mean, grow = corrected(stack) if len(spec.shape) > 1 else (0.0, 1.0)

        def combine(piece: Piece) -> np.ndarray:
            found = weighed(piece.models, stack.shares)
            if grow != 1:
                found -= found.dtype.type(mean)
                found *= found.dtype.type(grow)
                found += found.dtype.type(mean)
            return found

        return combine


def corrected(stack: Stack) -> tuple[float, float]:
    """Mean of the average, and what its deviations grow by.

    Products of the models with each other, about the first number of the first model, tell the
    variance of every model and of the average in one pass.
    """
    n, sums, products, about = stack.size, np.zeros(stack.k), np.zeros((stack.k, stack.k)), None
    for piece in stack.pieces():
        wide = piece.models.astype(np.float64)
        about = wide[0, 0] if about is None else about
        wide -= about
        sums += wide.sum(axis=1)
        products += wide @ wide.T
    if about is None:
        return 0.0, 1.0
    spread = products / n - np.outer(sums, sums) / n**2
    ours = stack.shares @ spread @ stack.shares
    wanted = stack.shares @ np.diag(spread)
    mean = float(stack.shares @ sums / n + about)
    return mean, float(np.sqrt(wanted / ours)) if ours > FLAT * wanted else 1.0
