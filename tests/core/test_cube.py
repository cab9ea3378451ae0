"""Cells and the cube: equal to a loop over rows, additive, blind to order, chunks and width."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.calibration import accuracy, auc, brier, classwise_ece, ece, log_loss
from trueup.core import Cells, Cube, Evidence, Grid, Points, Probabilities, cube_of, tally
from trueup.core.cube import fold_flags, sums_of
from trueup.core.groups import GROUPS
from trueup.core.row_sums import CLASS_GROUPS
from trueup.worlds import confident_by_factor


def evidence(
    rows: int = 300, *, k: int = 2, event: bool = True, seed: int = 0, **roles
) -> Evidence:
    """Probabilities of an event or of k classes; clusters keep groups when rows are cut."""
    rng = np.random.default_rng(seed)
    said = rng.dirichlet(np.ones(k), rows)
    roles = {"cluster": rng.integers(0, 50, rows), **roles}
    return Evidence(Probabilities(said[:, 1] if event else said), rng.integers(0, k, rows), **roles)


def same(a: Cube, b: Cube, *, tolerance: float = 1e-9) -> bool:
    """Whether two cubes hold the same sums."""
    tables = [(a.table, b.table)] + ([(a.classes, b.classes)] if a.classes else [])
    return all(
        x.names == y.names and np.allclose(x.sums, y.sums, rtol=tolerance, atol=tolerance)
        for x, y in tables
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("event", [True, False])
def test_cube_equals_a_loop_over_rows(event, weighted):
    weight = np.linspace(0.5, 2, 300) if weighted else None
    e = evidence(k=2 if event else 4, event=event, weight=weight)
    cube, grid = cube_of(e), Grid()
    names = ("n", "w", "w2", "y", "p", "brier", "loss")
    want = {name: np.zeros((GROUPS, grid.size)) for name in names}
    group = e.groups()
    for i, (row, y) in enumerate(zip(e.prediction.probs, e.truth, strict=True)):
        w = 1.0 if weight is None else weight[i]
        score, hit = (row[1], float(y)) if event else (row.max(), float(row.argmax() == y))
        onehot = np.eye(len(row))[y]
        squared = (row[1] - y) ** 2 if event else ((row - onehot) ** 2).sum()
        values = (1, w, w * w, w * hit, w * score, w * squared, -w * np.log(row[y]))
        for name, value in zip(names, values, strict=True):
            want[name][group[i], grid(np.array([score]))[0]] += value
    for name in names:
        assert np.allclose(cube.table[name], want[name], rtol=0, atol=1e-9), name
    assert cube.n == 300 and cube.event is event and cube.grouping == "cluster"


def test_cells_of_classes_equal_a_loop():
    e = evidence(k=3, event=False)
    cube = cube_of(e, classes=True)
    want = np.zeros((CLASS_GROUPS, 3, cube.class_grid.size))
    for g, row, y in zip(e.groups(), e.prediction.probs, e.truth, strict=True):
        want[g % CLASS_GROUPS, y, cube.class_grid(row[[y]])[0]] += 1
    assert np.array_equal(cube.classes["y"], want)
    assert cube.classes["n"].sum(axis=(0, 2)).tolist() == [300, 300, 300]
    assert cube_of(evidence(), classes=True).classes is None


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(0, 60), st.booleans())
def test_cubes_add_whatever_the_cut(seed, cut, event):
    e = evidence(60, k=2 if event else 3, event=event, seed=seed)
    whole = cube_of(e, classes=True)
    parts = cube_of(e.take(slice(0, cut)), classes=True) + cube_of(
        e.take(slice(cut, None)), classes=True
    )
    assert same(whole, parts)
    assert np.array_equal(whole.table["n"], parts.table["n"]) and parts.n == 60


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 7))
def test_chunks_and_row_order_do_not_matter(seed, chunks):
    e = evidence(70, seed=seed, weight=np.linspace(0.1, 3, 70))
    order = np.random.default_rng(seed).permutation(70)
    made = [cube_of(e.take(part)) for part in np.array_split(order, chunks)]
    total = made[0]
    for cube in made[1:]:
        total = total + cube
    assert same(total, cube_of(e))


def test_float32_equals_float64():
    e = evidence(2_000)
    half = Evidence(Probabilities(e.prediction.probs[:, 1].astype(np.float32)), e.truth)
    for measure in (accuracy, log_loss, brier, auc, ece):
        want = measure(e.truth, e.prediction).value
        assert measure(half.truth, half.prediction).value == pytest.approx(want, rel=1e-4)


def test_slices_and_time_add():
    cube = cube_of(evidence())
    cells = Cells(cube.table.names, cube.table.sums[..., :64])
    cut = Cube(cube.grid, cube.table, True, slices={("a",): (["x"], cells)}, chunks=cells)
    both = cut + cut
    assert both.slices[("a",)][0] == ["x"] and both.n == 600
    assert np.array_equal(both.chunks.sums, 2 * cells.sums)
    assert np.array_equal(both.slices[("a",)][1].sums, 2 * cells.sums)
    assert (cut + Cube(cube.grid, cube.table, True, slices=cut.slices)).chunks is None


def test_cube_of_chosen_groups_is_the_cube_of_their_rows():
    e = evidence(k=3, event=False)
    chosen = np.zeros(GROUPS, bool)
    chosen[::2] = True
    part = cube_of(e).of_groups(chosen)
    want = cube_of(e.take(chosen[e.groups()]))
    assert same(part, want) and part.n == want.n < 300
    folded = cube_of(e, classes=True).of_groups(np.arange(GROUPS) % CLASS_GROUPS == 3)
    assert folded.classes["n"].sum() == 3 * folded.n


def test_folded_flags():
    chosen = np.zeros(8, bool)
    chosen[5] = True
    assert fold_flags(chosen, 4).tolist() == [False, True, False, False]


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.sampled_from([1, 4, 7, 128, 200]))
def test_folding_keeps_every_row(seed, groups):
    cells = cube_of(evidence(50, seed=seed)).table
    folded = cells.fold(groups)
    assert folded.shape[0] == min(groups, GROUPS)
    assert folded.sums.sum(axis=1) == pytest.approx(cells.sums.sum(axis=1))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20))
def test_merging_bins_sums_them(steps):
    part = np.cumsum([0, *(step > 1 for step in steps)])
    values = np.arange(2.0 * len(part)).reshape(1, 2, len(part))
    merged = Cells(("n",), values).merge(part)["n"]
    want = np.array([[row[part == b].sum() for b in range(part[-1] + 1)] for row in values[0]])
    assert np.array_equal(merged, want)


def test_flags_and_numbers_are_counted_alike():
    rng = np.random.default_rng(0)
    key, flags, p = rng.integers(0, 6, 500), rng.random(500) < 0.3, rng.random(500)
    one = tally(key, {"y": flags, "p": p}, shape=(2, 3))
    two = tally(key, {"y": flags.astype(float), "p": p}, shape=(2, 3))
    assert np.array_equal(one.sums, two.sums)


@pytest.mark.parametrize("width", [1, 2, 7, 10, 15, 49, 60, 1920])
def test_scores_beside_an_edge_fall_on_their_own_side(width):
    """Bins (lo, hi] between the numbers nearest to i / width; the search is NumPy's."""
    edges = np.arange(width + 1) / width
    near = np.concatenate([edges, np.nextafter(edges, -1), np.nextafter(edges, 2)])
    near = near[(near >= 0) & (near <= 1)]
    assert np.array_equal(Grid(width, 1)(near), np.searchsorted(edges[1:-1], near))


def test_unweighted_cells_count_rows_as_weights():
    cells = tally(np.array([0, 0, 3]), {"y": np.array([1.0, 0.0, 1.0])}, shape=(2, 2))
    assert cells["w"].tolist() == cells["w2"].tolist() == cells["n"].tolist() == [[2, 0], [0, 1]]
    assert cells.total("n", "y").tolist() == [[2, 1], [1, 1]] and cells.shape == (2, 2)
    with pytest.raises(ValueError, match=r"tuple.index"):
        cells["weather"]


@pytest.mark.parametrize("k", [21, 40])
@pytest.mark.parametrize("bins", [7, 15, 20, 60])
def test_many_classes_keep_the_bins_that_are_asked_for(k, bins):
    """Per-class cells of more than twenty classes are coarser, in log-odds only."""
    from trueup.calibration import ExpectedCalibrationError

    e = evidence(400, k=k, event=False)
    found = ExpectedCalibrationError(bins=bins, classwise=True)(e.truth, e.prediction).value
    each = []
    for j in range(k):
        p, y = e.prediction.probs[:, j], e.truth == j
        bin_of = np.maximum(np.ceil(p * bins) - 1, 0).astype(int)
        each.append(np.abs(np.bincount(bin_of, y - p)).sum() / 400)
    assert found == pytest.approx(np.mean(each), abs=1e-12)


def test_points_have_their_own_sums():
    e = Evidence(Points([1.0, 4.0]), [0.0, 6.0], weight=[1, 3])
    table = sums_of(e).table
    want = {"n": 2, "w": 4, "w2": 10, "error": -5, "absolute": 7, "square": 13}
    assert {name: table[name].sum() for name in table.names} == want


def test_class_measures_need_the_cells_of_classes():
    made = confident_by_factor(2.0, rows=500, classes=3, seed=1).evidence
    assert classwise_ece.cube(made).classes is not None and ece.cube(made).classes is None
