"""Checkpoints to merge, as large as they are asked to be: ``merging_make.py FOLDER [LAYERS WIDE]``.

A base and two models beside it, in the names of a Llama, each of normal numbers; and what the
average and TIES must give, by whole tensors and a sort.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from trueup.core.weights.opened import open_weights
from trueup.core.weights.view import Spec, Weights
from trueup.core.weights.written import save_weights


VOCABULARY = 12_032
DENSITY = 0.2


def shapes(layers: int, wide: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a Llama."""
    inner, found = wide * 11 // 4, {"model.embed_tokens.weight": (VOCABULARY, wide)}
    for i in range(layers):
        at = f"model.layers.{i}"
        found |= {f"{at}.self_attn.{n}_proj.weight": (wide, wide) for n in "qkvo"}
        found |= {f"{at}.mlp.{n}_proj.weight": (inner, wide) for n in ("gate", "up")}
        found |= {f"{at}.mlp.down_proj.weight": (wide, inner)}
        found |= {f"{at}.{n}_layernorm.weight": (wide,) for n in ("input", "post_attention")}
    return found | {"model.norm.weight": (wide,), "lm_head.weight": (VOCABULARY, wide)}


class Made(Weights):
    """Normal numbers, made when they are read; models lie .01 beside their base."""

    def __init__(self, model: int, layers: int, wide: int) -> None:
        self.model, self.source, self.metadata = model, f"model {model}", {"format": "pt"}
        self.specs = {name: Spec("F32", s) for name, s in shapes(layers, wide).items()}

    def read(self, name: str, start: int, stop: int) -> np.ndarray:
        """Numbers ``start`` to ``stop`` of the flattened tensor."""
        place = list(self.specs).index(name)

        def normal(model: int) -> np.ndarray:
            rng = np.random.default_rng([model, place, start])
            return rng.standard_normal(stop - start, dtype=np.float32)

        found = normal(0) * np.float32(0.02)
        return found + normal(self.model) * np.float32(0.01) if self.model else found


class Reference(Weights):
    """What a method must give, tensor by tensor."""

    def __init__(self, folder: Path, method: str) -> None:
        self.method, self.source, self.metadata = method, method, {"format": "pt"}
        self.every = [open_weights(folder / name) for name in ("base", "one", "two")]
        self.specs, self.last = self.every[0].specs, ("", np.zeros(0))

    def read(self, name: str, start: int, stop: int) -> np.ndarray:
        """Numbers ``start`` to ``stop`` of the flattened tensor."""
        if self.last[0] != name:
            made = linear if self.method == "linear" else ties
            self.last = name, made(*(w[name].ravel() for w in self.every))
        return self.last[1][start:stop]


def linear(base: np.ndarray, one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """The average."""
    return (one + two) * np.float32(0.5)


def ties(base: np.ndarray, *models: np.ndarray) -> np.ndarray:
    """TIES of two models, with a sort."""
    taus = []
    for model in models:
        tau = model - base
        least = np.sort(np.abs(tau))[-round(DENSITY * tau.size)]
        taus.append(np.where(np.abs(tau) >= least, tau, 0))
    sign = np.sign(taus[0] + taus[1])
    agree = [(np.sign(tau) == sign) & (sign != 0) for tau in taus]
    total = sum(np.where(a, tau, 0) for a, tau in zip(agree, taus, strict=True))
    return base + total / np.maximum(sum(a.astype(np.float32) for a in agree), 1)


def configuration(layers: int, wide: int) -> str:
    """What a Llama's folder says of it."""
    return json.dumps({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": wide,
        "intermediate_size": wide * 11 // 4, "num_hidden_layers": layers,
        "num_attention_heads": 8, "num_key_value_heads": 8, "vocab_size": VOCABULARY,
        "tie_word_embeddings": False, "torch_dtype": "float32",
    })  # fmt: skip


if __name__ == "__main__":
    folder, layers, wide = Path(sys.argv[1]), *map(int, sys.argv[2:] or (11, 512))
    for model, name in enumerate(("base", "one", "two")):
        save_weights(Made(model, layers, wide), folder / name / "model.safetensors")
        (folder / name / "config.json").write_text(configuration(layers, wide))
    for method in ("linear", "ties"):
        save_weights(Reference(folder, method), folder / f"{method}.safetensors")
