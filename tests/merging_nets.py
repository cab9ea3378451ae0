"""Small torch modules of several kinds, whose neurons have no order of their own."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional


def mlp(*widths: int) -> nn.Module:
    """Full layers with rectifiers between them."""
    pairs = pairwise(widths)
    layers = [m for a, b in pairs for m in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


class LeNet(nn.Module):
    """Two convolutions with pooling, two full layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 3), nn.Conv2d(6, 8, 3, groups=1)
        self.fc1, self.fc2 = nn.Linear(8 * 4, 12), nn.Linear(12, 3)

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.avg_pool2d(functional.relu(self.conv2(x)), 2).reshape(x.size(0), -1)
        return functional.log_softmax(self.fc2(functional.relu(self.fc1(x))), dim=1)


class Block(nn.Module):
    """Two convolutions beside a path that leaves the input, or halves it and fills channels up."""

    def __init__(self, into: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(into, out, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(out), nn.BatchNorm2d(out)
        self.more = out - into

    def forward(self, x):
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        if self.more:
            ends = (0, 0, 0, 0, self.more // 2, self.more // 2)
            x = functional.pad(x[:, :, ::2, ::2], ends)
        return functional.relu(y + x)


class ResNet(nn.Module):
    """A residual network of 6 n + 2 layers for small images; 20 with n = 3."""

    def __init__(self, *, width: int = 16, n: int = 3) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        widths = [width] * (n + 1) + [2 * width] * n + [4 * width] * n
        pairs = pairwise(widths)
        self.blocks = nn.Sequential(*(Block(a, b, 1 if a == b else 2) for a, b in pairs))
        self.linear = nn.Linear(4 * width, 10)

    def forward(self, x):
        x = self.blocks(functional.relu(self.bn1(self.conv1(x))))
        return self.linear(x.mean((2, 3)))


class Joined(nn.Module):
    """Two paths side by side, a channel-wise convolution, a gate, norms of layers and of groups."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv1d(2, 4, 3, padding=1), nn.Conv1d(2, 6, 1)
        self.each = nn.Conv1d(10, 20, 3, groups=10)
        self.norm, self.group = nn.GroupNorm(1, 20), nn.PReLU(20)
        self.gate, self.layer = nn.Linear(20, 16), nn.LayerNorm(8)
        self.scale, self.last = nn.Parameter(torch.ones(8)), nn.Linear(8, 2)

    def forward(self, x):
        x = torch.cat([self.one(x).relu(), torch.tanh(self.two(x))], 1)
        x = self.group(self.norm(self.each(x))).transpose(1, 2)
        a, b = self.gate(x).chunk(2, dim=-1)
        return self.last(self.layer(a * torch.sigmoid(b)) * self.scale).mean(1)


SHAPES = {"mlp": (5,), "lenet": (1, 14, 14), "resnet": (3, 16, 16), "joined": (2, 7)}


def made(kind: str, seed: int = 0) -> nn.Module:
    """A module with numbers that leave no two neurons alike."""
    torch.manual_seed(seed)
    kinds = {"mlp": lambda: mlp(5, 8, 7, 3), "lenet": LeNet, "joined": Joined, "resnet": ResNet}
    net = kinds[kind]()
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 2)
            elif tensor.is_floating_point() and tensor.ndim == 1:
                tensor.normal_()
    return net.eval()


def rows(kind: str, n: int = 20, seed: int = 0) -> np.ndarray:
    """Inputs of a kind of module."""
    return np.random.default_rng(seed).normal(size=(n, *SHAPES[kind])).astype(np.float32)
