"""Numbers that others published or measured on the same files, to the printed digits.

The records are network outputs with labels and forecasts with outcomes; they are not shipped, so
these tests are skipped without the folder. The table of digits needs scikit-learn only.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from shared_data import shared
from trueup.calibration import TemperatureScaling, accuracy, brier, classwise_ece, ece, log_loss
from trueup.core import Evidence, Probabilities


def record(name: str, key: str = "probs") -> Evidence:
    """One of the shared records; logits where the key names a network."""
    found = np.load(shared("logits", name, "data.npz"))
    said = found[key]
    said = Probabilities(said) if key == "probs" else Probabilities.from_logits(said)
    return Evidence(said, found["labels"])


def cooled(learn: Evidence, new: Evidence) -> tuple[float, float, float, float, float]:
    """Temperature, then ECE and log loss of the new rows before and after it."""
    fitted = TemperatureScaling().fit(learn)
    after = fitted.apply(new.prediction)
    scores = [m(new.truth, p).value for m in (ece, log_loss) for p in (new.prediction, after)]
    return fitted.map.temperature, *scores


def digits_of(*values: float) -> list[float]:
    """Half a unit of the fifth digit behind the point, as printed."""
    return pytest.approx(list(values), abs=5.01e-6)


RECORDS = {
    "cifar10_wideresnet164_efs": (0.9109, 0.05372, 0.01243, 0.37780, 0.14387),
    "cifar10_lenet5_efs": (0.5308, 0.10789, 0.02406, 1.36987, 0.61415),
    "cifar100_densenetbc100_efs": (0.7541, 0.14215, 0.00343, 1.22563, 0.38450),
    "cifar100_lenet5_efs": (0.1246, 0.01488, 0.00357, 3.81307, 0.95201),
}


@pytest.mark.shared
@pytest.mark.parametrize("name", RECORDS)
def test_accuracy_ece_classwise_nll_brier(name):
    e = record(name)
    found = [
        m(e.truth, e.prediction).value for m in (accuracy, ece, classwise_ece, log_loss, brier)
    ]
    assert found == digits_of(*RECORDS[name])


HALVES = {
    "cifar10_wideresnet164_efs": (2.0576, 0.00673),
    "cifar10_lenet5_efs": (1.3736, 0.02243),
    "cifar100_densenetbc100_efs": (2.1198, 0.01394),
    "cifar100_lenet5_efs": (1.1071, 0.01375),
}


@pytest.mark.shared
@pytest.mark.parametrize("name", HALVES)
def test_temperature_on_the_first_half_tested_on_the_second(name):
    e = record(name)
    temperature, _, after, *_ = cooled(e.take(slice(5_000)), e.take(slice(5_000, None)))
    assert temperature == pytest.approx(HALVES[name][0], abs=5.01e-5)
    assert [after] == digits_of(HALVES[name][1])


LLAMA, QWEN = "Llama-2-13b-hf__task_icl1", "Qwen-7B__task_icl1"
EVEN_ODD = {
    ("cifar10_wideresnet164_efs", "probs"): (2.0681, 0.05150, 0.00901, 0.37189, 0.27232),
    ("cifar10_lenet5_efs", "probs"): (1.4066, 0.11080, 0.01589, 1.36143, 1.30558),
    ("cifar10_resnet_a", "resnet20"): (2.5227, 0.12579, 0.01603, 0.89919, 0.56275),
    ("cifar100_densenetbc100_efs", "probs"): (2.1186, 0.13786, 0.01675, 1.21242, 0.86877),
    ("cifar100_lenet5_efs", "probs"): (1.1211, 0.01799, 0.01089, 3.81082, 3.80222),
    ("llm_emotion_mcq_a", LLAMA): (0.5482, 0.18233, 0.02969, 1.21625, 1.11712),
    ("llm_emotion_mcq_a", QWEN): (0.8805, 0.04833, 0.03621, 1.06750, 1.05979),
}


@pytest.mark.shared
@pytest.mark.parametrize(("name", "key"), EVEN_ODD)
def test_temperature_on_even_rows_tested_on_odd(name, key):
    e = record(name, key)
    temperature, *scores = cooled(e.take(slice(0, None, 2)), e.take(slice(1, None, 2)))
    assert temperature == pytest.approx(EVEN_ODD[name, key][0], abs=5.01e-5)
    assert scores == digits_of(*EVEN_ODD[name, key][1:])


@pytest.mark.shared
@pytest.mark.parametrize(("name", "key", "right", "error"), [
    ("cifar10_resnet_a", "resnet20", 0.8103, 0.12453),
    ("cifar10_resnet_a", "resnet32", 0.8256, 0.12301),
    ("llm_emotion_mcq_a", QWEN, 0.6378, 0.04128),
    ("llm_emotion_mcq_a", LLAMA, 0.6176, 0.18763),
    ("llm_emotion_mcq_a", "Llama-2-13b-hf__base_icl1", 0.6213, 0.16221),
])  # fmt: skip
def test_networks_and_language_models(name, key, right, error):
    e = record(name, key)
    found = [m(e.truth, e.prediction).value for m in (accuracy, ece)]
    assert found == digits_of(right, error)


IMAGENET = {
    "resnet101": (0.77374, 0.04917), "densenet161": (0.77138, 0.05642),
    "efficientnet_b1": (0.78698, 0.10002), "mobilenetv3_large_100": (0.75768, 0.06698),
    "resnet34": (0.75112, 0.07798),
}  # fmt: skip


@pytest.mark.shared
@pytest.mark.parametrize("net", IMAGENET)
def test_imagenet_from_the_confidence_of_the_winner(net):
    """Published for some of these files by two independent sources, equal to four digits."""
    table = pl.read_parquet(shared("logits", "imagenet_top1_conf_a", "data.parquet"))
    right = (table[f"{net}__pred"] == table["true_label"]).to_numpy().astype(int)
    said = table[f"{net}__conf"].to_numpy()
    assert [right.mean(), ece(right, said).value] == digits_of(*IMAGENET[net])


FORECASTS = {
    ("nba_games", "prob1"): (0.2147, 0.0492), ("nhl_games", "prob1"): (0.2313, 0.0455),
    ("mlb_games", "prob1"): (0.2399, 0.0103),
    ("march_madness_in_game_men", "prob1"): (0.1334, 0.0247),
    ("us_senate_election_night", "probwin"): (0.0627, 0.0524),
    ("president_election_night", "probwin"): (0.0504, 0.0253),
    ("mlb_playoffs", "make_playoffs"): (0.0817, 0.0123),
}  # fmt: skip


def forecasts(name: str, column: str) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and outcomes of a table of forecasts; games that were never played are out."""
    table = pl.read_parquet(shared("forecasts", "fivethirtyeight_a", f"{name}.parquet"))
    kept = table.select(column, f"{column}_outcome").drop_nulls().to_numpy()
    kept = kept[np.isin(kept[:, 1], [0, 1])]
    return kept[:, 0], kept[:, 1]


@pytest.mark.shared
@pytest.mark.parametrize(("name", "column"), FORECASTS)
def test_forecasts_of_events(name, column):
    said, happened = forecasts(name, column)
    found = [brier(happened, said).value, ece(happened, said).value]
    assert found == pytest.approx(FORECASTS[name, column], abs=5.01e-5)


@pytest.mark.shared
@pytest.mark.parametrize(("name", "error", "score"), [
    ("mlb_games", 0.00448, 0.23986), ("nba_games", 0.03484, 0.21465),
])  # fmt: skip
def test_forecasts_with_both_teams_as_rows(name, error, score):
    (p1, y1), (p2, y2) = (forecasts(name, column) for column in ("prob1", "prob2"))
    said, happened = np.r_[p1, p2], np.r_[y1, y2]
    found = [ece(happened, said).value, brier(happened, said).value]
    assert found == pytest.approx([error, score], abs=1.6e-5)


MODELS = {
    "GaussianNB": GaussianNB(),
    "RandomForest": RandomForestClassifier(100, random_state=0),
    "LogReg": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
}
DIGITS = {
    "GaussianNB": (0.85086, 0.98776, 0.13695, 5.749, 0.1447, 0.0332, 2.665, 0.618),
    "RandomForest": (0.97329, 0.77246, 0.20279, 0.235, 0.2012, 0.0128, 0.3161, 0.0939),
    "LogReg": (0.96939, 0.95429, 0.01574, 0.757, 0.0115, 0.0153, 0.1269, 0.1293),
}


def out_of_fold(model, data) -> Evidence:
    """Five-fold probabilities of rows that a model has not seen."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    said = cross_val_predict(model, *data, cv=folds, method="predict_proba")
    return Evidence(Probabilities(said), data[1])


@pytest.mark.parametrize("model", DIGITS)
def test_digits_give_three_verdicts(model):
    """Cool it, sharpen it, leave it: scikit-learn 1.9; other versions draw other forests."""
    e = out_of_fold(MODELS[model], load_digits(return_X_y=True))
    confident = e.prediction.probs.max(axis=1).mean()
    found = [accuracy(e.truth, e.prediction).value, confident, ece(e.truth, e.prediction).value]
    want = DIGITS[model]
    loose = 10.0 if model == "RandomForest" else 1.0
    assert found == pytest.approx(want[:3], abs=5.01e-6 * loose)
    found = cooled(e.take(slice(0, None, 2)), e.take(slice(1, None, 2)))
    assert found[0] == pytest.approx(want[3], abs=5.01e-4 * loose)
    assert found[1:3] == pytest.approx(want[4:6], abs=5.01e-5 * loose)
    assert found[3:] == pytest.approx(want[6:], abs=5.01e-4 if model == "GaussianNB" else 5.01e-5)


def test_breast_cancer_is_cooled_or_made_worse():
    data = load_breast_cancer(return_X_y=True)
    e = out_of_fold(MODELS["GaussianNB"], data)
    assert [m(e.truth, e.prediction).value for m in (accuracy, ece)] == digits_of(0.93849, 0.05864)
    found = cooled(e.take(slice(0, None, 2)), e.take(slice(1, None, 2)))
    assert found[0] == pytest.approx(6.50, abs=5.01e-3)
    assert found[3:] == pytest.approx((0.578, 0.158), abs=5.01e-4)
    e = out_of_fold(MODELS["LogReg"], data)
    found = cooled(e.take(slice(0, None, 2)), e.take(slice(1, None, 2)))
    assert found[1:] == pytest.approx((0.0229, 0.0251, 0.0945, 0.1008), abs=5.01e-5)
