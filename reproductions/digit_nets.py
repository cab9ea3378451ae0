"""Digits of scikit-learn, and small networks of them, shared by scripts on merging."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch.nn import functional

from reproductions.networks import mlp
from trueup.adapters.network import Network


Rows = tuple[np.ndarray, np.ndarray]
"""Inputs (n, 64) and labels (n,)."""


def parts(seed: int, *sizes: int) -> list[Rows]:
    """Digits in random parts of these sizes, and the rest; numbers from 0 to 1."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(x))
    cut = np.split(order, np.cumsum(sizes))
    return [((x[rows] / 16).astype(np.float32), y[rows]) for rows in cut]


def of_classes(rows: Rows, classes: Sequence[int]) -> Rows:
    """Those rows whose label is among the classes."""
    among = np.isin(rows[1], classes)
    return rows[0][among], rows[1][among]


def net(wide: int = 64):
    """Two hidden layers."""
    return mlp(64, wide, wide, 10)


def trained(rows: Rows, *, seed: int, epochs: int, start=None, rate: float = 1e-3):
    """A network after Adam on the cross-entropy in batches of 50, from ``start`` or from chance."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    module = net() if start is None else Network.of(net, start).module
    x, y = torch.as_tensor(rows[0]), torch.as_tensor(rows[1])
    steps = torch.optim.Adam(module.parameters(), rate)
    for _ in range(epochs):
        for some in torch.randperm(len(x)).split(50):
            loss = functional.cross_entropy(module(x[some]), y[some])
            steps.zero_grad()
            loss.backward()
            steps.step()
    return module


def accuracy(weights, rows: Rows) -> float:
    """Share of rows that a network tells right."""
    return float((Network.of(net, weights).run(rows[0]).argmax(1) == rows[1]).mean())
