"""Each kind of node as a module of torch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from trueup.core import expressions as ex
from trueup.core.errors import MissingPackage
from trueup.core.expressions.ops import TINY
from trueup.core.probabilities import EPS


try:
    import torch
    from torch import Tensor, nn
except ImportError as error:
    raise MissingPackage(
        "trueup.adapters.torch",
        "the package torch is not installed",
        do='Run: pip install "trueup[torch]"',
    ) from error


def _floor(x: Tensor, least: float) -> Tensor:
    return x.clamp(min=max(least, torch.finfo(x.dtype).tiny))


def _exp(x: Tensor) -> Tensor:
    return torch.exp(x.clamp(max=min(700.0, float(np.log(torch.finfo(x.dtype).max)) - 1)))


OPERATIONS: dict[str, Callable[..., Tensor]] = {
    "add": torch.add,
    "subtract": torch.sub,
    "multiply": torch.mul,
    "divide": torch.div,
    "greatest": torch.maximum,
    "least": torch.minimum,
    "sqrt": lambda x: torch.sqrt(x.clamp(min=0.0)),
    "exp": _exp,
    "log": lambda x: torch.log(_floor(x, TINY)),
    "softplus": lambda x: torch.logaddexp(torch.zeros_like(x), x),
    "log_odds": lambda x: x - torch.log(_floor(-torch.expm1(x), EPS)),
    "log_prob": lambda x: torch.log(_floor(x, EPS)),
    "log_rest": lambda x: torch.log(_floor(1.0 - x, EPS)),
}
"""Operation -> how torch does it."""


class Step(nn.Module):
    """One node: its numbers as buffers, which follow the module to any device."""

    def __init__(self, node: ex.Expr) -> None:
        super().__init__()
        for name, value in vars(node).items():
            if isinstance(value, np.ndarray):
                self.register_buffer(name, torch.tensor(value, dtype=torch.float64))

    def number(self, name: str, like: Tensor) -> Tensor:
        """A buffer in the type of the input."""
        return self.get_buffer(name).to(like.dtype)


class Operation(Step):
    """An operation on numbers."""

    def __init__(self, node: ex.Apply) -> None:
        super().__init__(node)
        self.does = OPERATIONS[node.op]

    def forward(self, *parts: Tensor) -> Tensor:
        """The result, column by column."""
        return self.does(*parts)


class Columns(Step):
    """Some columns."""

    def __init__(self, node: ex.Pick) -> None:
        super().__init__(node)
        self.columns = list(node.columns)

    def forward(self, x: Tensor) -> Tensor:
        """The columns (n, m)."""
        return x[:, self.columns]


class SideBySide(Step):
    """Columns of several nodes."""

    def forward(self, *parts: Tensor) -> Tensor:
        """All columns."""
        return torch.cat(parts, dim=1)


class Scale(Step):
    """``x * scale + shift``."""

    def forward(self, x: Tensor) -> Tensor:
        """Columns of the same shape."""
        return x * self.number("scale", x) + self.number("shift", x)


class Affine(Step):
    """``x @ weight.T + shift``."""

    def forward(self, x: Tensor) -> Tensor:
        """Columns (n, m)."""
        return x @ self.number("weight", x).T + self.number("shift", x)


class Over(Step):
    """Sum or largest of the columns."""

    def __init__(self, node: ex.Total) -> None:
        super().__init__(node)
        self.greatest = node.greatest

    def forward(self, x: Tensor) -> Tensor:
        """One column."""
        return x.amax(dim=1, keepdim=True) if self.greatest else x.sum(dim=1, keepdim=True)


class InOrder(Step):
    """The columns of a row, the smallest first."""

    def forward(self, x: Tensor) -> Tensor:
        """Columns of the same shape."""
        return x.sort(dim=1).values


class AtLeastAsLarge(Step):
    """Sum or count of the columns that are at least as large as each."""

    def __init__(self, node: ex.Above) -> None:
        super().__init__(node)
        self.count = node.count

    def forward(self, x: Tensor) -> Tensor:
        """Columns of the same shape."""
        above = x[:, None, :] >= x[:, :, None]
        what = torch.ones_like(x) if self.count else x
        return torch.where(above, what[:, None, :], 0.0).sum(dim=2)


class Polynomials(Step):
    """A polynomial a piece."""

    def __init__(self, node: ex.Piecewise) -> None:
        super().__init__(node)
        self.register_buffer("starts", torch.tensor(node.starts, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """One column."""
        edges = self.number("edges", x)
        piece = torch.searchsorted(edges, x.contiguous(), right=True)
        pieces = self.number("pieces", x)[piece[:, 0]]
        distance = x - self.number("starts", x)[piece]
        value = pieces[:, -1:]
        for power in range(pieces.shape[1] - 2, -1, -1):
            value = value * distance + pieces[:, power : power + 1]
        return value


class Steps(Step):
    """1 from an edge on, else 0."""

    def forward(self, x: Tensor) -> Tensor:
        """Columns of the same shape."""
        return (x >= self.number("edges", x)).to(x.dtype)


class Grouped(Step):
    """What goes by the name of a group, which comes as its number among ``every`` name."""

    def __init__(self, node: ex.Choose | ex.Lookup, every: tuple[str, ...] = ()) -> None:
        super().__init__(node)
        mine = {name: place for place, name in enumerate(node.names)}
        places = [mine.get(name, len(mine)) for name in every or node.names]
        self.register_buffer("places", torch.tensor([*places, len(mine)]))

    def own(self, group: Tensor) -> Tensor:
        """Place (n, 1) of each group among the names of this node; the last for a stranger."""
        places = self.get_buffer("places")
        strange = (group < 0) | (group >= len(places))
        return places[torch.where(strange, len(places) - 1, group)]


class Rows(Grouped):
    """Numbers of each row's group."""

    def forward(self, group: Tensor) -> Tensor:
        """Columns (n, width)."""
        return self.get_buffer("values")[self.own(group)[:, 0]]


class Options(Grouped):
    """One of several columns a row, by its group."""

    def forward(self, group: Tensor, *options: Tensor) -> Tensor:
        """Columns of the option of each row."""
        group, value = self.own(group), options[-1]
        for place, option in enumerate(options[:-1]):
            value = torch.where(group == place, option, value)
        return value


NODES: dict[type[ex.Expr], Callable[..., Step]] = {
    ex.Above: AtLeastAsLarge,
    ex.Apply: Operation,
    ex.AtLeast: Steps,
    ex.Choose: Options,
    ex.Input: Step,
    ex.Join: SideBySide,
    ex.Key: Step,
    ex.Linear: Affine,
    ex.Lookup: Rows,
    ex.Pick: Columns,
    ex.Piecewise: Polynomials,
    ex.Scaled: Scale,
    ex.Sorted: InOrder,
    ex.Total: Over,
}
"""Kind of node -> its module."""
