"""A scikit-learn regressor that says how sure it is: intervals with a guarantee."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.model_selection import GroupKFold, KFold, check_cv
from sklearn.utils import _safe_indexing, get_tags, indexable
from sklearn.utils.metadata_routing import MetadataRouter
from sklearn.utils.validation import check_is_fitted, column_or_1d

from trueup.adapters.around import is_frozen, routed, routes, take_names, with_inputs_of
from trueup.adapters.crossfit import taken
from trueup.calibration.conformal.cv_plus import cv_plus
from trueup.calibration.conformal.ranks import check_level, refuse_few
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.predictions import Intervals
from trueup.core.validate import finite


METHODS = ("plus", "minmax")


class ConformalRegressor(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """A regressor with intervals that hold the truth as often as asked, whatever the regressor.

    ``fit`` predicts every row by a copy of the regressor that has not seen it, keeps the copies and
    how far off they were, and fits the regressor on all rows. ``predict`` is that of the regressor;
    ``predict_interval`` puts the rows of cross-validation around it (CV+). No rows are set aside.

    Coverage is 1 - 2 (1 - level) - sqrt(2 / n) at least for any regressor, and about ``level`` for
    those that a fold left out changes little. In a ``FrozenEstimator`` the regressor is fitted
    already: pass rows that it has not seen, and coverage is ``level`` to ``level`` + 1 / (n + 1)
    (split conformal). Not for rows in time: see ``AdaptiveConformal``.

    Parameters
    ----------
    estimator
        A regressor of one number.
    method
        ``"plus"``, or ``"minmax"`` for wider intervals around all copies.
    cv
        Number of folds, or a scikit-learn splitter, or splits, that judge every row once. A number
        shuffles rows with a fixed seed.
    level
        Share of truths inside, in (0, 1), at most n / (n + 1).

    Attributes
    ----------
    estimator_
        The regressor, fitted on all rows.
    models_
        Its copies, a fold each; the regressor itself where it was frozen.
    residuals_, fold_
        (n,) how far off the copy that has not seen the row was, and its number.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = ConformalRegressor(Ridge(0.01), level=0.8).fit(X[:300], y[:300])
    >>> made = model.predict_interval(X[300:])
    >>> float(round(((made.low <= y[300:]) & (y[300:] <= made.high)).mean(), 1))
    0.8
    """

    def __init__(
        self, estimator: Any, *, method: str = "plus", cv: Any = 5, level: float = 0.9
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.cv = cv
        self.level = level

    def fit(self, X, y, groups=None, **fit_params) -> ConformalRegressor:
        """Fit the regressor and its copies.

        Parameters
        ----------
        X, y
            Inputs and numbers of n rows.
        groups
            (n,) what a row belongs to; rows of one group are in one fold.
        **fit_params
            Passed on to ``fit`` of the regressor, by metadata routing where that is enabled.
        """
        check_level("ConformalRegressor", self.level)
        if self.method not in METHODS:
            raise UsageError(
                "ConformalRegressor", f"method is {self.method!r}", do=f"Use one of {METHODS}"
            )
        X, y, groups = indexable(X, y, groups)
        y = column_or_1d(y, warn=True)
        given = routed(self, **fit_params)
        passed = fit_params if given is None else given
        frozen = is_frozen(self.estimator)
        # The regressor judges its input first: its words fit its needs.
        self.estimator_ = self.estimator if frozen else clone(self.estimator).fit(X, y, **passed)
        take_names(self)
        if frozen:
            self.models_, self.fold_ = [self.estimator_], np.zeros(len(y), dtype=np.int64)
        else:
            self.models_, self.fold_ = self._copies(X, y, groups, passed)
        self.residuals_ = self._residuals(X, finite("ConformalRegressor.fit", y, 1))
        refuse_few("ConformalRegressor.fit", len(y), self.level)
        return self

    def predict(self, X) -> np.ndarray:
        """What the regressor says (n,), which was fitted on all rows."""
        check_is_fitted(self)
        return self.estimator_.predict(X)

    def predict_interval(self, X, *, level: float | None = None) -> Intervals:
        """Intervals of new rows; ``level`` None is that of the estimator."""
        check_is_fitted(self)
        said = np.column_stack([np.ravel(model.predict(X)) for model in self.models_])
        return cv_plus(
            self.residuals_,
            said,
            fold=self.fold_,
            level=self.level if level is None else level,
            minmax=self.method == "minmax",
        )

    def get_metadata_routing(self) -> MetadataRouter:
        """Who gets which further argument of ``fit``."""
        return routes(self)

    def __sklearn_tags__(self):
        tags = with_inputs_of(super().__sklearn_tags__(), self.estimator)
        tags.regressor_tags.poor_score = get_tags(self.estimator).regressor_tags.poor_score
        return tags

    def _copies(self, X, y: np.ndarray, groups, passed: dict) -> tuple[list, np.ndarray]:
        """A copy of the regressor a fold, and the fold (n,) of every row."""
        fold, models = np.full(len(y), -1), []
        for learn, judge in self._splits(X, y, groups):
            if (fold[judge] >= 0).any():
                _not_once("some rows are in two folds")
            given = {name: taken(value, learn, len(y)) for name, value in passed.items()}
            models.append(clone(self.estimator).fit(_safe_indexing(X, learn), y[learn], **given))
            fold[judge] = len(models) - 1
        if (fold < 0).any():
            _not_once(f"{int((fold < 0).sum())} rows are in no fold")
        return models, fold

    def _splits(self, X, y: np.ndarray, groups):
        if not isinstance(self.cv, (int, np.integer)):
            return check_cv(self.cv, y).split(X, y, groups)
        if groups is not None:
            return GroupKFold(self.cv).split(y, y, groups)
        return KFold(self.cv, shuffle=True, random_state=0).split(y)

    def _residuals(self, X, y: np.ndarray) -> np.ndarray:
        """How far off (n,) the copy of every row's fold is."""
        off = np.empty(len(y))
        for k, model in enumerate(self.models_):
            mine = np.flatnonzero(self.fold_ == k)
            off[mine] = np.abs(y[mine] - np.ravel(model.predict(_safe_indexing(X, mine))))
        return off


def _not_once(what: str) -> None:
    raise EvidenceError("ConformalRegressor.fit", what, do="Pass a cv that judges every row once")
