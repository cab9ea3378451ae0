"""INT4 by rows, without data: what rounding costs a small language model.

Weights of linear layers become codes whose scale is the largest weight of a row. A seed judges
another fifth of the text; losses of blocks are compared in pairs.
"""

from __future__ import annotations

from reproductions.ledger import Claim, Reproduction
from trueup.core import Estimate


REPRODUCTION = Reproduction(
    mission=230,
    system="GLM-130B: INT4 by rows",
    question="parameters",
    paper="Zeng et al. 2023, GLM-130B: An Open Bilingual Pre-trained Model, ICLR, 2210.02414, "
    "section 3",
    claims=(
        Claim("8 bits: loss of the next token less that of full precision, nats", "< 0.005"),
        Claim("4 bits: the same; almost nothing is lost", "< 0.02"),
        Claim("3 bits: the same; much is lost", "> 0.1"),
        Claim("4 bits, scales of least squares: loss less that with the largest weight", "< 0"),
        Claim("4 bits, groups of 16, least squares: loss less full precision", "< 0.1"),
        Claim("4 bits by row as a share of its bytes in full precision", "between 0.12 0.16"),
    ),
    differs="a language model of 0.26 million weights instead of 130,000 million; the paper finds "
    "that larger models lose less. Embeddings stay. Embedding gradients and DeepNorm are of its "
    "training and are not looked at",
    needs=("torch",),
    data=("parameters/stories260k",),
)

FOLDS = 5
TEXT = "tinystories_197k.txt.gz"


def run(scale: str = "small", seed: int = 0) -> list[Estimate]:
    """The numbers of the claims, in order."""
    from reproductions.stories import blocks, losses, stories
    from trueup.parameters import Quantise

    net = stories()
    ids = blocks(TEXT)[seed % FOLDS :: FOLDS]
    ids = ids[:8] if scale == "tiny" else ids
    before, trial = losses(net, ids), type(net).of(net.module)
    sizes = []

    def loss(settings) -> float:
        small = settings.fit(net)
        own = sum(net.weights.specs[name].bytes for name in small.tensors)
        sizes.append(sum(part.bytes for part in small.tensors.values()) / own)
        return float(losses(trial.load(small), ids).mean())

    eight, four, three = (loss(Quantise(bits)) for bits in (8, 4, 3))
    clipped, groups = loss(Quantise(4, clip=True)), loss(Quantise(4, clip=True, granularity=16))
    plain = float(before.mean())
    found = (eight - plain, four - plain, three - plain, clipped - four, groups - plain, sizes[1])
    return [Estimate(float(value)) for value in found]
