"""Which groups learn, which prove: splits never tear a group apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Split:
    """Groups for learning and groups for the proof.

    Attributes
    ----------
    learn, prove
        (groups,) flags without overlap.
    folds
        (groups,) fold of every learning group, -1 elsewhere: a method is chosen on folds that
        its fit did not see.
    """

    learn: np.ndarray
    prove: np.ndarray
    folds: np.ndarray


def split_groups(sizes: np.ndarray, *, in_time: bool, folds: int = 5) -> Split:
    """Half of the groups to learn from, half for the proof.

    Parameters
    ----------
    sizes
        (groups,) rows of each group; empty groups take no part.
    in_time
        Whether groups are blocks of time: then the early blocks learn and the late ones prove,
        as in use.
    folds
        Folds among the learning groups, >= 2.

    Examples
    --------
    >>> split = split_groups(np.ones(8), in_time=True, folds=2)
    >>> split.learn.astype(int).tolist(), split.folds.tolist()
    ([1, 1, 1, 1, 0, 0, 0, 0], [0, 0, 1, 1, -1, -1, -1, -1])
    """
    used = np.flatnonzero(sizes > 0)
    place = np.arange(len(used))
    early = place < (len(used) + 1) // 2 if in_time else place % 2 == 0
    learn, prove = np.zeros(len(sizes), bool), np.zeros(len(sizes), bool)
    learn[used[early]], prove[used[~early]] = True, True
    fold = np.full(len(sizes), -1)
    order = np.arange(early.sum())
    fold[used[early]] = order * folds // max(early.sum(), 1) if in_time else order % folds
    return Split(learn, prove, fold)
