"""Observations of a simulator's state: numbers, how wrong they may be, and what they are of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.errors import EvidenceError
from trueup.error.assimilation.observer import WHO, Observer


@dataclass(frozen=True, eq=False)
class Observations:
    """What was observed of a state, time after time.

    Parameters
    ----------
    values
        (t, p); NaN is left out.
    error
        Their standard deviation, one or (p,), or covariance (p, p), in their unit.
    operator
        What is observed: None for the whole state, indices or a mask of the flattened state, a
        matrix (p, m), or a function of states (members, ...) that gives (members, p).
    every
        Steps of the model from one time to the next, the first of them after its start.
    batched
        Whether values (t, e, p) and ensembles (e, members, ...) are of e experiments.

    Examples
    --------
    >>> Observations([[0.9], [1.1]], error=0.1, operator=[0]).values.shape
    (2, 1)
    """

    values: np.ndarray
    error: object
    operator: object = None
    every: int = 1
    batched: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", np.asarray(self.values))

    def series(self, experiments: int, dtype) -> np.ndarray:
        """(t, e, p) values in the precision of the members."""
        y = np.asarray(self.values, dtype=dtype)
        if y.ndim < 1 + self.batched or not y.size or (self.batched and y.shape[1] != experiments):
            raise EvidenceError(
                WHO,
                f"observations have shape {y.shape}, with {experiments} experiment(s)",
                do="Pass (times, p), with batched=True (times, experiments, p)",
            )
        y = y.reshape(len(y), experiments, -1)
        if np.isinf(y).any():
            raise EvidenceError(
                WHO, "observations hold infinite values", do="Mark what is missing by NaN"
            )
        return y

    def observer(self, shape: tuple[int, ...], y: np.ndarray) -> Observer:
        """Operator and error for states of ``shape`` and ``series`` y."""
        made = Observer(self.operator, self.error, shape=shape, count=y.shape[2], dtype=y.dtype)
        made.check_count()
        return made
