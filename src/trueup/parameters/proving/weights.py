r"""Proof of changed weights: what a network predicts with them, before and after, row by row.

The difference of the scores is paired: :math:`D = \frac1n \sum_i s(f_{after}(x_i), y_i) -
s(f_{before}(x_i), y_i)`, and its interval that of these pairs.

Examples
--------
>>> import numpy as np, torch
>>> from trueup.parameters import Trial, prove_weights
>>> rng = np.random.default_rng(0)
>>> x = rng.normal(size=(500, 2)).astype(np.float32)
>>> trial = Trial(x, (x[:, 0] > 0).astype(int), arch=torch.nn.Linear(2, 2))
>>> before = {"weight": np.zeros((2, 2), np.float32), "bias": np.zeros(2, np.float32)}
>>> after = before | {"weight": np.float32([[-1, 0], [1, 0]])}
>>> prove_weights(before, after, on=trial).outcome.value
'proven'
"""

from __future__ import annotations

import math
from typing import Any

from trueup.core.cards import Card
from trueup.core.estimate import Estimate
from trueup.core.outcome import Outcome
from trueup.core.proof import Proof, check_margin
from trueup.core.proof import prove as prove_rows
from trueup.parameters.proving.predicted import Tried, tried
from trueup.parameters.proving.trial import Trial


__all__ = ["prove_weights"]

CARD = Card(
    name="prove_weights",
    question="parameters",
    family="proving",
    summary="two sets of weights compared by what their network predicts, row by row",
    paper="Schuirmann 1987, J. Pharmacokinetics and Biopharmaceutics 15 (the margin)",
    cost="two runs of the network over the rows",
    needs=("torch",),
    not_for="one draw of a method that depends on calibration rows or a seed: see prove_draws",
)


def prove_weights(
    before: Any,
    after: Any,
    *,
    on: Trial,
    score: str = "",
    level: float = 0.95,
    margin: float = 0.0,
) -> Proof:
    """Compare weights ``before`` and ``after`` a change on held-out rows.

    Parameters
    ----------
    before, after
        Anything that ``open_weights`` takes, or torch modules, which need not be alike.
    on
        Held-out rows, and the module that weights belong to.
    score
        Name of a measure; empty is the log loss of classes and tokens, the mean absolute error of
        numbers. Tokens of a sequence depend on each other: the interval allows for it.
    level
        Level of the interval.
    margin
        Loss, in the unit of the score, that is worth what the change saves; then ``not_worse`` is
        an outcome, too. Set it before you look.

    Returns
    -------
    Proof
        With the outcome ``nonfinite`` where a network gives NaN or infinite numbers.

    Raises
    ------
    LeakageError
        Weights remember, in their metadata, that they were calibrated on rows of ``on``.
    EvidenceError
        Weights are not of the module, or the module not of the inputs.
    """
    check_margin(margin)
    first, second = tried(before, on, score), tried(after, on, score)
    return proof_of(first, second, level=level, margin=margin)


def proof_of(before: Tried, after: Tried, *, level: float, margin: float) -> Proof:
    """The proof of what two sides said of the same rows."""
    name = before.score.name
    if before.evidence is None or after.evidence is None:
        return lost(name, after.learned, margin)
    made = prove_rows(
        None, after.evidence.prediction, on=before.evidence, score=before.score, level=level,
        margin=margin,
    )  # fmt: skip
    return Proof(
        name, made.before, made.after, made.difference, made.outcome, "", after.learned,
        made.proven_on, margin,
    )  # fmt: skip


def lost(name: str, learned: int, margin: float) -> Proof:
    """The proof where a network gives NaN or infinite numbers."""
    none = Estimate(math.nan, how="no value: an output of a network is not a finite number")
    return Proof(name, none, none, none, Outcome.NONFINITE, "", learned, 0, margin)
