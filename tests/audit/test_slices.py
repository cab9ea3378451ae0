"""How columns are cut into slices: what is a slice, what is listed as left out."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
from scipy.stats import binom

import trueup as tu
from audit.tables import event_table, scanned, sigmoid, slices_of
from trueup.core.tables import plan as plans


ROWS = 4_000


def cut(values, **more) -> dict[str, int]:
    """Name of every slice of one column, and its rows."""
    table = event_table(ROWS, by=values, **more)
    found = slices_of(table, "by")
    assert all(list(s.by) == ["by"] for s in found)
    return {s.by["by"]: s.n for s in found}


def test_values_beyond_the_cap_are_listed_and_never_merged():
    rng = np.random.default_rng(0)
    rank = np.minimum(rng.geometric(0.012, 60_000) - 1, 299)
    city = np.char.add("city_", rank.astype(str))
    table = event_table(60_000, shift=-1.0 * (rank == 3), city=city)
    audit = tu.audit(table, truth="y", prob="p", by="city")
    assert len(audit.primary.plan.slicers[0].labels) == 200
    left = audit.to_dict()["slices_left_out"]
    total = len(np.unique(city))
    assert left == [f"city: {total:,} values; the 200 with most rows were examined, "
                    f"{total - 200:,} were not"]  # fmt: skip
    assert audit.findings[0].id == "bad_slice:city=city_3"
    # Their rows still count in the whole, and no slice is made of several values.
    assert audit.primary.cube.n == 60_000
    assert {s.by["city"] for s in audit.primary.slices} <= set(city.tolist())
    assert sum(s.n for s in audit.primary.slices) < 60_000


def test_the_rarest_of_twenty_regions_is_not_merged_with_others():
    # A default of ten bins hid the planted region in "other 11" in a published tool.
    rng = np.random.default_rng(1)
    region = rng.choice(20, 40_000, p=np.r_[np.full(19, 0.985 / 19), 0.015])
    table = event_table(40_000, shift=-1.5 * (region == 19), region=region)
    found = slices_of(table, "region")
    assert len(found) == 20
    assert [s.by["region"] for s in found if s.flagged] == ["19"]


def test_a_pair_with_too_many_cells_is_said_to_be_left_out():
    rng = np.random.default_rng(2)
    table = event_table(ROWS, a=rng.integers(0, 60, ROWS).astype(str),
                        b=rng.integers(0, 60, ROWS).astype(str))  # fmt: skip
    audit = tu.audit(table, truth="y", prob="p", by=["a", "b"])
    assert "1 pairs of columns" in audit.to_dict()["slices_left_out"][0]


def test_a_numeric_column_is_binned_into_fifths():
    age = np.random.default_rng(0).normal(50, 10, ROWS)
    sizes = cut(age)
    assert len(sizes) == 5
    assert all(abs(n - ROWS / 5) <= 1 for n in sizes.values())
    edges = np.quantile(age, [0.2, 0.4, 0.6, 0.8])
    assert any(name.startswith("<= ") for name in sizes)
    stated = sorted(float(name.split()[-1]) for name in sizes if not name.startswith(">"))
    assert np.allclose(stated, edges, atol=0.05)


def test_edges_are_told_apart_by_their_names():
    day = 20_200_000 + np.random.default_rng(0).integers(0, 400, ROWS)
    assert len(cut(day)) == 5
    assert all("e+" not in name for name in cut(day))
    assert len(cut(1.0 + 1e-9 * np.arange(ROWS))) == 5


def test_few_numbers_are_values_and_not_bins():
    assert cut(np.arange(ROWS) % 3) == {"0": 1334, "1": 1333, "2": 1333}


@pytest.mark.parametrize(
    "values",
    [
        np.where(np.arange(ROWS) % 4 == 0, np.nan, np.arange(ROWS) * 1.0),
        np.where(np.arange(ROWS) % 4 == 0, np.nan, np.arange(ROWS) % 3),
        np.where(np.arange(ROWS) % 4 == 0, None, np.array(["a", "b"])[np.arange(ROWS) % 2]),
        np.ma.masked_array(np.arange(ROWS) % 5, mask=np.arange(ROWS) % 4 == 0),
    ],
    ids=["nan in numbers", "nan in few numbers", "null in text", "masked"],
)
def test_missing_values_are_a_slice_of_their_own(values):
    sizes = cut(values)
    assert sizes["(missing)"] == ROWS / 4
    assert sum(sizes.values()) == ROWS


def test_a_bad_missing_slice_is_named():
    absent = np.random.default_rng(3).random(20_000) < 0.1
    table = event_table(20_000, shift=-1.2 * absent, income=np.where(absent, None, "known"))
    assert tu.audit(table, truth="y", prob="p", by="income").findings[0].id == (
        "bad_slice:income=(missing)"
    )


def test_a_value_that_is_called_missing_is_not_the_missing_one():
    values = np.array(["(missing)", "a", None], object)[np.arange(ROWS) % 3]
    assert cut(values) == {"(missing)": 1334, "a": 1333, "((missing))": 1333}


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (np.array([True, False]), {"true", "false"}),
        (np.array([0.1, 0.7], np.float32), {"0.1", "0.7"}),
        (np.array([0.1, 1e-5]), {"0.1", "1e-05"}),
        (np.array(["", " a"], object), {"", " a"}),
        (np.array(["2024-01-01", "2024-01-02T00:00:00.5"], "M8[us]"),
         {"2024-01-01 00:00:00", "2024-01-02 00:00:00.5"}),
        (np.array([datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)], object),
         {"2024-01-01", "2024-01-02"}),
        (np.array(["it's", '"; DROP TABLE x; --'], object), {"it's", '"; DROP TABLE x; --'}),
    ],
    ids=["flags", "float32", "float64", "empty text", "times", "dates", "hostile"],
)  # fmt: skip
def test_values_of_every_type_become_slices(values, names):
    assert set(cut(values[np.arange(ROWS) % 2])) == names


def test_an_empty_value_has_a_name_in_sentences():
    blank = np.random.default_rng(3).random(20_000) < 0.2
    table = event_table(20_000, shift=-1.2 * blank, tag=np.where(blank, "", "x"))
    first = tu.audit(table, truth="y", prob="p", by="tag").findings[0]
    assert first.sentence.startswith("Where tag = (empty) (")


def test_a_column_given_twice_is_cut_once():
    table = event_table(ROWS, site=np.arange(ROWS) % 3)
    audit = tu.audit(table, truth="y", prob="p", by=["site", "site"])
    assert len(audit.primary.slices) == 3


def test_a_column_without_any_value_makes_no_slice():
    assert cut(np.full(ROWS, None)) == {}


def test_infinite_numbers_are_binned_with_the_largest():
    values = np.where(np.arange(ROWS) % 3 == 0, -np.inf, np.arange(ROWS) * 1.0)
    assert sum(cut(values).values()) == ROWS


@pytest.mark.parametrize("distinct", [25, 150, 4_000])
def test_quantiles_of_a_large_table_are_read_off_rows_not_values(monkeypatch, distinct):
    # One row in 128 is looked at; chosen by value, a column of 25 ages would give all or nothing.
    monkeypatch.setattr(plans, "LARGE", 100)
    age = np.random.default_rng(0).integers(0, distinct, 40_000)
    found = slices_of(event_table(40_000, age=age), "age")
    assert len(found) == 5
    assert all(abs(s.n / 40_000 - 0.2) < 0.12 for s in found)


def test_slices_with_few_rows_are_not_judged():
    half = (ROWS - 20) // 2
    sizes = cut(np.array(["rare"] * 20 + ["common"] * half + ["other"] * (ROWS - 20 - half)))
    assert set(sizes) == {"common", "other"}
    assert not cut(np.array(["rare"] * 20 + ["common"] * (ROWS - 20)))  # compared with 20 rows


def along_the_score(seed: int, *, noise: float) -> dict:
    """Over-confident scores, and a column that is the score but for ``noise`` in log-odds."""
    rng = np.random.default_rng(seed)
    stated = rng.normal(0, 1.5, 4_000)
    table = event_table(4_000, p=sigmoid(stated))
    table["y"] = (rng.random(4_000) < sigmoid(0.5 * stated - 0.3)).astype(int)
    near = stated + noise * rng.normal(size=4_000)
    return table | {"near": near, "case": np.where(np.abs(near) < 0.7, "hard", "easy")}


def test_a_range_of_the_score_is_no_slice():
    # "Accuracy is low where p is between 0.33 and 0.64" is trivially true of every model: such
    # scores occur nowhere else, so there is nothing to compare with.
    assert not slices_of(along_the_score(0, noise=0.0), "case")


@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0])
def test_columns_that_go_along_with_the_score_are_named_at_the_nominal_rate(noise):
    """They take the upper part of a bin here and the lower part there."""
    found = [slices_of(along_the_score(seed, noise=noise), "near") for seed in range(60)]
    assert all(found)
    assert sum(any(s.flagged for s in slices) for slices in found) <= binom.ppf(0.999, 60, 0.05)
    p = np.array([s.p_value for slices in found for s in slices])
    assert (p < 0.05).sum() <= binom.ppf(0.999, len(p), 0.05)


def test_pairs_are_the_cells_of_their_parents():
    rng = np.random.default_rng(4)
    table = event_table(ROWS, a=rng.integers(0, 3, ROWS), b=rng.integers(0, 4, ROWS))
    cube = scanned(table, by=("a", "b")).cube
    values, cells = cube.slices["a", "b"]
    for v, (a, b) in enumerate(values):
        if a is not None and b is not None:
            inside = (table["a"] == int(a)) & (table["b"] == int(b))
            assert cells["n"][:, v].sum() == inside.sum()
            assert cells["y"][:, v].sum() == table["y"][inside].sum()
