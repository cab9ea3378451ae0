"""Sums by Dask, block by block: those of the same states in memory."""

from __future__ import annotations

import numpy as np
import pytest

from trueup.core.windows import Windows
from trueup.error import Discovery, Mesh, discover, polynomials, products
from trueup.error.discovery.grams import BLOCKS, Grams
from trueup.error.discovery.search import Search
from trueup.error.discovery.sums import streams
from trueup.worlds.simulators import KuramotoSivashinsky, Line, Lorenz63


LINE = Line(64, 25.0)
SUMS = ("xx", "xy", "yy", "rows")


@pytest.fixture(scope="module")
def states():
    """(windows, 5, 64) states on the attractor, more windows than blocks."""
    system = KuramotoSivashinsky(grid=LINE)
    starts = np.tile(system.spun_up(30), (8, 1))[: BLOCKS + 37]
    starts = np.stack([np.roll(one, 3 * i) for i, one in enumerate(starts)])
    return system.run(starts, 1e-3, steps=20, every=5).swapaxes(0, 1)


def search(states) -> Search:
    model = KuramotoSivashinsky(u_xx=0.5, grid=LINE, integrator="cnab2")
    settings = Discovery(products(Mesh((25 / 64,)), powers=2), noise=0.01)
    return Search(settings, model, Windows(states, 5e-3))


@pytest.mark.parametrize("scheduler", ("synchronous", "threads"))
@pytest.mark.parametrize("seed", (None, 0, 3))
def test_sums_by_dask_are_those_in_memory(states, scheduler, seed):
    array = pytest.importorskip("dask.array")
    import dask.config

    here, there = search(states), search(array.from_array(states, chunks=(31, 2, 40)))
    places = here.places[:5]
    wanted = here.grams(here.increments, places, seed=seed)
    with dask.config.set(scheduler=scheduler):
        found = there.grams(there.increments, places, seed=seed)
    for name in SUMS:
        one, other = getattr(found, name), getattr(wanted, name)
        assert one.shape == other.shape
        assert np.abs(one - other).max() <= 1e-12 * np.abs(other).max(), name


def test_what_is_found_by_dask_is_what_is_found_in_memory():
    array = pytest.importorskip("dask.array")
    system, model = Lorenz63(), Lorenz63(rho=20.0)
    run = system.run(system.spun_up(1), 2e-3, steps=5 * 1_500, every=5)[:, 0]
    run = run + 0.01 * run.std(axis=0) * np.random.default_rng(0).normal(size=run.shape)
    given = {"dt": 0.01, "length": 4, "library": polynomials(("x", "y", "z"), degree=2)}
    wanted = discover(model, run, noise=0.01, **given)
    found = discover(model, array.from_array(run, chunks=(400, 3)), noise=0.01, **given)
    assert [f.name for f in found.terms] == [f.name for f in wanted.terms] == ["x"]
    for one, other in zip(found.terms, wanted.terms, strict=True):
        assert (one.value, one.low, one.high) == pytest.approx(
            (other.value, other.low, other.high), rel=1e-9
        )
    assert np.array_equal(found.rows.ids, wanted.rows.ids)


def test_windows_of_a_dask_array_stay_on_disk():
    array = pytest.importorskip("dask.array")
    run = np.random.default_rng(0).normal(size=(50, 3))
    for length, every in ((2, None), (4, 3), (3, 5)):
        one = Windows.of(array.from_array(run, chunks=(7, 2)), dt=0.1, length=length, every=every)
        two = Windows.of(run, dt=0.1, length=length, every=every)
        assert hasattr(one.states, "to_delayed") and np.array_equal(
            np.asarray(one.states), two.states
        )
        assert np.array_equal(one.starts, two.starts)


def test_blocks_are_neighbours_however_parts_are_cut():
    rng = np.random.default_rng(1)
    columns, target = rng.normal(size=(3, 523, 4)), rng.normal(size=(523, 4))
    bands = np.array([0, 0, 1, 1])
    cuts = np.sort(rng.choice(np.arange(1, 523), 9, replace=False))
    parts = [Grams.of(columns[:, s], target[s], bands)
             for s in np.split(np.arange(523), cuts)]  # fmt: skip
    found = Grams.joined(parts)
    edges = [*(np.arange(BLOCKS) * 523 // BLOCKS), 523]
    for block in (0, 1, 77, BLOCKS - 1):
        x = columns[:, edges[block] : edges[block + 1], 2:].reshape(3, -1)
        assert found.xx[block, 1] == pytest.approx(x @ x.T)
    assert found.blocks == BLOCKS and found.rows == pytest.approx(2 * 523 / BLOCKS)
    told = Grams.joined(iter(parts), 523)
    assert all(np.array_equal(getattr(told, name), getattr(found, name)) for name in SUMS)


def test_every_block_draws_the_numbers_that_it_would_have_met():
    whole = np.random.default_rng(4).normal(size=30)
    counts = [11, 0, 19]
    there = streams(np.random.default_rng(4), counts)
    drawn = [one.normal(size=n) for one, n in zip(there, counts, strict=True)]
    assert np.array_equal(np.concatenate(drawn), whole)
