"""Sums over what layers are given and should give, and the least squares of a layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from trueup.core.errors import EvidenceError


if TYPE_CHECKING:
    from trueup.adapters.network import Layer, Network


BATCH = 256
"""Rows that are run at a time."""
KEPT = 1 << 26
"""Numbers that all models' layers may give and be kept; beyond they are run again and again."""


@dataclass
class Wanted:
    """The mean of what the layers of several models give: kept where it fits, else made again.

    Attributes
    ----------
    nets, shares
        The models, and how much each counts.
    told
        Layer -> the module whose outputs are wanted: itself, or its BatchNorm.
    on
        Rows of inputs.
    """

    nets: list[Network]
    shares: np.ndarray
    told: dict[str, str]
    on: Any
    _kept: dict[int, dict[str, Any]] = field(default_factory=dict)

    def parts(self, name: str) -> Iterator[tuple[Any, Any]]:
        """Rows, and what is wanted of a layer on them, some rows at a time."""
        from trueup.adapters.network import parts_of

        for i, part in enumerate(parts_of(self.on, BATCH)):
            if i not in self._kept:
                found = self._mean(part, list(self.told) if self._fits(i) else [name])
                if not self._fits(i):
                    yield part, found[name]
                    continue
                self._kept[i] = found
            yield part, self._kept[i][name]

    def _fits(self, i: int) -> bool:
        size = sum(v.numel() for found in self._kept.values() for v in found.values())
        return not self._kept or i in self._kept or size * (1 + 1 / len(self._kept)) <= KEPT

    def _mean(self, part: Any, names: list[str]) -> dict[str, Any]:
        total: dict[str, Any] = {}
        for net, share in zip(self.nets, self.shares, strict=True):
            met = _met(net, [self.told[n] for n in names], part, side="out")
            for name in names:
                value = float(share) * met[self.told[name]]
                total[name] = total[name] + value if name in total else value
        return total


@dataclass
class Sums:
    """Sums over rows and places of a layer, by groups of channels.

    Attributes
    ----------
    xx, xy, x, y
        (g, d, d), (g, d, out), (g, d), (g, out) of inputs x and wanted outputs y.
    rows
        How many there are.
    """

    xx: Any
    xy: Any
    x: Any
    y: Any
    rows: int

    @classmethod
    def of(cls, merged: Network, wanted: Wanted, name: str) -> Sums:
        """Those of a layer: inputs from the merged model, outputs as ``wanted``."""
        total: Sums | None = None
        for part, y in wanted.parts(name):
            layer = merged.layers[name]
            x = layer.columns(_met(merged, [name], part, side="in")[name]).double()
            y = _rows(layer, y).double()
            turned, n = x.transpose(1, 2), x.shape[1]
            made = (turned @ x, turned @ y, x.sum(1), y.sum(1))
            new = cls(*(one.double() for one in made), n)
            total = new if total is None else total + new
        if total is None:
            raise EvidenceError("PLeaS", "there are no rows", do="Pass rows of inputs")
        return total

    def __add__(self, other: Sums) -> Sums:
        names = ("xx", "xy", "x", "y", "rows")
        return Sums(*(getattr(self, n) + getattr(other, n) for n in names))

    def solve(self, prior: Any, ridge: float, *, free: bool) -> tuple[Any, Any]:
        """(g, out, d) and (g, out): weights held to ``prior``, and a ``free`` bias."""
        import torch

        n = self.rows
        mean_x, mean_y = self.x / n, self.y / n
        xx, xy = self.xx / n, self.xy / n
        if free:
            xx = xx - mean_x[:, :, None] * mean_x[:, None, :]
            xy = xy - mean_x[:, :, None] * mean_y[:, None, :]
        size = torch.diagonal(xx, dim1=1, dim2=2).mean(1)
        held = ridge * torch.where(size > 0, size, 1.0)[:, None, None]
        eye = torch.eye(xx.shape[1], dtype=xx.dtype)
        turned = prior.double().transpose(1, 2)
        w = torch.linalg.solve(xx + held * eye, xy + held * turned).transpose(1, 2)
        return w, mean_y - torch.einsum("god,gd->go", w, mean_x)


def _met(net: Network, names: list[str], part: Any, *, side: str) -> dict[str, Any]:
    """What modules of ``net`` are given or give on some rows; nothing behind them is run."""
    found: dict[str, Any] = {}

    def keep(name: str) -> Callable:
        def hook(_: Any, given: tuple, out: Any = None) -> None:
            found[name] = (given[0] if out is None else out).detach().clone()
            if len(found) == len(set(names)):
                raise _Enough

        return hook

    modules = dict(net.module.named_modules())
    register = "register_forward_pre_hook" if side == "in" else "register_forward_hook"
    hooks = [getattr(modules[name], register)(keep(name)) for name in set(names)]
    try:
        net.run(part)
    except _Enough:
        pass
    finally:
        for one in hooks:
            one.remove()
    return found


class _Enough(Exception):
    """What was looked for is there."""


def _rows(layer: Layer, value: Any) -> Any:
    """(g, n, out) what a layer gives, a row a place."""
    from torch import nn

    if isinstance(layer.module, nn.Linear):
        return value.reshape(1, -1, value.shape[-1])
    rows = value.movedim(1, -1).reshape(-1, layer.groups, value.shape[1] // layer.groups)
    return rows.transpose(0, 1)
