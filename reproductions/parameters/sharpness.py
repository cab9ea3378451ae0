"""Straggler layers on digits: does the sharpness of one layer tell which interpolations fail?

A network is taught digits that are turned and noisy, then fine-tuned on few clean upright ones, at
four rates. Interpolations between the start and each fine-tune are judged on turned, noisy digits:
20 models a seed. Sharpness is relative (curvature for a change of relative size 1), on the clean
rows of the fine-tune. The straggler is the layer whose sharpness grows most on the way, by its
largest over its smallest; it is chosen without a look at shifted digits.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr

from reproductions.ledger import Claim, Reproduction
from trueup.core import Estimate


REPRODUCTION = Reproduction(
    mission=162,
    system="Sharpness and interpolation",
    question="parameters",
    paper="Abdollahpoorrostam 2024, In Search of the Successful Interpolation: On the Role of "
    "Sharpness in CLIP Generalization, 2410.16476",
    claims=(
        Claim("rank correlation of the straggler's sharpness with accuracy on shifted digits",
              "< 0"),
        Claim("the same of the sharpness of all layers together: not reliable",
              "between -0.5 0.5"),
        Claim("that of the straggler less that of all layers", "< 0"),
        Claim("that of the straggler less that of the best other layer", "< 0"),
        Claim("accuracy on shifted digits gained by 30 % sparsity of the straggler, where "
              "the interpolation fell below its start", "> 0"),
        Claim("best interpolation less the fine-tune, on shifted digits", "> 0"),
    ),
    differs="full layers of 64 neurons on 8 x 8 digits for CLIP; shifts are turns by 20 degrees "
    "and noise; all layers together: the sum over layers",
    needs=("torch",),
    seeds=8,
)  # fmt: skip

RATES = (3e-4, 1e-3, 3e-3, 1e-2)
WAY = (0.2, 0.4, 0.6, 0.8, 1.0)


def run(scale: str = "small", seed: int = 0) -> list[Estimate]:
    """The numbers of the claims, in order."""
    from reproductions.digit_nets import accuracy, parts, trained

    epochs, rates = (40, RATES) if scale == "small" else (2, RATES[:2])
    first, few, test = parts(seed, 700, 200)
    rng = np.random.default_rng(seed)
    base, far = trained(shifted(first, rng), seed=seed, epochs=epochs), shifted(test, rng)
    start = accuracy(base, far)
    sharp, right, sparse, ends = [], [], [], []
    for rate in rates:
        tuned = trained(few, seed=seed + 1, epochs=epochs, start=base, rate=rate)
        way = [between(base, tuned, at) for at in WAY]
        sharp.append([layers(one, few) for one in way])
        right.append([accuracy(one, far) for one in way])
        worst = straggler(np.array(sharp[-1]))
        gained = [accuracy(thinned(one, worst), far) for one in way]
        ends.append(max(right[-1]) - right[-1][-1])
        sparse += [g - r for g, r in zip(gained, right[-1], strict=True) if r < start]
    layer, found = straggler(np.array(sharp)), np.array(sharp).reshape(-1, 3)
    accuracies = np.ravel(right)
    by_layer = [float(spearmanr(column, accuracies)[0]) for column in found.T]
    whole = float(spearmanr(found.sum(1), accuracies)[0])
    rest = min(v for i, v in enumerate(by_layer) if i != layer)
    own = by_layer[layer]
    numbers = [own, whole, own - whole, own - rest, np.mean(sparse or [0.0]), np.mean(ends)]
    return [Estimate(float(number)) for number in numbers]


def shifted(rows, rng):
    """Digits turned by up to 20 degrees either way, with noise."""
    from scipy.ndimage import rotate

    x, y = rows
    turns = rng.choice([-20.0, 20.0], len(x))
    images = [rotate(one.reshape(8, 8), t, reshape=False, order=1) for one, t in
              zip(x, turns, strict=True)]  # fmt: skip
    noisy = np.reshape(images, (-1, 64)) + 0.15 * rng.normal(size=x.shape)
    return noisy.astype(np.float32), y


def between(one, two, at: float):
    """The model a share of the way from one to the other."""
    from trueup.parameters import merge

    return merge([one, two], shares=[1 - at, at])


def layers(model, rows) -> list[float]:
    """Relative sharpness of the three layers."""
    from reproductions.digit_nets import net
    from trueup.parameters import sharpness

    found = sharpness(model, arch=net, on=rows[0], labels=rows[1], relative=True, steps=30)
    return [one.value for one in found.values()]


def straggler(sharp: np.ndarray) -> int:
    """The layer (of the last axis) whose sharpness grows most on the way (the last but one)."""
    low, high = np.maximum(sharp.min(axis=-2), 1e-12), sharp.max(axis=-2)
    return int(np.log(np.maximum(high, 1e-12) / low).reshape(-1, sharp.shape[-1]).mean(0).argmax())


def thinned(model, layer: int, *, share: float = 0.3):
    """The model whose smallest weights of a layer are 0."""
    arrays = {name: model[name].copy() for name in model}
    weights = arrays[f"{2 * layer}.weight"]
    weights[np.abs(weights) < np.quantile(np.abs(weights), share)] = 0
    return arrays
