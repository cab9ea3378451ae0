"""ShrinkMatch on handwritten digits with one and two labels a class.

FixMatch trains on a pseudo-label only where the weakly augmented view is sure of it. ShrinkMatch
trains on the unsure ones, too, among the classes that are left when the rivals of the top class
have gone. Both see the same labels.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np

from reproductions.ledger import Claim, Reproduction
from trueup.calibration import accuracy, shrink_classes
from trueup.core import Estimate, Evidence, Probabilities
from trueup.core.proof import Proof, prove


REPRODUCTION = Reproduction(
    mission=179,
    system="ShrinkMatch",
    question="calibration",
    paper="Shrinking Class Space for Enhanced Certainty in Semi-Supervised Learning, 2308.06777",
    claims=(
        Claim("more of the unlabelled images train: share at the end less that of FixMatch", "> 0"),
        Claim("20 labels: new images are recognised better: accuracy less that of FixMatch", "> 0"),
        Claim("10 labels: new images are recognised better: accuracy less that of FixMatch", "> 0"),
    ),
    differs="1,797 digits of 8 x 8 pixels, full layers and 1,500 steps instead of "
    "CIFAR, STL-10, SVHN and ImageNet with deep networks and a million steps. The baseline is "
    "plain FixMatch, without distribution alignment.",
    seeds=20,
    needs=("torch",),
)
STEPS = {"small": 1_500, "tiny": 60}
THRESHOLD = 0.95


@dataclass(frozen=True, eq=False)
class Trained:
    """What a training left behind."""

    said: Probabilities
    used: float


def run(scale: str = "small", seed: int = 0) -> list[Proof | Estimate]:
    """The numbers of the claims, in order."""
    from sklearn.datasets import load_digits

    images, digit = load_digits(return_X_y=True)
    place = np.random.default_rng(seed).permutation(len(images))
    new, old = place[:600], place[600:]
    gains = []
    for each in (2, 1):
        some = np.concatenate([old[digit[old] == j][:each] for j in range(10)])
        parts = [images[rows] / 16 for rows in (some, old, new)]
        fix, shrink = (
            train(*parts, labels=digit[some], steps=STEPS[scale], seed=seed, shrink=shrink)
            for shrink in (False, True)
        )
        gain = prove(None, shrink.said, on=Evidence(fix.said, digit[new]), score=accuracy)
        gains += [Estimate(shrink.used - fix.used), gain]
    return [gains[0], gains[1], gains[3]]


def train(some, old, new, *, labels, steps: int, seed: int, shrink: bool) -> Trained:
    """Train on few labelled and all old images; predict the new ones by the averaged weights."""
    import torch
    from torch import nn
    from torch.nn import functional

    from reproductions.networks import mlp, predict

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    x, u = (torch.as_tensor(part, dtype=torch.float32) for part in (some, old))
    y = torch.as_tensor(labels)
    # The last layer holds two heads: ten classes for certain labels, ten for shrunk ones.
    net = nn.Sequential(*mlp(64, 128, 128), nn.ReLU(), nn.Linear(128, 20))
    mean = copy.deepcopy(net)
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: np.cos(7 * np.pi * step / (16 * steps))
    )
    share, used = 0.0, []
    for step in range(steps):
        rows, few = torch.randint(len(u), (128,)), torch.randint(len(x), (32,))
        loss = functional.cross_entropy(net(shifted(x[few]))[:, :10], y[few])
        sure, unsure, certain, trains = unlabelled(net, u[rows], shrink=shrink)
        share += (certain - share) * (0.01 if step else 1.0)
        used.append(trains)
        optimizer.zero_grad()
        (loss + sure + share * unsure).backward()
        optimizer.step()
        schedule.step()
        average(mean, net, rate=0.01 if step > 100 else 0.5)
    logits = predict(mean, new).log_probs()[:, :10]
    return Trained(Probabilities.from_logits(logits), float(np.mean(used[-100:])))


def unlabelled(net, images, *, shrink: bool):
    """Losses of certain and of shrunk pseudo-labels; shares that are certain, and that train."""
    import torch
    from torch.nn.functional import cross_entropy

    with torch.no_grad():
        weak = net(shifted(images))[:, :10].softmax(1)
    strong, (top, guess) = net(distorted(images)), weak.max(1)
    certain = top >= THRESHOLD
    sure = (cross_entropy(strong[:, :10], guess, reduction="none") * certain).mean()
    if not shrink:
        return sure, 0.0, *[certain.float().mean().item()] * 2
    kept, turned = left_over(weak, ~certain)
    among = strong[:, 10:].masked_fill(~kept, -1e9)
    unsure = (cross_entropy(among, guess, reduction="none") * top * turned).mean()
    shares = [flags.float().mean().item() for flags in (certain, certain | turned)]
    return sure, unsure, *shares


def left_over(weak, unsure):
    """Classes that stay, and which unsure rows became certain among them."""
    import torch

    found = shrink_classes(weak.double().numpy(), threshold=THRESHOLD)
    return torch.as_tensor(found.kept), torch.as_tensor(found.certain) & unsure


def average(mean, net, *, rate: float) -> None:
    """Move the averaged weights towards those of the network."""
    import torch

    with torch.no_grad():
        for slow, fast in zip(mean.parameters(), net.parameters(), strict=True):
            slow.lerp_(fast, rate)


def shifted(x):
    """The weak view: images (n, 64) moved by up to one pixel."""
    import torch
    from torch.nn import functional

    n, r = len(x), torch.arange(8)
    wide = functional.pad(x.view(n, 8, 8), [1, 1, 1, 1])
    down, right = torch.randint(0, 3, (2, n, 1)) + r
    return wide[torch.arange(n)[:, None, None], down[:, :, None], right[:, None, :]].view(n, 64)


def distorted(x):
    """The strong view: moved, turned, stretched and sheared, with a hole and noise."""
    import torch
    from torch.nn import functional

    n, r = len(x), torch.arange(8)
    turn, stretch, shear = (torch.rand(3, n) - 0.5) * torch.tensor([[1.0], [0.4], [0.6]])
    cos, sin = torch.cos(turn) * (1 + stretch), torch.sin(turn) * (1 + stretch)
    zero = torch.zeros(n)
    map_ = torch.stack([cos, shear - sin, zero, sin, cos, zero], 1).view(n, 2, 3)
    grid = functional.affine_grid(map_, [n, 1, 8, 8], align_corners=False)
    moved = functional.grid_sample(shifted(x).view(n, 1, 8, 8), grid, align_corners=False)
    down, right = ((r - torch.randint(0, 8, (n, 1))).abs() < 2 for _ in range(2))
    hole = down[:, :, None] & right[:, None, :]
    return moved[:, 0].masked_fill(hole, 0.0).reshape(n, 64) + 0.2 * torch.randn(n, 64)
