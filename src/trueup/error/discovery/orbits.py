r"""NERO: the error of a model along the orbit of a group, for each sample and on average.

A model is equivariant where a transformed input has the transformed output. With an action
:math:`T_g` on inputs and :math:`S_g` on outputs, the orbit of a sample has the errors

.. math:: e_i(g) = L(y_i, S_g^{-1} f(T_g x_i)) ,

which are the same for every :math:`g` where the model is equivariant. Without truth the *consensus*
takes its place, the mean of :math:`S_g^{-1} f(T_g x_i)` over the orbit. It tells which of two
models is evener. Where errors peak it tells only for a model that is mostly right along the orbit:
on turned digits the curves by consensus and by label correlated at .98 where nine in ten
consensuses were right, and at -.85 where one in ten was.

Examples
--------
>>> x = np.random.default_rng(0).normal(size=(200, 4))
>>> shift = orbit(lambda x: x[:, 0], x, transform=lambda x, k: np.roll(x, k, axis=1),
...               elements=range(4), truth=x[:, 0])
>>> [round(point.value) for point in shift.curve()]
[0, 2, 2, 2]
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student

from trueup.core.cards import Card
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.estimate import Estimate


CARD = Card(
    name="orbit",
    question="error",
    family="discovery",
    summary="how an error changes as inputs are turned or shifted, by sample and on average",
    axes={"varies": "an element of a group", "truth": "labels or the consensus of the orbit"},
    paper="Zhao, Matsuzawa, Irvine, Maire, Kindlmann 2023, NERO, arXiv:2305.19889",
    mission=(119,),
    cost="a prediction a sample and element",
    not_for="symmetries that the truth does not have: a digit 6 turned by half is a 9; models that "
    "are mostly wrong along the orbit, whose consensus agrees with itself",
)

DRAWS = 400
"""Samples with replacement behind an interval; the error of a standard error is then 4 %."""
Loss = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Orbit:
    """Errors over orbits.

    Attributes
    ----------
    elements
        What the inputs were transformed by, in order (m of them).
    errors
        (n, m) error of every sample at every element against the truth; None without truth.
    against_consensus
        (n, m) error against the consensus of the orbit of the sample.
    consensus
        (n,) class or (n, ...) number that the orbit agrees on.
    """

    elements: tuple
    errors: np.ndarray | None
    against_consensus: np.ndarray
    consensus: np.ndarray

    def curve(self, *, consensus: bool = False) -> tuple[Estimate, ...]:
        """Mean error at every element with its t interval over samples.

        Parameters
        ----------
        consensus
            Whether the consensus stands for the truth; always so where no truth was given.
        """
        return tuple(map(_mean, self._matrix(consensus).T))

    def unevenness(self, *, consensus: bool = False) -> np.ndarray:
        """(n,) standard deviation of the error along the orbit of each sample."""
        return self._matrix(consensus).std(axis=1)

    def non_equivariance(self, *, consensus: bool = False) -> Estimate:
        """Mean unevenness with its interval; 0 for a model that is equivariant."""
        return _mean(self.unevenness(consensus=consensus))

    def agreement(self, *, seed: int = 0) -> Estimate:
        """Correlation over elements of the curves by consensus and by truth.

        NaN where a curve is flat. The interval is a bootstrap over samples.
        """
        if self.errors is None:
            raise UsageError(
                "Orbit.agreement", "there is no truth to agree with", do="Pass truth= to orbit"
            )
        n = len(self.errors)
        weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=DRAWS) / n
        drawn = _correlation(weights @ self.errors, weights @ self.against_consensus)
        value = _correlation(*(e.mean(axis=0)[None] for e in (self.errors, self.against_consensus)))
        known = drawn[np.isfinite(drawn)]
        low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (math.nan, math.nan)
        how = "bootstrap over samples"
        return Estimate(float(value[0]), float(low), float(high), n=n, how=how)

    def to_document(
        self, *, title: str = "", x: str = "element", y: str = "error", most: int = 100
    ) -> dict[str, Any]:
        """A plain dict for ``trueup.report.render``: curves, and orbits of some samples.

        Parameters
        ----------
        title, x, y
            What stands above the picture, and below and beside it.
        most
            Samples that one can pick, the most uneven first.
        """
        matrix, uneven = self._matrix(False), self.unevenness()
        shown = np.argsort(-uneven, kind="stable")[:most]
        curves = {"points": self.curve(), "consensus": self.curve(consensus=True)}
        samples = [
            {"sample": int(i), "mean": float(matrix[i].mean()), "uneven": float(uneven[i]),
             "errors": matrix[i].tolist()}
            for i in shown
        ]  # fmt: skip
        picture = {"kind": "orbit", "title": title, "x": x, "y": y, "samples": samples,
                   "labelled": self.errors is not None}  # fmt: skip
        at = [float(e) if isinstance(e, (int, float, np.number)) else str(e) for e in self.elements]
        for name, curve in curves.items():
            picture[name] = [{"at": a, **e.to_dict()} for a, e in zip(at, curve, strict=True)]
        known = self.errors is not None
        return {
            "kind": "orbit", "title": title, "rows": len(matrix), "elements": len(at),
            "uneven": self.non_equivariance().to_dict(),
            "agreement": self.agreement().to_dict() if known else None, "picture": picture,
        }  # fmt: skip

    def _matrix(self, consensus: bool) -> np.ndarray:
        return self.against_consensus if consensus or self.errors is None else self.errors


def orbit(
    predict: Callable[[Any], np.ndarray],
    X: np.ndarray,
    *,
    transform: Callable[[Any, Any], Any],
    elements: Sequence,
    truth: np.ndarray | None = None,
    back: Callable[[np.ndarray, Any], np.ndarray] | None = None,
    loss: Loss | None = None,
) -> Orbit:
    r"""Predict every sample at every element of a group and keep the errors apart.

    One number hides where a model is fragile; its errors over an orbit show at which angles or
    shifts, and for which samples. Transform by a few dozen elements that cover the group evenly:
    the consensus is a mean over them.

    Parameters
    ----------
    predict
        Takes inputs, gives (n, k) probabilities, or numbers (n,) or (n, ...).
    X
        Inputs, n of them.
    transform
        The action :math:`T_g`: takes inputs and an element, gives inputs.
    elements
        Elements :math:`g` of the group, 2 or more, such as angles.
    truth
        (n,) classes 0 .. k - 1, or numbers like those predicted; None for the consensus alone.
    back
        The inverse action :math:`S_g^{-1}` on outputs: takes outputs and an element. None where
        the output should not change, as a class when an image is turned.
    loss
        Takes truth and outputs, gives (n,) errors. None for the share of wrong classes, and for
        the squared error of numbers.

    Raises
    ------
    UsageError
        Fewer than two elements.
    EvidenceError
        Outputs of another length, or not finite; a truth of another length.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(200, 4))
    >>> mean = orbit(lambda x: x.mean(axis=1), x, elements=range(4),
    ...              transform=lambda x, k: np.roll(x, k, axis=1))
    >>> bool(mean.non_equivariance().value < 1e-15)
    True
    """
    elements = tuple(elements)
    if len(elements) < 2:
        raise UsageError("orbit", f"there are {len(elements)} elements", do="Pass two or more")
    said = np.stack([_returned(predict, X, g, transform, back) for g in elements], axis=1)
    return _judged(said, truth, elements, loss)


def _judged(said: np.ndarray, truth, elements: tuple, loss: Loss | None) -> Orbit:
    """Errors of outputs (n, m, ...) against truth and consensus."""
    consensus = said.mean(axis=1)
    classes = said.ndim == 3 and (_are_shares(said) if truth is None else np.ndim(truth) == 1)
    if classes:
        consensus = consensus.argmax(axis=1)
    loss = loss or (_wrong if classes else _squared)
    errors = None if truth is None else _errors(loss, _truth(truth, said), said)
    return Orbit(elements, errors, _errors(loss, consensus, said), consensus)


def _are_shares(said: np.ndarray) -> bool:
    """Whether outputs are probabilities: no negative number, and rows that sum to one."""
    return bool((said >= 0).all() and np.allclose(said.sum(axis=-1), 1, atol=1e-3))


def _returned(predict, X, g, transform, back) -> np.ndarray:
    """What is predicted at an element, in the frame of the sample."""
    said = np.asarray(predict(transform(X, g)), dtype=np.float64)
    said = said if back is None else np.asarray(back(said, g), dtype=np.float64)
    if said.shape[:1] != (len(X),) or not np.isfinite(said).all():
        raise EvidenceError(
            "orbit",
            f"at element {g} outputs have shape {said.shape} for {len(X)} inputs, "
            f"{int((~np.isfinite(said)).sum())} of the numbers are not finite",
            do="Let predict, transform and back keep the number of samples and give finite numbers",
        )
    return said


def _truth(truth, said: np.ndarray) -> np.ndarray:
    truth = np.asarray(truth)
    if len(truth) != len(said):
        raise EvidenceError(
            "orbit",
            f"the truth has {len(truth)} rows, there are {len(said)} inputs",
            do="Pass one truth a sample",
        )
    return truth


def _errors(loss: Loss, truth: np.ndarray, said: np.ndarray) -> np.ndarray:
    """(n, m) errors of outputs (n, m, ...)."""
    return np.stack([np.asarray(loss(truth, said[:, j]), float) for j in range(said.shape[1])], 1)


def _wrong(truth: np.ndarray, said: np.ndarray) -> np.ndarray:
    """1 where another class is likeliest."""
    return said.argmax(axis=1) != truth


def _squared(truth: np.ndarray, said: np.ndarray) -> np.ndarray:
    """Squared error, averaged over what a sample has."""
    return ((said - truth) ** 2).reshape(len(said), -1).mean(axis=1)


def _mean(values: np.ndarray) -> Estimate:
    n, mean = len(values), float(values.mean())
    if n < 2:
        return Estimate(mean, n=n, how="one sample: no interval")
    half = float(student.ppf(0.975, n - 1) * values.std(ddof=1)) / math.sqrt(n)
    return Estimate(mean, mean - half, mean + half, n=n, how="t interval over samples")


def _correlation(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Pearson's correlation of rows; NaN where a row is flat."""
    one, two = (each - each.mean(axis=1, keepdims=True) for each in (one, two))
    size = np.sqrt((one**2).sum(axis=1) * (two**2).sum(axis=1))
    flat = size < 1e-30
    return np.where(flat, np.nan, (one * two).sum(axis=1) / np.where(flat, 1.0, size))
