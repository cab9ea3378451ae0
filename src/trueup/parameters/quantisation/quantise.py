r"""Weights of few bits: :math:`w \approx s_g\, l_c + o_g`, a code c a weight, a scale a group.

Examples
--------
>>> import numpy as np
>>> weights = {"a.weight": np.float32([[1, -2, 3], [0.1, 0.2, 0]]), "a.bias": np.float32([1, 2])}
>>> small = Quantise(bits=4).fit(weights)
>>> small["a.weight"].round(3)
array([[ 0.857, -2.142,  2.999],
       [ 0.114,  0.2  ,  0.   ]], dtype=float32)
>>> small.stored.bytes, small["a.bias"]
(15, array([1., 2.], dtype=float32))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.weights.opened import open_weights
from trueup.core.weights.packed import AbstractPacked, Packed
from trueup.core.weights.view import Weights
from trueup.parameters.matrices import is_run, matrices, network_of
from trueup.parameters.quantisation.grids import check_grid
from trueup.parameters.quantisation.nearest import Nearest
from trueup.parameters.quantisation.rounding import AbstractRounding
from trueup.parameters.quantisation.scales import Granularity, Scales, find_scales, joined
from trueup.parameters.quantisation.seen import InTurn, Looked, Unseen


CARD = Card(
    name="Quantise",
    question="parameters",
    family="quantisation",
    summary="weights as codes of few bits: grid, granularity, rounding, rotation, clipping",
    paper="Zeng et al. 2023, GLM-130B, 2210.02414, section 3; Dettmers et al. 2023, QLoRA, "
    "2305.14314, section 3 and appendix E (NF4); Li et al. 2023, DenseShift, 2208.09708 (powers of "
    "two without 0)",
    axes={"grid": "any", "granularity": "any", "rounding": "any", "rotation": "any"},
    mission=(13, 79, 230),
    cost="a pass over the weights; with clipping about 70; of the rounding",
    not_for="speed: layers unpack to plain numbers before they run",
)


@dataclass(frozen=True)
class Quantise:
    """Keep matrices as codes of few bits.

    Use it to make a file smaller. What it costs in quality is shown by ``prove``, never by the
    distance of the weights alone.

    Parameters
    ----------
    bits
        Bits of a code: 2 to 8 (``"fp4"`` 4; ``"power_of_two"`` 1 to 6; ``"asymmetric"`` 1 to 8).
    grid
        Levels: ``"uniform"`` (even, around 0), ``"asymmetric"`` (even, from an offset), ``"nf"``
        (quantiles of a normal law; 4 bits is NF4), ``"fp4"``, ``"power_of_two"`` (without 0).
    granularity
        What shares a scale: ``"tensor"``, ``"row"``, or that many columns of a row.
    rounding
        ``Nearest()``, or ``GPTQ()`` and ``AdaQuant()``, which need inputs.
    rotation
        ``Hadamard()`` or ``KLT()`` turn what a layer is given before weights are rounded, and back
        when they are read; None does not.
    clip
        Whether scales are those of least squared error, of columns by how large their inputs are;
        else the largest weight gets the highest level.
    """

    bits: int = 4
    grid: str = "uniform"
    granularity: Granularity = "row"
    rounding: AbstractRounding = field(default_factory=Nearest)
    rotation: Any = None
    clip: bool = False

    def __post_init__(self) -> None:
        check_grid(self.grid, self.bits)
        size = self.granularity
        if size not in ("tensor", "row") and not (isinstance(size, int) and size > 0):
            raise UsageError(
                "Quantise", f"granularity is {size!r}", do='Use "tensor", "row" or a width'
            )

    def fit(
        self,
        model: Any,
        inputs: Any = None,
        *,
        names: Sequence[str] | None = None,
        facts: Mapping[str, str] | None = None,
    ) -> Packed:
        """Quantise the matrices of a model.

        Parameters
        ----------
        model
            Anything that ``open_weights`` takes, read a tensor at a time; a torch module or a
            ``Network`` where a rounding or a rotation looks at inputs.
        inputs
            Rows that the network is shown; None shows none. Tensors of layers that they never come
            to are rounded to the nearest, and the metadata name them (``quantised_unseen``).
        names
            Layers, tensors, or patterns such as ``"encoder.*"``; None is every layer of a network,
            and of plain weights every matrix that is no embedding and no norm by its name.
        facts
            What else the metadata should say, such as which rows ``inputs`` were.

        Returns
        -------
        Packed
            Weights that read like any others; ``save_weights`` writes them in less room.

        Raises
        ------
        UsageError
            Inputs are missing, or there is no tensor of a name.
        EvidenceError
            Weights, or what a layer is given, hold NaN or infinite numbers.
        """
        network = network_of("Quantise", model) if is_run(model) else None
        weights: Weights = open_weights(network.module if network else model)
        chosen = [one.tensor for one in matrices("Quantise", network or weights, names=names)]
        looks = self._looks(network, inputs, chosen)
        tensors: dict[str, AbstractPacked] = {}
        unseen = []
        for name in chosen:
            values, grams = weights[name], looks.grams(name)
            _check_finite(f"the tensor {name}", values, "Train again from an earlier checkpoint")
            if grams is not None:
                _check_finite(f"what {name} is multiplied with", grams, "Look at the inputs")
            elif looks.rows:
                unseen.append(name)
            tensors[name] = self.tensor(values, grams)
            looks.put(name, tensors[name])
        told = {"quantised_unseen": ", ".join(unseen)} if unseen else {}
        return Packed(tensors, weights, {**self._facts(looks.rows), **told, **(facts or {})})

    def _looks(self, network: Any, inputs: Any, chosen: Sequence[str]) -> Unseen:
        """Who looks at what layers are given: only where something asks."""
        asking = [one for one in (self.rounding, self.rotation) if getattr(one, "of_inputs", False)]
        if asking and (network is None or inputs is None):
            raise UsageError(
                "Quantise", f"{asking[0]} looks at what layers are given, and there is nothing",
                do="Pass a torch module and inputs",
            )  # fmt: skip
        if network is None or inputs is None or not (asking or self.clip):
            return Unseen()
        return (InTurn if self.rounding.sequential else Looked)(network, inputs, chosen)

    def _facts(self, rows: int) -> dict[str, str]:
        """What the metadata say of what was done."""
        return {"quantised_by": repr(self), "quantised_bits": str(self.bits),
                "quantised_calibration_rows": str(rows)}  # fmt: skip

    def tensor(self, values: np.ndarray, grams: np.ndarray | None = None) -> AbstractPacked:
        """One tensor (out, ...), quantised.

        Parameters
        ----------
        values
            The tensor; the first axis are rows.
        grams
            (groups, d, d) mean of x x' of what each group of rows is given, or None.
        """
        matrix = values.reshape(len(values), -1).astype(np.float32)
        turn = None
        if self.rotation is not None:
            turn = self.rotation.fit(matrix.shape[1], grams)
            matrix = turn.apply(matrix)
            grams = None if grams is None else np.stack([turn.of_gram(gram) for gram in grams])
        weight = None if grams is None else _importance(grams)
        scales = find_scales(
            matrix, grid=self.grid, bits=self.bits, granularity=self.granularity,
            clip=self.clip, weight=weight,
        )  # fmt: skip
        codes, scales = self._rounded(matrix, scales, grams)
        packed = scales.packed(codes, values.shape)
        return packed if turn is None else turn.packed(packed)

    def _rounded(
        self, matrix: np.ndarray, scales: Scales, grams: np.ndarray | None
    ) -> tuple[np.ndarray, Scales]:
        """Codes and scales of all rows; a group of rows by what it is given."""
        if grams is None:
            return Nearest()(matrix, scales, None)
        size = len(matrix) // len(grams)
        cuts = [slice(at * size, (at + 1) * size) for at in range(len(grams))]
        parts = [
            self.rounding(matrix[rows], scales.rows(rows), gram)
            for rows, gram in zip(cuts, grams, strict=True)
        ]
        return np.concatenate([codes for codes, _ in parts]), joined([own for _, own in parts])


def _check_finite(what: str, values: np.ndarray, do: str) -> None:
    plain = values.astype(np.float32) if values.dtype.itemsize < 4 else values
    if bad := int((~np.isfinite(plain)).sum()):
        raise EvidenceError(
            "Quantise", f"{what} holds {bad} numbers of {values.size} that are NaN or infinite",
            do=do,
        )  # fmt: skip


def _importance(grams: np.ndarray) -> np.ndarray:
    """(d,) how large what a column is multiplied with is, by its mean; never quite 0."""
    size = np.einsum("gdd->d", grams) / len(grams)
    return size / size.mean() + 1e-3 if size.mean() > 0 else np.ones_like(size)
