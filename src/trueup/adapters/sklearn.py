"""A scikit-learn classifier whose probabilities are corrected, with the proof at hand.

Its sister for numbers, ``ConformalRegressor``, is made in ``trueup.adapters.conformal``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.model_selection import StratifiedGroupKFold, check_cv
from sklearn.utils import Bunch, _safe_indexing, indexable
from sklearn.utils.metadata_routing import MetadataRouter
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    assert_all_finite,
    check_is_fitted,
    column_or_1d,
    has_fit_parameter,
)

from trueup.adapters.around import is_frozen, routed, routes, take_names, with_inputs_of
from trueup.adapters.conformal import ConformalRegressor as ConformalRegressor
from trueup.adapters.crossfit import AUTOMATIC, Taught, chosen, taken
from trueup.audit.store import StoredRemedy
from trueup.core.errors import EvidenceError
from trueup.core.fitted import Fitted
from trueup.core.probabilities import Probabilities


class Corrected(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """A classifier and the correction of its probabilities, fitted and proven together.

    ``fit`` predicts every row by a copy of the classifier that has not seen it, learns the
    correction from half of these predictions and proves it on the other half; then the classifier
    is fitted on all rows. Rows of one group, and rows that were copied, are never torn apart.

    Use it where a scikit-learn classifier goes into service. Not for a classifier whose training
    takes hours: wrap it in ``FrozenEstimator`` and fit on rows that it has never seen.

    Parameters
    ----------
    estimator
        A classifier with ``predict_proba`` or ``decision_function``; in a ``FrozenEstimator`` it is
        fitted already, and ``fit`` needs rows that it has not seen.
    method
        ``"automatic"`` tries every correction and takes the best if it is proven, else none; the
        name of a correction, such as ``"TemperatureScaling"``, is taken whatever the proof says.
    cv
        Number of folds, or a scikit-learn splitter, or splits.
    level
        Level of the intervals of the proof, in (0, 1).

    Attributes
    ----------
    estimator_
        The classifier, fitted on all rows.
    remedy_
        The correction with its columns and its proof: save it, or export it.
    proof_
        What it did on rows that it never saw; None where there were too few rows to say.
    classes_
        Labels, in the order of the columns of ``predict_proba``.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, y = load_digits(return_X_y=True)
    >>> model = Corrected(GaussianNB(), method="TemperatureScaling").fit(X[:1200], y[:1200])
    >>> model.proof_.outcome.value
    'proven'
    >>> model.predict_proba(X[1200:]).shape
    (597, 10)
    """

    def __init__(
        self, estimator: Any, *, method: str = AUTOMATIC, cv: Any = 5, level: float = 0.95
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.cv = cv
        self.level = level

    def fit(self, X, y, sample_weight=None, groups=None, **fit_params) -> Corrected:
        """Fit the classifier and its correction.

        Parameters
        ----------
        X, y
            Inputs and labels of n rows.
        sample_weight
            (n,) >= 0: how much a row counts.
        groups
            (n,) what a row belongs to; rows of one group are predicted by a copy that has seen none
            of them, and stand on one side of the proof.
        **fit_params
            Passed on to ``fit`` of the classifier, by metadata routing where that is enabled.
        """
        X, y, groups = indexable(X, y, groups)
        y = _labels(y)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        passed = self._passed(sample_weight, fit_params)
        frozen = is_frozen(self.estimator)
        # The classifier judges its input first: its words fit its needs.
        self.estimator_ = self.estimator if frozen else _fitted(self.estimator, X, y, passed)
        self.classes_ = np.asarray(self.estimator_.classes_)
        take_names(self)
        counted = np.arange(len(y)) if sample_weight is None else np.flatnonzero(sample_weight)
        every = Taught(X, y, groups, self.classes_)
        rows = every.take(counted)
        if len(rows.present) < 2:
            raise EvidenceError(
                "Corrected.fit",
                f"y has {len(rows.present)} class in {len(counted)} rows that count",
                do="Pass rows of two classes at least",
            )
        weight = None if sample_weight is None else sample_weight[counted]
        if frozen:
            probs = _probabilities(self.estimator_, rows.X, self.classes_)
        else:
            kept = {name: taken(v, counted, len(y)) for name, v in passed.items()}
            probs = self._out_of_fold(rows, kept, self._splits(every, counted))
        evidence = rows.evidence(probs, weight, tuple(self.classes_.tolist()))
        fitted, self.proof_ = chosen(evidence, self.method, level=self.level)
        self.remedy_ = self._stored(fitted)
        return self

    def predict_proba(self, X) -> np.ndarray:
        """Corrected probabilities (n, k), columns in the order of ``classes_``."""
        check_is_fitted(self)
        probs = _probabilities(self.estimator_, X, self.classes_)
        return self.remedy_.fitted.apply(Probabilities(probs)).probs

    def predict(self, X) -> np.ndarray:
        """The label with the greatest corrected probability (n,)."""
        check_is_fitted(self)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def audit(self, X, y, **options):
        """Audit the corrected classifier on rows that it has never seen; see ``audit_model``."""
        from trueup.audit.verbs import audit_model

        check_is_fitted(self)
        return audit_model(self, X, y, **options)

    def get_metadata_routing(self) -> MetadataRouter:
        """Who gets which further argument of ``fit``."""
        return routes(self)

    def __sklearn_tags__(self):
        return with_inputs_of(super().__sklearn_tags__(), self.estimator)

    def _passed(self, sample_weight, fit_params: dict) -> dict:
        """Arguments of the classifier's ``fit``."""
        given = routed(self, sample_weight=sample_weight, **fit_params)
        if given is not None:
            return given
        passed = Bunch(**fit_params)
        if sample_weight is not None and has_fit_parameter(self.estimator, "sample_weight"):
            passed["sample_weight"] = sample_weight
        return passed

    def _out_of_fold(self, rows: Taught, passed: dict, splits) -> np.ndarray:
        """Probabilities (n, k) of every row by a copy that has not seen it."""
        probs = np.full((len(rows.codes), len(self.classes_)), np.nan)
        for learn, judge in splits:
            given = {name: taken(v, learn, len(probs)) for name, v in passed.items()}
            labels = self.classes_[rows.codes[learn]]
            model = _fitted(self.estimator, _safe_indexing(rows.X, learn), labels, given)
            probs[judge] = _probabilities(model, _safe_indexing(rows.X, judge), self.classes_)
        if np.isnan(probs).any():
            raise EvidenceError(
                "Corrected.fit",
                f"{int(np.isnan(probs).any(axis=1).sum())} rows are in no fold",
                do="Pass a cv that judges every row",
            )
        return probs

    def _splits(self, every: Taught, counted: np.ndarray):
        """Places of rows that teach and rows that are judged, among those that count."""
        rows = every.take(counted)
        if not isinstance(self.cv, (int, np.integer)):
            place = np.full(len(every.codes), -1)
            place[counted] = np.arange(len(counted))
            labels = self.classes_[every.codes]
            splits = check_cv(self.cv, labels, classifier=True)
            for sides in splits.split(every.X, labels, every.groups):
                yield tuple(place[side][place[side] >= 0] for side in sides)
            return
        # Distinct rows of a class: equal ones stay together, so they count once.
        count = min(self.cv, *(len(np.unique(rows.units[rows.codes == c])) for c in rows.present))
        if count < 2:
            raise EvidenceError(
                "Corrected.fit",
                f"a class has {count} row or group that differs from others, "
                f"and {self.cv} folds were asked for",
                why="a copy of the classifier must predict rows of a class from other rows of it",
                do="Collect more of this class, or pass a FrozenEstimator",
            )
        if rows.groups is not None:
            yield from StratifiedGroupKFold(count).split(rows.codes, rows.codes, rows.groups)
            return
        fold = rows.folds(count)
        for j in range(count):
            yield np.flatnonzero(fold != j), np.flatnonzero(fold == j)

    def _stored(self, fitted: Fitted) -> StoredRemedy:
        names = tuple(map(str, self.classes_.tolist()))
        columns = tuple(f"p_{name}" for name in names)
        about = {
            "table": type(self.estimator).__name__,
            "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "paper": "",
        }
        proof = self.proof_.to_dict() if self.proof_ else {}
        return StoredRemedy(fitted, columns, False, names, proof, about)


def _labels(y: Any) -> np.ndarray:
    """Labels (n,) of classes."""
    y = column_or_1d(y, warn=True)
    if y.dtype.kind == "f":
        assert_all_finite(y, input_name="y")
    check_classification_targets(y)
    return y


def _fitted(estimator: Any, X, y, passed: dict) -> Any:
    return clone(estimator).fit(X, y, **passed)


def _probabilities(model: Any, X, classes: np.ndarray) -> np.ndarray:
    """Probabilities (n, k) of all ``classes``, 0 for one that the model has not seen."""
    if hasattr(model, "predict_proba"):
        said = np.asarray(model.predict_proba(X), dtype=np.float64)
    else:
        scores = np.asarray(model.decision_function(X), dtype=np.float64)
        wide = np.column_stack([np.zeros_like(scores), scores]) if scores.ndim == 1 else scores
        said = Probabilities.from_logits(wide).probs
    probs = np.zeros((len(said), len(classes)))
    probs[:, np.searchsorted(classes, model.classes_)] = said
    return probs
