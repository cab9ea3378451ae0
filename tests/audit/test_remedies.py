"""Corrections: proven on rows that they never saw, refused where they are worth nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest

import trueup as tu
from audit.tables import event_table, ids
from trueup.audit.bench import bench_of
from trueup.audit.demo import digit_tables
from trueup.core.splits import split_groups
from trueup.worlds import calibrated, confident_by_factor


def event(world) -> dict:
    """A world of an event as a table."""
    evidence = world.evidence
    return {"y": evidence.truth, "p": evidence.prediction.probs[:, 1]}


@pytest.mark.parametrize("classes", [2, 3])
def test_proof_rows_are_disjoint_from_learning_rows(classes):
    world = confident_by_factor(2.0, rows=3_000, classes=classes)
    if classes == 2:
        audit = tu.audit(event(world), truth="y", prob="p")
    else:
        table = {f"p_{j}": column for j, column in enumerate(world.evidence.prediction.probs.T)}
        audit = tu.audit(table | {"y": world.evidence.truth}, truth="y")
    judged = audit.primary
    split, bench = judged.trial.split, bench_of(judged.scan, judged.plan.profile.classes)
    assert not (split.learn & split.prove).any()
    assert (split.folds[split.prove] == -1).all()
    assert (split.folds[split.learn] >= 0).all()
    learned, proven = bench.evidence(split.learn), bench.evidence(split.prove)
    assert proven.rows.shared_with(learned.rows) == 0
    for remedy in judged.trial.remedies:
        assert proven.rows.shared_with(remedy.fitted.rows) == 0
        assert remedy.proof.proven_on == bench.sizes()[split.prove].sum()
        assert remedy.proof.learned_on == bench.sizes()[split.learn].sum()
    assert remedy.proof.learned_on + remedy.proof.proven_on == 3_000


def test_every_fold_is_used_whatever_the_number_of_groups():
    for groups in range(3, 40):
        split = split_groups(np.ones(groups), in_time=False)
        assert split.learn.sum() + split.prove.sum() == groups
        assert set(split.folds[split.learn]) == set(range(min(5, split.learn.sum())))


@pytest.mark.parametrize("factor", [2.0, 0.5])
def test_temperature_or_platt_is_found_where_that_is_the_truth(factor):
    audit = tu.audit(event(confident_by_factor(factor, rows=20_000)), truth="y", prob="p")
    chosen = audit.primary.chosen
    assert chosen.name in ("temperature", "platt", "ensemble_temperature", "beta")
    [temperature] = [r for r in audit.primary.trial.remedies if r.name == "temperature"]
    assert temperature.fitted.map.parameters["temperature"] == pytest.approx(factor, rel=0.05)
    assert temperature.proof.outcome.value == "proven"
    # What it promises is what the world holds: the loss of the calibrated forecaster.
    true = calibrated(20_000).truth["log_loss"]
    assert chosen.proof.after.value == pytest.approx(true, abs=0.01)


def test_the_chosen_one_is_the_simplest_of_the_best():
    audit = tu.audit(event(confident_by_factor(2.0, rows=5_000)), truth="y", prob="p")
    chosen, *others = audit.primary.trial.remedies
    losses = [remedy.held_out_loss for remedy in others]
    assert losses == sorted(losses)
    assert audit.primary.chosen is chosen
    assert chosen.title == "TemperatureScaling" and chosen.numbers == 1  # what the world did
    assert chosen.held_out_loss < min(losses) + 0.002
    row = audit.to_dict()
    assert row["chosen"] == row["remedies"][0]["name"]
    assert [r["chosen"] for r in row["remedies"]] == [True] + [False] * len(others)


@pytest.fixture(scope="module")
def digits():
    """Audits of three classifiers of digits, out of fold."""
    return {name: tu.audit(table, truth="digit") for name, table in digit_tables()}


def test_digits_get_their_three_verdicts(digits):
    assert {name: audit.advice for name, audit in digits.items()} == {
        "naive_bayes": "Cool it",
        "random_forest": "Sharpen it",
        "logistic_regression": "Leave it",
    }


def test_digits_have_their_published_numbers(digits):
    # Accuracy and ECE of the data sheet, section 8: five folds, seed 0, 15 bins.
    for name, accuracy, ece in (
        ("naive_bayes", 0.85086, 0.13695),
        ("random_forest", 0.97329, 0.20279),
        ("logistic_regression", 0.96939, 0.01574),
    ):
        measures = digits[name].measures
        assert measures["accuracy"].value == pytest.approx(accuracy, abs=0.002)
        assert measures["ece"].value == pytest.approx(ece, abs=0.005)


def test_a_model_that_is_good_is_told_that_every_correction_is_worse(digits):
    audit = digits["logistic_regression"]
    assert audit.primary.chosen is None
    assert audit.action.startswith("Leave it: ")
    assert json.loads(json.dumps(audit.to_dict(), allow_nan=False))["chosen"] == "none"


def test_exact_zeros_of_a_forest_make_nothing_silently_worse():
    # Wine, random forest: a temperature of 0.05 takes the log loss from .156 to .540, because the
    # forest says 0 of things that happen.
    from sklearn.datasets import load_wine
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    X, y = load_wine(return_X_y=True)
    for seed in range(3):
        folds = StratifiedKFold(5, shuffle=True, random_state=seed)
        forest = RandomForestClassifier(20, random_state=seed)
        probs = cross_val_predict(forest, X, y, cv=folds, method="predict_proba")
        table = {f"p_{j}": column for j, column in enumerate(probs.T)} | {"y": y}
        audit = tu.audit(table, truth="y")
        zeros = int((probs[np.arange(len(y)), y] == 0).sum())
        assert ("data_impossible" in ids(audit)) == bool(zeros)
        for remedy in audit.primary.trial.remedies:
            if remedy.proof.difference.value > 0:
                assert remedy.proof.outcome.value != "proven"
        if audit.primary.chosen is not None:
            assert audit.primary.chosen.proof.difference.high < 0
            after = audit.remedy.apply(table)
            said = np.column_stack([after[f"p_{j}"] for j in range(3)])
            before, now = (
                -np.log(np.maximum(q[np.arange(len(y)), y], 2.3e-16)).mean() for q in (probs, said)
            )
            assert now < before


def test_probability_zero_of_what_happened_is_said_and_counted():
    table = event_table(3_000)
    table["p"] = np.where((np.arange(3_000) % 500 == 3), 1.0 - table["y"], table["p"])
    audit = tu.audit(table, truth="y", prob="p")
    [found] = [f for f in audit.findings if f.id == "data_impossible"]
    assert found.estimate.value == 6
    assert np.isfinite(audit.measures["log_loss"].value)


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_constant_scores_are_judged(p):
    table = event_table(500)
    audit = tu.audit(table | {"p": np.full(500, p)}, truth="y", prob="p")
    json.dumps(audit.to_dict(), allow_nan=False)


def test_perfect_predictions_are_left_alone():
    table = event_table(500)
    audit = tu.audit(table | {"p": table["y"].astype(float)}, truth="y", prob="p")
    json.dumps(audit.to_dict(), allow_nan=False)
    assert audit.primary.chosen is None


def test_a_small_noisy_table_is_not_corrected():
    # As with 450 basketball games of an ECE of .095, most of which is noise.
    evidence = calibrated(450, seed=4).evidence
    audit = tu.audit({"y": evidence.truth, "p": evidence.prediction.probs[:, 1]}, truth="y",
                     prob="p")  # fmt: skip
    floor = audit.measures["ece_noise_floor"].value
    assert audit.measures["ece"].value < 2 * floor
    assert audit.primary.chosen is None
