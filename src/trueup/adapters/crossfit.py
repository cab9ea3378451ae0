"""Rows that teach a classifier and its correction: which belong together, what they prove."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import _safe_indexing

from trueup.audit.bench import RowBench
from trueup.audit.remedies import try_all
from trueup.calibration.recalibrate.do_nothing import Identity
from trueup.core.errors import EvidenceError
from trueup.core.evidence import Evidence
from trueup.core.fitted import Fitted
from trueup.core.forms import Form
from trueup.core.probabilities import Probabilities
from trueup.core.proof import Proof
from trueup.core.rows import Rows
from trueup.core.splits import split_groups
from trueup.core.tables.kernel import Sample
from trueup.verbs import correct, prove


AUTOMATIC = "automatic"
"""Every correction is tried, and the best is taken where it is proven."""


class Taught:
    """Rows to learn from, and which of them belong together."""

    def __init__(self, X, y: np.ndarray, groups, classes: np.ndarray) -> None:
        self.X, self.groups = X, None if groups is None else np.asarray(groups)
        known = np.isin(y, classes)
        if not known.all():
            raise EvidenceError(
                "Corrected.fit",
                f"the classifier does not know the labels {np.unique(y[~known]).tolist()[:5]}",
                do="Fit it on every label, or leave these rows out",
            )
        self.codes = np.searchsorted(classes, y)
        copies = fingerprints(X, len(y)) if groups is None else None
        self.units = np.arange(len(y)) if copies is None else copies
        self.units = self.units if groups is None else self.groups
        self.copied = copies is not None

    def take(self, index: np.ndarray) -> Taught:
        """The rows of ``index``."""
        if len(index) == len(self.codes):
            return self
        made = object.__new__(Taught)
        made.X, made.codes = _safe_indexing(self.X, index), self.codes[index]
        made.groups = None if self.groups is None else self.groups[index]
        made.units, made.copied = self.units[index], self.copied
        return made

    def evidence(self, probs: np.ndarray, weight: np.ndarray | None, labels: tuple) -> Evidence:
        """Predictions (n, k) as evidence; a row that was copied stands there once, and heavier."""
        said, codes, units = Probabilities(probs, classes=labels), self.codes, self.units
        if not self.copied:
            return Evidence(said, codes, weight=weight, cluster=units)
        pairs = np.column_stack([units, codes.astype(np.uint64)])
        _, first, which = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
        total = np.bincount(which.ravel(), weight)
        heavy = weight is not None or len(first) < len(codes)
        return Evidence(
            said.take(first), codes[first], weight=total if heavy else None, cluster=units[first]
        )

    @property
    def present(self) -> np.ndarray:
        """Codes of the classes that occur."""
        return np.unique(self.codes)

    def folds(self, count: int) -> np.ndarray:
        """Fold (n,) of every row: the same for equal rows, in any order, in shares of a class."""
        fold = np.zeros(len(self.codes), dtype=np.int64)
        for code in self.present:
            mine = self.codes == code
            place = np.unique(self.units[mine], return_inverse=True)[1]
            fold[mine] = place % count
        return fold


def fingerprints(X: Any, n: int) -> np.ndarray | None:
    """A number (n,) of every row, equal for equal rows; None where equal rows are no surprise.

    A row of fractions that comes twice is one row that was copied. Rows of whole numbers or of
    names may be equal by chance, and each counts.
    """
    if hasattr(X, "tocsr"):
        table, values = X.tocsr() @ np.random.default_rng(0).normal(size=X.shape[1]), X.data
    else:
        try:
            table = values = np.asarray(X, dtype=np.float64).reshape(n, -1)
        except (TypeError, ValueError):
            return None
    known = values[np.isfinite(values)]
    return Rows.of([table]).contents if (known != np.floor(known)).any() else None


def chosen(evidence: Evidence, method: str, *, level: float) -> tuple[Fitted, Proof | None]:
    """The correction for predictions that their model did not learn from, and its proof.

    Half of the groups of ``evidence`` teach it, the other half prove it.
    """
    groups, k = evidence.groups(), evidence.prediction.k
    if method == AUTOMATIC:
        sample = Sample(evidence.prediction.probs, evidence.truth, groups, evidence.weight)
        bench = RowBench(sample, evidence.group_count, "cluster", evidence.prediction.classes)
        trial = try_all(bench, k=k, in_time=False, level=level)
        if trial.chosen is None:
            best = trial.remedies[0].proof if trial.remedies else None
            return Fitted(
                "DoNothing", Identity(), Form("probabilities", k), evidence.rows.take(slice(0, 0))
            ), best
        return trial.chosen.fitted, trial.chosen.proof
    split = split_groups(np.bincount(groups, minlength=evidence.group_count), in_time=False)
    learn, judge = split.learn[groups], split.prove[groups]
    fitted = correct(evidence.take(learn), method)
    if not judge.any():
        return fitted, None
    return fitted, prove(None, fitted, on=evidence.take(judge), level=level)


def taken(value: Any, index: np.ndarray, n: int) -> Any:
    """The rows of an argument that has one value a row; any other as it is."""
    if value is None or np.ndim(value) == 0 or len(value) != n or len(index) == n:
        return value
    return _safe_indexing(value, index)
