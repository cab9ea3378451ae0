"""Real predictions that every installation can make: digits, out of fold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def digit_tables() -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """(name, table) of three classifiers of scikit-learn's 1,797 handwritten digits.

    Predicted by five-fold cross-validation, so no row was seen by the model that predicts it: naive
    Bayes is far too sure, a random forest too timid, a logistic regression about right.
    """
    from sklearn.datasets import load_digits
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.naive_bayes import GaussianNB
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    images, digit = load_digits(return_X_y=True)
    models = {
        "naive_bayes": GaussianNB(),
        "random_forest": RandomForestClassifier(100, random_state=0),
        "logistic_regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    }
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    for name, model in models.items():
        probs = cross_val_predict(model, images, digit, cv=folds, method="predict_proba")
        columns = {f"p_{j}": probs[:, j] for j in range(10)}
        yield name, {"digit": digit, **columns}
