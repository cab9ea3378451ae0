"""Rotations where some channels stand out: 8 bits for weights and for what a layer is given.

Channels share a few factors, and some are a hundred times as large as others. One scale serves a
whole tensor, as on machines of 8 bits. The rotation is found on some rows and judged on others.
"""

from __future__ import annotations

import numpy as np

from reproductions.ledger import Claim, Reproduction
from trueup.core import Estimate
from trueup.core.weights.packings.rotated import Turn
from trueup.parameters import KLT, Hadamard, Quantise


REPRODUCTION = Reproduction(
    mission=88,
    system="MambaQuant: KLT-enhanced rotation",
    question="parameters",
    paper="Xu et al. 2025, MambaQuant: Quantizing the Mamba Family with Variance Aligned Rotation "
    "Methods, ICLR, 2501.13484",
    claims=(
        Claim("largest over mean variance of channels, plain", "> 10"),
        Claim("the same after a Hadamard rotation: still uneven", "> 1.5"),
        Claim("the same after KLT, then Hadamard: even", "< 1.2"),
        Claim("8-bit error of outputs: log of Hadamard over plain", "< 0"),
        Claim("8-bit error of outputs: log of KLT over Hadamard", "< 0"),
        Claim("relative squared error of outputs, KLT, 8 bits for both", "< 0.01"),
        Claim("8-bit error of outputs where factors have heavy tails: log of KLT over Hadamard",
              "< 0"),
        Claim("rotated without rounding: largest relative change of outputs", "< 0.0001"),
    ),
    differs="one layer on made-up signals of known covariance (256 channels, six factors, scales "
    "of a log-normal law; heavy tails are t laws of 4) instead of vision and language Mamba; "
    "smooth-fused rotation is not looked at",
)  # fmt: skip

D, OUT, FACTORS, BITS = 256, 64, 6, 8
ROWS = {"small": 4_000, "tiny": 1_000}


def run(scale: str = "small", seed: int = 0) -> list[Estimate]:
    """The numbers of the claims, in order."""
    light, heavy = World(seed, ROWS[scale], tails=np.inf), World(seed, ROWS[scale], tails=4)
    turns = light.turns()
    new, w = light.new, light.w
    plain, mixed, even = light.errors()
    _, heavy_mixed, heavy_even = heavy.errors()
    exact = max(np.abs(t.apply(new) @ t.apply(w).T - new @ w.T).max() for t in turns)
    found = (
        spread(new), *(spread(turn.apply(new)) for turn in turns), np.log(mixed / plain),
        np.log(even / mixed), even, np.log(heavy_even / heavy_mixed),
        exact / np.abs(new @ w.T).max(),
    )  # fmt: skip
    return [Estimate(float(value)) for value in found]


class World:
    """A layer, rows to find a rotation on, and others to judge it by."""

    def __init__(self, seed: int, rows: int, *, tails: float) -> None:
        rng = np.random.default_rng(seed)
        mix, size = rng.normal(size=(FACTORS, D)), np.exp(1.2 * rng.normal(size=D))
        self.seed, self.w = seed, rng.normal(size=(OUT, D)) / np.sqrt(D)

        def draw() -> np.ndarray:
            factors = rng.normal(size=(rows, FACTORS))
            if np.isfinite(tails):
                factors *= np.sqrt(tails / rng.chisquare(tails, size=(rows, 1)))
            return (factors @ mix + rng.normal(size=(rows, D))) * size

        self.known, self.new = draw(), draw()

    def turns(self) -> list[Turn]:
        """Hadamard; KLT, then Hadamard."""
        gram = (self.known.T @ self.known / len(self.known))[None]
        return [Hadamard(self.seed).fit(D), KLT(self.seed).fit(D, gram)]

    def errors(self) -> list[float]:
        """Relative squared errors of outputs: plain, and of every turn."""
        return [error(self.w, self.known, self.new, turn) for turn in (None, *self.turns())]


def spread(x: np.ndarray) -> float:
    """Largest variance of a channel over their mean."""
    found = x.var(axis=0)
    return float(found.max() / found.mean())


def error(w: np.ndarray, known: np.ndarray, new: np.ndarray, turn: Turn | None) -> float:
    """Relative squared error of outputs when weights and inputs are of 8 bits, a scale a tensor."""
    w_own, known_own, new_own = (m if turn is None else turn.apply(m) for m in (w, known, new))
    codes = Quantise(BITS, granularity="tensor").tensor(w_own.astype(np.float32))
    step = np.abs(known_own).max() / (2 ** (BITS - 1) - 1)
    inputs = np.clip(np.rint(new_own / step), -(2 ** (BITS - 1)), 2 ** (BITS - 1) - 1) * step
    truth = new @ w.T
    return float(((inputs @ codes.values().T - truth) ** 2).sum() / (truth**2).sum())
