r"""Thin factors that make good what compressing a layer broke.

Of a layer :math:`W` that became :math:`\hat W` and is given :math:`X`, EoRA asks for
:math:`\min_{B, A} \|(W - \hat W - BA) X\|_F` over rank r. With :math:`E = W - \hat W` and
:math:`G = X X^\top` the least is reached by

.. math:: B = U_r, \qquad A = U_r^\top E,

where :math:`U_r` are the first r eigenvectors of :math:`E G E^\top`. That is the truncated
:math:`E Q \Lambda^{1/2}` of the paper (:math:`G = Q \Lambda Q^\top`) mapped back, without an
inverse of :math:`\Lambda`: inputs that were never given do no harm. With :math:`G = I` it is the
plain SVD.

Examples
--------
>>> import numpy as np
>>> import torch
>>> from trueup.parameters import Compensate, Prune
>>> layer = torch.nn.Linear(4, 3)
>>> x = np.eye(4, dtype=np.float32)
>>> packed = Prune(share=0.5).fit(layer_ := torch.nn.Sequential(layer))
>>> good = Compensate(rank=3).fit(packed, layer_, inputs=x)
>>> bool(np.allclose(good["0.weight"], layer.weight.detach(), atol=1e-3))
True
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.weights.changed import Changed
from trueup.core.weights.packed import Packed
from trueup.core.weights.packings import LowRank, Sum
from trueup.parameters.compensation.ranks import share_out
from trueup.parameters.compensation.spectrum import Spectrum, spectrum
from trueup.parameters.matrices import Matrix, Model, matrices, network_of


CARD = Card(
    name="Compensate",
    question="parameters",
    family="compensation",
    summary="thin factors that make the outputs of compressed layers good again, without gradients",
    paper="Liu et al. 2024, EoRA: Training-free compensation for compressed LLM with eigenspace "
    "low-rank approximation, 2410.21271, section 3",
    axes={"basis": "eora, svd", "allocation": "uniform, shared", "bias": "kept, refitted"},
    mission=(161,),
    also=("error",),
    cost="a run of the inputs, then O(out d^2 + min(out, d)^3) a layer",
    not_for="models whose last bytes count: a rank of 32 adds as much as a bit or two a weight",
)


@dataclass(frozen=True)
class Compensate:
    """Settings of low-rank compensation.

    Parameters
    ----------
    rank
        Of the factors of every layer, at least 1; with ``shared`` on average, at equal bytes.
    basis
        ``"eora"``: the error of outputs is least; ``"svd"``: that of weights, without inputs.
    shared
        Whether ranks go where they lower the relative error of outputs most.
    bias
        Whether biases take up the mean error of outputs, and the factors the rest; a layer
        without a bias stays without.
    damping
        Added to the diagonal of the Gram matrix, as a share of its mean, >= 0.
    kind
        Type of the factors: ``"float16"`` or ``"float32"``.
    """

    rank: int = 32
    basis: str = "eora"
    shared: bool = False
    bias: bool = False
    damping: float = 0.0
    kind: str = "float16"

    def fit(
        self,
        packed: Packed,
        network: Model,
        *,
        inputs: Any = None,
        names: Sequence[str] | None = None,
    ) -> Packed:
        """Add factors to the packed tensors of ``packed``, which stays as it is.

        Parameters
        ----------
        packed
            What pruning or quantising gave.
        network
            The module with the weights as they were.
        inputs
            Rows to run, (n, ...); EoRA needs them, no labels.
        names
            Layers; None is all that are packed. Convolutions of several groups stay as they are.

        Raises
        ------
        EvidenceError
            ``network`` has other tensors than ``packed``, or the inputs cannot be run or are fewer
            than the rank.
        """
        self._check(inputs)
        same("Compensate", packed, network)
        found = [
            one
            for one in matrices(
                "Compensate", network, names=names,
                inputs=inputs if self.basis == "eora" or self.bias else None,
            )
            if one.tensor in packed.tensors and one.groups == 1
        ]  # fmt: skip
        if not found:
            raise EvidenceError(
                "Compensate", "none of the layers is packed", do="Prune or quantise them first"
            )
        for one in found:
            enough("Compensate", one, self.rank)
        spectra = {one.tensor: self._spectrum(one, packed) for one in found}
        ranks = share_out(spectra, self.rank) if self.shared else {}
        tensors, biases = dict(packed.tensors), {}
        for one in found:
            r = ranks.get(one.tensor, self.rank)
            factors = spectra[one.tensor].factors(r, np.dtype(self.kind))
            if r:
                low = LowRank(one.shape, *factors)
                tensors[one.tensor] = Sum(one.shape, (*_terms(packed.tensors[one.tensor]), low))
            if self.bias:
                biases |= bias_of(one, tensors[one.tensor].values(), packed)
        rest = Changed(packed.rest, biases) if biases else packed.rest
        return Packed(tensors, rest, {**packed.facts, "compensated_by": repr(self)})

    def _check(self, inputs: Any) -> None:
        if self.rank < 1 or self.damping < 0:
            raise UsageError(
                "Compensate", f"rank is {self.rank}, damping {self.damping}",
                do="Pass a rank of 1 or more, a damping of 0 or more",
            )  # fmt: skip
        if self.basis not in ("eora", "svd") or self.kind not in ("float16", "float32"):
            raise UsageError(
                "Compensate", f"basis is '{self.basis}', kind '{self.kind}'",
                do="Use eora or svd, float16 or float32",
            )  # fmt: skip
        if inputs is None and (self.basis == "eora" or self.bias):
            raise UsageError("Compensate", "it needs inputs", do="Pass inputs=..., or basis='svd'")

    def _spectrum(self, one: Matrix, packed: Packed) -> Spectrum:
        left = one.values[0] - one.of(packed)[0]
        if self.basis == "svd":
            return spectrum(left, None, whole=float(np.sum(one.values**2, dtype=np.float64)))
        assert one.seen is not None
        xx = one.seen.xx[0]
        if self.bias and f"{one.name}.bias" in one.weights:
            xx = xx - np.outer(one.seen.x[0], one.seen.x[0]) / one.seen.rows
        if self.damping:
            xx = xx + self.damping * np.diagonal(xx).mean() * np.eye(len(xx))
        w = one.values[0]
        whole = float(np.sum((w @ one.seen.xx[0].astype(np.float32)) * w, dtype=np.float64))
        return spectrum(left, xx, whole=whole)


def _terms(tensor: Any) -> tuple:
    return tensor.terms if isinstance(tensor, Sum) else (tensor,)


def bias_of(one: Matrix, after: np.ndarray, packed: Packed) -> dict[str, np.ndarray]:
    r"""The bias that takes up the mean error of outputs: :math:`b + (W - \hat W) \bar x`."""
    name = f"{one.name}.bias"
    if name not in one.weights:
        return {}
    assert one.seen is not None
    left = one.values - after.reshape(one.values.shape)
    mean = (one.seen.x / one.seen.rows).astype(np.float32)
    return {name: one.weights[name] + np.einsum("god,gd->go", left, mean).reshape(-1)}


def same(who: str, packed: Packed, network: Model) -> None:
    """Refuse a network whose tensors are not those of ``packed``."""
    weights = network_of(who, network).weights
    other = [
        f"{name} {packed.specs[name].shape if name in packed else 'none'} and {spec.shape}"
        for name, spec in weights.specs.items()  # buffers of its own a file may hold, or not
        if name not in packed or packed.specs[name].shape != spec.shape
    ]
    if other:
        raise EvidenceError(
            who, f"{len(other)} tensors are not those of the network: {', '.join(other[:5])}",
            do="Pass the network that was compressed",
        )  # fmt: skip


def enough(who: str, one: Matrix, rank: int) -> None:
    """Refuse fewer rows than the rank."""
    if one.seen is not None and one.seen.rows < rank:
        raise EvidenceError(
            who, f"layer {one.name} was given {one.seen.rows} rows and the rank is {rank}",
            why="what so few rows do not show stays broken",
            do=f"Pass inputs with {rank} rows or more, or a lower rank",
        )  # fmt: skip
