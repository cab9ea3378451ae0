"""Small networks and their training, shared by the scripts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from trueup.core import Probabilities


def mlp(*widths: int, norm: bool = False) -> nn.Sequential:
    """A network of full layers with rectifiers between them, after norms if asked for."""
    layers: list[nn.Module] = []
    for wide, narrow in pairwise(widths):
        norms = [nn.LayerNorm(narrow)] if norm and narrow != widths[-1] else []
        layers += [nn.Linear(wide, narrow), *norms, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def train(
    inputs: np.ndarray,
    labels: np.ndarray,
    *,
    classes: int,
    epochs: int,
    seed: int,
    mix: int = 1,
    norm: bool = False,
) -> nn.Sequential:
    """A network (d, 256, 256, k) after Adam on the cross-entropy in batches of 100.

    Parameters
    ----------
    inputs, labels
        (n, d) and class codes (n,).
    mix
        With 1 the plain empirical risk; with more that of d-Mixup with d = mix - 1: every input is
        a Dirichlet(1, .., 1) mean of ``mix`` rows and is trained on that mean of their labels.
    norm
        Whether a norm stands before every rectifier.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    x = torch.as_tensor(inputs, dtype=torch.float32)
    y = functional.one_hot(torch.as_tensor(labels), classes).float()
    net = mlp(x.shape[1], 256, 256, classes, norm=norm)
    steps = torch.optim.Adam(net.parameters(), 1e-3)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(100):
            some_x, some_y = mixed(x, y, rows, mix=mix)
            loss = functional.cross_entropy(net(some_x), some_y)
            steps.zero_grad()
            loss.backward()
            steps.step()
    return net


def mixed(x: torch.Tensor, y: torch.Tensor, rows: torch.Tensor, *, mix: int):
    """Inputs and targets of a batch: ``rows``, each mixed with ``mix - 1`` rows of the data."""
    if mix == 1:
        return x[rows], y[rows]
    others = torch.randint(len(x), (len(rows), mix - 1))
    members = torch.cat([rows[:, None], others], dim=1)
    weight = torch.distributions.Dirichlet(torch.ones(mix)).sample((len(rows),))[:, :, None]
    return (weight * x[members]).sum(1), (weight * y[members]).sum(1)


@torch.no_grad()
def predict(net: nn.Module, inputs: np.ndarray) -> Probabilities:
    """What a network says."""
    logits = net(torch.as_tensor(inputs, dtype=torch.float32))
    return Probabilities.from_logits(logits.double().numpy())
