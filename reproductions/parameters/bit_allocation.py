"""Bits by layer by an integer programme, beside as many bytes for all layers alike.

A residual network of 22 layers gets 2 to 6 bits a layer. A seed draws other images to calibrate and
to choose on, and is judged by a fifth of the others.
"""

from __future__ import annotations

import numpy as np

from reproductions.ledger import Claim, Reproduction
from trueup.core import Estimate


REPRODUCTION = Reproduction(
    mission=13,
    system="Layer-wise PTQ: bits by integer programme",
    question="parameters",
    paper="Hubara et al. 2021, Improving Post Training Neural Quantization: Layer-wise Calibration "
    "and Integer Programming, ICML, 2006.10518, section 4",
    claims=(
        Claim("bytes of 3 bits for all: accuracy of the programme less that of all alike", "> 0"),
        Claim("bytes of 3 bits for all: log loss of the programme less that of all alike", "< 0"),
        Claim("bytes of 4 bits for all: accuracy of the programme less that of all alike", "> 0"),
        Claim("bytes of 4 bits for all: log loss of the programme less that of all alike", "< 0"),
        Claim("bytes of 4 bits for all, the programme: accuracy less that of full precision",
              "> -0.01"),
        Claim("4 bits for all, to the nearest: accuracy less that of full precision", "< -0.01"),
    ),
    differs="ResNet-20 on CIFAR-10 images that others saved as JPEG, weights alone, rounding to "
    "the nearest by row, losses as divergences on 50 images; the paper has ResNet-50 and BERT, "
    "4-bit activations and AdaQuant",
    needs=("torch",),
    data=("images/cifar10_jpeg_test", "weights/cifar10_resnet_a"),
)  # fmt: skip

FOLDS = 5
SIZES = {"small": (50, 1_000), "tiny": (10, 100)}
"""Images to choose on and to judge by."""


def run(scale: str = "small", seed: int = 0) -> list[Estimate]:
    """The numbers of the claims, in order."""
    from reproductions.cifar import images, resnet20
    from trueup.parameters import IntegerProgramme, Quantise, Uniform, allocate

    few, many = SIZES[scale]
    net, (x, y) = resnet20(), images()
    x, y = (part[np.random.default_rng(0).permutation(len(y))] for part in (x, y))
    own = x[8_000:][np.random.default_rng(seed).permutation(2_000)[:few]]
    fold = slice(seed % FOLDS, many * FOLDS, FOLDS)
    options = [Quantise(bits) for bits in (2, 3, 4, 5, 6)]
    trial = type(net).of(net.module)

    def judged(model) -> np.ndarray:
        return np.array(scores(model.run(np.ascontiguousarray(x[fold])), y[fold]))

    plain, found = judged(net), []
    for bits in (3, 4):
        budget = sum(part.bytes for part in Quantise(bits).fit(net).tensors.values())
        alike, programme = (
            judged(trial.load(allocate(net, own, options=options, budget=budget, method=method,
                                       score="kl").weights))
            for method in (Uniform(), IntegerProgramme())
        )  # fmt: skip
        found += [*(programme - alike)]
    found += [programme[0] - plain[0], alike[0] - plain[0]]
    return [Estimate(float(value)) for value in found]


def scores(logits: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Accuracy and log loss."""
    top = logits.max(axis=1, keepdims=True)
    logs = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
    return float((logits.argmax(axis=1) == y).mean()), float(-logs[np.arange(len(y)), y].mean())
