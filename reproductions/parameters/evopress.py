"""Bits by layer by evolution, beside an integer programme and layers alike.

A language model of 35 linear layers gets 3, 4 or 5 bits a layer, as many bytes as 4 bits for all.
Choices are made on some blocks of text by the divergence from the model in full precision, and are
judged by the loss on others; a seed takes other blocks for both.
"""

from __future__ import annotations

import numpy as np

from reproductions.ledger import Claim, Reproduction
from trueup.core import Estimate


REPRODUCTION = Reproduction(
    mission=175,
    system="EvoPress",
    question="parameters",
    paper="Sieberling et al. 2025, EvoPress: Accurate Dynamic Model Compression via Evolutionary "
    "Search, ICML, 2410.14649",
    claims=(
        Claim("evolution: loss on other text less that of 4 bits for all", "< 0"),
        Claim("integer programme over layers alone: loss less that of 4 bits for all", "< 0"),
        Claim("evolution less integer programme, loss on other text", "< 0"),
        Claim("evolution less integer programme, divergence where the choice was made", "< 0"),
        Claim("divergence of a whole choice as a share of the sum of its layers'", "> 1.05"),
        Claim("bytes of the choice by evolution as a share of the budget", "< 1.0001"),
    ),
    differs="a Llama-2 model of 0.26 million weights, rounding to the nearest with scales of least "
    "squares by row, 20 generations on 8 blocks of 256 tokens; the paper has 1 to 70 thousand "
    "million weights, GPTQ and tens of thousands of tokens",
    needs=("torch",),
    data=("parameters/stories260k",),
)

TEXT = "tinystories_197k.txt.gz"
SIZES = {"small": (8, 60, 20), "tiny": (1, 4, 1)}
"""Blocks to choose on and to judge by, generations."""


def run(scale: str = "small", seed: int = 0) -> list[Estimate]:
    """The numbers of the claims, in order."""
    from reproductions.stories import blocks, losses, stories
    from trueup.parameters import Evolution, IntegerProgramme, Quantise, Uniform, allocate

    few, many, generations = SIZES[scale]
    net, ids = stories(), blocks(TEXT)
    ids = ids[np.random.default_rng(seed).permutation(len(ids))]
    own, others = ids[:few], ids[few : few + many]
    options = [Quantise(bits, clip=True) for bits in (3, 4, 5)]
    budget = sum(part.bytes for part in options[1].fit(net).tensors.values())
    trial = type(net).of(net.module)

    def chosen(method):
        found = allocate(net, own, options=options, budget=budget, method=method, score="kl")
        return found, float(losses(trial.load(found.weights), others).mean())

    alike, programme = chosen(Uniform()), chosen(IntegerProgramme())
    evolved = chosen(Evolution(generations, seed=seed))
    found = (
        evolved[1] - alike[1], programme[1] - alike[1], evolved[1] - programme[1],
        evolved[0].measured - programme[0].measured,
        programme[0].measured / programme[0].predicted, evolved[0].bytes / budget,
    )  # fmt: skip
    return [Estimate(float(value)) for value in found]
