"""The classifier keeps scikit-learn's contract, and its correction keeps ours."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

import trueup as tu
from trueup.adapters.crossfit import fingerprints
from trueup.adapters.sklearn import Corrected
from trueup.audit.restore import load_remedy
from trueup.calibration import log_loss
from trueup.core.errors import EvidenceError, UsageError


@parametrize_with_checks([
    Corrected(LogisticRegression(), method="TemperatureScaling"),
    Corrected(RidgeClassifier(tol=1e-14), method="PlattScaling"),
    Corrected(GaussianNB()),
])  # fmt: skip
def test_scikit_learns_own_checks(estimator, check):
    """No check is excused."""
    check(estimator)


X, Y = load_digits(return_X_y=True)


@pytest.fixture(scope="module")
def model():
    """Naive Bayes on digits, which is far too sure of itself."""
    return Corrected(GaussianNB()).fit(X[:1200], Y[:1200])


def loss(estimator, rows=slice(1200, None)) -> float:
    return log_loss(Y[rows], estimator.predict_proba(X[rows])).value


def test_it_helps_on_new_rows_and_says_so(model):
    assert model.proof_.outcome is tu.Outcome.PROVEN
    assert loss(model) < 0.5 * loss(GaussianNB().fit(X[:1200], Y[:1200]))
    assert model.proof_.learned_on + model.proof_.proven_on == 1200
    assert (model.n_features_in_, len(model.classes_)) == (64, 10)
    assert np.array_equal(model.predict(X), model.classes_[model.predict_proba(X).argmax(axis=1)])
    probs = model.predict_proba(X[1200:])
    assert probs.sum(axis=1) == pytest.approx(1.0, abs=1e-12)


def test_its_parts_leave(model, tmp_path):
    raw = model.estimator_.predict_proba(X[:50])
    stored = load_remedy(model.remedy_.save(tmp_path / "remedy"))
    table = dict(zip(stored.columns, raw.T, strict=True))
    after = np.column_stack([stored.apply(table)[c] for c in stored.columns])
    assert after == pytest.approx(model.predict_proba(X[:50]), abs=1e-12)
    assert model.remedy_.export("python").checked.difference == 0


def test_clones_and_pickles(model):
    assert np.array_equal(
        pickle.loads(pickle.dumps(model)).predict_proba(X[:9]), model.predict_proba(X[:9])
    )
    assert not hasattr(clone(model), "remedy_")


def test_audit_of_the_whole(model):
    assert model.audit(X[1200:], Y[1200:]).primary.cube.n == 597


def test_a_prefit_classifier_is_left_as_it_is():
    inner = GaussianNB().fit(X[:600], Y[:600])
    before = inner.theta_.copy()
    model = Corrected(FrozenEstimator(inner), method="TemperatureScaling")
    model.fit(X[600:1200], Y[600:1200])
    assert np.array_equal(before, inner.theta_)
    assert model.proof_.outcome.value == "proven"
    assert loss(model) < loss(inner)


def test_no_copy_sees_a_row_of_the_group_it_judges():
    groups = np.arange(1200) // 12
    seen: list = []

    class Spy(GaussianNB):
        def fit(self, X, y, sample_weight=None):
            seen.append({row.tobytes() for row in X})
            return super().fit(X, y, sample_weight)

        def predict_proba(self, X):
            if len(seen) > 1:
                assert not seen[-1] & {row.tobytes() for row in X}
            return super().predict_proba(X)

    Corrected(Spy(), method="DoNothing").fit(X[:1200], Y[:1200], groups=groups)
    assert len(seen) == 6
    by_row = {row.tobytes(): g for row, g in zip(X[:1200], groups, strict=True)}
    for some in seen[1:]:
        taught = {by_row[row] for row in some}
        assert len(some) == 12 * len(taught)
    with pytest.raises(AssertionError):
        seen.append({row.tobytes() for row in X})
        Spy().fit(X, Y).predict_proba(X)


def test_nothing_is_applied_that_is_not_proven():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4_000, 1))
    y = (rng.random(4_000) < 1 / (1 + np.exp(-x[:, 0]))).astype(int)
    model = Corrected(LogisticRegression()).fit(x, y)
    assert model.remedy_.fitted.method == "DoNothing"
    assert model.predict_proba(x) == pytest.approx(model.estimator_.predict_proba(x), abs=1e-12)


def test_copied_rows_stay_together_and_chance_repeats_do_not():
    rows = np.array([[0.5, 1.0], [0.5, 1.0], [2.0, 3.0]])
    assert fingerprints(rows, 3)[0] == fingerprints(rows, 3)[1] != fingerprints(rows, 3)[2]
    assert fingerprints(np.array([[1, 0], [1, 0]]), 2) is None
    assert fingerprints(np.array([["a"], ["b"]], dtype=object), 2) is None
    twice = np.repeat(np.arange(1200), 2)
    rng = np.random.default_rng(0)
    noisy = X[:1200] + rng.normal(0, 0.1, (1200, 64))
    model = Corrected(DecisionTreeClassifier(random_state=0), method="TemperatureScaling")
    model.fit(noisy[twice], Y[:1200][twice])
    # A tree is always sure; a copy that saw the twin would look always right.
    assert model.proof_.before.value > 1.0
    assert model.proof_.proven_on < 1200


def test_columns_of_any_type_and_splitters_of_scikit_learn():
    import pandas as pd

    frame = pd.DataFrame(X[:600]).add_prefix("pixel ")
    pipe = make_pipeline(StandardScaler(), GaussianNB(var_smoothing=1e-2))
    model = Corrected(pipe, method="TemperatureScaling", cv=GroupKFold(3))
    model.fit(frame, Y[:600].astype(str), groups=np.arange(600) // 10)
    assert list(model.feature_names_in_) == list(frame)
    assert model.predict(frame)[0] in set("0123456789")
    assert cross_val_score(Corrected(GaussianNB(), method="TemperatureScaling"), X[:600], Y[:600],
                           cv=3).mean() > 0.7  # fmt: skip


def test_weights_go_by_metadata_routing():
    weight = np.linspace(0.1, 2.0, 600)
    plain = Corrected(GaussianNB(), method="TemperatureScaling")
    plain.fit(X[:600], Y[:600], sample_weight=weight)
    with sklearn.config_context(enable_metadata_routing=True):
        inner = GaussianNB().set_fit_request(sample_weight=True)
        routed = Corrected(inner, method="TemperatureScaling")
        routed.fit(X[:600], Y[:600], sample_weight=weight)
    assert routed.predict_proba(X[:9]) == pytest.approx(plain.predict_proba(X[:9]), abs=1e-12)


def test_bad_input():
    with pytest.raises(UsageError, match=r"there is no 'Magic'. Use M"):
        Corrected(GaussianNB(), method="Magic").fit(X[:300], Y[:300])
    with pytest.raises(EvidenceError, match=r"a class has 1 row or group .* 5 folds were asked"):
        Corrected(GaussianNB()).fit(X[:200], np.where(np.arange(200) == 0, 7, Y[:200] % 2))
    with pytest.raises(EvidenceError, match="y has 1 class in 50 rows that count"):
        Corrected(GaussianNB()).fit(X[:50], np.zeros(50, int))
    with pytest.raises(EvidenceError, match=r"does not know the labels \[2, 3"):
        inner = GaussianNB().fit(X[Y < 2], Y[Y < 2])
        Corrected(FrozenEstimator(inner)).fit(X, Y)
    with pytest.raises(EvidenceError, match="900 rows are in no fold"):
        folds = [(np.arange(300, 1200), np.arange(300))]
        Corrected(GaussianNB(), cv=folds).fit(X[:1200], Y[:1200])
