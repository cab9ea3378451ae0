"""NF4, FP4 and 8 bits beside full precision, over temperatures of the next token.

What a reader of samples would notice is how far the law of the next token is from that of full
precision at a temperature: the total variation, the share of tokens that a best coupling of both
would draw differently. A seed judges another fifth of the text.
"""

from __future__ import annotations

import numpy as np

from reproductions.ledger import Claim, Reproduction
from trueup.core import Estimate


REPRODUCTION = Reproduction(
    mission=79,
    system="Impact of PTQ on language models",
    question="parameters",
    paper="Understanding the Impact of Post-Training Quantization on Large Language Models, "
    "2309.05210",
    claims=(
        Claim("NF4 and FP4 are alike: loss of NF4 less that of FP4, nats", "between -0.01 0.01"),
        Claim("NF4 less FP4, total variation at temperature 0.3", "< 0"),
        Claim("NF4 less FP4, total variation at temperature 1", "< 0"),
        Claim("NF4: total variation at temperature 0.65 less the mean of those at 0.3 and 1",
              "> 0"),
        Claim("8 bits by row: loss less that of full precision, nats", "< 0.005"),
        Claim("NF4: loss less that of full precision, nats", "< 0.1"),
        Claim("keeping to the 20 likeliest tokens: total variation of NF4 less that of all tokens",
              "< 0"),
    ),
    differs="a Llama-2 model of 0.26 million weights; laws of the next token of given text instead "
    "of samples that people judge; groups of 64 as in QLoRA. Speed is not looked at: codes are "
    "unpacked before layers run",
    needs=("torch",),
    data=("parameters/stories260k",),
)  # fmt: skip

FOLDS, TEXT = 5, "tinystories_197k.txt.gz"


def run(scale: str = "small", seed: int = 0) -> list[Estimate]:
    """The numbers of the claims, in order."""
    from reproductions.stories import blocks, stories
    from trueup.parameters import Quantise

    net = stories()
    ids = blocks(TEXT)[seed % FOLDS :: FOLDS][: 2 if scale == "tiny" else 40]
    trial, plain = type(net).of(net.module), Laws(net.run(ids)[:, :-1], ids[:, 1:])

    def laws(settings) -> Laws:
        return Laws(trial.load(settings.fit(net)).run(ids)[:, :-1], ids[:, 1:])

    nf4, fp4 = (laws(Quantise(4, grid=grid, granularity=64)) for grid in ("nf", "fp4"))
    eight = laws(Quantise(8))
    cold, middle, warm = (nf4.away(plain, t) for t in (0.3, 0.65, 1.0))
    found = (
        nf4.loss() - fp4.loss(), cold - fp4.away(plain, 0.3), warm - fp4.away(plain, 1.0),
        middle - (cold + warm) / 2, eight.loss() - plain.loss(), nf4.loss() - plain.loss(),
        nf4.away(plain, 1.0, top=20) - warm,
    )  # fmt: skip
    return [Estimate(float(value)) for value in found]


class Laws:
    """Logits (n, t, words) of the next token, and the tokens (n, t) that came."""

    def __init__(self, logits: np.ndarray, came: np.ndarray) -> None:
        self.logits, self.came = logits.astype(np.float64), came

    def probs(self, temperature: float, top: int = 0) -> np.ndarray:
        """At a temperature, of the likeliest ``top`` tokens; 0 is all."""
        scaled = self.logits / temperature
        if top:
            least = np.partition(scaled, -top, axis=-1)[..., -top, None]
            scaled = np.where(scaled >= least, scaled, -np.inf)
        made = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
        return made / made.sum(axis=-1, keepdims=True)

    def loss(self) -> float:
        """Mean loss, nats."""
        return float(-np.log(np.take_along_axis(self.probs(1), self.came[..., None], -1)).mean())

    def away(self, other: Laws, temperature: float, top: int = 0) -> float:
        """Mean total variation from other laws."""
        both = (one.probs(temperature, top) for one in (self, other))
        return float(np.abs(next(both) - next(both)).sum(axis=-1).mean() / 2)
