"""PLeaS on seven public LeNets: pairs of strangers' networks become one.

Six of seven checkpoints of one architecture, from six public repositories, tell digits apart. All
15 pairs of them are merged by five ways; a seed is a draw of unlabelled images, 500 to match
neurons and 1,000 for least squares, of the first 2,000 of the MNIST test set; accuracy is that on
the other 8,000. Three of the six were trained from one seed: their average works as it is.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np

from reproductions.ledger import Claim, Reproduction, shared
from trueup.core import Estimate
from trueup.core.weights import open_weights
from trueup.parameters import PLeaS, align, merge


REPRODUCTION = Reproduction(
    mission=70,
    system="PLeaS (public LeNets)",
    question="parameters",
    paper="Nasery, Hayase, Koh, Oh 2025, PLeaS: Merging Models with Permutations and Least "
    "Squares, CVPR, 2407.02447",
    claims=(
        Claim("accuracy of the plain average, mean of 15 pairs", "< 0.9"),
        Claim("accuracy after matching by weights", "> 0.789"),
        Claim("accuracy after matching by activations of 500 images", "> 0.95"),
        Claim("accuracy of least squares on 1,000 images, neurons as they are", "> 0.98"),
        Claim("accuracy of PLeaS on 1,000 images", "> 0.985"),
        Claim("PLeaS, the worst of 15 pairs", "> 0.98"),
        Claim("gain of matching by activations on the plain average", "> 0"),
        Claim("gain of PLeaS on matching alone", "> 0"),
        Claim("gain of PLeaS on least squares without permutation", "> 0"),
        Claim("PLeaS less the mean of both networks of a pair", "> -0.002"),
    ),
    differs="LeNets on digits for ResNets and ViTs; networks of one task; full permutations and "
    "the size of one network; least squares solved, not trained",
    needs=("torch",),
    data=("parameters/mnist-lenet-zoo", "images/mnist"),
)
GOOD = (
    "ahraza", "chengyuhsieh", "ethanabrooks_0noise", "graykode", "lawrencemmstewart",
    "stianhanssen",
)  # fmt: skip


def run(scale: str = "small", seed: int = 0) -> list[Estimate]:
    """The numbers of the claims, in order."""
    pairs = list(combinations(GOOD, 2)) if scale == "small" else [(GOOD[0], GOOD[3])]
    draw = np.random.default_rng(seed).permutation(2000)
    ways = np.array([of_pair(pair, draw) for pair in pairs])
    ends = np.array([[accuracy(weights_of(name)) for name in pair] for pair in pairs]).mean()
    plain, _, matched, unmatched, both = ways.mean(axis=0)
    gains = [matched - plain, both - matched, both - unmatched, both - ends]
    return [Estimate(float(v)) for v in (*ways.mean(axis=0), ways[:, 4].min(), *gains)]


def of_pair(pair: tuple[str, str], draw: np.ndarray) -> list[float]:
    """Accuracy of a pair merged by the five ways, in the order of the claims."""
    one, two = map(weights_of, pair)
    x = images()[0]
    few, more = x[draw[:500]], x[draw[:1000]]
    by_activations = align(two, one, arch=lenet, on=few)
    return [
        *without_rows(pair),
        accuracy(merge([one, by_activations])),
        accuracy(merge([one, two], method=PLeaS(lenet, more, align="none"))),
        accuracy(merge([one, by_activations], method=PLeaS(lenet, more, align="none"))),
    ]


@cache
def without_rows(pair: tuple[str, str]) -> tuple[float, float]:
    """Accuracy of the plain average, and of that after matching by weights: for all seeds."""
    one, two = map(weights_of, pair)
    by_weights = align(two, one, arch=lenet, on=images()[0][:2], by="weights")
    return accuracy(merge([one, two])), accuracy(merge([one, by_weights]))


@cache
def weights_of(name: str):
    """A checkpoint."""
    return open_weights(shared("parameters/mnist-lenet-zoo", f"{name}.safetensors"))


@cache
def images() -> tuple[np.ndarray, np.ndarray]:
    """Images (10000, 1, 28, 28) as the networks want them, and labels."""
    data = np.load(shared("images/mnist/data.npz"))
    x = (data["x_test"] / 255 - 0.1307) / 0.3081
    return x.astype(np.float32)[:, None], data["y_test"]


def accuracy(weights) -> float:
    """Share of the last 8,000 images that are told right."""
    from trueup.adapters.network import Network

    x, y = images()
    return float((Network.of(lenet, weights).run(x[2000:]).argmax(1) == y[2000:]).mean())


def lenet():
    """The architecture of all of them."""
    import torch
    from torch import nn
    from torch.nn import functional

    torch.set_num_threads(1)

    class LeNet(nn.Module):
        """Two convolutions, two full layers."""

        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(1, 20, 5), nn.Conv2d(20, 50, 5)
            self.fc1, self.fc2 = nn.Linear(800, 500), nn.Linear(500, 10)

        def forward(self, x):
            x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
            x = functional.max_pool2d(functional.relu(self.conv2(x)), 2).flatten(1)
            return functional.log_softmax(self.fc2(functional.relu(self.fc1(x))), dim=1)

    return LeNet()
