"""Forecasts of several numbers at once: what their scores check and share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from trueup.core.errors import EvidenceError
from trueup.core.estimate import Estimate
from trueup.core.measure import check_level
from trueup.core.row_score import mean_of_scores
from trueup.core.row_sums import row_blocks
from trueup.core.validate import finite


def mean_score(
    who: str, rows: Callable, y_true, y_pred, *, against, level: float, **roles
) -> Estimate:
    """Mean over rows of ``rows(members, truth)``, or its difference from that of ``against``."""
    check_level(who, level)
    truth = finite(f"{who}.y_true", y_true, 2)
    scores = [
        _scores(rows, checked(who, said, truth), truth)
        for said in (y_pred, against)
        if said is not None
    ]
    return mean_of_scores(
        scores[0], against=scores[1] if len(scores) > 1 else None, level=level, **roles
    )


def checked(who: str, said, truth: np.ndarray) -> np.ndarray:
    """Members (n, m, d) that fit the truth (n, d)."""
    members = finite(who, said, 3)
    n, d = truth.shape
    if members.shape[0] != n or members.shape[2] != d or not members.shape[1] or not d:
        raise EvidenceError(
            who,
            f"members of shape {members.shape} for a truth of shape {truth.shape}",
            do="Pass members (n, m, d) and the truth (n, d)",
        )
    return members


def _scores(rows: Callable, members: np.ndarray, truth: np.ndarray) -> np.ndarray:
    width = int(np.prod(members.shape[1:]))
    blocks = row_blocks(len(truth), cells=0, width=width)
    return np.concatenate([rows(members[block], truth[block]) for block in blocks])
