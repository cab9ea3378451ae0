r"""Robust weight signatures: what training on disturbed data changed, as a patch for other models.

.. math:: \Delta = \theta_\text{robust} - \theta_\text{standard}, \qquad
    \theta \leftarrow \theta + \lambda \Delta

in the chosen tensors, zero elsewhere. With a ``base`` that both came from, what the robust model
shares with the standard one is projected away, tensor by tensor:
:math:`\Delta = \tau_r - \tau_s \langle\tau_r, \tau_s\rangle / |\tau_s|^2`. Patches add up, and come
off again with the opposite scale.

Examples
--------
>>> import numpy as np
>>> standard = {"conv.weight": np.float32([1, 2]), "fc.weight": np.float32([1])}
>>> robust = {"conv.weight": np.float32([2, 2]), "fc.weight": np.float32([5])}
>>> found = signature(robust, standard, where=("conv*",))
>>> found
Signature('model 2 less model 1': 1 tensors, 2 numbers, 0.0 MB)
>>> patch({"conv.weight": np.float32([7, 7]), "fc.weight": np.float32([3])}, found, scale=0.5)[
...     "conv.weight"]
array([7.5, 7. ], dtype=float32)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.weights.opened import open_weights
from trueup.core.weights.types import dtype_of, is_float, wide
from trueup.core.weights.view import Spec, Weights
from trueup.parameters.merging.checks import all_finite, same_shape
from trueup.parameters.merging.rule import factor
from trueup.parameters.merging.stack import Stack


CARD = Card(
    name="signature",
    question="parameters",
    family="merging",
    summary="difference of a robust and a standard model in some tensors, a patch for others",
    paper="Cai et al. 2023, Robust Weight Signatures, ICML, 2302.12480, section 3",
    axes={"delta": "robust - standard", "sparsify": "tensors", "consensus": "sum"},
    mission=(44,),
    exports=("Signature", "signature", "patch"),
    cost="O(n) of the chosen tensors, a pass; two with a base",
    not_for="models of another architecture, or trained from another start",
)


@dataclass(frozen=True, repr=False, eq=False)
class Signature(Weights):
    """Differences of the chosen tensors, made when they are read; ``save_weights`` writes them.

    Attributes
    ----------
    source, specs, metadata
        As of all weights.
    stack
        The standard and the robust model, of a base or of none.
    """

    source: str
    specs: dict[str, Spec]
    metadata: dict[str, str]
    stack: Stack
    _shared: dict[str, float] = field(default_factory=dict, init=False)

    def read(self, name: str, start: int, stop: int) -> np.ndarray:
        """Numbers ``start`` to ``stop`` of the flattened tensor."""
        dtype = wide(self.specs[name].type)
        standard, robust = (w.read(name, start, stop).astype(dtype) for w in self.stack.models)
        if self.stack.base is None:
            return robust - standard
        base = self.stack.base.read(name, start, stop).astype(dtype)
        return robust - base - (standard - base) * dtype.type(self._part(name))

    def _part(self, name: str) -> float:
        """How much of the standard model's difference from the base the robust one holds."""
        if name not in self._shared:
            products = np.zeros((2, 2))
            for piece in self.stack.only(name).pieces():
                found = piece.models.astype(np.float64)
                products += found @ found.T
            self._shared[name] = products[0, 1] / products[0, 0] if products[0, 0] else 0.0
        return self._shared[name]


def signature(
    robust: Any, standard: Any, *, where: Sequence[str] = ("*",), base: Any = None
) -> Signature:
    """What a robust model has beyond a standard one, in the tensors that ``where`` names.

    Parameters
    ----------
    robust, standard
        Two models of one architecture and start, of anything that ``open_weights`` takes.
    where
        Patterns of names such as ``"layer1.*"``; the paper takes the shallowest layers and norms.
    base
        What both were trained from: then what they share is projected away.

    Raises
    ------
    UsageError
        No tensor of real numbers is chosen.
    EvidenceError
        Names or shapes differ, or numbers are not finite.
    """
    if isinstance(where, str):
        raise UsageError("signature", f"where is '{where}'", do=f"Pass a list: ('{where}',)")
    models = open_weights(standard, name="model 1"), open_weights(robust, name="model 2")
    start = None if base is None else open_weights(base, name="base")
    for other in (models[1], start):
        if other is not None:
            same_shape(models[0], other)
    for one in filter(None, (*models, start)):
        all_finite(one)
    specs = {
        name: Spec("F64" if spec.type == "F64" else "F32", spec.shape)
        for name, spec in models[0].specs.items()
        if is_float(spec.type) and any(fnmatchcase(name, pattern) for pattern in where)
    }
    if not specs:
        few = ", ".join(list(models[0])[:5])
        raise UsageError("signature", f"no tensor fits {tuple(where)}", do=f"There are {few}, ...")
    source = f"{models[1].source} less {models[0].source}"
    told = {"signature_where": " ".join(where), "signature_projected": str(start is not None)}
    return Signature(source, specs, told, Stack(models, tuple(specs), start))


@dataclass(frozen=True, repr=False, eq=False)
class Patched(Weights):
    """A model with a patch on some tensors, made when it is read."""

    model: Weights
    patches: Weights
    scale: float

    @property
    def source(self) -> str:  # type: ignore[override]
        """Where it comes from."""
        return f"{self.model.source} patched"

    @property
    def specs(self) -> dict[str, Spec]:  # type: ignore[override]
        """Those of the model."""
        return self.model.specs

    @property
    def metadata(self) -> dict[str, str]:  # type: ignore[override]
        """Those of the model."""
        return self.model.metadata

    def read(self, name: str, start: int, stop: int) -> np.ndarray:
        """Numbers ``start`` to ``stop`` of the flattened tensor."""
        found = self.model.read(name, start, stop)
        if name not in self.patches:
            return found
        dtype = np.result_type(wide(self.specs[name].type), wide(self.patches.specs[name].type))
        delta = self.patches.read(name, start, stop).astype(dtype)
        delta *= dtype.type(self.scale)
        return (found.astype(dtype) + delta).astype(dtype_of(self.specs[name].type), copy=False)


def patch(model: Any, patches: Any, *, scale: float = 1.0) -> Patched:
    """``model`` with ``scale`` times the differences of ``patches`` added to its tensors.

    Parameters
    ----------
    model
        What is patched; its other tensors stay as they are.
    patches
        Differences, of ``signature`` or of a file of it.
    scale
        How strongly; 0 leaves the model, a negative one takes the patch off.

    Raises
    ------
    EvidenceError
        The model lacks a tensor of the patch, or has it in another shape.
    """
    factor("patch", "scale", scale)
    onto, added = open_weights(model, name="model"), open_weights(patches, name="patch")
    bad = [n for n, s in added.specs.items() if n not in onto or onto.specs[n].shape != s.shape]
    if bad:
        raise EvidenceError(
            "patch",
            f"{onto.source} has {len(bad)} of {len(added)} tensors not, or in another shape: "
            f"{', '.join(bad[:5])}",
            do="Take a patch of the same architecture, or choose tensors that both have",
        )
    return Patched(onto, added, float(scale))
