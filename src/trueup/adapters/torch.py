"""A correction as a module of torch, at the end of a network."""

from __future__ import annotations

from typing import Any

import numpy as np

from trueup.adapters.formula import row_of
from trueup.adapters.steps import NODES, OPERATIONS
from trueup.core.errors import UsageError
from trueup.core.expressions import Choose, Expr, Input, Lookup, in_order
from trueup.core.expressions.pieces import as_names
from trueup.core.fitted import Fitted


# After the rooms that say which package is missing.
import torch  # isort: skip
from torch import Tensor, nn  # isort: skip


class Correction(nn.Module):
    """A fitted correction from logits to corrected log-probabilities; batched, without gradients.

    It has no parameters to train: its numbers are buffers, so that it moves with the network, is
    saved with it, and goes through ``torch.export``. The type of the numbers follows the input.

    Parameters
    ----------
    fitted
        What ``fit`` of a correction returned.
    given
        What goes in: ``"logits"`` (n, k), where log-probabilities are logits, too, or ``"probs"``.
        One column (n, 1) stands for an event: the logit or the probability that it happens.
    returns
        What comes out, of the same shape: ``"log_probs"``, ``"logits"`` or ``"probs"``. Of one
        column, ``"logits"`` are log-odds; of several they equal the log-probabilities.

    Examples
    --------
    >>> import torch
    >>> from trueup.calibration import TemperatureScaling
    >>> from trueup.worlds import confident_by_factor
    >>> fitted = TemperatureScaling().fit(confident_by_factor(2.0, rows=20_000, classes=3).evidence)
    >>> last = Correction(fitted, returns="probs")
    >>> last(torch.tensor([[4.0, 0.0, 0.0]])).argmax(dim=1)
    tensor([0])
    """

    def __init__(self, fitted: Fitted, *, given: str = "logits", returns: str = "log_probs"):
        super().__init__()
        for name, value, known in (
            ("given", given, ("logits", "probs")),
            ("returns", returns, ("log_probs", "logits", "probs")),
        ):
            if value not in known:
                raise UsageError(
                    "Correction", f"{name} is {value!r}", do=f"Use {' or '.join(known)}"
                )
        if fitted.takes.kind != "probabilities" or fitted.gives != fitted.takes:
            raise UsageError(
                "Correction",
                f"{fitted.method} corrects {fitted.takes} into {fitted.gives}",
                do="Pass a correction of probabilities",
            )
        self.k, self.given, self.returns = fitted.k, given, returns
        logs = Input("logs", fitted.k)
        expression = fitted.map.expression(logs)
        nodes = list(in_order(expression))
        place = {id(node): i for i, node in enumerate(nodes)}
        self.names = tuple(node.name if isinstance(node, Input) else "" for node in nodes)
        self.parents = tuple(tuple(place[id(part)] for part in node.parents) for node in nodes)
        # Names are no tensors: a group goes in as its number in this list.
        self.groups: dict[str, tuple[str, ...]] = {}
        for node in nodes:
            if isinstance(node, Choose | Lookup):
                known = (*self.groups.get(node.key.name, ()), *node.names)
                self.groups[node.key.name] = tuple(dict.fromkeys(known))
        self.steps = nn.ModuleList(map(self._step, nodes))
        self.beside = tuple(name for name in dict.fromkeys(self.names) if name not in ("", "logs"))

    def forward(self, values: Tensor, *beside: Tensor) -> Tensor:
        """Corrected values of the shape of ``values``.

        ``beside`` holds what the correction reads further, in the order of ``self.beside``: numbers
        (n, width), or numbers of groups (n, 1) that ``group_numbers`` gives.
        """
        if (
            values.ndim != 2
            or values.shape[1] not in (1, self.k)
            or (values.shape[1] == 1 and self.k != 2)
        ):
            raise UsageError(
                "Correction", f"values have shape {tuple(values.shape)}",
                do=f"Pass (n, {self.k})" + (" or (n, 1)" if self.k == 2 else ""),
            )  # fmt: skip
        if len(beside) != len(self.beside):
            raise UsageError(
                "Correction", f"{len(beside)} inputs beside the values",
                do=f"Pass {', '.join(self.beside) or 'none'}",
            )  # fmt: skip
        further = dict(zip(self.beside, beside, strict=True))
        made: list[Tensor] = []
        for name, parents, step in zip(self.names, self.parents, self.steps, strict=True):
            if name:
                made.append(self._logs(values) if name == "logs" else further[name])
            else:
                made.append(step(*(made[i] for i in parents)))
        return self._returned(made[-1].expand(-1, self.k), event=values.shape[1] == 1)

    def group_numbers(self, name: str, keys: Any) -> Tensor:
        """Numbers (n, 1) of names of groups; a name never seen in fitting gets the last option."""
        place = {label: i for i, label in enumerate(self.groups[name])}
        found = [place.get(str(key), len(place)) for key in as_names(np.asarray(keys).ravel())]
        return torch.tensor(found).reshape(-1, 1)

    def _step(self, node: Expr) -> nn.Module:
        kind = row_of(node, NODES, OPERATIONS, target="torch")
        grouped = isinstance(node, Choose | Lookup)
        return kind(node, self.groups[node.key.name]) if grouped else kind(node)

    def _logs(self, values: Tensor) -> Tensor:
        event = values.shape[1] == 1
        if self.given == "probs":
            said = OPERATIONS["log_prob"](values)
            return torch.cat([OPERATIONS["log_rest"](values), said], dim=1) if event else said
        if event:
            values = torch.cat([torch.zeros_like(values), values], dim=1)
        return torch.log_softmax(values, dim=1)

    def _returned(self, logs: Tensor, *, event: bool) -> Tensor:
        if event and self.returns == "logits":
            return logs[:, 1:] - logs[:, :1]
        logs = torch.log_softmax(logs, dim=1)
        logs = logs[:, 1:] if event else logs
        return logs.exp() if self.returns == "probs" else logs


class Corrected(nn.Module):
    """A network followed by its correction.

    Parameters
    ----------
    model
        A network whose output is (n, k) logits, or (n, 1) of an event.
    fitted
        The correction, fitted on predictions of rows that the network has not seen.
    given, returns
        As for ``Correction``.

    Examples
    --------
    >>> import torch
    >>> from trueup.calibration import TemperatureScaling
    >>> from trueup.worlds import confident_by_factor
    >>> fitted = TemperatureScaling().fit(confident_by_factor(2.0, rows=2_000, classes=3).evidence)
    >>> Corrected(torch.nn.Linear(5, 3), fitted)(torch.ones(4, 5)).shape
    torch.Size([4, 3])
    """

    def __init__(
        self, model: nn.Module, fitted: Fitted, *, given: str = "logits", returns: str = "log_probs"
    ):
        super().__init__()
        self.model = model
        self.correction = Correction(fitted, given=given, returns=returns)

    def forward(self, *inputs: Any, **named: Any) -> Tensor:
        """Corrected predictions of a batch."""
        return self.correction(self.model(*inputs, **named))
