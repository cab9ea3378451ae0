r"""Kinship of two models, before anyone merges them: :math:`\cos(a, b)` of every tensor.

Models that were fine-tuned from one, or trained from one seed, have correlated weights. Those of
models with different starts are as unrelated as random numbers, whose correlation is
:math:`0 \pm 1/\sqrt{n}`, even where they are the same network with its neurons in another order.

Examples
--------
>>> import numpy as np
>>> rng = np.random.default_rng(0)
>>> start, other = ({"w": rng.normal(size=(30, 20))} for _ in range(2))
>>> tuned = {"w": start["w"] + 0.1 * rng.normal(size=(30, 20))}
>>> kin(start, tuned).verdict.value, kin(start, other).verdict.value
('same start', 'unrelated')
>>> kin(start, {"w": start["w"][::-1]}).verdict.value
'same neurons in another order'
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from trueup.core.cards import Card
from trueup.core.weights.opened import open_weights
from trueup.core.weights.types import is_float
from trueup.core.weights.view import Weights
from trueup.parameters.merging.kinship import Kinship, judge_all, judge_tensor, judged
from trueup.parameters.merging.notes import bad, others, types
from trueup.parameters.merging.sums import Sums, by_neuron, moments, products, same_neurons
from trueup.parameters.merging.tied import tied_in_one


__all__ = ["Kin", "kin"]

CARD = Card(
    name="kin",
    question="parameters",
    family="merging",
    summary="whether two models share a start, are permuted copies, or are unrelated",
    paper="Neyshabur et al. 2020, What is being transferred in transfer learning?, 2008.11687",
    mission=(34,),
    cost="one pass over both files; memory of some pieces of a tensor",
    not_for="models of different shapes, whose common tensors alone are compared",
)


@dataclass(frozen=True)
class TensorKin:
    """What two models have in common in one tensor.

    Attributes
    ----------
    name, shape
        The tensor.
    cosine
        Of all its numbers, in [-1, 1]; NaN where one model holds zeros alone.
    correlation
        The cosine once means are taken off; z standard errors :math:`1/\\sqrt{n}` from 0.
    z
        As above.
    distance
        |b - a| / |a|.
    kinship
        The verdict.
    reordered
        Whether both hold the same neurons, in another order.
    delta_cosine, signs
        With a base: cosine of what both are away from it, and the share of numbers that moved in
        both which moved in the same direction; 1/2 is chance.
    """

    name: str
    shape: tuple[int, ...]
    cosine: float
    correlation: float
    z: float
    distance: float
    kinship: Kinship
    reordered: bool
    delta_cosine: float = math.nan
    signs: float = math.nan


@dataclass(frozen=True)
class Kin:
    """What two models are to each other.

    Attributes
    ----------
    a, b
        What was compared.
    verdict
        Of all matrices of real numbers that both have.
    cosine, distance
        Of all their numbers together.
    tensors
        Each tensor of real numbers that both have.
    notes
        What to know before a merge, a sentence each.
    delta_cosine, signs
        With a base: as of tensors, of all numbers together.
    """

    a: str
    b: str
    verdict: Kinship
    cosine: float
    distance: float
    tensors: tuple[TensorKin, ...]
    notes: tuple[str, ...] = ()
    delta_cosine: float = math.nan
    signs: float = math.nan

    def __str__(self) -> str:
        return (
            f"{self.verdict}: cosine {self.cosine:.4f}, relative distance {self.distance:.4g} over "
            f"{len(self.tensors)} tensors. {self.verdict.sentence}"
        )

    def to_dict(self) -> dict[str, Any]:
        """A dict for JSON: what is not finite becomes None."""
        row = asdict(self)
        row["tensors"] = [_plain(tensor) for tensor in row["tensors"]]
        return {**_plain(row), "sentence": self.verdict.sentence, "notes": list(self.notes)}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    bad = {k: None for k, v in row.items() if isinstance(v, float) and not math.isfinite(v)}
    return {**row, **bad}


def kin(a: Any, b: Any, *, base: Any = None) -> Kin:
    """Look how two models are related.

    Use it before a merge: averages of unrelated models are worth nothing, and those of permuted
    copies are not either until they are aligned. A verdict speaks of where training started, not
    of what the models do.

    Parameters
    ----------
    a, b
        Anything that ``open_weights`` takes: paths, state dicts, modules.
    base
        What both may have been fine-tuned from; then what they learned is compared, too.

    Returns
    -------
    Kin
        The verdict, with numbers a tensor.

    Examples
    --------
    >>> one = {"w": np.eye(8)}
    >>> print(kin(one, {"w": 2 * np.eye(8)}))
    same start: cosine 1.0000, relative distance 1 over 1 tensors. Fine-tuned ...
    """
    one, two = open_weights(a, name="a"), open_weights(b, name="b")
    start = None if base is None else open_weights(base, name="base")
    shared = [n for n in one if n in two and one.specs[n].shape == two.specs[n].shape]
    names = [n for n in shared if is_float(one.specs[n].type) and is_float(two.specs[n].type)]
    looks = [_look(one, two, start, name) for name in names]
    whole = [look for look in looks if look.sums.finite]
    matrices = [look for look in whole if judged(look.kin.shape, look.sums.n)] or whole
    total = _added([look.sums for look in matrices])
    away = [look for look in whole if look.deltas is not None]
    both = _added([look.deltas for look in away if look.deltas is not None])
    moved = sum(look.moved for look in away)
    return Kin(
        one.source,
        two.source,
        _verdict(matrices, shared),
        total.cosine(0, 1),
        _distance(total),
        tuple(look.kin for look in looks),
        (*bad(one, two, _strange(looks)), *others(one, two), *types(one, two, names),
         *tied_in_one(one, two, {look.kin.name: look.sums for look in whole}),
         *_from_base(whole, start)),
        both.cosine(0, 1),
        sum(look.agreed for look in away) / moved if moved else math.nan,
    )  # fmt: skip


@dataclass
class _Look:
    """Sums of one tensor: of a, b, b - a, and the base; of a and b less the base."""

    kin: TensorKin
    sums: Sums
    deltas: Sums | None = None
    moved: int = 0
    agreed: int = 0


@dataclass
class _Rows:
    """What a pass adds up."""

    sums: np.ndarray
    deltas: np.ndarray = field(default_factory=lambda: np.zeros((3, 3)))
    neurons: list[list[np.ndarray]] = field(default_factory=lambda: [[], []])
    moved: int = 0
    agreed: int = 0


def _look(one: Weights, two: Weights, base: Weights | None, name: str) -> _Look:
    spec = one.specs[name]
    known = base is not None and name in base and base.specs[name].shape == spec.shape
    models = [one, two, base] if base is not None and known else [one, two]
    rows = _Rows(np.zeros((len(models) + 2,) * 2))
    with np.errstate(over="ignore", invalid="ignore"):  # NaN and infinite ones are told later
        for pieces, width in by_neuron(models, name):
            _add(rows, pieces, width)
    sums = Sums(rows.sums)
    first, second = (np.concatenate(part or [np.zeros((0, 3))]) for part in rows.neurons)
    correlation, equal = sums.correlation(0, 1), sums.square(2) == 0
    deltas = Sums(rows.deltas) if known else None
    found = TensorKin(
        name, spec.shape, sums.cosine(0, 1), correlation, correlation * math.sqrt(sums.n),
        _distance(sums), judge_tensor(correlation, sums.n, equal=equal),
        not equal and same_neurons(first, second),
        deltas.cosine(0, 1) if deltas else math.nan,
        rows.agreed / rows.moved if rows.moved else math.nan,
    )  # fmt: skip
    return _Look(found, sums, deltas, rows.moved, rows.agreed)


def _add(rows: _Rows, pieces: list[np.ndarray], width: int) -> None:
    one, two, *base = pieces
    rows.sums += products([one, two, two - one, *base])
    for into, piece in zip(rows.neurons, (one, two), strict=True):
        into.append(moments(piece, width))
    if base:
        deltas = [one - base[0], two - base[0]]
        rows.deltas += products(deltas)
        same = np.sign(deltas[0]) * np.sign(deltas[1])
        rows.moved += int((same != 0).sum())
        rows.agreed += int((same > 0).sum())


def _distance(sums: Sums) -> float:
    if not sums.square(0) > 0:
        return 0.0 if sums.square(2) == 0 else math.nan
    return math.sqrt(sums.square(2) / sums.square(0))


def _added(found: list[Sums]) -> Sums:
    """Sums over several tensors; rows of a base that only some have are left out."""
    if not found:
        return Sums(np.zeros((4, 4)))
    k = min(len(sums.products) for sums in found)
    return Sums(np.sum([sums.products[:k, :k] for sums in found], axis=0))


def _verdict(looks: list[_Look], shared: list[str]) -> Kinship:
    if not shared:
        return Kinship.OTHER_SHAPE
    found = judge_all((look.kin.kinship, look.sums.n) for look in looks)
    if found in (Kinship.IDENTICAL, Kinship.SAME_START):
        return found
    many = [look for look in looks if look.kin.shape and look.kin.shape[0] > 1]
    return Kinship.REORDERED if _reordered(many) else found


def _reordered(looks: list[_Look]) -> bool:
    """Whether nearly all numbers belong to the same neurons; some must stand elsewhere."""
    same = sum(look.sums.n for look in looks if look.kin.reordered or not look.sums.square(2))
    moved = any(look.kin.reordered for look in looks)
    return moved and same >= 0.95 * sum(look.sums.n for look in looks)


def _strange(looks: list[_Look]) -> list[str]:
    return [look.kin.name for look in looks if not look.sums.finite]


def _from_base(looks: list[_Look], base: Weights | None) -> list[str]:
    """Whether the base is what the models were made from."""
    if base is None:
        return []
    of = [look for look in looks if look.deltas is not None and judged(look.kin.shape, look.sums.n)]
    if not of:
        return [f"{base.source} has no matrix in common with the models."]
    kinds = [
        judge_all((judge_tensor(k.sums.correlation(i, 3), k.sums.n), k.sums.n) for k in of)
        for i in (0, 1)
    ]
    return [
        f"{base.source} is {kind} to model {which}: differences from it mean little."
        for which, kind in zip("ab", kinds, strict=True)
        if kind in (Kinship.UNRELATED, Kinship.PARTLY)
    ]
