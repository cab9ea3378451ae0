"""Tables without a fault: nothing may be found more often than was promised.

Each rate is compared with the 99.9 % point of the binomial law at the promised rate, so that a
sound library fails one such test in a thousand seeds; the seeds are fixed.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

import trueup as tu
from audit.tables import event_table, scanned, sigmoid, slices_of
from trueup.audit.drift import find_drift
from trueup.core.multiple import benjamini_hochberg
from trueup.core.tables.clock import clock_of
from trueup.core.tables.source import open_table
from trueup.worlds import autocorrelated, calibrated


def most(trials: int, rate: float) -> int:
    """The count that a rate of at most ``rate`` exceeds once in a thousand."""
    return int(binom.ppf(0.999, trials, rate))


def sliced(seed: int) -> dict:
    """A calibrated table with eight regions of unequal size, a site and an age."""
    rng = np.random.default_rng(1000 + seed)
    columns = {
        "region": np.array(list("abcdefgh"))[np.minimum(rng.geometric(0.3, 1_500) - 1, 7)],
        "site": rng.integers(0, 5, 1_500),
        "age": rng.normal(50, 15, 1_500),
    }
    return event_table(1_500, seed=seed, **columns)


def test_slices_of_all_null_tables_are_named_at_most_at_the_nominal_rate():
    # Where nothing is true, the false discovery rate is the share of tables with any discovery.
    tables = 60
    found = [slices_of(sliced(s), "region", "site", "age", key="id") for s in range(tables)]
    assert min(map(len, found)) > 20
    assert sum(any(s.flagged for s in table) for table in found) <= most(tables, 0.05)


def test_p_values_of_null_slices_are_not_too_small():
    found = [slices_of(sliced(200 + s), "site", key="id") for s in range(60)]
    p = np.array([table[0].p_value for table in found])  # one a table: they are independent
    smallest_of_five = 1 - (1 - p) ** 5
    for level in (0.01, 0.05, 0.2):
        assert (smallest_of_five < level).sum() <= most(len(p), level)


def test_benjamini_hochberg_ranks_as_published():
    # A published detector took argsort() + 1 for the rank: 0.93 false alarms instead of 0.10.
    rng = np.random.default_rng(0)
    p = rng.random((2_000, 50))
    alarms = sum((np.asarray(benjamini_hochberg(row)) < 0.10).any() for row in p)
    assert most(2_000, 0.10) >= alarms >= binom.ppf(0.001, 2_000, 0.10)
    order = p[0].argsort()
    by_hand = np.minimum.accumulate((p[0][order] * 50 / np.arange(1, 51))[::-1])[::-1]
    assert np.allclose(np.asarray(benjamini_hochberg(p[0]))[order], np.minimum(by_hand, 1))
    assert len(benjamini_hochberg([])) == 0  # and nothing to judge is no error


@pytest.fixture(scope="module")
def null_audits():
    """Whole audits of calibrated tables in time."""
    made = []
    for seed in range(12):
        table = event_table(2_500, seed=seed, site=np.arange(2_500) % 6)
        made.append(tu.audit(table, truth="y", prob="p", by="site", key="id", threads=1))
    return made


def test_no_finding_at_all_on_most_null_tables(null_audits):
    # 1 % for confidence, 5 % for slices; ranking and data defects never.
    assert sum(bool(a.findings) for a in null_audits) <= most(12, 0.06)


def test_a_calibrated_model_is_left_alone(null_audits):
    # A two-sided interval at 95 % clears zero on the better side in 2.5 %.
    chosen = [a for a in null_audits if a.primary.chosen is not None]
    assert len(chosen) <= most(12, 0.025)
    left = next(a for a in null_audits if a.primary.chosen is None)
    assert left.advice == "Leave it"
    assert left.action.startswith("Leave it: ")
    assert left.to_dict()["chosen"] == "none"
    assert left.remedy.fitted.method == "DoNothing"


def drifts_of(table: dict) -> list:
    """The series over time of a table with a column ``t``."""
    cube = scanned(table, time="t").cube
    with open_table(table) as opened:
        clock = clock_of(opened, "t", "true", len(table["y"]))
    return find_drift(cube.chunks, clock, event=True)


def series(evidence) -> dict:
    return {"y": evidence.truth, "p": evidence.prediction.probs[:, 1], "t": evidence.time}


@pytest.fixture(scope="module")
def steady():
    """Drift of 30 tables where rows come one by one and nothing changes."""
    return [drifts_of(event_table(2_500, seed=s, t=np.arange(2_500))) for s in range(30)]


def test_drift_is_seldom_seen_where_nothing_changes(steady):
    assert all(len(drifts) == 3 for drifts in steady)
    assert sum(any(d.changed for d in drifts) for drifts in steady) <= most(30, 0.01)


def test_holm_holds_the_three_series_together(steady):
    least = np.array([min(d.p_value for d in drifts) for drifts in steady])
    for level in (0.01, 0.1, 0.2):
        assert (least < level).sum() <= most(30, level)


@pytest.mark.parametrize("rho", [0.5, 0.9])
def test_a_memory_shorter_than_a_chunk_is_no_drift(rho):
    # 2,500 rows make 50 chunks of 50; at rho = 0.9 a row remembers about ten others.
    worlds = [autocorrelated(2_500, rho=rho, factor=1.0, seed=s) for s in range(20)]
    found = [drifts_of(series(world.evidence)) for world in worlds]
    assert sum(any(d.changed for d in drifts) for drifts in found) <= most(20, 0.01)


def test_few_rows_alarm_nobody():
    # Evidently flags drift on eight rows; here 60 rows of a good model stay unremarkable.
    named = 0
    for seed in range(12):
        evidence = calibrated(60, seed=seed).evidence
        table = {"y": evidence.truth, "p": evidence.prediction.probs[:, 1], "t": np.arange(60)}
        audit = tu.audit(table, truth="y", prob="p", time="t")
        named += any(not f.id.startswith("data_") for f in audit.findings)
    assert named <= most(12, 0.04)


def test_findings_do_not_depend_on_the_number_of_rows():
    # Evidently's drift verdict did: nothing on a sample of 5 %, nearly every feature on all rows.
    for rows in (3_000, 60_000):
        rng = np.random.default_rng(rows)
        z = rng.normal(0, 1.5, rows)
        table = {"y": (rng.random(rows) < sigmoid(z)).astype(int), "p": sigmoid(z),
                 "t": np.arange(rows)}  # fmt: skip
        assert tu.audit(table, truth="y", prob="p", time="t").findings == []
