"""MAPIE on a task: ``conformal_mapie.py TASK FOLDER``; the model hands probabilities through."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from conformal_task import LEVEL, run
from mapie.classification import SplitConformalClassifier
from mapie.conformity_scores import (
    APSConformityScore,
    LACConformityScore,
    RAPSConformityScore,
)
from mapie.regression import CrossConformalRegressor, SplitConformalRegressor
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.linear_model import LinearRegression


class Ready(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose inputs are its probabilities."""

    def __init__(self, classes: int = 2) -> None:
        self.classes = classes
        self.classes_ = np.arange(classes)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, x, y):
        return self

    def predict_proba(self, x):
        return x

    def predict(self, x):
        return x.argmax(axis=1)


def sets(score) -> Callable:
    """Sets (n, k) of new rows."""

    def work(p, y, new, _):
        made = SplitConformalClassifier(
            Ready(p.shape[1]),
            confidence_level=LEVEL,
            conformity_score=score(),
            prefit=True,
            random_state=0,
        )
        return made.conformalize(p, y).predict_set(new)[1][:, :, 0]

    return work


class Said(RegressorMixin, BaseEstimator):
    """A fitted regressor whose input is its forecast."""

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, x, y):
        return self

    def predict(self, x):
        return x[:, 0]


def split(f, y, new, _):
    """Ends (n, 2)."""
    made = SplitConformalRegressor(Said(), confidence_level=LEVEL, prefit=True)
    return made.conformalize(f[:, None], y).predict_interval(new[:, None])[1][:, :, 0]


def cv_plus(f, y, new, _):
    """Ends (n, 2) by five lines through the origin."""
    made = CrossConformalRegressor(
        LinearRegression(fit_intercept=False), confidence_level=LEVEL, method="plus", cv=5
    )
    return made.fit_conformalize(f[:, None], y).predict_interval(new[:, None])[1][:, :, 0]


TASKS = {
    "lac": sets(LACConformityScore),
    "aps": sets(APSConformityScore),
    "raps": sets(RAPSConformityScore),
    "split": split,
    "cv_plus": cv_plus,
}


if __name__ == "__main__":
    run(TASKS)
