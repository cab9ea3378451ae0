"""Quantile forecasts of several models for the same cases, some of which may be missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trueup.core.errors import EvidenceError
from trueup.core.predictions import Quantiles
from trueup.core.validate import inside, refuse_rows


@dataclass(frozen=True, eq=False)
class QuantilePanel:
    """Quantiles of m models: ``values`` (n, m, q) at rising ``levels`` (q,) in (0, 1).

    A model that said nothing of a case has NaN at all levels of it; every case needs one model.

    Parameters
    ----------
    levels
        (q,) rising levels.
    values
        (n, m, q) quantiles, in the unit of the truth.
    names
        Names of the m models; empty means ``model 0`` and so on.

    Examples
    --------
    >>> panel = QuantilePanel.of({"a": Quantiles([0.5], [[1.0]]), "b": Quantiles([0.5], [[3.0]])})
    >>> panel.mean().values, panel.names
    (array([[2.]]), ('a', 'b'))
    """

    levels: np.ndarray
    values: np.ndarray
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        levels = np.asarray(self.levels, dtype=np.float64)
        values = np.asarray(self.values, dtype=np.float64)
        if values.ndim != 3 or levels.shape != values.shape[2:] or (np.diff(levels) <= 0).any():
            raise EvidenceError(
                "QuantilePanel",
                f"levels {levels.tolist()} do not fit values of shape {values.shape}",
                do="Pass values (n, models, levels) and one rising level a column",
            )
        inside("QuantilePanel", "levels", levels)
        names = tuple(self.names) or tuple(f"model {j}" for j in range(values.shape[1]))
        if len(names) != values.shape[1]:
            raise EvidenceError(
                "QuantilePanel", f"{len(names)} names of {values.shape[1]} models", do="Name each"
            )
        _whole(values)
        for name, value in (("levels", levels), ("values", values), ("names", names)):
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, forecasts: Mapping[str, Quantiles]) -> QuantilePanel:
        """The panel of forecasts of the same cases at the same levels."""
        made = list(forecasts.values())
        shapes = {(len(f), tuple(f.levels.tolist())) for f in made}
        if len(shapes) != 1:
            raise EvidenceError(
                "QuantilePanel.of",
                f"the forecasts have {len(shapes)} different lengths or sets of levels",
                do="Pass forecasts of the same cases at the same levels",
            )
        values = np.stack([forecast.values for forecast in made], axis=1)
        return cls(made[0].levels, values, tuple(forecasts))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def known(self) -> np.ndarray:
        """(n, m) whether the model said something of the case."""
        return ~np.isnan(self.values[:, :, 0])

    def take(self, index) -> QuantilePanel:
        """The cases of ``index``."""
        return QuantilePanel(self.levels, self.values[index], self.names)

    def only(self, names: Sequence[str]) -> QuantilePanel:
        """The models ``names``, in this order."""
        places = [self.names.index(name) for name in names]
        return QuantilePanel(self.levels, self.values[:, places], tuple(names))

    def model(self, name: str) -> Quantiles:
        """What one model said of every case."""
        return Quantiles(self.levels, self.values[:, self.names.index(name)])

    def mean(self) -> Quantiles:
        """The mean over the models that said something, level by level."""
        return Quantiles(self.levels, np.nanmean(self.values, axis=1))

    def median(self) -> Quantiles:
        """The median over the models that said something, level by level."""
        return Quantiles(self.levels, np.nanmedian(self.values, axis=1))


def _whole(values: np.ndarray) -> None:
    """Refuse cases without any model, and forecasts with some levels missing."""
    missing = np.isnan(values)
    partly = (missing.any(axis=2) & ~missing.all(axis=2)).any(axis=1)
    alone = missing.all(axis=2).all(axis=1) if values.shape[1] else np.ones(len(values), bool)
    infinite = np.isinf(values).any(axis=(1, 2))
    checks = (
        ("infinite", infinite),
        ("some levels of a model are missing", partly),
        ("no model says anything", alone),
    )
    for what, bad in checks:
        if bad.any():
            refuse_rows("QuantilePanel", what, bad, values)
