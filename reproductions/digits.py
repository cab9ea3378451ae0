"""Small networks of scikit-learn's digits, trained and trained on.

Images are 8 x 8 pixels in [0, 1]; a network is a few full layers with rectifiers, its weights a
dict of arrays as ``trueup.parameters`` takes them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from scipy import ndimage
from sklearn.datasets import load_digits
from torch.nn import functional

from reproductions.networks import mlp


WIDTHS = (64, 128, 128, 10)
BATCH = 50


@dataclass(frozen=True)
class Digits:
    """Images and what they show.

    Attributes
    ----------
    x
        (n, 64) pixels in [0, 1].
    y
        (n,) digits.
    """

    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows) -> Digits:
        """Some of them."""
        return Digits(self.x[rows], self.y[rows])

    def turned(self, degrees: float) -> Digits:
        """Turned by an angle."""
        images = self.x.reshape(-1, 8, 8)
        made = ndimage.rotate(images, degrees, axes=(1, 2), reshape=False, order=1)
        return replace(self, x=made.reshape(len(self), 64).astype(np.float32))

    def noisy(self, sd: float, seed: int) -> Digits:
        """With normal noise on every pixel."""
        noise = sd * np.random.default_rng(seed).normal(size=self.x.shape)
        return replace(self, x=(self.x + noise).astype(np.float32))

    def blurred(self, width: float) -> Digits:
        """Blurred by a Gaussian."""
        made = ndimage.gaussian_filter(self.x.reshape(-1, 8, 8), (0, width, width))
        return replace(self, x=made.reshape(len(self), 64).astype(np.float32))


def digits(seed: int, *shares: float) -> list[Digits]:
    """Disjoint parts of all 1,797 digits, of these ``shares`` of them."""
    x, y = load_digits(return_X_y=True)
    rows = np.random.default_rng([seed, 1797]).permutation(len(y))
    ends = np.cumsum([0, *shares]) * len(y)
    whole = Digits((x / 16).astype(np.float32), y)
    return [whole.take(rows[round(a) : round(b)]) for a, b in pairwise(ends)]


def trained(
    rows: Digits, *, seed: int, start: dict | None = None, epochs: int = 30, rate: float = 1e-3,
    pull: float = 0.0, widths: tuple[int, ...] = WIDTHS,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Weights after Adam on the cross-entropy.

    Parameters
    ----------
    rows
        What is learned.
    start
        Weights to begin with; None is a fresh draw.
    pull
        Weight of half the squared distance from ``start`` in the loss: AdamR-L2.
    widths
        Inputs, layers, outputs.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    net = mlp(*widths)
    if start is not None:
        net.load_state_dict({name: torch.from_numpy(array) for name, array in start.items()})
    first = [p.detach().clone() for p in net.parameters()]
    steps = torch.optim.Adam(net.parameters(), rate)
    x, y = torch.from_numpy(rows.x), torch.from_numpy(rows.y).long()
    for _ in range(epochs):
        for some in torch.randperm(len(y)).split(BATCH):
            loss = functional.cross_entropy(net(x[some]), y[some])
            if pull:
                away = zip(net.parameters(), first, strict=True)
                loss = loss + pull / 2 * sum(((p - q) ** 2).sum() for p, q in away)
            steps.zero_grad()
            loss.backward()
            steps.step()
    return {name: tensor.numpy().copy() for name, tensor in net.state_dict().items()}


def logits(weights, rows: Digits) -> np.ndarray:
    """(n, 10) what a network says."""
    layers = sorted({int(name.split(".")[0]) for name in weights})
    x = rows.x
    for layer in layers:
        x = x @ np.asarray(weights[f"{layer}.weight"]).T + np.asarray(weights[f"{layer}.bias"])
        x = np.maximum(x, 0) if layer != layers[-1] else x
    return x


def right(weights, rows: Digits) -> np.ndarray:
    """(n,) whether the digit with the largest logit is the one."""
    return logits(weights, rows).argmax(axis=1) == rows.y


def accuracy(weights, rows: Digits) -> float:
    """Share of the rows that are right."""
    return float(right(weights, rows).mean())
