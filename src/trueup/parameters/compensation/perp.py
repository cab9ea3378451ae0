"""Retrain biases and norms alone after pruning: a few numbers of a thousand make most of it good.

Examples
--------
>>> import numpy as np
>>> import torch
>>> from trueup.adapters.network import Network
>>> from trueup.parameters import PERP, Prune
>>> net = torch.nn.Sequential(torch.nn.Linear(3, 2))
>>> x = np.float32([[1, 0, 2], [0, 1, 1], [1, 1, 0]])
>>> pruned = Prune(share=0.5).fit(net)
>>> good = PERP(steps=200, rate=0.05).fit(pruned, net, inputs=x)
>>> def miss(weights):
...     return np.square(Network.of(net, weights).run(x) - Network(net).run(x)).sum()
>>> bool(miss(good) < miss(pruned)), good["0.weight"] is pruned["0.weight"]
(True, False)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trueup.core.cards import Card
from trueup.core.errors import EvidenceError
from trueup.core.weights.changed import Changed
from trueup.core.weights.packed import Packed
from trueup.parameters.compensation.compensate import same
from trueup.parameters.compensation.descent import check, descend, tensors_of
from trueup.parameters.compensation.parts import PARTS, check_parts, is_norm
from trueup.parameters.matrices import Model, network_of


CARD = Card(
    name="PERP",
    question="parameters",
    family="compensation",
    summary="biases and norms retrained after pruning or quantising, all else kept",
    paper="Zimmer et al. 2023, PERP: Rethinking the prune-retrain paradigm in the era of LLMs, "
    "2312.15230, section 3",
    axes={"parts": "biases, norms", "target": "own outputs, truth"},
    mission=(277,),
    also=("error",),
    needs=("torch",),
    cost="that of training for ``steps`` batches; memory of gradients of few numbers",
    not_for="networks without biases and norms, or none that are trained with rows like the test's",
)


@dataclass(frozen=True)
class PERP:
    """Settings of retraining.

    Parameters
    ----------
    parts
        What is retrained: ``"bias"``, those of layers; ``"norm"``, scales and shifts of norms.
    loss
        ``"outputs"``: squared distance from the outputs before, in their variance;
        ``"probabilities"``: Kullback-Leibler divergence from the probabilities before;
        ``"log_loss"``: of the truth.
    steps, rate, batch
        Batches, rate of Adam at the start, rows of a batch.
    """

    parts: Sequence[str] = PARTS
    loss: str = "outputs"
    steps: int = 200
    rate: float = 1e-3
    batch: int = 32

    def fit(
        self, packed: Packed, network: Model, *, inputs: Any, truth: Any = None, seed: int = 0
    ) -> Packed:
        """Retrain ``packed``, which stays as it is.

        Parameters
        ----------
        packed
            What pruning or quantising gave.
        network
            The module with the weights as they were.
        inputs
            Rows to run, (n, ...).
        truth
            (n,) class codes, for ``log_loss``.
        seed
            Of the order of rows.
        """
        check("PERP", self, truth)
        same("PERP", packed, network)
        net = network_of("PERP", network)
        names = few_of(net, self.parts)
        fixed = tensors_of(packed)
        leaves = {name: fixed[name].clone().requires_grad_() for name in names}
        descend(
            "PERP", net, self, fitted=list(leaves.values()), tensors=lambda: fixed | leaves,
            inputs=inputs, truth=truth, seed=seed,
        )  # fmt: skip
        arrays = {name: leaf.detach().numpy() for name, leaf in leaves.items()}
        facts = {**packed.facts, "retrained_by": repr(self)}
        return Packed(packed.tensors, Changed(packed.rest, arrays), facts)


def few_of(net: Any, parts: Sequence[str]) -> list[str]:
    """Names of the biases of layers and of all numbers of norms."""
    check_parts("PERP", parts)
    norms = {name for name, module in net.module.named_modules() if is_norm(module)}
    found = []
    for name, _ in net.module.named_parameters():
        owner, _, own = name.rpartition(".")
        part = "norm" if owner in norms else "bias" if own == "bias" else ""
        found += [name] if part in parts else []
    if not found:
        raise EvidenceError(
            "PERP", f"the network has no {' and no '.join(parts)}", do="Compensate by factors"
        )
    return found
