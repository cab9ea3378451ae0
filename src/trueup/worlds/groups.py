"""Groups that err in different ways, each along a known line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.evidence import Evidence
from trueup.core.probabilities import Probabilities


@dataclass(frozen=True, eq=False)
class GroupWorld:
    """Evidence with a column of groups, and the true line of every group.

    Attributes
    ----------
    evidence
        What a user would see; the groups are ``by["group"]``, named ``"g00000"``, ...
    lines
        (groups, 2) true shift and slope: stated log-odds x are truly ``shift + slope x``.
    """

    evidence: Evidence
    lines: np.ndarray


def confident_by_group(
    *, groups: int, rows: int, slope_sd: float = 0.2, shift_sd: float = 0.5, seed: int = 0
) -> GroupWorld:
    """Groups of about ``rows`` rows whose true lines are drawn around shift -0.2 and slope 0.6.

    Sizes are geometric, so most groups are small and a few are large; stated log-odds are normal
    with sd 2.

    Examples
    --------
    >>> world = confident_by_group(groups=3, rows=100)
    >>> world.lines.shape, len(np.unique(world.evidence.by["group"]))
    ((3, 2), 3)
    """
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), rng.geometric(1 / rows, groups))
    lines = rng.normal([-0.2, 0.6], [shift_sd, slope_sd], (groups, 2))
    x = rng.normal(0, 2, len(group))
    true = lines[group, 0] + lines[group, 1] * x
    y = (rng.random(len(group)) < 1 / (1 + np.exp(-true))).astype(np.int64)
    names = np.array([f"g{g:05d}" for g in range(groups)])[group]
    said = Probabilities(1 / (1 + np.exp(-x)))
    return GroupWorld(Evidence(said, y, by={"group": names}), lines)
