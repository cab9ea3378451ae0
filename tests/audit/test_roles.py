"""Weights, clusters, time and keys do what they say."""

from __future__ import annotations

import numpy as np
import pytest

import trueup as tu
from audit.tables import event_table, ids, scanned
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.groups import BLOCKS
from trueup.worlds import confident_by_factor


def weighted(rows: int = 3_000, *, classes: int = 2) -> tuple[dict, np.ndarray, dict]:
    """A table, integer weights, and roles; over-confident by a factor of two."""
    world = confident_by_factor(2.0, rows=rows, classes=classes).evidence
    weight = np.random.default_rng(1).integers(1, 5, rows)
    table = {"id": np.arange(rows), "y": world.truth}
    if classes == 2:
        return table | {"p": world.prediction.probs[:, 1]}, weight, {"prob": "p"}
    names = [f"p_{j}" for j in range(classes)]
    columns = dict(zip(names, world.prediction.probs.T, strict=True))
    return table | columns, weight, {"probs": names}


@pytest.mark.parametrize("classes", [2, 3])
def test_integer_weights_equal_repeated_rows_for_every_measure(classes):
    table, weight, probs = weighted(classes=classes)
    repeated = {name: np.repeat(column, weight) for name, column in table.items()}
    # The id is the cluster, so that repeats of a row stay in its group in both tables.
    roles = {"truth": "y", "cluster": "id", **probs}
    once = tu.audit(table | {"w": weight}, weight="w", **roles).measures
    again = tu.audit(repeated, **roles).measures
    # The noise floor and the test ask how many independent rows there are: there the two differ.
    counted = {"ece_noise_floor", "calibration_p_value"}
    assert counted < set(once)
    for name in set(once) - counted - {"calibration_error_debiased"}:
        assert once[name].value == pytest.approx(again[name].value, rel=1e-9), name
    assert once["log_loss"].low == pytest.approx(again["log_loss"].low, rel=0.02)


def test_equal_weights_change_nothing():
    table, _, probs = weighted()
    for scale in (1.0, 3.0):
        with_weight = tu.audit(table | {"w": np.full(3_000, scale)}, truth="y", weight="w", **probs)
        plain = tu.audit(table, truth="y", **probs)
        for name, estimate in plain.measures.items():
            assert with_weight.measures[name].value == pytest.approx(estimate.value, rel=1e-9), name


def test_a_weight_of_zero_takes_a_row_out():
    table, _, probs = weighted()
    weight = (np.arange(3_000) % 3 > 0).astype(float)
    kept = {name: column[weight > 0] for name, column in table.items()}
    one = tu.audit(table | {"w": weight}, truth="y", weight="w", key="id", **probs)
    two = tu.audit(kept, truth="y", key="id", **probs)
    for name in ("log_loss", "auc", "ece", "accuracy"):
        assert one.measures[name].value == pytest.approx(two.measures[name].value, rel=1e-12)


def test_a_weight_may_pause_for_a_while():
    table = event_table(5_000, day=np.arange(5_000) // 25, w=(np.arange(5_000) > 1_500) * 1.0)
    audit = tu.audit(table, truth="y", prob="p", weight="w", time="day")
    audit.to_dict()
    assert all(np.isfinite(d.value).all() for d in audit.primary.drifts)


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_impossible_weights_are_refused(value):
    table = event_table(100, w=np.where(np.arange(100) == 7, value, 1.0))
    with pytest.raises(EvidenceError, match=r"1 rows are of a missing, negative or infinite weight;"
                       r" the first are rows \[7\]"):  # fmt: skip
        tu.audit(table, truth="y", prob="p", weight="w")


def test_weights_that_are_all_zero_leave_no_rows():
    with pytest.raises(EvidenceError, match="has 0 rows to judge by"):
        tu.audit(event_table(100, w=np.zeros(100)), truth="y", prob="p", weight="w")


def test_rows_repeated_inside_clusters_make_no_evidence():
    base = event_table(1_000, shift=0.3)
    eight = {name: np.repeat(column, 8) for name, column in base.items()}
    alone = tu.audit(base, truth="y", prob="p", cluster="id").measures["log_loss"]
    fooled = tu.audit(eight, truth="y", prob="p").measures["log_loss"]
    honest = tu.audit(eight, truth="y", prob="p", cluster="id").measures["log_loss"]
    width = {k: e.high - e.low for k, e in {"a": alone, "f": fooled, "h": honest}.items()}
    assert width["h"] == pytest.approx(width["a"], rel=1e-6)
    assert width["f"] < 0.5 * width["h"]


def test_a_series_is_cut_into_blocks():
    table = event_table(2_000, day=np.arange(2_000) // 4)
    scan = scanned(table, time="day")
    assert scan.cube.grouping == "block"
    assert scan.cube.table.shape[0] == BLOCKS
    sizes = scan.cube.table["n"].sum(axis=1)
    assert (abs(sizes - 100) <= 4).all()
    how = dict(tu.audit(table, truth="y", prob="p", time="day").how)
    assert "contiguous blocks of 'day'" in how["Groups"]


def test_corrections_of_a_series_learn_early_and_prove_late():
    table = event_table(3_000, day=np.arange(3_000))
    split = tu.audit(table, truth="y", prob="p", time="day").primary.trial.split
    assert split.learn.nonzero()[0].max() < split.prove.nonzero()[0].min()


def test_a_cluster_in_time_stays_together():
    table = event_table(2_000, day=np.arange(2_000), who=np.arange(2_000) % 50)
    cube = scanned(table, time="day", cluster="who").cube
    assert cube.grouping == "cluster"
    assert cube.chunks is not None


@pytest.mark.parametrize("keys", [
    np.arange(600, dtype=np.uint64) + 2**63,
    np.arange(600) + np.iinfo(np.int64).min,
    np.array([f"patient {i}" for i in range(600)], object),
    np.arange(600) / 7,
], ids=["unsigned", "smallest", "text", "fractions"])  # fmt: skip
def test_keys_of_every_type_spread_over_the_groups(keys):
    cube = scanned(event_table(600, key=keys), key="key").cube
    assert cube.n == 600
    assert (cube.table["n"].sum(axis=1) > 0).sum() > 100


@pytest.mark.parametrize("clusters", [1, 2, 3, 5])
def test_few_clusters_are_said_to_be_few(clusters):
    table = event_table(3_000, shift=0.5, who=np.arange(3_000) % clusters)
    audit = tu.audit(table, truth="y", prob="p", cluster="who")
    assert "data_few_groups" in ids(audit)
    audit.to_dict()
    if clusters < 3:
        assert audit.primary.trial.remedies == []
        assert audit.action.startswith("Leave it: too few different values of who")
        assert "Trustworthy" not in audit.verdict


@pytest.mark.parametrize("days", [1, 2, 3])
def test_few_times_are_said_to_be_few(days):
    table = event_table(3_000, day=np.arange(3_000) % days)
    assert "data_few_groups" in ids(tu.audit(table, truth="y", prob="p", time="day"))


@pytest.mark.parametrize("role", ["time", "cluster", "key"])
def test_rows_without_their_role_are_refused_not_put_somewhere(role):
    column = np.where(np.arange(200) % 50 == 3, np.nan, np.arange(200) * 1.0)
    table = event_table(200, c=column)
    with pytest.raises(EvidenceError, match=rf"4 rows are without a {role}; .*\[3, 53, 103, 153\]"):
        tu.audit(table, truth="y", prob="p", **{role: "c"})
    kept = tu.audit(table, truth="y", prob="p", drop_bad=True, **{role: "c"})
    assert kept.primary.cube.n == 196
    assert f"data_no_{role}" in ids(kept)


def test_times_must_be_times():
    with pytest.raises(EvidenceError, match=r"time 'c' holds (VARCHAR|ENUM)"):
        tu.audit(event_table(50, c=np.array(["a"] * 50)), truth="y", prob="p", time="c")


def test_roles_are_guessed_only_where_the_column_can_play_them():
    table = event_table(200, time=np.array(["noon", "dusk"] * 100), weight=np.array(["x"] * 200))
    roles = tu.audit(table).primary.plan.roles
    assert roles.guessed == ("truth", "probs")
    assert (roles.time, roles.weight) == ("", "")


def test_unknown_roles_are_refused():
    with pytest.raises(UsageError, match="unknown argument 'clusters'"):
        tu.audit(event_table(50), truth="y", prob="p", clusters="id")


def test_nothing_is_guessed_where_guesses_are_declined():
    table = event_table(400) | {"weight": np.arange(400.0), "time": np.arange(400)}
    assert tu.audit(table, history=False).primary.plan.roles.guessed == (
        "truth",
        "probs",
        "weight",
        "time",
    )
    roles = tu.audit(table, truth="y", prob="p", guess=False, history=False).primary.plan.roles
    assert (roles.weight, roles.time, roles.guessed) == ("", "", ())
    named = tu.audit(table, truth="y", prob="p", time="time", guess=False, history=False)
    assert named.primary.plan.roles.time == "time"
    with pytest.raises(UsageError, match="which column is the truth"):
        tu.audit(table, prob="p", guess=False, history=False)
    with pytest.raises(UsageError, match="which columns hold the prediction"):
        tu.audit(table, truth="y", guess=False, history=False)
