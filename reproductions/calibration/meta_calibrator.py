"""A meta-calibrator corrects tasks of which it has seen no truth.

Two families of tasks. *Known*: log-odds z of the event are normal, with a mean and a spread of each
task's own; the model says f z + s, so the true curve is known. *Digits*: "is it this digit?" from
six pixels, asked of five kinds of classifier trained on 150 images; the digits and the images of
new tasks occur in none of the tasks that were learned from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from reproductions.ledger import Claim, Reproduction
from trueup.calibration import MetaCalibrator, PlattScaling, calibration_error, log_loss
from trueup.core import Estimate, Evidence, Probabilities
from trueup.core.fitted import Fitted
from trueup.core.proof import prove


REPRODUCTION = Reproduction(
    mission=15,
    system="NeRF meta-calibrator",
    question="calibration",
    paper="Instant Uncertainty Calibration of NeRFs Using a Meta-Calibrator, ECCV 2024, 2312.02350",
    claims=(
        Claim("known: distance from the true probability, less that of uncalibrated", "< 0"),
        Claim("known: the same, less that of Platt scaling on 30 rows held out", "< 0"),
        Claim("digits: log loss, less that of uncalibrated", "< 0"),
        Claim("digits: calibration error, less that of uncalibrated", "< 0"),
        Claim(
            "digits: share of the gain that Platt scaling on 200 rows held out brings, in log loss",
            "> 0.5",
        ),
        Claim("digits: log loss, less that of Platt scaling on 30 rows held out", "< 0"),
    ),
    differs="classifiers and tables instead of radiance fields and images; the curve is a line "
    "through the log-odds instead of principal components, and ridge regression on how "
    "predictions are spread stands for the network that reads images.",
)


@dataclass(frozen=True)
class Size:
    """Tasks to learn from, new tasks and rows of each: known; sets of pixels a digit: digits."""

    learn: int = 100
    new: int = 50
    rows: int = 2_000
    sets: int = 5


SIZES = {"small": Size(), "tiny": Size(learn=20, new=5, rows=300, sets=1)}


def run(scale: str = "small", seed: int = 0) -> list[Estimate]:
    """The numbers of the claims, in order."""
    size, rng = SIZES[scale], np.random.default_rng(seed)
    return [*known(size, rng), *digits(size, rng)]


def known(size: Size, rng: np.random.Generator) -> list[Estimate]:
    """Distances from the true probability."""
    meta = MetaCalibrator().fit([known_task(size.rows, rng)[0] for _ in range(size.learn)])
    gains = []
    for _ in range(size.new):
        task, truth = known_task(size.rows, rng)
        few, rest = task.take(slice(30)), task.take(slice(30, None))
        said = (None, meta.calibrate(rest.prediction), PlattScaling().fit(few))
        plain, own, held = (away(fitted, rest, truth[30:]) for fitted in said)
        gains.append([own - plain, own - held])
    return [Estimate(float(gain)) for gain in np.mean(gains, axis=0)]


def known_task(rows: int, rng: np.random.Generator) -> tuple[Evidence, np.ndarray]:
    """Evidence and the true probability of the event."""
    odds = rng.normal(rng.normal(0, 0.5), rng.uniform(1, 2), rows)
    stated = np.exp(rng.uniform(-1, 1.2)) * odds + rng.normal(0, 0.3)
    truth = expit(odds)
    return Evidence(Probabilities(expit(stated)), rng.random(rows) < truth), truth


def away(fitted: Fitted | None, task: Evidence, truth: np.ndarray) -> float:
    """Mean distance of the prediction from the true probability."""
    said = fitted.apply(task.prediction) if fitted else task.prediction
    return float(np.abs(said.probs[:, 1] - truth).mean())


def digits(size: Size, rng: np.random.Generator) -> list[Estimate]:
    """Log loss and calibration error of new tasks."""
    from sklearn.datasets import load_digits

    images, digit = load_digits(return_X_y=True)
    halves, kinds = np.array_split(rng.permutation(len(images)), 2), rng.permutation(10)
    learn, new = (
        [
            task
            for which in some
            for _ in range(size.sets)
            for task in digit_tasks(images[rows], digit[rows] == which, rng)
        ]
        for rows, some in zip(halves, (kinds[:5], kinds[5:]), strict=True)
    )
    meta = MetaCalibrator().fit(learn)
    found = np.mean([compared(meta, task) for task in new], axis=0)
    loss, error, many, few = found
    return [Estimate(float(x)) for x in (loss, error, loss / many, loss - few)]


def compared(meta, task: Evidence) -> list[float]:
    """Changes against uncalibrated: log loss and error by meta, log loss by 200 and by 30 rows."""
    held, rest = task.take(slice(200)), task.take(slice(200, None))
    own = meta.calibrate(rest.prediction)
    others = [PlattScaling().fit(held.take(slice(n))) for n in (200, 30)]
    changes = [(own, log_loss), (own, calibration_error), *((o, log_loss) for o in others)]
    return [prove(None, fitted, on=rest, score=s).difference.value for fitted, s in changes]


def digit_tasks(images: np.ndarray, is_it: np.ndarray, rng: np.random.Generator) -> list[Evidence]:
    """One task a kind of classifier, all from the same six pixels and 150 images."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.tree import DecisionTreeClassifier

    seed = int(rng.integers(2**31))
    models = (
        GaussianNB(),
        KNeighborsClassifier(15),
        LogisticRegression(max_iter=1000),
        DecisionTreeClassifier(min_samples_leaf=10, random_state=seed),
        RandomForestClassifier(30, min_samples_leaf=5, random_state=seed),
    )
    varied = np.flatnonzero(images.std(axis=0) > 2)
    seen = images[:, rng.choice(varied, 6, replace=False)]
    order = rng.permutation(len(images))
    fit, rest = order[:150], order[150:]
    return [
        Evidence(Probabilities(model.predict_proba(seen[rest])[:, 1]), is_it[rest])
        for model in (model.fit(seen[fit], is_it[fit]) for model in models)
    ]
