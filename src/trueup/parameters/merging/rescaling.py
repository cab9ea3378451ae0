r"""DAREx-q: what differences that are not dropped should be divided by.

A neuron's output changes by :math:`\sum_j c_j (1 - m_j / q)` with :math:`c_j = \tau_j x_j` and
:math:`m_j \sim \mathrm{Bernoulli}(1 - p)`. Dividing by :math:`q = 1 - p` leaves no bias and most
variance; dividing by 1 is the other end. The mean square over chance, neurons and inputs,

.. math:: \left(1 - \tfrac{1 - p}{q}\right)^2 S + \tfrac{p (1 - p)}{q^2} Q, \quad
    S = \overline{(\textstyle\sum_j c_j)^2}, \; Q = \overline{\textstyle\sum_j c_j^2}

is least at :math:`q = 1 - p + p\, Q / S`, within :math:`[1 - p, 1]`. With ``eta`` the paper's bound
on a single change is made least instead, for every neuron and input, and the mean taken:

.. math:: |\textstyle\sum_j c_j| \left(1 - \tfrac{1 - p}{q}\right)
    + \tfrac{\eta}{4 q^2} \Phi(p) \textstyle\sum_j c_j^2 + \tfrac1\eta \ln \tfrac{2}{1 - \gamma},
    \quad \Phi(p) = \frac{1 - 2p}{\ln((1 - p) / p)}

so that :math:`q = \eta\, \Phi(p) \sum_j c_j^2 / (2 (1 - p) |\sum_j c_j|)`. Were :math:`\eta` chosen
to make the bound least as well, q would always be one of the ends.

Examples
--------
>>> import numpy as np
>>> rng = np.random.default_rng(0)
>>> base, tuned = {"w": np.zeros((4, 50))}, {"w": rng.normal(0.3, 1, size=(4, 50))}
>>> found = rescaling(tuned, base, rate=0.9, inputs={"w": 1 + rng.normal(size=(20, 50))})
>>> round(found["w"], 2)
0.41
>>> round(rescaling_by_change(lambda q: (1 / q - 2) ** 2, rate=0.9), 1)
0.5
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.weights.opened import open_weights
from trueup.parameters.merging.checks import same_shape


CARD = Card(
    name="rescaling",
    question="parameters",
    family="merging",
    summary="what DARE should divide by so that outputs change least, by inputs or by trial",
    paper="Deng et al. 2025, DARE the Extreme, ICLR, 2410.09344, sections 3 and 4",
    axes={"delta": "from the base", "sparsify": "drop", "consensus": "sum"},
    mission=(287,),
    exports=("rescaling", "rescaling_by_change"),
    cost="O(n m) for m inputs of each layer; or a trial for every q",
    not_for="rates below .9 of small differences: there 1 - rate does as well",
)


def rescaling(
    model: Any,
    base: Any,
    *,
    rate: float,
    inputs: Mapping[str, np.ndarray],
    eta: float | None = None,
) -> dict[str, float]:
    r"""What to divide by, of every matrix whose inputs are given, for ``DARE(rate, q=...)``.

    Parameters
    ----------
    model, base
        Anything that ``open_weights`` takes.
    rate
        :math:`p`, chance to be dropped, in (0, 1).
    inputs
        Tensor -> rows (m, d) that its layer sees; no labels are needed, some dozens suffice. A
        tensor (out, ...) is taken as a matrix (out, d).
    eta
        :math:`\eta > 0` of the paper's bound; None makes the mean square least.

    Returns
    -------
    dict
        Tensor -> q in [1 - rate, 1].
    """
    _check_rate("rescaling", rate)
    if eta is not None and not 0 < eta < np.inf:
        raise UsageError("rescaling", f"eta is {eta}", do="Pass a number above 0, or None")
    tuned, start = open_weights(model, name="model"), open_weights(base, name="base")
    same_shape(start, tuned)
    made = {}
    for name, rows in inputs.items():
        delta = np.subtract(tuned[name], start[name], dtype=np.float64)
        delta = delta.reshape(len(delta), -1) if delta.ndim else delta.reshape(1, 1)
        rows = np.asarray(rows, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != delta.shape[1] or not np.isfinite(rows).all():
            raise EvidenceError(
                "rescaling",
                f"inputs of '{name}' are {rows.shape}, its matrix is {delta.shape}",
                do=f"Pass finite rows of {delta.shape[1]} numbers",
            )
        sums, squares = rows @ delta.T, rows**2 @ (delta**2).T
        made[name] = _of_bound(sums, squares, rate, eta) if eta else _of_mean(sums, squares, rate)
    return made


def _of_mean(sums: np.ndarray, squares: np.ndarray, rate: float) -> float:
    """q of the least mean square; 1 where nothing changes."""
    total = float(np.sum(sums**2))
    return float(min(1 - rate + rate * np.sum(squares) / total, 1)) if total else 1.0


def _of_bound(sums: np.ndarray, squares: np.ndarray, rate: float, eta: float) -> float:
    """Mean over neurons and inputs of the q that make the bound least."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = eta * phi(rate) * squares / (2 * (1 - rate) * np.abs(sums))
    return float(np.mean(np.clip(np.nan_to_num(found, nan=1.0), 1 - rate, 1)))


def phi(rate: float) -> float:
    """Constant of Kearns and Saul: how tame the sum of Bernoulli variables is.

    Examples
    --------
    >>> phi(0.5), round(phi(0.99), 3)
    (0.5, 0.213)
    """
    return (1 - 2 * rate) / float(np.log((1 - rate) / rate)) if rate != 0.5 else 0.5


def rescaling_by_change(change: Callable[[float], Any], *, rate: float, steps: int = 20) -> float:
    """What to divide by so that outputs change least, by trial.

    Parameters
    ----------
    change
        Takes q and gives how much the outputs of ``DARE(rate, q)`` differ from those of the model,
        on inputs without labels; best the mean over a few seeds.
    rate
        Chance to be dropped, in (0, 1).
    steps
        How many q are tried from 1 - rate to 1, evenly in 1 / q.

    Returns
    -------
    float
        The q of the least change.
    """
    _check_rate("rescaling_by_change", rate)
    if steps < 2:
        raise UsageError("rescaling_by_change", f"steps is {steps}", do="Pass 2 or more")
    tried = 1 / np.linspace(1, 1 / (1 - rate), steps)
    changes = np.array([float(change(float(q))) for q in tried])
    if not np.isfinite(changes).any():
        raise EvidenceError(
            "rescaling_by_change", "no change is finite", do="Look at what change() gives for q = 1"
        )
    return float(tried[np.nanargmin(np.where(np.isfinite(changes), changes, np.nan))])


def _check_rate(who: str, rate: float) -> None:
    if not 0 < rate < 1:
        raise UsageError(who, f"rate is {rate}", do="Pass a chance between 0 and 1")
