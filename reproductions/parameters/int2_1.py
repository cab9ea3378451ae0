"""INT2.1 on small networks: codes of 2 bits, and thin factors trained beside them.

Networks of handwritten digits are rounded to 2 bits. Factors of rank 8 are trained on the
probabilities that the network gave before; no digit is told.
"""

from __future__ import annotations

from reproductions.ledger import Claim, Reproduction
from reproductions.parameters.eora import digits, predicted
from trueup.calibration import log_loss
from trueup.core import Estimate, Evidence
from trueup.core.proof import Proof, prove
from trueup.parameters import Compensate, Quantise, TrainedFactors


REPRODUCTION = Reproduction(
    mission=182,
    system="INT2.1",
    question="parameters",
    paper="INT2.1: Towards Fine-Tunable Quantized Large Language Models with Error Correction "
    "through Low-Rank Adaptation, 2306.08162",
    claims=(
        Claim("2 bits with trained factors: log loss less that of 2 bits alone", "< 0"),
        Claim("2 bits with trained factors: log loss less that of 4 bits alone", "< 0.05"),
        Claim("2 bits with trained factors: log loss less that of EoRA's of the same rank", "< 0"),
        Claim("bytes of the packed matrices, times less than before", "> 5.6"),
    ),
    differs="digits and networks of 85,000 weights instead of LLaMA and Vicuna; rounding to "
    "nearest, a scale a row; factors of rank 8 in half precision",
    seeds=10,
    needs=("torch",),
)
STEPS = {"small": 1_000, "tiny": 20}


def run(scale: str = "small", seed: int = 0) -> list[Proof | Estimate]:
    """The numbers of the claims, in order."""
    net, old, new, truth = digits(scale, seed)
    four, two = (Quantise(bits=bits).fit(net) for bits in (4, 2))
    method = TrainedFactors(rank=8, loss="probabilities", steps=STEPS[scale], rate=5e-3)
    trained = method.fit(two, net, inputs=old, seed=seed)
    eora = Compensate(rank=8).fit(two, net, inputs=old)
    after = predicted(net, trained, new)
    found: list[Proof | Estimate] = [
        prove(None, after, on=Evidence(predicted(net, one, new), truth), score=log_loss)
        for one in (two, four, eora)
    ]
    before = sum(trained.specs[name].bytes for name in trained.tensors)
    return [*found, Estimate(before / sum(one.bytes for one in trained.tensors.values()))]
