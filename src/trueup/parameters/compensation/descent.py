"""Few numbers of a compressed network are fitted to what it gave before, or to the truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from trueup.core.errors import EvidenceError, UsageError
from trueup.core.weights import Weights
from trueup.core.weights.types import is_float, wide
from trueup.parameters.matrices import unfit


if TYPE_CHECKING:
    import torch

    from trueup.adapters.network import Network

LOSSES = ("outputs", "probabilities", "log_loss")


class Settings(Protocol):
    """What a fit by gradients needs to know."""

    @property
    def loss(self) -> str: ...
    @property
    def steps(self) -> int: ...
    @property
    def rate(self) -> float: ...
    @property
    def batch(self) -> int: ...


def check(who: str, settings: Settings, truth: Any) -> None:
    """Refuse settings that make no sense."""
    if settings.loss not in LOSSES:
        raise UsageError(who, f"the loss is '{settings.loss}'", do=f"Use {', '.join(LOSSES)}")
    if (settings.loss == "log_loss") != (truth is not None):
        raise UsageError(
            who, f"loss {settings.loss} {'with' if truth is not None else 'without'} truth",
            do="Pass truth=... with loss='log_loss', and without it else",
        )  # fmt: skip
    if min(settings.steps, settings.batch) < 1 or not 0 < settings.rate < np.inf:
        raise UsageError(
            who, f"steps {settings.steps}, batch {settings.batch}, rate {settings.rate}",
            do="Pass numbers above 0",
        )  # fmt: skip


def tensors_of(weights: Weights) -> dict[str, torch.Tensor]:
    """Tensors to compute with: real numbers of half precision become single ones."""
    import torch

    found = {}
    for name, spec in weights.specs.items():
        array = np.array(weights[name])
        if is_float(spec.type):
            array = array.astype(wide(spec.type))
        found[name] = torch.from_numpy(array)
    return found


def descend(
    who: str,
    network: Network,
    settings: Settings,
    *,
    fitted: list[torch.Tensor],
    tensors: Callable[[], Mapping[str, torch.Tensor]],
    inputs: Any,
    truth: Any = None,
    seed: int = 0,
) -> None:
    """Adam on ``fitted`` with a rate that falls to 0 along a line.

    Parameters
    ----------
    who
        The call that errors name.
    network
        The network as it was; with ``loss`` other than log_loss its outputs are the target.
    settings
        Loss, steps, rate, batch.
    fitted
        Leaves that are changed.
    tensors
        Gives the tensors of the compressed network from them.
    inputs, truth
        Rows, and class codes (n,) or None.
    seed
        Of the order of rows.
    """
    import torch

    from trueup.adapters.network import rows_of

    n = rows_of(inputs)
    target = np.asarray(truth) if truth is not None else _outputs(who, network, inputs)
    if len(target) != n:
        raise EvidenceError(
            who, f"{len(target)} truths for {n} rows of inputs", do="Pass one truth a row"
        )
    size = float(target.var()) if settings.loss == "outputs" else 1.0
    optimizer = torch.optim.Adam(fitted, lr=settings.rate)
    rng = np.random.default_rng(seed)
    rows = np.zeros(0, int)
    for step in range(settings.steps):
        if len(rows) < min(settings.batch, n):
            rows = rng.permutation(n)
        now, rows = rows[: settings.batch], rows[settings.batch :]
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * (1 - step / settings.steps)
        out = network.call(_take(inputs, now), tensors())
        loss = _loss(settings.loss, out, torch.as_tensor(target[now])) / max(size, 1e-30)
        if not torch.isfinite(loss):
            raise EvidenceError(who, f"the loss is {loss.item()} at step {step}", do="Lower rate")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _outputs(who: str, network: Network, inputs: Any) -> np.ndarray:
    try:
        return network.run(inputs)
    except (RuntimeError, TypeError, IndexError) as error:
        raise unfit(who, inputs, error) from error


def _take(inputs: Any, rows: np.ndarray) -> Any:
    if isinstance(inputs, Mapping):
        return {name: value[rows] for name, value in inputs.items()}
    return tuple(v[rows] for v in inputs) if isinstance(inputs, tuple) else inputs[rows]


def _loss(kind: str, out: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    from torch.nn import functional

    if kind == "outputs":
        return (out - target).square().mean()
    if kind == "log_loss":
        return functional.cross_entropy(out, target.long())
    given, wanted = (part.reshape(-1, part.shape[-1]).log_softmax(-1) for part in (out, target))
    return functional.kl_div(given, wanted, reduction="batchmean", log_target=True)
