r"""The choice of least loss within a budget, if losses of layers add.

Every layer is changed alone, by every option, and the loss is measured. Then

.. math:: \min_x \sum_{lk} \Delta_{lk} x_{lk} \quad \text{with} \quad \sum_k x_{lk} = 1,
   \quad \sum_{lk} b_{lk} x_{lk} \le B, \quad x_{lk} \in \{0, 1\}.

Examples
--------
>>> import numpy as np
>>> best(np.array([[5.0, 1], [3, 0]]), np.array([[1, 2], [1, 2]]), 3)
array([1, 0])
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import UsageError
from trueup.parameters.allocation.candidates import AbstractAllocation, Candidates, Found


CARD = Card(
    name="IntegerProgramme",
    question="parameters",
    family="allocation",
    summary="bits by layer of least summed loss within a budget of bytes",
    paper="Hubara et al. 2021, Improving Post Training Neural Quantization, 2006.10518, section 4",
    axes={"allocation": "integer programme"},
    mission=(13,),
    cost="layers x options runs of the network; the programme takes milliseconds",
    not_for="layers whose losses do not add: few bits everywhere; Evolution tries whole choices",
    needs=("torch",),
)


@dataclass(frozen=True)
class IntegerProgramme(AbstractAllocation):
    """Measure every layer alone, then solve for the choice.

    Parameters
    ----------
    around
        What the layers that are not looked at are while one is measured: ``"plain"`` as they were,
        or ``"uniform"``, quantised as all are alike within the budget. The latter sees how losses
        meet.
    """

    around: str = "plain"

    def __post_init__(self) -> None:
        if self.around not in ("plain", "uniform"):
            raise UsageError(
                "IntegerProgramme", f"around is {self.around!r}", do='Use "plain" or "uniform"'
            )

    def __call__(self, candidates: Candidates, budget: int) -> Found:
        start = candidates.largest_uniform(budget)
        if self.around == "plain":
            start = np.full(len(start), -1)
        base = candidates.lost(start)
        losses = np.zeros(candidates.bytes.shape)
        for layer, option in np.ndindex(*losses.shape):
            choice = start.copy()
            choice[layer] = option
            losses[layer, option] = candidates.lost(choice) - base
        found = best(losses, candidates.bytes, budget)
        return Found(found, base + float(losses[np.arange(len(found)), found].sum()))


def best(losses: np.ndarray, sizes: np.ndarray, budget: float) -> np.ndarray:
    """(L,) the options of least summed ``losses`` (L, K) whose ``sizes`` (L, K) fit ``budget``."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    layers, options = losses.shape
    one_each = np.kron(np.eye(layers), np.ones(options))
    size = np.abs(losses).max() or 1.0
    found = milp(
        losses.ravel() / size,
        integrality=np.ones(losses.size),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(one_each, 1, 1),
            LinearConstraint(sizes.ravel()[None] / budget, -np.inf, 1),
        ],
        options={"mip_rel_gap": 0},
    )
    if found.x is None:
        raise UsageError(
            "allocate", f"no choice fits {budget} bytes: {found.message}", do="Pass a larger budget"
        )
    return found.x.reshape(layers, options).argmax(axis=1)
