"""Dask on a cluster of two workers: the cube and the audit are those of the kernel."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

import trueup as tu
from audit.forecasts import KINDS
from audit.tables import scanned
from cli.shell import quick
from scale.elsewhere import AUDITS, CUTS, oracle, same, same_audit, table
from scale.numbers_elsewhere import (
    NUMBER_CUTS,
    number_scan,
    number_table,
    same_number_audit,
    same_numbers,
)
from trueup.core.errors import EvidenceError


frames = pytest.importorskip("dask.dataframe", reason="Dask is not installed")
distributed = pytest.importorskip("distributed", reason="distributed is not installed")

PARTS = 3


@pytest.fixture(scope="module")
def cluster():
    """Two workers, each a process, as they are on other machines."""
    local = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**local) as made, distributed.Client(made) as client:
        yield client


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The rows as several files, so that there are partitions."""
    place = tmp_path_factory.mktemp("dask")
    for i, part in enumerate(np.array_split(np.arange(len(table())), PARTS)):
        pq.write_table(table().take(part), place / f"part-{i}.parquet")
    return place


@pytest.fixture(scope="module")
def rows(cluster, folder):
    """The table in Dask."""
    return frames.read_parquet(folder)


@pytest.mark.parametrize("cut", CUTS)
def test_the_cube_is_that_of_the_kernel(rows, cut):
    same(oracle(cut), scanned(rows, **CUTS[cut]))


@pytest.mark.parametrize("audit", AUDITS)
def test_the_audit_is_the_same(rows, audit):
    same_audit(tu.audit(rows, **AUDITS[audit]), audit)


@pytest.fixture(scope="module")
def forecasts_in(cluster, tmp_path_factory):
    """A table of forecasts in Dask, as several files."""

    def made(kind):
        place = tmp_path_factory.mktemp(kind)
        for i, part in enumerate(np.array_split(np.arange(len(number_table(kind))), PARTS)):
            pq.write_table(number_table(kind).take(part), place / f"part-{i}.parquet")
        return frames.read_parquet(place)

    return made


@pytest.mark.parametrize(
    ("kind", "cut"),
    [("normal", cut) for cut in NUMBER_CUTS] + [(kind, "times and weights") for kind in KINDS[1:]],
)
def test_the_cube_of_forecasts_of_numbers_too(forecasts_in, kind, cut):
    same_numbers(forecasts_in(kind), kind, cut)


def test_the_audit_of_forecasts_of_numbers_too(forecasts_in):
    same_number_audit(forecasts_in("quantiles"), "quantiles")


def test_forecasts_are_known_by_their_place_whatever_the_partitions(forecasts_in):
    expected = number_scan("ensemble", number_table("ensemble"), by=("site",))
    rows = forecasts_in("ensemble").repartition(npartitions=2)
    same(expected, number_scan("ensemble", rows, by=("site",)))


def test_bad_forecasts_are_refused(forecasts_in):
    rows = forecasts_in("normal")
    rows["sd"] = rows["sd"].where(rows["id"] > -900, 0.0)
    with pytest.raises(EvidenceError, match="1 row is of an sd that is not positive; one of"):
        tu.audit(rows, truth="y", mean="mean", sd="sd")


def test_rows_are_known_by_their_place_whatever_the_partitions(rows):
    expected = scanned(table(), by=("site",))
    for parts in (1, 5):
        same(expected, scanned(rows.repartition(npartitions=parts), by=("site",)))


def test_the_command_reads_files_with_it(folder):
    words = ("audit", str(folder), "--truth", "y", "--prob", "p", "--by", "site", "--no-history")
    found, said = (quick(folder, *words, "--engine", e) for e in ("dask", "duckdb"))
    assert (found.code, found.err) == (0, "")
    assert found.out.splitlines()[:-1] == said.out.splitlines()[:-1]


def test_what_is_not_there_is_said(folder):
    done = quick(folder, "audit", folder / "none.parquet", "--engine", "dask")
    assert done.code == 3
    assert "none.parquet cannot be read by dask" in done.err
    assert len(done.err.splitlines()) == 1
