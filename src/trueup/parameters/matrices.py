"""Matrices of a model that are made smaller or better, and what each of them is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np

from trueup.core.errors import EvidenceError, UsageError
from trueup.core.weights import Weights, open_weights
from trueup.core.weights.types import is_float


if TYPE_CHECKING:
    from trueup.adapters.network import Network, Seen

LEFT = ("embed", "norm", "wte", "wpe", "ln_")
"""Parts of names of tensors that stay as they are unless they are asked for."""
Model = Any
"""A ``Network``, a torch module, or anything that ``open_weights`` takes."""


@dataclass(frozen=True, eq=False)
class Matrix:
    """The weights of a layer as a matrix.

    Attributes
    ----------
    name, tensor
        The layer, and its tensor in ``weights``.
    weights
        The weights that hold it.
    groups
        Groups of channels of a convolution, else 1.
    seen
        Sums of what the layer is given, None where no inputs were run.
    """

    name: str
    tensor: str
    weights: Weights
    groups: int = 1
    seen: Seen | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        return self.weights.specs[self.tensor].shape

    @property
    def values(self) -> np.ndarray:
        """(groups, out, d) the weights, single precision."""
        return self.of(self.weights)

    def of(self, weights: Weights) -> np.ndarray:
        """(groups, out, d) this matrix in other weights, single precision."""
        found = weights[self.tensor].astype(np.float32, copy=False)
        return found.reshape(self.groups, self.shape[0] // self.groups, -1)


def network_of(who: str, model: Model) -> Network:
    """The network that ``model`` is."""
    if type(model).__name__ == "Network":
        return model
    if not hasattr(model, "state_dict"):
        raise UsageError(
            who, f"got {type(model).__name__}, which cannot be run", do="Pass a torch module"
        )
    from trueup.adapters.network import Network

    # A copy: running a module must not switch the user's own to another mode, and what is packed
    # must not follow its training.
    return Network.of(model)


def is_run(model: Model) -> bool:
    """Whether ``model`` is a module, and not weights alone."""
    return type(model).__name__ == "Network" or hasattr(model, "state_dict")


def matrices(
    who: str, model: Model, *, inputs: Any = None, names: Sequence[str] | None = None
) -> list[Matrix]:
    """The matrices of ``model`` that ``names`` choose, with what ``inputs`` give to each.

    Without names these are all layers of a module; of weights alone all tensors of two axes or
    more that are no embedding and no norm by their names, of those that are called weight. A
    matrix that is also another tensor of the module is left out.
    """
    if is_run(model):
        found = _of_network(who, model, inputs, names)
    elif inputs is not None:
        raise UsageError(
            who, f"got inputs for {type(model).__name__}", why="weights alone cannot be run",
            do="Pass the module with these weights: Network.of(arch, weights)",
        )  # fmt: skip
    else:
        weights = open_weights(model)
        known = [
            name for name, spec in weights.specs.items()
            if len(spec.shape) > 1 and is_float(spec.type) and (names or _plain(name))
        ]  # fmt: skip
        if names is None:  # tables and tokens have other names, where weights are called so
            known = [name for name in known if name.endswith("weight")] or known
        found = [Matrix(name, name, weights) for name in chosen(who, known, names)]
    if not found:
        raise EvidenceError(who, "there is no matrix", do="Pass names of tensors with two axes")
    return found


def _plain(name: str) -> bool:
    return not any(part in name.lower() for part in LEFT)


def _of_network(who: str, model: Model, inputs: Any, names: Sequence[str] | None) -> list[Matrix]:
    net = network_of(who, model)
    layers, weights, tied = net.layers, net.weights, shared(net)
    known = [name for name in layers if f"{name}.weight" in weights and name not in tied]
    wanted = chosen(who, known, names)
    sums: dict = {} if inputs is None else look(who, net, inputs, wanted)
    return [
        Matrix(name, f"{name}.weight", weights, layers[name].groups, sums.get(name))
        for name in wanted
        if inputs is None or name in sums
    ]


def chosen(who: str, known: Sequence[str], names: Sequence[str] | None) -> list[str]:
    """Those of ``known`` that one of ``names`` means: itself, its tensor, or a pattern with *."""
    if names is None:
        return list(known)
    names = [names] if isinstance(names, str) else names
    found: dict[str, None] = {}
    for one in names:
        some = [k for k in known if fnmatchcase(k, one) or f"{k}.weight" == one]
        if not some:
            few = ", ".join(known[:5]) + (" or others" if len(known) > 5 else "")
            raise UsageError(who, f"there is no matrix '{one}'", do=f"Use {few}")
        found |= dict.fromkeys(some)
    return [name for name in known if name in found]


def shared(net: Network) -> set[str]:
    """Layers whose weights are also those of something else, such as of an embedding."""
    owners: dict[int, list[str]] = {}
    for name, tensor in net.module.state_dict(keep_vars=True).items():
        owners.setdefault(tensor.data_ptr(), []).append(name)
    many = {name for names in owners.values() if len(names) > 1 for name in names}
    return {name for name in net.layers if f"{name}.weight" in many}


def look(who: str, net: Network, inputs: Any, names: Sequence[str] | None) -> dict[str, Seen]:
    """What layers are given, or what is wrong with the inputs."""
    from trueup.adapters.network import rows_of

    if not rows_of(inputs):
        raise EvidenceError(who, "inputs have no rows", do="Pass some rows")
    try:
        found = net.seen(inputs, names=names)
    except (RuntimeError, TypeError, IndexError) as error:
        raise unfit(who, inputs, error) from error
    bad = [name for name, one in found.items() if not np.isfinite(one.xx).all()]
    if bad:
        raise EvidenceError(
            who, f"inputs give {len(bad)} layers numbers that are not finite, first {bad[0]}",
            do="Drop rows with NaN or infinite numbers",
        )  # fmt: skip
    return found


def unfit(who: str, inputs: Any, error: Exception) -> EvidenceError:
    """What to say of inputs that a module cannot run."""
    said = " ".join(str(error).split())[:150]
    return EvidenceError(
        who, f"the module cannot run inputs of shape {shape_of(inputs)}: {said}",
        do="Pass rows as its forward takes them: an array, a tuple, or a dict by argument",
    )  # fmt: skip


def shape_of(inputs: Any) -> Any:
    """Shapes of inputs, for people."""
    if isinstance(inputs, dict):
        return {name: tuple(np.shape(part)) for name, part in inputs.items()}
    if isinstance(inputs, tuple):
        return [tuple(np.shape(part)) for part in inputs]
    return tuple(np.shape(inputs))


def errors(found: Sequence[Matrix], after: Weights) -> dict[str, float]:
    r"""Layer -> :math:`\|(\hat W - W) X\|^2 / \|W X\|^2`, without inputs that of the weights."""
    return {one.name: error(one, one.of(after)) for one in found}


def error(one: Matrix, after: np.ndarray) -> float:
    """The relative error of a matrix that became ``after`` (groups, out, d)."""
    before = one.values
    return _energy(after - before, one.seen) / max(_energy(before, one.seen), 1e-30)


def _energy(w: np.ndarray, seen: Seen | None) -> float:
    if seen is None:
        return float(np.sum(np.square(w, dtype=np.float64)))
    return float(np.sum((w @ seen.xx.astype(np.float32)) * w, dtype=np.float64))
