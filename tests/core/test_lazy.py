"""The Narwhals expression equals the NumPy kernel in every engine, to the letter where it can."""

import duckdb
import numpy as np
import pandas
import polars
import pyarrow
import pytest

from trueup.core import Evidence, Probabilities, UsageError, cube_of
from trueup.core.tables.lazy import cube_of_lazy
from trueup.worlds import confident_by_factor, planted_table


def in_duckdb(columns):
    connection = duckdb.connect()
    connection.register("given", pyarrow.table(columns))
    return connection.sql("SELECT * FROM given")


ENGINES = {
    "polars": polars.DataFrame,
    "polars lazy": polars.LazyFrame,
    "pandas": pandas.DataFrame,
    "pyarrow": pyarrow.table,
    "duckdb": in_duckdb,
}
EXACT = ("n", "y")


@pytest.mark.parametrize("engine", ENGINES)
def test_event_cube_equals_the_kernel(engine):
    columns = planted_table(20_000, bad_shift=-0.6, seed=3).columns
    oracle = cube_of(
        Evidence(Probabilities(columns["p"]), columns["y"], cluster=columns["id"])
    ).table
    made = cube_of_lazy(ENGINES[engine](columns), truth="y", probs=["p"], key="id").table
    for name in (*EXACT, "p"):  # float32 scores add without rounding
        np.testing.assert_array_equal(made[name], oracle[name])
    for name in ("brier", "loss"):
        np.testing.assert_allclose(made[name], oracle[name], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("engine", ENGINES)
def test_class_cube_equals_the_kernel(engine):
    evidence = confident_by_factor(2.0, rows=20_000, classes=4, seed=1).evidence
    probs = evidence.prediction.probs
    columns = {f"p{j}": probs[:, j] for j in range(4)} | {
        "y": evidence.truth,
        "id": np.arange(20_000),
    }
    oracle = cube_of(Evidence(Probabilities(probs), evidence.truth, cluster=columns["id"])).table
    names = [f"p{j}" for j in range(4)]
    table = ENGINES[engine](columns)
    made = cube_of_lazy(table, truth="y", probs=names, key="id", event=False).table
    for name in EXACT:
        np.testing.assert_array_equal(made[name], oracle[name])
    for name in ("p", "brier", "loss"):
        np.testing.assert_allclose(made[name], oracle[name], rtol=1e-12, atol=1e-14)


def test_negative_and_large_keys_fall_into_the_same_groups():
    key = np.array([-5, -1, 0, 1, 2**40, -(2**40), 999_999, 1_000_003])
    columns = {"id": key, "y": np.zeros(8, int), "p": np.full(8, 0.25)}
    oracle = cube_of(Evidence(Probabilities(columns["p"]), columns["y"], cluster=key)).table
    made = cube_of_lazy(polars.DataFrame(columns), truth="y", probs=["p"], key="id").table
    np.testing.assert_array_equal(made["n"], oracle["n"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probs": ["q"]}, r"cube_of_lazy: no column 'q'; the table has \['y', 'p', 'id'\]"),
        ({"key": "p"}, r"cube_of_lazy: key 'p' is Float64"),
    ],
)
def test_misuse_says_what_to_do(change, message):
    table = polars.DataFrame({"y": [0, 1], "p": [0.2, 0.7], "id": [1, 2]})
    arguments = {"truth": "y", "probs": ["p"], "key": "id"} | change
    with pytest.raises(UsageError, match=message):
        cube_of_lazy(table, **arguments)
