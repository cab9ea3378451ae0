"""Small networks of torch on the digits that come with scikit-learn: seconds to train."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn


HELD_OUT = 900
"""Images that no training sees."""


def build() -> nn.Module:
    """A network of 64 pixels, 32 neurons and 10 classes."""
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


@cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """(1797, 64) pixels in [0, 1] in a mixed order, and their digits."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    return (images[order] / 16).astype(np.float32), labels[order]


def held_out() -> tuple[np.ndarray, np.ndarray]:
    """Images and digits that no training saw."""
    images, labels = digits()
    return images[-HELD_OUT:], labels[-HELD_OUT:]


@cache
def trained(seed: int, steps: int = 300) -> dict[str, np.ndarray]:
    """Weights after ``steps`` full-batch steps from the start of ``seed``."""
    torch.manual_seed(seed)
    net = build()
    images, labels = (torch.from_numpy(part[:-HELD_OUT]) for part in digits())
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(steps):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(images), labels).backward()
        optimiser.step()
    return {name: tensor.numpy().copy() for name, tensor in net.state_dict().items()}
