"""How well a small transformer embeds sentences after its weights were changed."""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import spearmanr

from reproductions.ledger import shared
from reproductions.sentences import Embedder, sts, tokens
from trueup.adapters.network import Network


FOLDER = "parameters/stsb-en"


class Cropped(Embedder):
    """Sentences of like length run together, without tokens that only fill up."""

    def forward(self, input_ids, attention_mask):
        """Embeddings of sentences of tokens (n, t), in their order."""
        sizes = attention_mask.sum(1)
        found = [None] * len(sizes)
        for rows in sizes.argsort(stable=True).split(16):
            most = int(sizes[rows].max())
            made = super().forward(input_ids[rows, :most], attention_mask[rows, :most])
            for row, one in zip(rows.tolist(), made, strict=True):
                found[row] = one
        return torch.stack(found)


def network() -> Network:
    """The network as it was published."""
    torch.set_num_threads(1)
    return Network(Cropped())


def encoder(net: Network) -> list[str]:
    """The tensors of its 36 encoder layers."""
    return [f"{name}.weight" for name in net.layers if ".encoder.layer" in name]


def calibration(rows: int, seed: int) -> dict[str, np.ndarray]:
    """Sentences of the training part, drawn by a seed."""
    pairs, _ = sts(shared(FOLDER), "train")
    drawn = np.random.default_rng(seed).permutation(len(pairs))[:rows]
    return tokens([pairs[i][0] for i in drawn])


class Judge:
    """Pairs of the test part, and what people say of them."""

    def __init__(self, rows: int, fold: int = 0, folds: int = 1) -> None:
        pairs, truth = sts(shared(FOLDER), "test")
        own = slice(fold, rows, folds)
        self.one, self.two = (tokens([pair[i] for pair in pairs[own]]) for i in (0, 1))
        self.truth = truth[own]

    def alike(self, net: Network) -> np.ndarray:
        """(n,) cosines of the two sentences of every pair."""
        return (net.run(self.one) * net.run(self.two)).sum(1)

    def score(self, alike: np.ndarray) -> float:
        """Spearman's correlation with what people say."""
        return float(spearmanr(alike, self.truth).statistic)
