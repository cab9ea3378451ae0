"""Groups: the same number in NumPy and in SQL, evenly spread, contiguous in time."""

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from trueup.core.groups import (
    BUCKETS,
    GROUPS,
    buckets,
    hash_groups,
    parts_of_buckets,
    sql_group,
    sql_key,
)


def in_sql(values: list, kind: str) -> list[int]:
    """Groups of ``values`` as DuckDB computes them."""
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t (i INTEGER, key {kind})")
        connection.executemany("INSERT INTO t VALUES (?, ?)", list(enumerate(values)))
        group = sql_group(sql_key("key", text=kind == "VARCHAR"))
        return [g for (g,) in connection.execute(f"SELECT {group} FROM t ORDER BY i").fetchall()]


def test_sql_equals_numpy_for_integers():
    keys = [0, 1, -1, 7, 1_000_002, 1_000_003, 1_000_004, -(2**40), 2**62, 2**63 - 1, -(2**63) + 1]
    keys += np.random.default_rng(0).integers(-(2**62), 2**62, 200).tolist()
    assert in_sql(keys, "BIGINT") == hash_groups(np.array(keys)).tolist()


def test_sql_equals_numpy_for_the_upper_half_of_unsigned_numbers():
    keys = [0, 5, 2**63 - 1, 2**63, 2**63 + 12_345_678_901, 2**64 - 1]
    assert in_sql(keys, "UBIGINT") == hash_groups(np.array(keys, dtype=np.uint64)).tolist()


def test_sql_equals_numpy_for_text():
    keys = ["", "a", "patient 12", "Ängström", "日本", "'; DROP TABLE t; --", " a", "a "]
    keys += [f"k{i}" for i in range(200)]
    assert in_sql(keys, "VARCHAR") == hash_groups(np.array(keys)).tolist()


@given(st.lists(st.text(max_size=20).filter(lambda s: "\0" not in s), min_size=1, max_size=30))
def test_equal_text_has_equal_groups_in_any_order(keys):
    groups = hash_groups(np.array(keys, dtype=object))
    again = hash_groups(np.array(keys[::-1], dtype=object))[::-1]
    assert groups.tolist() == again.tolist() and ((groups >= 0) & (groups < GROUPS)).all()


def test_type_of_a_key_does_not_matter():
    keys = np.arange(50)
    for other in (keys.astype(np.int8), keys.astype(np.uint64), keys.astype(float)):
        assert np.array_equal(hash_groups(other), hash_groups(keys))
    days = np.datetime64("2024-01-01") + keys
    assert np.array_equal(hash_groups(days), hash_groups(days.astype("datetime64[ns]")))


@pytest.mark.parametrize("keys", [
    np.arange(200_000), np.arange(200_000) * 2, np.arange(200_000) * 128, np.arange(200_000) * 1000,
    np.array([f"user_{i}" for i in range(20_000)]),
])  # fmt: skip
def test_groups_are_even(keys):
    """Chi-squared test against even groups at a false-alarm rate of 1e-6."""
    counts = np.bincount(hash_groups(keys), minlength=GROUPS)
    expected = len(keys) / GROUPS
    assert ((counts - expected) ** 2 / expected).sum() < chi2.ppf(1 - 1e-6, GROUPS - 1)


def test_buckets_reach_both_ends():
    times = np.array([3.0, 4.0, 5.0])
    assert buckets(times, first=3.0, last=5.0).tolist() == [0, BUCKETS // 2, BUCKETS - 1]
    assert buckets(np.array([3.0, 3.0]), first=3.0, last=3.0).tolist() == [0, 0]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60), st.integers(1, 25))
def test_parts_never_fall_and_have_no_gaps(counts, parts):
    made = parts_of_buckets(np.array(counts), parts=parts)
    assert made[0] == 0 and set(np.diff(made).tolist()) <= {0, 1} and made.max() < parts
