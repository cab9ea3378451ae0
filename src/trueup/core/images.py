"""Segmentation: the cube of the pixels of many images, one image at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from trueup.core.cells import Cells
from trueup.core.cube import Cube, cube_of, probabilities_of
from trueup.core.errors import EvidenceError
from trueup.core.evidence import Evidence, Grouping
from trueup.core.grid import Grid
from trueup.core.groups import GROUPS, hash_groups
from trueup.core.probabilities import Probabilities
from trueup.core.row_sums import CLASS_GROUPS
from trueup.core.rows import NOBODY


PIXELS = 1 << 18
"""Pixels that are looked at together: memory does not grow with the size of an image."""


def cube_of_images(
    images: Iterable,
    *,
    ignore: int | tuple[int, ...] = (),
    grid: Grid | None = None,
    classes: bool = False,
    start: int = 0,
) -> Cube:
    """The cube of all pixels of ``images``; pixels of one image depend on each other.

    An image is a cluster: all its pixels enter one group, so that intervals say how sure a number
    is over *images*. The same cube comes from ``Evidence`` of the flattened pixels with the number
    of the image as ``cluster``, but here no more than one image is held at a time. Cubes of
    different images add.

    Parameters
    ----------
    images
        Pairs ``(y_true, y_pred)``: labels (h, w) 0 .. k - 1, and probabilities (k, h, w) of the
        classes or (h, w) of an event. Sizes may differ, k may not. A generator is read once; of
        arrays (n, h, w) and (n, k, h, w) pass ``zip(y_true, y_pred)``.
    ignore
        Labels of pixels that do not count, such as 255.
    grid
        The bins; None means the common grid.
    classes
        Whether to keep the cells of every class, which classwise errors and the AUC need.
    start
        Number of the first image: where several machines share the work, each needs its own range.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> def photo():
    ...     probs = rng.dirichlet(np.ones(3), (8, 8)).transpose(2, 0, 1)
    ...     return rng.integers(0, 3, (8, 8)), probs
    >>> cube = cube_of_images(photo() for _ in range(10))
    >>> cube.n, cube.grouping
    (640, 'cluster')
    """
    total: Cube | None = None
    seen: tuple[int, bool] | None = None
    for number, (truth, said) in enumerate(images, start=start):
        group = int(hash_groups(np.array([number]))[0])
        for evidence in _pieces(number, np.asarray(truth), np.asarray(said), ignore):
            prediction = probabilities_of("cube_of_images", evidence)
            kind = prediction.k, prediction.event
            if seen is not None and seen != kind:
                raise EvidenceError(
                    "cube_of_images",
                    f"image {number} has {kind[0]} classes, those before it {seen[0]}",
                    do="Pass images of the same classes",
                )
            seen, piece = kind, cube_of(evidence, grid=grid, classes=classes)
            total = total or _empty(piece)
            total.table.sums[:, group] += piece.table.sums[:, 0]
            if total.classes is not None and piece.classes is not None:
                total.classes.sums[:, group % CLASS_GROUPS] += piece.classes.sums[:, 0]
    if total is None:
        raise EvidenceError("cube_of_images", "there are no images", do="Pass one at least")
    return total


def _empty(piece: Cube) -> Cube:
    """A cube of all groups without rows, with the cells of ``piece``, which has one group."""
    names, (_, bins) = piece.table.names, piece.table.shape
    table = Cells(names, np.zeros((len(names), GROUPS, bins)))
    classes = piece.classes and Cells(piece.classes.names, np.zeros_like(piece.classes.sums))
    kind = piece.event, "cluster", classes, piece.class_grid
    return Cube(piece.grid, table, *kind)


def _pieces(number: int, truth: np.ndarray, said: np.ndarray, ignore) -> Iterator[Evidence]:
    """Evidence of at most ``PIXELS`` pixels at a time, those to ignore left out."""
    if truth.ndim != 2 or said.shape[-2:] != truth.shape or said.ndim not in (2, 3):
        raise EvidenceError(
            "cube_of_images",
            f"image {number} has labels {truth.shape} and probabilities {said.shape}",
            do="Pass labels (h, w) with probabilities (k, h, w), or (h, w) of an event",
        )
    truth, flat = truth.reshape(-1), said.reshape(*said.shape[:-2], -1)
    counts = ~np.isin(truth, ignore)
    for first in range(0, max(len(truth), 1), PIXELS):
        piece = slice(first, first + PIXELS)
        keep = counts[piece]
        rows = flat[..., piece][..., keep]
        one = Grouping(np.zeros(int(keep.sum()), dtype=np.int64), 1, "cluster")
        prediction = Probabilities(rows if said.ndim == 2 else np.ascontiguousarray(rows.T))
        yield Evidence(prediction, truth[piece][keep], grouped=one, rows=NOBODY)
