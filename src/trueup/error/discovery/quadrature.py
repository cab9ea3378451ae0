"""Whether states lie close enough in time: waves that move too far, and the error of the sums."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from trueup.error.discovery.estimate import TINY, Coefficients, solve
from trueup.error.discovery.grams import Grams
from trueup.error.discovery.increments import Increments, Place
from trueup.error.discovery.mesh import Mesh


if TYPE_CHECKING:
    from trueup.error.discovery.search import Search

FAR = 0.5
"""Power of what is missed of a wave in one interval, over that of the wave, that is too much: a
phase of 0.7, beyond which Simpson's rule loses a thousandth."""
BESIDE = 7
"""Waves beside each other whose shares are averaged: one may stand still by chance."""
MARGIN = 2.0
"""For relative errors that differ between terms; 0.8 is exact for one wave."""
ORDER = 4
"""Order of Simpson's rule."""


@dataclass(frozen=True)
class Quadrature:
    """The error of the sums that stand for integrals over time.

    Attributes
    ----------
    share
        Its share of what the model misses, in standard deviations.
    cutoff
        Wavenumber above which waves move too far between two states; infinite where none do.
    """

    share: float
    cutoff: float = float("inf")


UNKNOWN = Quadrature(float("nan"))
"""Nothing is known of the error."""


def resolved(
    increments: Increments, states: np.ndarray, sd: np.ndarray, *, mesh: Mesh, cutoff: float
) -> float:
    r"""The fastest wavenumber whose waves are missed by less than themselves in one interval.

    With a wave's amplitude :math:`a_k`, the model :math:`\Phi` and noise of power s,
    :math:`r_k = (E|a_k(h) - \Phi_h(a(0))_k|^2 - 2 s) / E|a_k|^2`, its last mean over both states,
    is 2 of waves that come back at any phase: nothing that moves them can be read from such states,
    and derivatives blow them up.
    """
    now, later = states[:, 0], states[:, 1]
    missed = mesh.forward(later - increments.pushed(now, 1))
    # Of both states: runs that set out from a few waves make the others on their way.
    size = (np.abs(mesh.forward(np.stack([now, later]))) ** 2).mean(axis=(0, 1))
    power = np.prod(states.shape[3:]) * sd.reshape(-1, *[1] * mesh.ndim) ** 2
    change = np.maximum((np.abs(missed) ** 2).mean(axis=0) - 2 * power, 0.0)
    lengths = mesh.lengths(states.shape[3:]).ravel()
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] <= cutoff]
    share = (change / np.maximum(size, 1e-300)).reshape(len(change), -1).max(axis=0)[order]
    share = np.minimum(
        share, 4.0
    )  # a model that blows a wave up says no more than one that loses it
    many = min(BESIDE, len(share))
    near = np.convolve(share, np.ones(many) / many, mode="valid")
    far = near > FAR
    if not far.any():
        return float("inf")
    return float(lengths[order][int(far.argmax()) + many // 2])


def coarser(search: Search, chosen: list[Place]) -> tuple[Grams, float] | None:
    """Sums for ``chosen`` with integrals of lower accuracy, and the gain of the better ones.

    Windows of 4 intervals or more: every other state, or where their number is odd every third,
    fifth ... of which trapezoids err by the square of that. Windows of 2: trapezoids; of 1: None.
    """
    increments = search.increments
    length = search.windows.length
    if length == 1 or not increments.through or not chosen:
        return None
    if length % 2:
        every = next(n for n in range(3, length + 1, 2) if length % n == 0)
        wide = replace(increments, dt=every * increments.dt, substeps=every)
        sums = search.summed(
            lambda s, _: search.part(wide, s[:, ::every], chosen, None), len(chosen)
        )
        return sums, MARGIN / (every**2 - 1)
    if length % 4:
        short = replace(increments, span=1)
        return search.summed(lambda s, _: search.part(short, s, chosen, None), len(chosen)), 0.0
    wide = replace(increments, dt=2 * increments.dt, substeps=2)
    sums = search.summed(lambda s, _: search.part(wide, s[:, ::2], chosen, None), len(chosen))
    return sums, 1.0 / (2**ORDER - 1)


def unsure(
    plain: Grams, coarse: Grams, weights: np.ndarray, gain: float, basis: np.ndarray
) -> tuple[np.ndarray, float]:
    """How far (p,) coefficients may be off by the rule for integrals, and its share of the misses.

    With coefficients c of the better and b of the worse rule, :math:`|c - b| / 15` where only the
    interval was doubled. From the trapezoid to Simpson's rule relative errors are squared, so
    :math:`\\rho |c - b|` with :math:`\\rho` the size of :math:`c - b` over that of c.
    """
    better, worse = (basis @ solve(*g.mapped(basis).weighed(weights).total())
                     for g in (plain, coarse))  # fmt: skip
    off = np.abs(worse - better)
    length = np.sqrt(np.diagonal(plain.weighed(weights).total()[0]))
    size = float(np.linalg.norm(length * better))
    relative = float(np.linalg.norm(length * off)) / max(size, TINY)
    gain = gain or min(MARGIN * relative, 1.0)
    return gain * off, gain * relative


def widened(found: Coefficients, off: np.ndarray) -> Coefficients:
    """``found`` with intervals and standard errors that hold the error ``off`` (p,) as well."""
    return replace(found, sd=np.hypot(found.sd, off / 2), low=found.low - off,
                   high=found.high + off)  # fmt: skip
