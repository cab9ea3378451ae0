"""Dask on a cluster of two workers: the cube and the audit are those of the kernel."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

import trueup as tu
from audit.tables import scanned
from cli.shell import quick
from scale.elsewhere import AUDITS, CUTS, oracle, same, same_audit, table


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
