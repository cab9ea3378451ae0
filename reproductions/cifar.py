"""A small public residual network and the test images of CIFAR-10, saved as JPEG by others."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from reproductions.ledger import shared
from trueup.adapters.network import Network


IMAGES, NETS = "images/cifar10_jpeg_test", "weights/cifar10_resnet_a"
MEAN, SPREAD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


class Block(nn.Module):
    """Two convolutions; what skips them is thinned out and filled up with zeros."""

    def __init__(self, given: int, made: int) -> None:
        super().__init__()
        self.stride, self.more = (1, 0) if given == made else (2, (made - given) // 2)
        self.conv1 = nn.Conv2d(given, made, 3, self.stride, 1, bias=False)
        self.conv2 = nn.Conv2d(made, made, 3, 1, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(made), nn.BatchNorm2d(made)

    def forward(self, x):
        """(n, made, h, w)."""
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        skipped = x[:, :, :: self.stride, :: self.stride]
        return functional.relu(y + functional.pad(skipped, (0, 0, 0, 0, self.more, self.more)))


class ResNet(nn.Module):
    """ResNet of 6 blocks + 2 layers, its widths 16, 32 and 64."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        for i, (given, made) in enumerate(((16, 16), (16, 32), (32, 64)), 1):
            parts = [Block(given if j == 0 else made, made) for j in range(blocks)]
            setattr(self, f"layer{i}", nn.Sequential(*parts))
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        """(n, 10) logits."""
        x = functional.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


def resnet20() -> Network:
    """The network as it was published."""
    torch.set_num_threads(1)
    with np.load(shared(NETS, "resnet20.npz")) as file:
        arrays = {name: file[name] for name in file.files}
    net = ResNet(3)
    own = net.state_dict()
    arrays = {name: arrays.get(name, own[name].numpy()) for name in own}
    return Network.of(net, arrays)


def images() -> tuple[np.ndarray, np.ndarray]:
    """(n, 3, 32, 32) as the network wants them, and classes (n,)."""
    with np.load(shared(IMAGES, "data.npz")) as file:
        x, y = file["x"], file["y"]
    return ((x / np.float32(255) - MEAN) / SPREAD).transpose(0, 3, 1, 2), y.astype(int)
