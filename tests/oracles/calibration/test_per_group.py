"""Oracles: fits by hand of each group, the fallback, keys of every type."""

import duckdb
import numpy as np
import pytest

import trueup as tu
from trueup.calibration import BetaCalibration, PerGroup, PlattScaling, TemperatureScaling
from trueup.core import Evidence, FitError, Probabilities, UsageError
from trueup.worlds import confident_by_factor, confident_by_group


WORLD = confident_by_group(groups=4, rows=500, seed=3)


@pytest.mark.parametrize("base", [PlattScaling(), BetaCalibration(), TemperatureScaling()])
def test_equals_a_fit_of_every_group_by_hand(base):
    e, group = WORLD.evidence, WORLD.evidence.by["group"]
    after = PerGroup("group", base=base, least=0).fit(e).correct(e).probs
    for name in np.unique(group):
        own = e.take(group == name)
        assert after[group == name] == pytest.approx(base.fit(own).apply(own.prediction).probs)


def test_strangers_small_groups_and_missing_names_take_the_pooled_map():
    e = WORLD.evidence
    group = e.by["group"].astype(object)
    group[:10], group[10:20] = "tiny", None
    fitted = PerGroup("group").fit(Evidence(e.prediction, e.truth, by={"group": group}))
    pooled = PlattScaling().fit(e).apply(Probabilities([0.9] * 4)).probs
    asked = np.array(["tiny", None, "never", "g00000"], dtype=object)
    after = fitted.apply(Probabilities([0.9] * 4), group=asked).probs
    assert after[:3] == pytest.approx(pooled[:3]) and abs(after[3, 1] - pooled[3, 1]) > 1e-3
    assert fitted.unseen(group=asked).tolist() == [False, True, True, False]
    assert fitted.groups["group"] == ("g00000", "g00001", "g00002", "g00003", "tiny")
    assert fitted.map.parameters["maps"] == 4.0


def test_a_group_that_separates_takes_the_pooled_map():
    e = WORLD.evidence
    names = np.append(e.by["group"], np.full(100, "sure"))
    said = np.append(e.prediction.probs[:, 1], np.linspace(0.1, 0.9, 100))
    truth = np.append(e.truth, np.linspace(0.1, 0.9, 100) > 0.5)
    fitted = PerGroup("group", base=BetaCalibration()).fit(
        Evidence(Probabilities(said), truth, by={"group": names}))  # fmt: skip
    assert fitted.map.maps[-1] is fitted.map.pooled and fitted.converged


@pytest.mark.parametrize("keys", [[1, 2], [1.5, 2.0], [True, False], ["a", "it's"]])
def test_keys_of_any_type_are_found_again_in_numpy_and_sql(keys):
    e = confident_by_factor(2.0, rows=400).evidence
    column = np.array(keys)[np.arange(400) % 2]
    said = np.where(np.arange(400) % 2, 0.3, e.prediction.probs[:, 1])
    learn = Evidence(Probabilities(said), e.truth, by={"k": column})
    fitted = PerGroup("k").fit(learn)
    after = fitted.correct(learn).probs[:4, 1]
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t (i INT, p DOUBLE, k {_sql_type(keys[0])})")
        rows = [[i, said[i], column[i].item()] for i in range(4)]
        connection.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
        query = fitted.sql("FROM t ORDER BY i", ["p"], event=True)
        assert np.ravel(connection.execute(query).fetchall()) == pytest.approx(after, abs=1e-12)
    assert not fitted.unseen(k=column).any()


def _sql_type(key) -> str:
    return {int: "BIGINT", float: "DOUBLE", bool: "BOOLEAN", str: "VARCHAR"}[type(key)]


def test_prove_reads_the_groups_of_the_evidence():
    learn = WORLD.evidence.take(slice(0, 1_000))
    new = confident_by_group(groups=4, rows=500, seed=3).evidence.take(slice(1_000, 1_800))
    proof = tu.prove(None, tu.correct(learn, "PerGroup", column="group"), on=new)
    assert proof.difference.value < 0


def test_what_is_missing_is_told():
    plain = Evidence(WORLD.evidence.prediction, WORLD.evidence.truth)
    with pytest.raises(FitError, match=r"PerGroup\.fit: .* no column 'group' in 'by'; it has \[\]"):
        PerGroup("group").fit(plain)
    fitted = PerGroup("group").fit(WORLD.evidence)
    with pytest.raises(FitError, match=r"PerGroup\.apply: it needs 'group' beside .*Pass group="):
        fitted.apply(Probabilities([0.5]))
    with pytest.raises(FitError, match=r"'group' has shape \(2,\) for 1 predictions"):
        fitted.apply(Probabilities([0.5]), group=np.array(["a", "b"]))
    with pytest.raises(UsageError, match=r"PerGroup: the column is named 'probs'\. Give"):
        PerGroup("probs")
    with pytest.raises(FitError, match=r"PerGroup\.learn: it reads by beside the probabilities"):
        PerGroup("group").learn(np.zeros((1, 2)), np.zeros(1), np.ones(1))
