"""Pixels of images: the cube of flattened rows with the image as cluster, at any size."""

import tracemalloc

import numpy as np
import pytest

import trueup as tu
from trueup.calibration import auc, classwise_ece, ece, log_loss
from trueup.core import Evidence, EvidenceError, Grid, Probabilities, cube_of, cube_of_images
from trueup.core import images as module


def photos(count: int, *, k: int = 3, size: int = 12, seed: int = 0, ignored: float = 0.1):
    """Images on which the model is over-confident more or less; some pixels are to be ignored."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        h, w = size + i % 3, size
        logits = rng.normal(0, 2, (k, h, w)) + rng.normal(0, 1, (k, 1, 1))
        probs = np.exp(logits) / np.exp(logits).sum(axis=0)
        gumbel = -np.log(-np.log(rng.random((k, h, w))))
        truth = (rng.uniform(0, 1) * logits + gumbel).argmax(axis=0)
        truth[rng.random((h, w)) < ignored] = 255
        yield truth, probs


def flat(pairs, *, start: int = 0) -> Evidence:
    """All pixels as rows, the number of the image as cluster."""
    rows, labels, cluster = [], [], []
    for number, (truth, probs) in enumerate(pairs, start=start):
        keep = truth.reshape(-1) != 255
        rows.append(probs.reshape(len(probs), -1).T[keep])
        labels.append(truth.reshape(-1)[keep])
        cluster.append(np.full(keep.sum(), number))
    roles = {"cluster": np.concatenate(cluster)}
    return Evidence(Probabilities(np.concatenate(rows)), np.concatenate(labels), **roles)


@pytest.mark.parametrize("pixels", [1 << 18, 50])
def test_cube_equals_that_of_flattened_rows(pixels, monkeypatch):
    monkeypatch.setattr(module, "PIXELS", pixels)
    cube = cube_of_images(photos(30), ignore=255, classes=True)
    want = cube_of(flat(photos(30)), classes=True)
    assert cube.table.names == want.table.names
    assert np.allclose(cube.table.sums, want.table.sums, rtol=0, atol=1e-9)
    assert np.allclose(cube.classes.sums, want.classes.sums, rtol=0, atol=1e-9)
    assert (cube.grouping, cube.event, cube.n) == ("cluster", False, want.n)
    for measure in (ece, classwise_ece, log_loss, auc):
        a, b = measure.estimate(cube), measure.estimate(want)
        assert [a.value, a.low, a.high] == pytest.approx([b.value, b.low, b.high], rel=1e-9)


def test_an_event_a_pixel_and_bins_of_ones_own():
    def pairs():
        return [(t == 1, p[1]) for t, p in photos(10, k=2, ignored=0)]

    grid = Grid(500, 1)
    cube = cube_of_images(pairs(), grid=grid)
    p = np.concatenate([p.reshape(-1) for _, p in pairs()])
    y = np.concatenate([t.reshape(-1) for t, _ in pairs()]).astype(int)
    assert cube.event and cube.grid == grid
    found = tu.measure(cube, "ece", bins=500).value
    assert found == pytest.approx(
        tu.measure(tu.Evidence(tu.Probabilities(p), y), "ece", bins=500).value
    )


def test_arrays_of_many_images_are_zipped():
    pairs = [(t[:12], p[:, :12]) for t, p in photos(6)]
    truth, probs = (np.stack(column) for column in zip(*pairs, strict=True))
    assert (truth.shape, probs.shape) == ((6, 12, 12), (6, 3, 12, 12))
    whole, each = (cube_of_images(x, ignore=255) for x in (zip(truth, probs, strict=True), pairs))
    assert np.array_equal(whole.table.sums, each.table.sums)


def test_machines_share_the_work_and_cubes_add():
    every = list(photos(20))
    whole = cube_of_images(every, ignore=(255,))
    parts = cube_of_images(every[:7], ignore=255) + cube_of_images(every[7:], ignore=255, start=7)
    assert np.allclose(whole.table.sums, parts.table.sums, rtol=0, atol=1e-9)


def test_intervals_speak_of_images_not_of_pixels():
    made = flat(photos(40))
    told = ece.estimate(cube_of_images(photos(40), ignore=255))
    naive = ece(made.truth, made.prediction)
    assert told.value == pytest.approx(naive.value, abs=1e-12)
    assert told.high - told.low > 1.3 * (naive.high - naive.low)


def test_memory_does_not_grow_with_the_number_of_images():
    def peak(count: int) -> float:
        tracemalloc.start()
        cube_of_images(photos(count, size=64), ignore=255)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    few = peak(3)
    assert peak(30) < 1.1 * few + 1e6


def test_what_cannot_be_pixels_is_refused():
    truth, probs = next(photos(1, ignored=0))
    with pytest.raises(EvidenceError, match="cube_of_images: there are no images"):
        cube_of_images([])
    with pytest.raises(EvidenceError, match=r"image 1 has labels \(3, 4\) and probabilities"):
        cube_of_images([(truth, probs), (truth[:3, :4], probs)])
    with pytest.raises(EvidenceError, match="image 1 has 2 classes, those before it 3"):
        cube_of_images([(truth, probs), (truth * 0, probs[:2] / probs[:2].sum(axis=0))])
    with pytest.raises(EvidenceError, match=r"labels \[255\] are none of the 3 classes"):
        cube_of_images(photos(1))
    only = cube_of_images([(np.full((2, 2), 255), np.full((3, 2, 2), 1 / 3))], ignore=255)
    assert only.n == 0 and np.isnan(ece.estimate(only).value)
