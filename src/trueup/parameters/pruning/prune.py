r"""Prune a model: the weights of least worth become 0, and the file is smaller by that.

The worth of a weight is :math:`|w|` (magnitude), :math:`|w_{ij}|\, \|x_j\|` (Wanda), or what its
going costs when the other weights of its row make up for it (SparseGPT).

Examples
--------
>>> import numpy as np
>>> from trueup.parameters import Prune
>>> weights = {"w": np.float32([[4, 1, -3, 2], [1, 2, 3, 4]])}
>>> Prune(share=0.5, pattern="row").fit(weights)["w"]
array([[ 4.,  0., -3.,  0.],
       [ 0.,  0.,  3.,  4.]], dtype=float32)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import UsageError
from trueup.core.weights.changed import Changed
from trueup.core.weights.packed import Packed
from trueup.core.weights.packings import Sparse
from trueup.core.weights.types import dtype_of
from trueup.parameters.matrices import Matrix, Model, chosen, is_run, matrices, network_of
from trueup.parameters.pruning.patterns import Pattern, least_of_all
from trueup.parameters.pruning.sparsegpt import surgeon


CARD = Card(
    name="Prune",
    question="parameters",
    family="pruning",
    summary="weights of least worth become 0, by magnitude, Wanda or SparseGPT",
    paper="Sun et al. 2024, A simple and effective pruning approach, ICLR, 2306.11695, section 3; "
    "Frantar and Alistarh 2023, SparseGPT, ICML, 2301.00774, section 3",
    axes={
        "criterion": "magnitude, wanda, sparsegpt",
        "pattern": "layer, row, model, n:m, channels",
    },
    cost="magnitude O(n); Wanda a run of the inputs; SparseGPT O(d^3 + out d^2) a layer",
    not_for="faster runs on common hardware: zeros save room, and time only where 2:4 is built in",
)
CRITERIA = ("magnitude", "wanda", "sparsegpt")


@dataclass(frozen=True)
class Prune:
    """Settings of pruning.

    Parameters
    ----------
    share
        Of the weights that go, in (0, 1); or a share by layer, as an allocation gives. Of a pattern
        n:m it is 1 - n / m.
    criterion
        ``"magnitude"``, which needs no inputs, ``"wanda"`` or ``"sparsegpt"``.
    pattern
        What compete with each other: weights of a ``"layer"``, of a ``"row"``, of the whole
        ``"model"``, or m neighbours of a row for n places (``"2:4"``). ``"channels"`` takes whole
        outputs of a layer and their bias, where another layer of the same chain is all that reads
        them.
    damping
        Of SparseGPT: added to the diagonal of the Gram matrix, as a share of its mean.
    """

    share: float | Mapping[str, float] = 0.5
    criterion: str = "magnitude"
    pattern: str = "layer"
    damping: float = 0.01

    def fit(
        self, model: Model, inputs: Any = None, *, names: Sequence[str] | None = None
    ) -> Packed:
        """Prune ``model``, which stays as it is.

        Parameters
        ----------
        model
            A torch module or ``Network``; for magnitude also anything that ``open_weights`` takes.
        inputs
            Rows to run, (n, ...) as the module takes them; no labels are needed.
        names
            Layers or tensors, patterns such as ``"encoder.*"`` too; None is all.

        Returns
        -------
        Packed
            Weights that read like any others; ``save_weights`` writes them small.
        """
        pattern = self._check(inputs)
        if pattern.kind == "channels":
            names = channels_of(model, names)
        found = matrices("Prune", model, inputs=None if self._blind else inputs, names=names)
        if isinstance(self.share, Mapping):
            found = [one for one in found if one.name in self.share]
        if pattern.kind == "model":
            tensors = dict(self._together(found))
        else:
            tensors = {one.tensor: self._alone(one, pattern) for one in found}
        rest = found[0].weights
        if pattern.kind == "channels":
            rest = Changed(rest, dict(_biases(found, tensors)))
        return Packed(tensors, rest, {"pruned_by": repr(self)})

    @property
    def _blind(self) -> bool:
        return self.criterion == "magnitude"

    def _check(self, inputs: Any) -> Pattern:
        if self.criterion not in CRITERIA:
            raise UsageError(
                "Prune", f"the criterion is '{self.criterion}'", do=f"Use {', '.join(CRITERIA)}"
            )
        pattern = Pattern.read(self.pattern)
        shares = self.share.values() if isinstance(self.share, Mapping) else [self.share]
        if not all(0 <= share < 1 for share in shares):
            raise UsageError("Prune", f"share is {self.share}", do="Pass shares from 0 to below 1")
        if pattern.m and self.share not in (0.5, 1 - pattern.n / pattern.m):
            raise UsageError(
                "Prune", f"share is {self.share} and the pattern {self.pattern}",
                do=f"Leave share out: the pattern says {1 - pattern.n / pattern.m:g}",
            )  # fmt: skip
        if self.criterion == "sparsegpt" and pattern.kind in ("model", "channels"):
            raise UsageError(
                "Prune", f"sparsegpt has no pattern '{self.pattern}'", do="Use layer, row or n:m"
            )
        if pattern.kind == "model" and isinstance(self.share, Mapping):
            raise UsageError("Prune", "got shares by layer and 'model'", do="Pass one share")
        if not self._blind and inputs is None:
            raise UsageError("Prune", f"{self.criterion} needs inputs", do="Pass inputs=...")
        return pattern

    def _alone(self, one: Matrix, pattern: Pattern) -> Sparse:
        share = self.share[one.name] if isinstance(self.share, Mapping) else self.share
        w = one.values
        if self.criterion == "sparsegpt":
            assert one.seen is not None
            setting = {"share": share, "pattern": pattern, "damping": self.damping}
            pairs = zip(w, one.seen.xx, strict=True)
            pruned = np.stack([surgeon(part, xx, **setting) for part, xx in pairs])
        else:
            scores = self._scores(one).reshape(-1, w.shape[-1])
            pruned = w * pattern.keep(scores, share).reshape(w.shape)
        return _sparse(one, pruned)

    def _scores(self, one: Matrix) -> np.ndarray:
        """(groups, out, d) how much every weight is worth."""
        size = np.abs(one.values)
        if one.seen is not None:
            norms = np.sqrt(np.einsum("gii->gi", one.seen.xx))
            size = size * norms[:, None].astype(np.float32)
        return size

    def _together(self, found: Sequence[Matrix]) -> Iterator[tuple[str, Sparse]]:
        assert not isinstance(self.share, Mapping)
        k = int(self.share * sum(one.weights.specs[one.tensor].size for one in found))
        edge, ties = np.float32(-1), 0
        if k:
            edge, ties = least_of_all(lambda: (self._scores(one) for one in found), k)
        for one in found:
            scores = self._scores(one)
            keep, equal = scores > edge, scores == edge
            first = np.cumsum(equal).reshape(equal.shape) <= ties
            ties -= int((equal & first).sum())
            yield one.tensor, _sparse(one, one.values * (keep | (equal & ~first)))


def _sparse(one: Matrix, values: np.ndarray) -> Sparse:
    own = dtype_of(one.weights.specs[one.tensor].type)
    return Sparse.dense(values.reshape(one.shape).astype(own, copy=False))


def _biases(found: Sequence[Matrix], tensors: Mapping) -> Iterator[tuple[str, np.ndarray]]:
    """Biases of channels that went, 0 there."""
    for one in found:
        name = f"{one.name}.bias"
        if name in one.weights:
            kept = tensors[one.tensor].kept.reshape(one.shape[0], -1).any(1)
            yield name, one.weights[name] * kept


def channels_of(model: Model, names: Sequence[str] | None) -> list[str]:
    """Layers whose outputs only the next layer of their chain reads."""
    if not is_run(model):
        raise UsageError(
            "Prune", "weights alone do not say who reads a channel", do="Pass the torch module"
        )
    from torch import nn

    net = network_of("Prune", model)
    layers = net.layers
    at = {id(layer.module): name for name, layer in layers.items()}
    safe: list[str] = []
    for chain in net.module.modules():
        if not isinstance(chain, nn.Sequential):
            continue
        last = ""
        for one in chain:
            if id(one) in at:
                safe += [last] if last else []
                last = at[id(one)] if layers[at[id(one)]].groups == 1 else ""
            elif any(True for _ in one.children()):
                last = ""  # blocks of others may read a channel more than once
    return chosen("Prune", safe, names)
