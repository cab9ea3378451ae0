"""A small public language model of children's stories, its tokenizer, and text to judge it by."""

from __future__ import annotations

import gzip
import struct
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from reproductions.ledger import shared
from trueup.adapters.network import Network


FOLDER = "parameters/stories260k"
BLOCK = 256
"""Tokens of a piece of text."""


class Norm(nn.Module):
    """Root mean square norm."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        """(..., dim) of mean square 1, scaled."""
        return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5) * self.weight


class Block(nn.Module):
    """A layer of Llama 2: attention of grouped queries, then a gated network."""

    def __init__(self, dim: int, hidden: int, heads: int, groups: int) -> None:
        super().__init__()
        self.heads, self.groups, size = heads, groups, dim // heads
        self.attention_norm, self.ffn_norm = Norm(dim), Norm(dim)
        self.wq, self.wo = (nn.Linear(dim, dim, bias=False) for _ in range(2))
        self.wk, self.wv = (nn.Linear(dim, groups * size, bias=False) for _ in range(2))
        self.w1, self.w3 = (nn.Linear(dim, hidden, bias=False) for _ in range(2))
        self.w2 = nn.Linear(hidden, dim, bias=False)

    def forward(self, x, turns):
        """(n, t, dim) after the layer."""
        y = self.attention_norm(x)
        q, k, v = (
            part(y).unflatten(2, (many, -1)).transpose(1, 2)
            for part, many in (
                (self.wq, self.heads),
                (self.wk, self.groups),
                (self.wv, self.groups),
            )
        )
        k, v = (part.repeat_interleave(self.heads // self.groups, 1) for part in (k, v))
        made = functional.scaled_dot_product_attention(
            turned(q, turns), turned(k, turns), v, is_causal=True
        )
        x = x + self.wo(made.transpose(1, 2).flatten(2))
        y = self.ffn_norm(x)
        return x + self.w2(functional.silu(self.w1(y)) * self.w3(y))


class Stories(nn.Module):
    """Llama 2 of 260,032 numbers; the output layer shares its weights with the embedding."""

    def __init__(self, dim=64, hidden=172, layers=5, heads=8, groups=4, words=512) -> None:
        super().__init__()
        self.size = dim // heads
        self.embedding = nn.Embedding(words, dim)
        self.layers = nn.ModuleList(Block(dim, hidden, heads, groups) for _ in range(layers))
        self.norm = Norm(dim)

    def forward(self, ids):
        """(n, t, words) logits of the next token."""
        x = self.embedding(ids)
        rates = 10_000.0 ** (-torch.arange(0, self.size, 2) / self.size)
        turns = torch.polar(torch.ones(1), torch.outer(torch.arange(ids.shape[1]), rates))
        for layer in self.layers:
            x = layer(x, turns)
        return functional.linear(self.norm(x), self.embedding.weight)


def turned(x, turns):
    """Rotary positions: pairs of numbers as complex ones, turned."""
    pairs = torch.view_as_complex(x.float().unflatten(3, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * turns).flatten(3)


def stories() -> Network:
    """The network as it was published, read from its file."""
    torch.set_num_threads(1)
    raw = shared(FOLDER, "stories260K.bin").read_bytes()
    dim, hidden, layers, heads, groups, words, _ = struct.unpack("7i", raw[:28])
    net = Stories(dim, hidden, layers, heads, groups, words)
    numbers, at = np.frombuffer(raw, "<f4", offset=28), 0

    def take(*targets) -> None:
        nonlocal at
        for target in targets:
            part = numbers[at : at + target.numel()].copy()
            target.data = torch.from_numpy(part).reshape(target.shape)
            at += target.numel()

    take(net.embedding.weight)
    for name in ("attention_norm", "wq", "wk", "wv", "wo", "ffn_norm", "w1", "w2", "w3"):
        take(*(getattr(layer, name).weight for layer in net.layers))
    take(net.norm.weight)
    return Network(net)


@cache
def vocabulary() -> tuple[dict[bytes, int], list[float]]:
    """Piece -> token, and how soon pieces are joined."""
    raw = shared(FOLDER, "tok512.bin").read_bytes()
    pieces, scores, at = {}, [], 4
    while at < len(raw):
        score, size = struct.unpack("<fi", raw[at : at + 8])
        pieces.setdefault(raw[at + 8 : at + 8 + size], len(scores))
        scores.append(score)
        at += 8 + size
    return pieces, scores


@cache
def tokens_of(word: bytes) -> tuple[int, ...]:
    """Tokens of a word: characters, the best pair of which is joined again and again."""
    pieces, scores = vocabulary()
    found: list[int] = []
    for letter in word.decode():
        own = letter.encode()
        found += [pieces[own]] if own in pieces else [byte + 3 for byte in own]
    names = {token: piece for piece, token in pieces.items()}
    while True:
        best, place = -1e10, -1
        for i, (a, b) in enumerate(pairwise(found)):
            joined = pieces.get(names.get(a, b"") + names.get(b, b""))
            if joined is not None and scores[joined] > best:
                best, place, new = scores[joined], i, joined
        if place < 0:
            return tuple(found)
        found[place : place + 2] = [new]


def encode(text: str) -> np.ndarray:
    """Tokens of a text."""
    words, found = (" " + text).split(" "), []
    for word in words[1:]:
        first, *lines = word.split("\n")
        found += tokens_of(b" " + first.encode())
        for line in lines:
            found += tokens_of(b"\n")
            found += tokens_of(line.encode())
    return np.array(found, np.int64)


def blocks(file: str, most: int = 10_000) -> np.ndarray:
    """(n, 256) tokens: one that begins, then 255 of the text, one block after another."""
    with gzip.open(Path(shared(FOLDER, file)), "rt", encoding="utf-8") as text:
        found = encode(text.read()[: most * 1_000])
    many = min(len(found) // (BLOCK - 1), most)
    rows = found[: many * (BLOCK - 1)].reshape(many, BLOCK - 1)
    return np.concatenate([np.ones((many, 1), np.int64), rows], axis=1)


def losses(net: Network, ids: np.ndarray) -> np.ndarray:
    """(n,) mean loss of the next token in every block, nats."""
    found = []
    for at in range(0, len(ids), 32):
        part = torch.from_numpy(ids[at : at + 32])
        logits = torch.from_numpy(net.run(ids[at : at + 32]))
        loss = functional.cross_entropy(
            logits[:, :-1].transpose(1, 2), part[:, 1:], reduction="none"
        )
        found.append(loss.mean(1).numpy())
    return np.concatenate(found)
