r"""Ternary differences: a fine-tuned model as its base and a file of signs, many times smaller.

.. math:: \theta \approx \theta_0 + s \cdot \mathrm{sign}(\tau) \, [\,|\tau| \ge t\,]

The largest share ``density`` of every tensor's difference stays, as a sign times one number s. The
file holds the gaps between numbers that stay in Rice's code, which is optimal for positions by
chance: about :math:`H(d) + d` bits a number. Tensors of whole numbers are those of the base.

Examples
--------
>>> import numpy as np
>>> base, tuned = {"w": np.zeros(6)}, {"w": np.array([0.1, -2, 0, 0.2, 4, 0])}
>>> made = ternary(tuned, base, density=0.3)
>>> made["w"]
array([ 0., -3.,  0.,  0.,  3.,  0.])
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.weights.opened import open_weights
from trueup.core.weights.types import dtype_of, is_float, wide
from trueup.core.weights.view import Held, Spec, Weights
from trueup.core.weights.written import save_weights
from trueup.parameters.merging.checks import all_finite, same_shape
from trueup.parameters.merging.order import ranked
from trueup.parameters.merging.rice import Code, encoded
from trueup.parameters.merging.rule import share
from trueup.parameters.merging.sparsifiers import count_of
from trueup.parameters.merging.stack import Stack


CARD = Card(
    name="ternary",
    question="parameters",
    family="merging",
    summary="difference from a base as signs of its largest numbers times one number, in a file",
    paper="Yadav et al. 2023, ComPEFT, 2311.13171, section 2; Rice 1979, JPL 79-22",
    axes={"delta": "from the base", "sparsify": "top", "consensus": "none"},
    mission=(78,),
    exports=("Ternary", "ternary", "save_ternary", "open_ternary"),
    cost="O(n), four passes over the files; no sort",
    not_for="differences whose sizes matter: prove the model that comes out",
)

FORM = "trueup ternary 1"


@dataclass(frozen=True, repr=False, eq=False)
class Ternary(Weights):
    """A base and coded differences, made when it is read.

    Attributes
    ----------
    base
        What the differences are added to.
    codes
        Tensor -> positions and signs of what stays.
    sizes
        Tensor -> what a sign is worth.
    """

    base: Weights
    codes: dict[str, Code]
    sizes: dict[str, float]
    _last: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, init=False)

    @property
    def source(self) -> str:  # type: ignore[override]
        """Where it comes from."""
        return f"{self.base.source} and ternary differences"

    @property
    def specs(self) -> dict[str, Spec]:  # type: ignore[override]
        """Those of the base."""
        return self.base.specs

    @property
    def metadata(self) -> dict[str, str]:  # type: ignore[override]
        """Those of the base."""
        return self.base.metadata

    def read(self, name: str, start: int, stop: int) -> np.ndarray:
        """Numbers ``start`` to ``stop`` of the flattened tensor."""
        found, spec = self.base.read(name, start, stop), self.specs[name]
        if name not in self.codes:
            return found
        if name not in self._last:
            self._last.clear()  # tensors come one after another
            self._last[name] = self.codes[name].decoded()
        places, signs = self._last[name]
        low, high = np.searchsorted(places, (start, stop))
        found = found.astype(wide(spec.type))
        found[places[low:high] - start] += signs[low:high] * found.dtype.type(self.sizes[name])
        return found.astype(dtype_of(spec.type), copy=False)


def ternary(model: Any, base: Any, *, density: float = 0.1, scale: float | None = None) -> Ternary:
    """The difference of ``model`` from ``base`` as signs of its largest numbers.

    Parameters
    ----------
    model, base
        Anything that ``open_weights`` takes; of one shape.
    density
        Share of each tensor's difference that stays, in (0, 1]. The paper takes .05 to .5.
    scale
        What a sign is worth, in standard deviations of the tensor's difference, as in the paper,
        which chooses it on held-out data; None is the mean magnitude of what stays, which has the
        least squared error.

    Returns
    -------
    Ternary
        Weights; ``save_ternary`` writes the differences alone.

    Raises
    ------
    EvidenceError
        Names or shapes differ, or numbers are not finite.
    """
    share("ternary", "density", density)
    if scale is not None and not 0 < scale < np.inf:
        raise UsageError("ternary", f"scale is {scale}", do="Pass a number above 0, or None")
    tuned, start = open_weights(model, name="model"), open_weights(base, name="base")
    same_shape(start, tuned)
    for one in (start, tuned):
        all_finite(one)
    made = Ternary(start, {}, {})
    for name in (n for n, spec in start.specs.items() if is_float(spec.type)):
        stack = Stack((tuned,), (name,), start)
        made.codes[name], made.sizes[name] = _coded(stack, density, scale)
    return made


def _coded(stack: Stack, density: float, scale: float | None) -> tuple[Code, float]:
    """Positions and signs of the largest numbers of a difference, and what a sign is worth."""
    if not stack.size:
        return encoded(np.zeros(0, np.int64), np.zeros(0, bool), density), 0.0
    least = max(ranked(stack, (count_of(density, stack.size),))[0, 0], np.finfo(stack.dtype).tiny)
    places, ups, sums, at = [], [], np.zeros(3), 0
    for piece in stack.pieces():
        tau = piece.models[0]
        stays = np.flatnonzero(np.abs(tau) >= least)
        places.append(stays + at)
        ups.append(tau[stays] > 0)
        sums += np.abs(tau[stays]).sum(dtype=np.float64), tau.sum(dtype=np.float64), tau @ tau
        at += tau.size
    code = encoded(np.concatenate(places), np.concatenate(ups), density)
    if scale is None:
        return code, _single(sums[0] / max(code.count, 1))
    return code, _single(scale * np.sqrt(max(sums[2] / at - (sums[1] / at) ** 2, 0)))


def _single(value: float) -> float:
    """As single precision has it, so that a file says the same in few letters."""
    return float(np.float32(value))


def save_ternary(weights: Ternary, path: str | os.PathLike[str]) -> Path:
    """Write the coded differences, without the base, as safetensors with codes of bytes.

    Returns
    -------
    Path
        The file, whose size is what a copy of the model costs beside its base.
    """
    rows = {
        name: [*code.row, weights.sizes[name], list(weights.specs[name].shape)]
        for name, code in weights.codes.items()
    }
    told = {"form": FORM, "tensors": json.dumps(rows, separators=(",", ":"))}
    codes = {name: code.data for name, code in weights.codes.items()}
    return save_weights(Held(codes, metadata=told), path)[0]


def open_ternary(path: str | os.PathLike[str], base: Any) -> Ternary:
    """A file of ``save_ternary`` and its base.

    Raises
    ------
    EvidenceError
        The file is another kind, or of another base.
    """
    packed, start = open_weights(path), open_weights(base, name="base")
    if packed.metadata.get("form") != FORM:
        raise EvidenceError(
            "open_ternary", f"{packed.source} holds no ternary differences", do="Open it as weights"
        )
    made = Ternary(start, {}, {})
    for name, (count, bits, bytes_, size, shape) in json.loads(packed.metadata["tensors"]).items():
        if name not in start or list(start.specs[name].shape) != shape:
            raise EvidenceError(
                "open_ternary",
                f"{start.source} has no tensor '{name}' of shape {tuple(shape)}",
                do="Pass the base that the differences were taken from",
            )
        made.codes[name] = Code(packed[name], count, bits, bytes_)
        made.sizes[name] = size
    return made
