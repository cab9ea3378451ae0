"""Bits by layer within a budget of bytes.

Examples
--------
>>> import numpy as np, torch
>>> from trueup.adapters.network import Network
>>> from trueup.parameters import IntegerProgramme, Quantise
>>> _ = torch.manual_seed(0)
>>> net = Network.of(torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Linear(16, 2)))
>>> x = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
>>> options = [Quantise(bits=b) for b in (2, 4, 8)]
>>> found = allocate(net, x, options=options, budget=140, method=IntegerProgramme())
>>> found.bits, found.bytes
({'0.weight': 4, '1.weight': 8}, 132)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trueup.core.cards import Card
from trueup.core.errors import UsageError
from trueup.core.weights.packed import Packed
from trueup.parameters.allocation.candidates import (
    AbstractAllocation,
    Candidates,
    Score,
    Uniform,
)
from trueup.parameters.allocation.integer_programme import IntegerProgramme


__all__ = ["Allocation", "Uniform", "allocate"]

CARD = Card(
    name="allocate",
    question="parameters",
    family="allocation",
    summary="which layer gets how many bits, or which other option, within a budget of bytes",
    paper="of the method that is asked for",
    cost="a fit of every option, and the runs of the method",
    exports=("Allocation", "Uniform", "allocate"),
    not_for="proofs: the loss is that of the rows the choice was made on",
    needs=("torch",),
)


@dataclass(frozen=True, eq=False)
class Allocation:
    """A choice of options by tensor.

    Attributes
    ----------
    weights
        The weights so packed.
    chosen
        Tensor -> its option.
    bytes
        Of all chosen tensors.
    predicted
        The loss that the search expects.
    measured
        The loss of the whole choice on the rows it was made on.
    trace
        Losses that the search came by.
    """

    weights: Packed
    chosen: dict[str, Any]
    bytes: int
    predicted: float
    measured: float
    trace: tuple[float, ...] = ()

    @property
    def bits(self) -> dict[str, int]:
        """Tensor -> bits of its option."""
        return {name: option.bits for name, option in self.chosen.items()}


def allocate(
    network: Any,
    inputs: Any,
    *,
    options: Sequence[Any],
    budget: int,
    method: AbstractAllocation | None = None,
    score: Score = "squared",
    names: Sequence[str] | None = None,
) -> Allocation:
    """Choose an option for every layer, within a budget.

    Parameters
    ----------
    network
        A ``Network``.
    inputs
        Rows that it is run on.
    options
        Settings to choose from, such as ``Quantise(bits=b)`` of several b; all that have ``fit``.
    budget
        Bytes of all chosen tensors together.
    method
        ``IntegerProgramme()``, the default, ``Evolution()`` or ``Uniform()``.
    score
        What is lost: ``"squared"`` is the squared change of outputs as a share of theirs, ``"kl"``
        the divergence of the classes' probabilities (outputs are logits), or a function from
        outputs to a loss.
    names
        Tensors; None is every layer.

    Raises
    ------
    UsageError
        Nothing fits the budget, or there are no options.
    """
    if not options:
        raise UsageError("allocate", "there are no options", do="Pass settings such as Quantise(4)")
    candidates = Candidates(network, inputs, options, names, score)
    search = method or IntegerProgramme()
    found = search(candidates, budget)
    chosen = dict(zip(candidates.names, found.choice.tolist(), strict=True))
    tensors = {name: candidates.packed[option].tensors[name] for name, option in chosen.items()}
    told = {"allocated_by": repr(search), "allocated_budget": str(budget)}
    facts = {**candidates.packed[0].facts, **told, "quantised_by": repr(tuple(options))}
    return Allocation(
        Packed(tensors, candidates.whole, facts),
        {name: options[option] for name, option in chosen.items()},
        candidates.cost(found.choice), found.predicted, candidates.lost(found.choice), found.trace,
    )  # fmt: skip
