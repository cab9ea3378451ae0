"""From e-values to a selection: Benjamini-Hochberg on e-values, and the chance that prunes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.calibration.selection.ranks import SLACK
from trueup.core.errors import UsageError


@dataclass(frozen=True, eq=False)
class Selection:
    """Which candidates were selected, and by what evidence.

    Attributes
    ----------
    selected
        (m,) of bool.
    p_values
        (m,) conformal p-values, each of the model that was chosen for its candidate.
    e_values
        (m,) conformal e-values: the mean of those of wrong candidates is at most 1.
    model
        (m,) place of the model that was chosen for each candidate.
    fdr
        The share of wrong rows among the selected, held on average over data sets.

    Examples
    --------
    >>> chosen = np.array([True, False])
    >>> print(Selection(chosen, chosen * 1.0, chosen * 1.0, chosen * 0, fdr=0.1))
    1 of 2 selected; of such selections at most 0.1 is wrong on average
    """

    selected: np.ndarray
    p_values: np.ndarray
    e_values: np.ndarray
    model: np.ndarray
    fdr: float

    def __len__(self) -> int:
        return int(self.selected.sum())

    def __str__(self) -> str:
        return (
            f"{len(self)} of {len(self.selected)} selected; "
            f"of such selections at most {self.fdr:g} is wrong on average"
        )

    @property
    def rows(self) -> np.ndarray:
        """Places of the selected candidates, rising."""
        return np.flatnonzero(self.selected)


def _heterogeneous(m: int, rng: np.random.Generator) -> np.ndarray:
    """A number in (0, 1) of each candidate's own."""
    return 1.0 - rng.random(m)


def _homogeneous(m: int, rng: np.random.Generator) -> np.ndarray:
    """One number in (0, 1) for all."""
    return np.full(m, 1.0 - rng.random())


def _deterministic(m: int, rng: np.random.Generator) -> np.ndarray:
    """No chance at all."""
    return np.ones(m)


PRUNINGS = {
    "heterogeneous": _heterogeneous,
    "homogeneous": _homogeneous,
    "deterministic": _deterministic,
}
"""How e-values are raised before they are compared: divided by uniform numbers, or not."""


def pruned(
    p_values: np.ndarray, sizes: np.ndarray, model: np.ndarray, *, fdr: float, pruning: str, seed
) -> Selection:
    r"""The largest set that its own e-values support.

    With :math:`e_j = 1\{p_j \le q R_j / m\} \, m / (q R_j)` the selection is the largest :math:`r`
    candidates with :math:`e_j / \xi_j \ge m / (q r)`, hence :math:`\xi_j R_j \le r`.
    """
    m = len(p_values)
    least = fdr * np.maximum(sizes, 1) / max(m, 1)
    passed = p_values <= least * (1 + SLACK)
    raised = PRUNINGS[pruning](m, np.random.default_rng(seed)) * sizes
    rising = np.sort(raised[passed])
    reached = np.flatnonzero(rising <= np.arange(1, len(rising) + 1))
    r = reached[-1] + 1 if len(reached) else 0
    return Selection(passed & (raised <= r), p_values, passed / least, model, fdr)


def check_settings(who: str, fdr: float, pruning: str | None) -> None:
    """Refuse a level outside (0, 1) and an unknown pruning."""
    if not 0 < fdr < 1:
        raise UsageError(who, f"fdr is {fdr}", do="Pass a share in (0, 1), such as 0.1")
    if pruning not in PRUNINGS and pruning is not None:
        raise UsageError(who, f"pruning is {pruning!r}", do=f"Pass one of {', '.join(PRUNINGS)}")
