"""Probabilities of classes."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from trueup.core.errors import EvidenceError
from trueup.core.validate import check_probabilities, refuse_shares


EPS = 1e-12
"""Smallest probability inside a logarithm: the same for float32 and float64 input.

Published numbers that we reproduce count so; with 2.2e-16 a few rows of an over-confident model
pull its temperature up by a quarter (naive Bayes on digits: 7.1 instead of 5.7).
"""


@dataclass(frozen=True, eq=False, init=False)
class Probabilities:
    """Probabilities of classes, a row a case.

    Parameters
    ----------
    probs
        (n, k) with rows that sum to one, or (n,) for the probability of an event; in [0, 1].
    classes
        Names of the k classes; empty means 0 .. k - 1.

    Attributes
    ----------
    said
        What was passed: (n, k), or (n,) of an event. Single precision stays as it is until
        something asks for more: half the memory to read.
    event
        True where one probability a row was given: measures then speak of the event, else of the
        class that wins.

    Examples
    --------
    >>> Probabilities([0.2, 0.9]).probs
    array([[0.8, 0.2],
           [0.1, 0.9]])
    """

    said: np.ndarray
    classes: tuple
    event: bool
    _log: np.ndarray | None = field(repr=False)

    kind = "probabilities"

    def __init__(self, probs, classes: tuple = ()) -> None:
        p = np.asarray(probs)
        p = p if p.dtype == np.float32 else p.astype(np.float64, copy=False)
        check_probabilities(p)
        vars(self).update(said=p, event=p.ndim == 1, _log=None)
        vars(self).update(classes=tuple(classes) or tuple(range(self.k)))
        if len(self.classes) != self.k:
            raise EvidenceError(
                "Probabilities",
                f"{len(self.classes)} class names for {self.k} columns",
                do="Pass one name a column",
            )

    @classmethod
    def from_logits(cls, logits, *, classes: tuple = (), event: bool = False) -> Probabilities:
        """Softmax of ``logits`` (n, k); log-probabilities stay exact where probabilities round."""
        z = np.asarray(logits, dtype=np.float64)
        if z.ndim != 2 or not np.isfinite(z).all():
            raise EvidenceError(
                "Probabilities.from_logits",
                f"logits must be finite and of shape (n, k); got shape {z.shape}",
                do="Pass one column a class, without NaN",
            )
        if z.shape[1] < 2 or len(classes) not in (0, z.shape[1]):
            raise EvidenceError(
                "Probabilities.from_logits",
                f"{z.shape[1]} column(s) of logits for classes {list(classes)}",
                do="Pass one column a class, two at least, and one name a column",
            )
        refuse_shares("Probabilities.from_logits", z)
        z = log_softmax(z)
        return trusted(np.exp(z), tuple(classes) or tuple(range(z.shape[1])), event, z)

    def __len__(self) -> int:
        return len(self.said)

    @property
    def k(self) -> int:
        """Number of classes."""
        return 2 if self.said.ndim == 1 else self.said.shape[1]

    @cached_property
    def probs(self) -> np.ndarray:
        """Probabilities (n, k) of all classes in double precision."""
        p = self.said.astype(np.float64, copy=False)
        return _both(p) if p.ndim == 1 else p

    @property
    def chance(self) -> np.ndarray:
        """Probability (n,) of the event: of the last class."""
        p = self.said if self.said.ndim == 1 else self.said[:, -1]
        return p.astype(np.float64, copy=False)

    @property
    def exact_logs(self) -> np.ndarray | None:
        """Log-probabilities (n, k) where the prediction was made from logits, else None."""
        return self._log

    def log_probs(self) -> np.ndarray:
        """Natural logarithms (n, k); a probability below 1e-12 counts as 1e-12."""
        if self._log is not None:
            return self._log
        wide = self.probs if self.said.ndim == 1 else self.said
        logs = np.maximum(wide, EPS, dtype=np.float64)
        return np.log(logs, out=logs)

    def take(self, index) -> Probabilities:
        """The rows of ``index``."""
        log = None if self._log is None else self._log[index]
        return trusted(self.said[index], self.classes, self.event, log)


def _both(p: np.ndarray) -> np.ndarray:
    """(n, 2) probabilities of the event's absence and of the event."""
    both = np.empty((len(p), 2))
    np.subtract(1.0, p, out=both[:, 0])
    both[:, 1] = p
    return both


def log_softmax(z: np.ndarray) -> np.ndarray:
    """Log-probabilities of logits (n, k), without overflow."""
    z = z - z.max(axis=1, keepdims=True, initial=-np.inf)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def trusted(probs, classes: tuple, event: bool, log: np.ndarray | None) -> Probabilities:
    """Probabilities that are known to be valid."""
    made = object.__new__(Probabilities)
    vars(made).update(said=probs, classes=classes, event=event, _log=log)
    return made
