r"""Thin factors beside codes of few bits, trained on what the network gave before.

A layer of codes :math:`\hat W` becomes :math:`\hat W + B A`, and B and A alone are fitted to the
outputs of the network in full precision. Where :math:`B A` is there already, as after
``Compensate``, it is where the fit begins; else A is random and B is 0.

Examples
--------
>>> import numpy as np
>>> import torch
>>> from trueup.adapters.network import Network
>>> from trueup.parameters import Quantise, TrainedFactors
>>> _ = torch.manual_seed(0)
>>> net = torch.nn.Sequential(torch.nn.Linear(6, 5))
>>> x = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
>>> small = Quantise(bits=2).fit(Network(net))
>>> good = TrainedFactors(rank=5, steps=300, rate=0.02).fit(small, net, inputs=x)
>>> def miss(weights):
...     return np.square(Network.of(net, weights).run(x) - Network(net).run(x)).sum()
>>> bool(miss(good) < 0.05 * miss(small))
True
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.weights.packed import Packed
from trueup.core.weights.packings import LowRank, Sum
from trueup.parameters.compensation.compensate import same
from trueup.parameters.compensation.descent import check, descend, tensors_of
from trueup.parameters.matrices import Model, matrices, network_of


if TYPE_CHECKING:
    from trueup.adapters.network import Network

CARD = Card(
    name="TrainedFactors",
    question="parameters",
    family="compensation",
    summary="thin factors beside codes of few bits, trained on the outputs before quantising",
    paper="Chai et al. 2023, INT2.1: Towards fine-tunable quantized large language models with "
    "error correction through low-rank adaptation, 2306.08162, section 3",
    axes={"start": "random, or factors that are there", "target": "own outputs, truth"},
    mission=(182,),
    also=("error",),
    needs=("torch",),
    cost="that of training for ``steps`` batches; gradients of the factors alone",
    not_for="a first try: `Compensate` needs no gradients and takes seconds",
)


@dataclass(frozen=True)
class TrainedFactors:
    """Settings of trained factors.

    Parameters
    ----------
    rank
        Of new factors, at least 1; those that are there keep their own.
    loss
        ``"outputs"``: squared distance from the outputs before, in their variance;
        ``"probabilities"``: Kullback-Leibler divergence from the probabilities before;
        ``"log_loss"``: of the truth.
    steps, rate, batch
        Batches, rate of Adam at the start, rows of a batch.
    kind
        Type of the factors in the file: ``"float16"`` or ``"float32"``.
    """

    rank: int = 32
    loss: str = "outputs"
    steps: int = 200
    rate: float = 1e-3
    batch: int = 32
    kind: str = "float16"

    def fit(
        self,
        packed: Packed,
        network: Model,
        *,
        inputs: Any,
        truth: Any = None,
        names: Sequence[str] | None = None,
        seed: int = 0,
    ) -> Packed:
        """Train factors of the packed tensors of ``packed``, which stays as it is.

        Parameters
        ----------
        packed
            What quantising, pruning or ``Compensate`` gave.
        network
            The module with the weights as they were.
        inputs
            Rows to run, (n, ...).
        truth
            (n,) class codes, for ``log_loss``.
        names
            Layers; None is all that are packed.
        seed
            Of the start and of the order of rows.
        """
        check("TrainedFactors", self, truth)
        if self.rank < 1 or self.kind not in ("float16", "float32"):
            raise UsageError(
                "TrainedFactors", f"rank {self.rank}, kind '{self.kind}'",
                do="Pass a rank of 1 or more, float16 or float32",
            )  # fmt: skip
        same("TrainedFactors", packed, network)
        net = network_of("TrainedFactors", network)
        tensors = [
            one.tensor for one in matrices("TrainedFactors", net, names=names)
            if one.tensor in packed.tensors
        ]  # fmt: skip
        if not tensors:
            raise EvidenceError("TrainedFactors", "no layer is packed", do="Quantise them first")
        leaves = self._trained(packed, net, tensors, inputs, truth, seed)
        made = {name: self._sum(packed.tensors[name], leaves[name]) for name in tensors}
        facts = {**packed.facts, "factors_trained_by": repr(self)}
        return Packed({**packed.tensors, **made}, packed.rest, facts)

    def _trained(
        self, packed: Packed, net: Network, names: list[str], inputs: Any, truth: Any, seed: int
    ) -> dict[str, list[Any]]:
        """Name -> both factors after the descent."""
        import torch

        plain = tensors_of(packed)
        rng = np.random.default_rng(seed)
        starts = {name: self._start(packed.tensors[name], rng) for name in names}
        fixed = {name: torch.from_numpy(start[0]) for name, start in starts.items()}
        leaves = {
            name: [torch.from_numpy(part).requires_grad_() for part in start[1:]]
            for name, start in starts.items()
        }

        def now() -> dict:
            return plain | {
                name: fixed[name] + (b @ a).reshape(fixed[name].shape)
                for name, (b, a) in leaves.items()
            }

        fitted = [leaf for pair in leaves.values() for leaf in pair]
        descend("TrainedFactors", net, self, fitted=fitted, tensors=now, inputs=inputs,
                truth=truth, seed=seed)  # fmt: skip
        return leaves

    def _start(self, tensor: Any, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """The part that stays, and both factors at the start."""
        if isinstance(tensor, Sum) and isinstance(tensor.terms[-1], LowRank):
            low = tensor.terms[-1]
            rest = Sum(tensor.shape, tensor.terms[:-1])
            return rest.values(), low.left.astype(np.float32), low.right.astype(np.float32)
        out, d = tensor.shape[0], int(np.prod(tensor.shape[1:]))
        rank = min(self.rank, out, d)
        right = rng.normal(size=(rank, d)).astype(np.float32) / np.float32(np.sqrt(d))
        return tensor.values(), np.zeros((out, rank), np.float32), right

    def _sum(self, tensor: Any, leaves: Sequence[Any]) -> Sum:
        low = LowRank(tensor.shape, *(p.detach().numpy().astype(self.kind) for p in leaves))
        if isinstance(tensor, Sum):
            old = tensor.terms
            return Sum(tensor.shape, (*(old[:-1] if isinstance(old[-1], LowRank) else old), low))
        return Sum(tensor.shape, (tensor, low))
