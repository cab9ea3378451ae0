r"""Sharpness of layers: how steeply the loss bends along the weights of each layer alone.

With :math:`H_l` the Hessian of the mean cross-entropy by the weights of layer l, all others fixed,

.. math::

   \lambda_l = \max_{|v| = 1} v' H_l v
   \qquad
   s_l = \lambda_l |\theta_l|^2

:math:`\lambda` is found by power iteration with products :math:`H_l v`, no Hessian is formed.
Curvature alone changes when a layer is multiplied and the next one divided, which changes nothing
of what a network computes with rectifiers; s, curvature for a change of relative size 1, does not.

Layers whose s stands out along the way between two models are the stragglers of the paper, which
says that theirs, not that of the whole model, tells where interpolations fail on shifted data.

Examples
--------
>>> import numpy as np, torch
>>> _ = torch.manual_seed(0)
>>> net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
>>> x = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
>>> found = sharpness(net, arch=net, on=x, labels=(x[:, 0] > 0).astype(int))
>>> list(found), bool(found["2"].low <= found["2"].value <= found["2"].high)
(['0', '2'], True)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.estimate import Estimate
from trueup.core.weights.opened import open_weights


__all__ = ["sharpness"]

CARD = Card(
    name="sharpness",
    question="parameters",
    family="merging",
    summary="largest curvature of the loss along each layer, and for changes of relative size",
    paper="Abdollahpoorrostam 2024, In Search of the Successful Interpolation: On the Role of "
    "Sharpness in CLIP Generalization, 2410.16476; Kwon et al. 2021, ASAM (relative sharpness)",
    mission=(162,),
    not_for="a guarantee: flat layers may fail on shifted data too",
    cost="about 20 double backward passes over the rows for each layer",
    needs=("torch",),
)

BLOCKS = 10
"""Parts of the rows whose curvatures make the interval."""
SETTLED = 1e-4
"""Relative change of an eigenvalue below which the iteration ends."""


def sharpness(
    model: Any, *, arch: Any, on: Any, labels: Any, relative: bool = False, steps: int = 100
) -> dict[str, Estimate]:
    r"""Largest eigenvalue of the Hessian of each layer.

    Parameters
    ----------
    model
        Anything that ``open_weights`` takes.
    arch
        The torch module of a classifier, a function that makes it, or ``"module:function"``.
    on, labels
        Rows of inputs, and codes of their classes (n,).
    relative
        Whether it is multiplied by the squared norm of the layer's weights.
    steps
        Most steps of the power iteration.

    Returns
    -------
    dict
        Name of the layer (with its bias) -> estimate. Its interval is that of the rows: of the
        curvature along the direction found, over ten parts of them.
    """
    from trueup.adapters.network import Network

    net = Network.of(arch, open_weights(model, name="model"))
    loss, n = _loss(net, on, labels)
    found = {}
    for name, layer in net.layers.items():
        weights = [p for p in (layer.module.weight, layer.module.bias) if p is not None]
        direction = _power(loss, weights, slice(None), steps)
        size = float(sum((p.detach() ** 2).sum() for p in weights)) if relative else 1.0
        found[name] = _along(loss, weights, direction, n, size)
    return found


def _loss(net: Any, on: Any, labels: Any) -> tuple[Callable, int]:
    """The mean loss of a slice of the rows, and how many rows there are."""
    import torch

    from trueup.adapters.network import rows_of

    y, n = torch.as_tensor(np.asarray(labels)).long(), rows_of(on)
    if y.shape != (n,) or not n:
        raise EvidenceError(
            "sharpness", f"there are {n} rows and labels {tuple(y.shape)}", do="Pass one a row"
        )
    parts = on if isinstance(on, tuple) else (on,)
    if isinstance(on, dict):
        raise UsageError("sharpness", "rows are a dict", do="Pass an array or a tuple of arrays")
    given = tuple(torch.as_tensor(np.ascontiguousarray(part)) for part in parts)

    def loss(rows: slice) -> Any:
        said = net.module(*(part[rows] for part in given))
        said = said if isinstance(said, torch.Tensor) else said[0]
        return torch.nn.functional.cross_entropy(said, y[rows])

    return loss, n


def _power(loss: Callable, weights: list, rows: slice, steps: int) -> list:
    """A direction of the largest curvature: iteration on H + c, where H may have negative ends."""
    import torch

    generator = torch.Generator().manual_seed(0)
    v = _unit([torch.randn(p.shape, generator=generator) for p in weights])
    gradients = torch.autograd.grad(loss(rows), weights, create_graph=True)
    value, shift = math.inf, 0.0
    for _ in range(steps):
        hv = _product(gradients, weights, v)
        new = _inner(v, hv)
        if abs(new - value) <= SETTLED * max(abs(new), 1e-12):
            if new >= 0:
                break
            shift = 2 * abs(new)  # the largest in size is negative: push it below the others
        value = new
        v = _unit([h + shift * one for h, one in zip(hv, v, strict=True)])
    return v


def _along(loss: Callable, weights: list, v: list, n: int, size: float) -> Estimate:
    """Curvature along a direction with its interval over parts of the rows."""
    import torch
    from scipy.stats import t as student

    blocks = min(BLOCKS, n)
    ends = np.linspace(0, n, blocks + 1).astype(int)
    values = []
    for low, high in pairwise(ends):
        gradients = torch.autograd.grad(loss(slice(low, high)), weights, create_graph=True)
        values.append(size * _inner(v, _product(gradients, weights, v)))
    counts = np.diff(ends)
    mean = float(np.average(values, weights=counts))
    if blocks < 2:
        return Estimate(mean, n=n)
    error = np.std(values, ddof=1) / math.sqrt(blocks)
    half = float(student.ppf(0.975, blocks - 1) * error)
    return Estimate(mean, mean - half, mean + half, n=n, how=f"t interval over {blocks} parts")


def _product(gradients: tuple, weights: list, v: list) -> list:
    import torch

    along = sum((g * one).sum() for g, one in zip(gradients, v, strict=True))
    found = torch.autograd.grad(along, weights, retain_graph=True, allow_unused=True)
    return [torch.zeros_like(p) if f is None else f for f, p in zip(found, weights, strict=True)]


def _inner(one: list, two: list) -> float:
    return float(sum((a * b).sum() for a, b in zip(one, two, strict=True)))


def _unit(v: list) -> list:
    norm = math.sqrt(_inner(v, v))
    return [one / norm for one in v] if norm else v
