"""Evidence: roles of columns, labels by name, groups by cluster, time or place."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from trueup.core import Evidence, Points, Probabilities
from trueup.core.evidence import time_blocks
from trueup.core.groups import BLOCKS, GROUPS, hash_groups


def evidence(n: int = 10, **roles) -> Evidence:
    return Evidence(Probabilities(np.linspace(0, 1, n)), np.arange(n) % 2, **roles)


def test_labels_are_codes_or_names():
    said = Probabilities([[0.1, 0.2, 0.7]] * 3, classes=("cat", "dog", "eel"))
    assert Evidence(said, ["eel", "cat", "dog"]).truth.tolist() == [2, 0, 1]
    assert Evidence(said, np.array(["eel", "cat", "dog"], object)).truth.tolist() == [2, 0, 1]
    for codes in ([2, 0, 1], [2.0, 0.0, 1.0], np.array([2, 0, 1], np.uint8)):
        assert Evidence(said, codes).truth.tolist() == [2, 0, 1]
    assert Evidence(Probabilities([0.2, 0.7]), [False, True]).truth.tolist() == [0, 1]
    assert Evidence(Probabilities([0.2], classes=(10, 20)), ["20"]).truth.tolist() == [1]


@pytest.mark.parametrize("column", [pd.Series, pl.Series, list, tuple, np.array])
def test_columns_of_any_library(column):
    made = Evidence(Probabilities(column([0.2, 0.9])), column([0, 1]), weight=column([1.0, 2.0]))
    assert made.truth.tolist() == [0, 1] and made.weight.tolist() == [1.0, 2.0]


def test_take_keeps_roles_and_identity():
    made = evidence(
        weight=np.arange(1, 11),
        cluster=np.arange(10) // 2,
        time=np.arange(10),
        by={"s": list("ab" * 5)},
    )
    part = made.take([3, 1])
    assert part.truth.tolist() == [1, 1] and part.weight.tolist() == [4, 2]
    assert part.cluster.tolist() == [1, 0] and part.time.tolist() == [3, 1]
    assert (
        part.by["s"].tolist() == ["b", "b"]
        and part.rows.ids.tolist() == made.rows.ids[[3, 1]].tolist()
    )
    assert len(made.take(made.truth == 1)) == 5


def test_groups_by_cluster_before_time_before_place():
    place = evidence()
    assert place.grouping == "row" and place.group_count == GROUPS
    assert place.groups().tolist() == hash_groups(np.arange(10)).tolist()
    timed = evidence(time=np.arange(10))
    assert timed.grouping == "block" and timed.group_count == BLOCKS
    both = evidence(time=np.arange(10), cluster=list("aabbccddee"))
    assert both.grouping == "cluster" and both.groups()[0] == both.groups()[1]


def test_blocks_are_contiguous_even_and_keep_ties():
    n = 5_000
    times = np.random.default_rng(0).permutation(np.arange(n) // 7)
    block = time_blocks(times.astype(float))
    order = np.argsort(times, kind="stable")
    assert (np.diff(block[order]) >= 0).all() and len(np.unique(block)) == BLOCKS
    assert all(len(set(block[times == t])) == 1 for t in np.unique(times)[:50])
    assert np.bincount(block).min() > 0.9 * n / BLOCKS


def test_blocks_of_dates_equal_blocks_of_numbers():
    days = np.datetime64("2024-01-01") + np.arange(1000)
    assert np.array_equal(time_blocks(days), time_blocks(np.arange(1000)))


@pytest.mark.parametrize(("times", "blocks"), [([5.0] * 40, 1), ([1.0] * 20 + [2.0] * 20, 2)])
def test_few_times_give_few_blocks(times, blocks):
    assert len(np.unique(time_blocks(np.array(times)))) == blocks


def test_no_rows_have_no_blocks():
    assert time_blocks(np.array([])).tolist() == []
    assert len(evidence(time=np.arange(10)).take([]).groups()) == 0


def test_points_need_numbers():
    assert Evidence(Points([1.0]), [2]).truth.dtype == np.float64
