r"""Task arithmetic: differences from the base are summed, :math:`\theta_0 + \lambda \sum_i \tau_i`.

:math:`\tau_i = \theta_i - \theta_0` is the task vector of a model; a negative scale takes a skill
away.

Examples
--------
>>> import numpy as np
>>> from trueup.parameters import merge
>>> base, one, two = ({"w": np.float32(v)} for v in ([1, 1], [2, 1], [1, 3]))
>>> merge([one, two], base=base, method=TaskArithmetic(scale=0.5))["w"]
array([1.5, 2. ], dtype=float32)
>>> merge([two], base=base, method=TaskArithmetic(scale=-1.0))["w"]
array([ 1., -1.], dtype=float32)
"""

from __future__ import annotations

from dataclasses import dataclass

from trueup.core.cards import Card
from trueup.parameters.merging.consensus import Sum
from trueup.parameters.merging.rule import AbstractRow, TaskVectors, factor


CARD = Card(
    name="TaskArithmetic",
    question="parameters",
    family="merging",
    summary="sum of what models learned beyond a common base, times a factor",
    paper="Ilharco et al. 2023, Editing Models with Task Arithmetic, ICLR, 2212.04089, section 2",
    axes={"delta": "from the base", "sparsify": "none", "consensus": "sum"},
    cost="O(k n), a pass over the files",
    not_for="many models that disagree: their differences add up or cancel",
)


@dataclass(frozen=True)
class TaskArithmetic(AbstractRow):
    r"""Sum of task vectors.

    Parameters
    ----------
    scale
        :math:`\lambda`; with several models .3 to .5 is usual.
    """

    scale: float = 1.0

    def row(self) -> TaskVectors:
        factor("TaskArithmetic", "scale", self.scale)
        return TaskVectors(None, Sum(), self.scale)
