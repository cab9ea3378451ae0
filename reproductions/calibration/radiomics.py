"""Certainty thresholds on a hundred patients: what they gain, and what is only selection.

*Known*: patients whose probability of the event is a logistic function of four of twelve features.
*Real*: women of the Pima table, drawn anew for every seed; those not drawn are the new patients.
Every patient is left out once; scores for calibration come from three folds of the others.
Conformal sets have a threshold a class: a patient is certain whose set is no longer than one class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from sklearn.base import clone
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from reproductions.ledger import Claim, Reproduction, shared
from trueup.calibration import (
    ConformalSets,
    DoNothing,
    IsotonicCalibration,
    PlattScaling,
    VennAbers,
)
from trueup.core import Estimate, Evidence, Probabilities


REPRODUCTION = Reproduction(
    mission=20,
    system="UQ for radiomic-based models",
    question="calibration",
    paper="Uncertainty quantification for improving radiomic-based models in radiation "
    "pneumonitis prediction, 2412.19511",
    claims=(
        Claim("known: area under the curve of certain patients, less that of all", "> 0"),
        Claim("known: the same for average precision", "> 0"),
        Claim("known: gain in area, less what the true probabilities gain at as many patients",
              "> 0"),
        Claim("known: share of patients that Venn-ABERS is 0.8 certain of", "> 0.5"),
        Claim("known: adaptive calibration error after Platt, isotonic, Venn-ABERS, less before",
              "< 0"),
        Claim("known: distance from the true probability after, less before", "< 0"),
        Claim("known: sets of level 0.8 hold the truth of this share of patients",
              "between 0.78 1"),
        Claim("known: area of the best of 20, less its area on new patients", "< 0.03"),
        Claim("real: area under the curve of certain patients, less that of all", "> 0"),
        Claim("real: area of the best of 20, less its area on new patients", "< 0.03"),
        Claim("known: sets of level 0.9 hold the truth of this share of patients",
              "between 0.88 1"),
        Claim("real: sets of level 0.8 hold the truth of this share of patients",
              "between 0.78 1"),
        Claim("known: regression, certain at 0.8: area under the curve, less that of all", "> 0"),
        Claim("known: boosting, certain at 0.9: average precision, less that of all", "> 0"),
        Claim("known: share of patients that sets of level 0.9 are certain of", "> 0.5"),
    ),
    differs="twelve features of made-up patients and eight of Pima women instead of 331 of 101 "
    "lungs; scores for calibration from three inner folds; certainty 0.8, of sets 0.9 as well.",
    data=("tabular/jbrownlee_small",),
)  # fmt: skip

CERTAIN = 0.8
LEVELS = (0.8, 0.9)
MODELS = {
    "regression": make_pipeline(StandardScaler(), LogisticRegression(C=0.3)),
    "support vectors": make_pipeline(StandardScaler(), SVC(C=0.5)),
    "boosting": GradientBoostingClassifier(n_estimators=20, max_depth=2, random_state=0),
    "forest": RandomForestClassifier(15, min_samples_leaf=3, random_state=0),
}
CORRECTIONS = {
    "none": DoNothing(),
    "Platt": PlattScaling(),
    "isotonic": IsotonicCalibration(),
    "Venn-ABERS": VennAbers(),
}


@dataclass(frozen=True)
class Said:
    """What a combination says of patients: probability and certainty, (n,) each."""

    probability: np.ndarray
    certainty: np.ndarray


def run(scale: str = "small", seed: int = 0) -> list[Estimate]:
    """The numbers of the claims, in order."""
    rng = np.random.default_rng(seed)
    patients = 101 if scale == "small" else 30
    names = tuple(MODELS) if scale == "small" else ("regression",)
    x, y, q = made_up(patients + 4_000, rng)
    one = Study(x[:patients], y[:patients], x[patients:], y[patients:], names)
    x, y = pima(rng)
    two = Study(x[:patients], y[:patients], x[patients:], y[patients:], names)
    return [*known(one, q[:patients]), *real(two), *of_sets(one, two, names)]


def made_up(rows: int, rng: np.random.Generator):
    """Features, outcomes and true probabilities."""
    x = rng.normal(size=(rows, 12))
    q = expit(x[:, :4] @ np.array([0.8, -0.7, 0.6, 0.4]) + 0.5 * x[:, 0] * x[:, 1])
    return x, (rng.random(rows) < q).astype(int), q


def pima(rng: np.random.Generator):
    """Features and outcomes in a new order."""
    table = np.loadtxt(shared("tabular", "jbrownlee_small", "pima-indians-diabetes.csv"),
                       delimiter=",")  # fmt: skip
    table = table[rng.permutation(len(table))]
    return table[:, :-1], table[:, -1].astype(int)


class Study:
    """Everything that is said of the patients, each left out once, and of new patients."""

    def __init__(self, x, y, new_x, new_y, names) -> None:
        self.y, self.new_y = y, new_y
        self.left_out: dict[tuple[str, str], Said] = {}
        self.new: dict[tuple[str, str], Said] = {}
        self.sets: dict[tuple[str, float], np.ndarray] = {}
        for name in names:
            parts = [_fold(name, x, y, i) for i in range(len(y))]
            self._add(name, self.left_out, parts)
            for level in LEVELS:
                self.sets[name, level] = np.concatenate([_sets(*part, level) for part in parts])
            rows = np.arange(len(y))
            self._add(name, self.new, [(_scores(name, x, y, rows), y, _score(name, x, y, new_x))])

    def _add(self, name: str, into: dict, parts) -> None:
        for method in (*CORRECTIONS, "conformal"):
            said = [_said(method, *part) for part in parts]
            into[name, method] = Said(
                *(np.concatenate(column) for column in zip(*said, strict=True))
            )


def _fold(name: str, x, y, i: int):
    """Scores to calibrate on, their outcomes, and the score of the patient left out."""
    rest = np.delete(np.arange(len(y)), i)
    return _scores(name, x, y, rest), y[rest], _score(name, x[rest], y[rest], x[[i]])


def _scores(name: str, x, y, rows: np.ndarray) -> np.ndarray:
    """Scores of ``rows``, each from a fit on two thirds of them that lacks it."""
    out = np.empty(len(rows))
    for learn, hold in KFold(3, shuffle=True, random_state=0).split(rows):
        out[hold] = _score(name, x[rows[learn]], y[rows[learn]], x[rows[hold]])
    return out


def _score(name: str, x, y, new) -> np.ndarray:
    """Log-odds (n,) of new patients."""
    model = clone(MODELS[name]).fit(x, y)
    if hasattr(model, "decision_function") and name != "boosting":
        return model.decision_function(new)
    p = np.clip(model.predict_proba(new)[:, 1], 0.01, 0.99)
    return np.log(p) - np.log1p(-p)


def _said(method: str, scores, outcomes, new) -> tuple[np.ndarray, np.ndarray]:
    """Probability and certainty of new patients."""
    if method == "conformal":
        return _conformal(scores, outcomes, new)
    learn = Evidence(Probabilities(expit(scores)), outcomes)
    p = CORRECTIONS[method].fit(learn).apply(Probabilities(expit(new))).probs[:, 1]
    return p, np.maximum(p, 1 - p)


def _sets(scores, outcomes, new, level: float) -> np.ndarray:
    """Which of the two classes (n, 2) stay in the sets of new patients."""
    learn = Evidence(Probabilities(expit(scores)), outcomes)
    fitted = ConformalSets("lac", level=level, per="class").fit(learn)
    return fitted.apply(Probabilities(expit(new))).members


def _conformal(scores, outcomes, new) -> tuple[np.ndarray, np.ndarray]:
    """The probability of the model; certain at the highest level that leaves one class at most."""
    certainty = np.full(len(new), 0.5)
    for level in LEVELS:
        certainty[_sets(scores, outcomes, new, level).sum(axis=1) < 2] = level
    return expit(new), certainty


def areas(
    said: Said, y: np.ndarray, *, score=roc_auc_score, certain: float = CERTAIN
) -> tuple[float, float, int]:
    """Area among all and among the certain, and how many those are; NaN where one class is left."""
    keep = said.certainty >= certain
    both = len(set(y[keep])) == 2
    kept = score(y[keep], said.probability[keep]) if both else np.nan
    return score(y, said.probability), kept, int(keep.sum())


def gain(study: Study, *, score=roc_auc_score) -> Estimate:
    """Mean gain in area by looking at certain patients only, over all combinations."""
    found = [areas(said, study.y, score=score) for said in study.left_out.values()]
    gains = [kept - every for every, kept, _ in found]
    return Estimate(float(np.nanmean(gains)), n=int(np.mean([n for *_, n in found])))


def beyond_selection(study: Study, q: np.ndarray) -> Estimate:
    """The same gain, less that of the true probabilities when they keep as many patients."""
    order, differences = np.argsort(-np.abs(q - 0.5)), []
    for said in study.left_out.values():
        every, kept, n = areas(said, study.y)
        best = order[:n]
        if len(set(study.y[best])) == 2:
            true = roc_auc_score(study.y[best], q[best]) - roc_auc_score(study.y, q)
            differences.append(kept - every - true)
    return Estimate(float(np.nanmean(differences)), n=len(study.y))


def winner(study: Study) -> Estimate:
    """Area among the certain of the combination that looks best, less that on new patients."""
    found = {c: areas(said, study.y) for c, said in study.left_out.items()}
    best = max(found, key=lambda c: -1.0 if np.isnan(found[c][1]) else found[c][1])
    return Estimate(found[best][1] - areas(study.new[best], study.new_y)[1], n=found[best][2])


def adaptive_error(p: np.ndarray, y: np.ndarray, *, bins: int = 5) -> float:
    """Mean distance of confidence and outcome over bins of equally many patients."""
    parts = np.array_split(np.argsort(p, kind="stable"), bins)
    return float(np.mean([abs(p[rows].mean() - y[rows].mean()) for rows in parts]))


def known(study: Study, q: np.ndarray) -> list[Estimate]:
    """The claims where the truth is known."""
    said, names = study.left_out, {name for name, _ in study.left_out}
    changes = [
        _change(said[c, m].probability, said[c, "none"].probability, study.y, q)
        for c in names
        for m in ("Platt", "isotonic", "Venn-ABERS")
    ]
    error, distance = np.mean(changes, axis=0)
    kept = np.mean([said[c, "Venn-ABERS"].certainty >= CERTAIN for c in names])
    return [
        gain(study),
        gain(study, score=average_precision_score),
        beyond_selection(study, q),
        Estimate(float(kept), n=len(q)),
        Estimate(float(error), n=len(q)),
        Estimate(float(distance), n=len(q)),
        held(study, 0.8),
        winner(study),
    ]


def _change(after, before, y, q) -> tuple[float, float]:
    """How a correction changes the adaptive error and the distance from the truth."""
    error = adaptive_error(after, y) - adaptive_error(before, y)
    return error, float(np.abs(after - q).mean() - np.abs(before - q).mean())


def held(study: Study, level: float) -> Estimate:
    """Share of patients whose outcome is in their set, over all models."""
    rows = np.arange(len(study.y))
    shares = [sets[rows, study.y].mean() for (_, at), sets in study.sets.items() if at == level]
    return Estimate(float(np.mean(shares)), n=len(rows))


def of_sets(one: Study, two: Study, names: tuple[str, ...]) -> list[Estimate]:
    """The claims on conformal sets."""
    strong = "boosting" if "boosting" in names else names[0]
    made = [held(one, 0.9), held(two, 0.8)]
    for name, level, score in (
        ("regression", 0.8, roc_auc_score),
        (strong, 0.9, average_precision_score),
    ):
        every, kept, n = areas(one.left_out[name, "conformal"], one.y, score=score, certain=level)
        made.append(Estimate(float(kept - every), n=n))
    certain = [(sets.sum(axis=1) < 2).mean() for (_, at), sets in one.sets.items() if at == 0.9]
    return [*made, Estimate(float(np.mean(certain)), n=len(one.y))]


def real(study: Study) -> list[Estimate]:
    """The claims on real patients."""
    return [gain(study), winner(study)]
