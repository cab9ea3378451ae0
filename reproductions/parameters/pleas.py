"""PLeaS on digits: networks that were trained apart become one of the same size.

*One task*: two networks that set out from other random weights, both taught all digits. *Two
tasks*: one was taught mostly the digits 0 to 4, the other mostly 5 to 9, from other random weights.
Rows for matching and for least squares have no labels and are in no training or test part.
"""

from __future__ import annotations

import numpy as np

from reproductions.ledger import Claim, Reproduction
from trueup.core import Estimate


REPRODUCTION = Reproduction(
    mission=70,
    system="PLeaS",
    question="parameters",
    paper="Nasery, Hayase, Koh, Oh 2025, PLeaS: Merging Models with Permutations and Least "
    "Squares, CVPR, 2407.02447",
    claims=(
        Claim("one task: gain in accuracy of matching by activations on the plain average", "> 0"),
        Claim("one task: gain of PLeaS on matching alone", "> 0"),
        Claim("one task: gain of PLeaS on least squares without permutation", "> 0"),
        Claim("one task: PLeaS less the mean of both networks", "> -0.02"),
        Claim("two tasks: gain of matching by activations on the plain average", "> 0"),
        Claim("two tasks: gain of PLeaS on matching alone", "> 0"),
        Claim("two tasks: gain of PLeaS on least squares without permutation", "> 0"),
        Claim("two tasks: gain of PLeaS on the better of the two networks", "> 0"),
        Claim("two tasks: PLeaS less the ensemble of both networks", "> -0.05"),
    ),
    differs="full layers of 64 neurons on 8 x 8 digits for ResNets and ViTs; full permutations and "
    "the size of one network, no partial ones; least squares solved, not trained; no variant "
    "without data",
    needs=("torch",),
    seeds=10,
)


def run(scale: str = "small", seed: int = 0) -> list[Estimate]:
    """The numbers of the claims, in order."""
    from reproductions.digit_nets import of_classes, parts, trained

    epochs = 40 if scale == "small" else 3
    train, rows, test = parts(seed, 900, 300)
    both = [trained(train, seed=2 * seed + i, epochs=epochs) for i in (0, 1)]
    one = ways(both, rows[0], test)
    halves = [mostly(train, of_classes(train, c), seed) for c in (range(5), range(5, 10))]
    each = [trained(h, seed=2 * seed + i, epochs=epochs) for i, h in enumerate(halves)]
    two = ways(each, rows[0], test)
    return [Estimate(float(v)) for v in (
        one["match"] - one["plain"], one["pleas"] - one["match"], one["pleas"] - one["least"],
        one["pleas"] - one["mean"],
        two["match"] - two["plain"], two["pleas"] - two["match"], two["pleas"] - two["least"],
        two["pleas"] - two["best"], two["pleas"] - two["ensemble"],
    )]  # fmt: skip


def mostly(train, part, seed: int, *, few: int = 20):
    """The rows of ``part``, and a few of all."""
    some = np.random.default_rng(seed).choice(len(train[0]), few, replace=False)
    return tuple(np.concatenate([p, t[some]]) for p, t in zip(part, train, strict=True))


def ways(nets, x: np.ndarray, test) -> dict[str, float]:
    """Accuracy of both, of their ensemble, and of merges by several ways."""
    from reproductions.digit_nets import accuracy, net
    from trueup.adapters.network import Network
    from trueup.parameters import PLeaS, align, merge

    one, two = nets
    aligned = align(two, one, arch=net, on=x)
    ends = [accuracy(each, test) for each in nets]
    said = sum(softmax(Network.of(net, each).run(test[0])) for each in nets)
    return {
        "plain": accuracy(merge([one, two]), test),
        "match": accuracy(merge([one, aligned]), test),
        "least": accuracy(merge([one, two], method=PLeaS(net, x, align="none")), test),
        "pleas": accuracy(merge([one, two], method=PLeaS(net, x)), test),
        "mean": float(np.mean(ends)), "best": max(ends),
        "ensemble": float((said.argmax(1) == test[1]).mean()),
    }  # fmt: skip


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities."""
    high = np.exp(logits - logits.max(1, keepdims=True))
    return high / high.sum(1, keepdims=True)
