r"""Fisher merging: an average in which every number counts by what the model would lose without it.

With :math:`F_i` the diagonal of the Fisher information of model i, and :math:`\delta` the damping
times the mean of all :math:`F_i`,

.. math::

   F = \frac 1n \sum_x E_{y \sim p(y|x)} \big(\nabla_\theta \log p(y|x)\big)^2
   \qquad
   \theta = \frac{\sum_i w_i (F_i + \delta)\, \theta_i}{\sum_i w_i (F_i + \delta)}

It is the mode of a product of normal laws, one a model, around its weights with precision F. A
number that no model is sensitive to is averaged. Labels y are drawn from the model, or all classes
are summed; those of data are another matrix (the empirical Fisher).

Examples
--------
>>> import numpy as np
>>> from trueup.parameters import merge
>>> one, two = {"w": np.float64([1, 2])}, {"w": np.float64([3, 6])}
>>> sure = [{"w": np.float64([3, 0])}, {"w": np.float64([1, 0])}]
>>> merge([one, two], method=Fisher(sure, damping=0.0))["w"]
array([1.5, 4. ])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.weights.opened import open_weights
from trueup.core.weights.view import Held, Weights
from trueup.parameters.merging.rule import AbstractMerging, Combine
from trueup.parameters.merging.stack import Piece, Stack


__all__ = ["Fisher", "fisher_information"]

CARD = Card(
    name="Fisher",
    question="parameters",
    family="merging",
    summary="average in which each number counts by its Fisher information in each model",
    paper="Matena, Raffel 2022, Merging Models with Fisher-Weighted Averaging, NeurIPS, "
    "2111.09832, section 3 and equation 2",
    axes={"delta": "weights", "align": "none", "consensus": "mean by Fisher information"},
    mission=(71,),
    exports=("Fisher", "fisher_information"),
    not_for="models that do not share a start, unless they are aligned first",
    cost="a gradient a row and class; the merge itself a pass over the files",
    needs=("torch",),
)

NUMBERS = 1 << 24
"""Gradients that are held at a time."""


@dataclass(frozen=True)
class Fisher(AbstractMerging):
    """Average by importance.

    Parameters
    ----------
    importances
        For each model what ``open_weights`` takes, of its names and shapes, numbers >= 0: from
        ``fisher_information``, or of another make. Tensors that are missing are averaged.
    damping
        What is added to all of them, in units of their mean; >= 0. The larger, the more the merge
        is the average.
    """

    importances: Sequence[Any] = field(repr=False)
    damping: float = 1e-3

    scope: ClassVar[str] = "model"

    def check(self, k: int) -> None:
        """Refuse other than one importance a model."""
        if len(self.importances) != k:
            raise UsageError(
                "Fisher", f"got {len(self.importances)} importances for {k} models",
                do="Pass one a model",
            )  # fmt: skip
        if not self.damping >= 0:
            raise UsageError("Fisher", f"damping is {self.damping}", do="Pass a number >= 0")

    def ready(self, stack: Stack) -> Combine:
        opened = tuple(open_weights(one, name="importance") for one in self.importances)
        delta = self.damping * _mean(opened, stack)

        def combine(piece: Piece) -> np.ndarray:
            stop = piece.start + piece.models.shape[1]
            shares = stack.shares[:, None] * np.ones(piece.models.shape[1])
            if piece.name in opened[0]:
                rows = [one.read(piece.name, piece.start, stop) for one in opened]
                found = (np.array(rows, np.float64) + delta) * shares
                # Where nothing is known, and nothing is added, models count by their shares.
                shares = np.where(found.sum(axis=0) > 0, found, shares)
            merged = (shares * piece.models).sum(axis=0) / shares.sum(axis=0)
            return merged.astype(piece.models.dtype, copy=False)

        return combine


def _mean(importances: tuple[Weights, ...], stack: Stack) -> float:
    """Mean of all numbers, after a look at all of them."""
    total, count = 0.0, 0
    for name in stack.names:
        spec = stack.models[0].specs[name]
        have = [name in one for one in importances]
        if not any(have):
            continue
        if not all(have) or any(one.specs[name].shape != spec.shape for one in importances):
            raise EvidenceError(
                "Fisher", f"importances of '{name}' are missing or not of shape {spec.shape}",
                do="Pass importances of these models",
            )  # fmt: skip
        for one in importances:
            for piece in one.pieces(name):
                if not np.isfinite(piece).all() or piece.min(initial=0) < 0:
                    raise EvidenceError(
                        "Fisher", f"importances of '{name}' in {one.source} are not all >= 0",
                        do="Pass squares of gradients",
                    )  # fmt: skip
                total, count = total + float(piece.sum(dtype=np.float64)), count + piece.size
    return total / count if count else 0.0


def fisher_information(model: Any, *, arch: Any, on: Any, draws: int = 1, seed: int = 0) -> Weights:
    r"""Diagonal of the Fisher information of a classifier's parameters.

    Parameters
    ----------
    model
        Anything that ``open_weights`` takes.
    arch
        Its torch module, a function that makes it, or ``"module:function"``; it gives logits, or
        logs of probabilities, (n, k).
    on
        Rows of inputs without labels; a few hundred.
    draws
        Labels that are drawn from the model for a row; 0 sums over all classes, without noise.
    seed
        Of the draws.

    Returns
    -------
    Weights
        As float32, by name; ``save_weights`` writes them. Buffers have none.
    """
    import torch
    from torch.func import functional_call, grad, vmap

    from trueup.adapters.network import Network, parts_of, rows_of

    net = Network.of(arch, open_weights(model, name="model"))
    parameters = {n: p.detach() for n, p in net.module.named_parameters()}
    buffers = dict(net.module.named_buffers())
    generator = torch.Generator().manual_seed(seed)

    def log_chance(values: dict, label: Any, *row: Any) -> Any:
        given = tuple(part.unsqueeze(0) for part in row)
        said = functional_call(net.module, {**values, **buffers}, given)
        return torch.log_softmax(said, 1).gather(1, label.reshape(1, 1))[0, 0]

    gradients = vmap(grad(log_chance), (None, 0, *[0] * _parts(on)))
    totals = {name: torch.zeros_like(p, dtype=torch.float64) for name, p in parameters.items()}
    size = max(1, NUMBERS // sum(p.numel() for p in parameters.values()))
    for part in parts_of(on, size):
        rows = _tensors(part)
        for labels, weights in _labels(torch.as_tensor(net.run(part)), draws, generator):
            for name, found in gradients(parameters, labels, *rows).items():
                totals[name] += torch.einsum("n...,n->...", found**2, weights).double()
    n = rows_of(on)
    arrays = {name: (t / n).float().numpy() for name, t in totals.items()}
    return Held(arrays, "Fisher information")


def _labels(said: Any, draws: int, generator: Any):
    """Labels (n,) and how much each counts: drawn ones, or each class by its probability."""
    import torch

    chances = torch.softmax(said, 1)
    if draws:
        found = torch.multinomial(chances, draws, replacement=True, generator=generator)
        return [(found[:, i], torch.full((len(said),), 1 / draws)) for i in range(draws)]
    classes = range(chances.shape[1])
    return [(torch.full((len(said),), c), chances[:, c]) for c in classes]


def _parts(on: Any) -> int:
    return len(on) if isinstance(on, tuple) else 1


def _tensors(part: Any) -> tuple:
    import torch

    return tuple(torch.as_tensor(np.ascontiguousarray(v)) for v in (
        part if isinstance(part, tuple) else (part,)
    ))  # fmt: skip
