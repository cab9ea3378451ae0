r"""Biases and norms in closed form: every layer again gives the mean, every norm the spread too.

A bias becomes :math:`b + \overline{y} - \overline{\hat y}` with means over rows of what the layer
gave before and gives now, one layer after another, so that each sees those before it retuned. A
norm gets :math:`\gamma\, s_y / s_{\hat y}`, and the shift that keeps the mean.

Examples
--------
>>> import numpy as np
>>> import torch
>>> from trueup.adapters.network import Network
>>> from trueup.parameters import Prune, Retune
>>> net = torch.nn.Sequential(torch.nn.Linear(3, 2))
>>> x = np.float32([[1, 0, 2], [0, 1, 1], [1, 1, 0]])
>>> good = Retune().fit(Prune(share=0.5).fit(net), net, inputs=x)
>>> left = Network.of(net, good).run(x) - Network(net).run(x)
>>> bool(np.allclose(left.mean(0), 0, atol=1e-6))
True
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import EvidenceError
from trueup.core.weights.changed import Changed
from trueup.core.weights.packed import Packed
from trueup.parameters.compensation.compensate import same
from trueup.parameters.compensation.parts import check_parts, is_norm
from trueup.parameters.matrices import Model, network_of, unfit


if TYPE_CHECKING:
    from trueup.adapters.network import Network

CARD = Card(
    name="Retune",
    question="parameters",
    family="compensation",
    summary="biases and norms give the means and spreads of before again, in closed form",
    paper="Nagel et al. 2019, Data-free quantization through weight equalization and bias "
    "correction, ICCV, 1906.04721, section 4.2; Hubara et al. 2021, Accurate post training "
    "quantization with small calibration sets, ICML, 2006.10518, section 3.4",
    axes={"parts": "bias, norm"},
    also=("error",),
    needs=("torch",),
    cost="a run of the inputs a layer",
    not_for="errors that change from row to row: means and spreads do not show them",
)
LAST = ("Linear", "LayerNorm")
"""Modules whose channels are the last axis; of all others it is the second."""


@dataclass(frozen=True)
class Retune:
    """Settings of closed-form retuning.

    Parameters
    ----------
    parts
        What is retuned: ``"bias"`` of layers whose weights are packed, ``"norm"``, or both.
    """

    parts: Sequence[str] = ("bias",)

    def fit(self, packed: Packed, network: Model, *, inputs: Any) -> Packed:
        """Retune ``packed``, which stays as it is.

        Parameters
        ----------
        packed
            What pruning or quantising gave.
        network
            The module with the weights as they were.
        inputs
            Rows to run, (n, ...); no labels.
        """
        check_parts("Retune", self.parts)
        same("Retune", packed, network)
        net = network_of("Retune", network)
        names = self._names(net, packed)
        if not names:
            raise EvidenceError(
                "Retune", f"there is no {' and no '.join(self.parts)}", do="Compensate by factors"
            )
        from trueup.adapters.network import Network

        try:
            wanted = moments(net, inputs, names)
        except (RuntimeError, TypeError, IndexError) as error:
            raise unfit("Retune", inputs, error) from error
        now, arrays = Network.of(net.module, packed), {}
        for name in wanted:  # in the order in which they are called
            (found,) = moments(now, inputs, [name]).values()
            arrays |= _set(now, name, wanted[name], found)
        facts = {**packed.facts, "retuned_by": repr(self)}
        return Packed(packed.tensors, Changed(packed.rest, arrays), facts)

    def _names(self, net: Network, packed: Packed) -> list[str]:
        found = []
        for name, module in net.module.named_modules():
            norm = is_norm(module)
            if getattr(module, "bias", None) is None or module.bias.ndim != 1:
                continue
            packs = f"{name}.weight" in packed.tensors
            found += [name] if ("norm" if norm else packs and "bias") in self.parts else []
        return found


def moments(
    net: Network, inputs: Any, names: Sequence[str]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Module -> mean and standard deviation of its channels, in the order of the calls."""
    from trueup.adapters.network import BATCH, parts_of

    modules = dict(net.module.named_modules())
    sums: dict[str, np.ndarray] = {}
    mask: list[Any] = []

    def hook(name: str) -> Any:
        def add(module: Any, given: Any, out: Any) -> None:
            rows = _rows(module, out, mask)
            new = np.stack([np.full(rows.shape[1], len(rows)), rows.sum(0), (rows**2).sum(0)])
            sums[name] = sums.get(name, 0) + new

        return add

    hooks = [modules[name].register_forward_hook(hook(name)) for name in names]
    try:
        for part in parts_of(inputs, BATCH):
            mask[:] = [part["attention_mask"]] if "attention_mask" in _keys(part) else []
            for _ in net.batches(part):
                pass
    finally:
        for one in hooks:
            one.remove()
    return {
        name: (x / n, np.sqrt(np.maximum(xx / n - (x / n) ** 2, 0)))
        for name, (n, x, xx) in sums.items()
    }


def _keys(part: Any) -> Any:
    return part if isinstance(part, dict) else ()


def _rows(module: Any, out: Any, mask: list) -> np.ndarray:
    """(rows, channels) of an output, without places that are filled up."""
    found = out.detach().double().cpu().numpy()
    if type(module).__name__ in LAST:
        if mask and found.ndim > 2 and found.shape[:-1] == mask[0].shape:
            return found[mask[0].astype(bool)]
        return found.reshape(-1, found.shape[-1])
    return np.moveaxis(found, 1, -1).reshape(-1, found.shape[1])


def _set(net: Network, name: str, wanted: Any, found: Any) -> dict[str, np.ndarray]:
    """Put what makes ``found`` moments the ``wanted`` ones into a module; its new tensors."""
    import torch

    module = dict(net.module.named_modules())[name]
    (mean, sd), (mean_now, sd_now) = wanted, found
    arrays, factor = {}, np.ones_like(sd)
    old = module.bias.detach().double().cpu().numpy()
    if is_norm(module):
        factor = np.where(sd_now > 0, sd / np.maximum(sd_now, 1e-30), 1.0)
        gain = module.weight.detach().double().cpu().numpy() * factor
        arrays[f"{name}.weight"] = gain.astype(np.float32)
    arrays[f"{name}.bias"] = (mean - (mean_now - old) * factor).astype(np.float32)
    with torch.no_grad():
        for key, array in arrays.items():
            getattr(module, key.rpartition(".")[2]).copy_(torch.from_numpy(array))
    return arrays
