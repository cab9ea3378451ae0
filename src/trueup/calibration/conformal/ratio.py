"""Likelihood ratios between new rows and known ones, as numbers of a column or from features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.calibration.recalibrate.logistic import newton
from trueup.core.errors import EvidenceError, FitError
from trueup.core.evidence import Evidence
from trueup.core.expressions import Expr, Input, Linear, evaluate, operate
from trueup.core.validate import finite


@dataclass(frozen=True, eq=False)
class LikelihoodRatio:
    r"""How much more often features like these occur among new rows than among known ones.

    A logistic regression tells new rows from known ones; its odds are the ratio, up to a factor
    that does not matter: :math:`w(x) = \exp(a + b \cdot x)`. It is exact where the law of the
    features is tilted exponentially, as where Gaussian features move. Odds of any other classifier
    go into a column of ``Evidence.by``, whose name ``ConformalSets(ratio=...)`` takes as well.

    Parameters
    ----------
    weights, intercept
        (d,) numbers and one: b and a.
    columns
        Names of the features in tables.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> known, new = rng.normal(0, 1, 4_000), rng.normal(1, 1, 4_000)
    >>> ratio = LikelihoodRatio.between(known, new)
    >>> ratio([[0.0], [1.0]]).round(1)        # exp(x - 1/2)
    array([0.6, 1.7])
    """

    weights: np.ndarray
    intercept: float
    columns: tuple[str, ...] = ()

    @classmethod
    def between(cls, known, new, *, columns: tuple[str, ...] = ()) -> LikelihoodRatio:
        """The ratio from features of known rows (n, d) and of new rows (m, d), without labels.

        Raises
        ------
        FitError
            A line of the features tells every new row from every known one: rows of the fit say
            nothing of the new ones.
        """
        old, now = (_wide(values) for values in (known, new))
        if old.shape[1] != now.shape[1] or not len(old) or not len(now):
            raise EvidenceError(
                "LikelihoodRatio.between",
                f"features have the shapes {old.shape} and {now.shape}",
                do="Pass the same features of known and of new rows",
            )
        centre = old.mean(axis=0)
        spread = np.where(np.ptp(old, axis=0) > 0, old.std(axis=0), 1.0)
        x = (np.vstack([old, now]) - centre) / spread
        is_new = np.repeat([0.0, 1.0], [len(old), len(now)])
        found, has_minimum = newton(np.column_stack([x, np.ones(len(x))]), is_new, np.ones(len(x)))
        if not has_minimum:
            raise FitError(
                "LikelihoodRatio.between",
                "a line of the features separates the new rows from the known ones",
                why="no weight makes rows speak for others that are nowhere near them",
                do="Pass rows that overlap, or fewer features",
            )
        weights = found[:-1] / spread
        shift = np.log(len(old) / len(now)) + found[-1] - weights @ centre
        return cls(weights, float(shift), tuple(columns))

    def __call__(self, features) -> np.ndarray:
        """Ratios (n,) of rows with ``features`` (n, d)."""
        return evaluate(self.expression, {"features": _wide(features)})[:, 0]

    @property
    def expression(self) -> Expr:
        """The ratio as an expression of the features."""
        given = Input("features", len(self.weights), self.columns)
        return operate("exp", Linear(given, self.weights[None, :], np.array([self.intercept])))


def ratios_of(
    who: str, evidence: Evidence, ratio: str | LikelihoodRatio
) -> tuple[Expr, np.ndarray]:
    """The ratio as an expression, and of the rows (n,) of the evidence."""
    if isinstance(ratio, LikelihoodRatio):
        if evidence.features is None or evidence.features.shape[1] != len(ratio.weights):
            raise FitError(
                f"{who}.fit",
                f"the ratio reads {len(ratio.weights)} features, the evidence has "
                f"{'none' if evidence.features is None else evidence.features.shape[1]}",
                do="Pass Evidence(..., features=...) with those of the ratio",
            )
        return ratio.expression, ratio(evidence.features)
    if ratio not in evidence.by:
        raise FitError(
            f"{who}.fit",
            f"the evidence has no column {ratio!r} in 'by'; it has {list(evidence.by)[:8]}",
            do=f"Pass Evidence(..., by={{{ratio!r}: likelihood ratio of every row}})",
        )
    return Input(ratio, 1, (ratio,)), _checked(who, ratio, evidence.by[ratio])


def _checked(who: str, name: str, values: np.ndarray) -> np.ndarray:
    numbers = values.dtype.kind in "fiub"
    if not numbers or not np.isfinite(values).all() or (values < 0).any() or not values.any():
        raise EvidenceError(
            f"{who}.fit",
            f"ratios of {name!r} must be finite, >= 0 and not all 0",
            do="Pass how much likelier each row is among new rows",
        )
    return values.astype(np.float64)


def _wide(values) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    return finite("LikelihoodRatio", array[:, None] if array.ndim == 1 else array, 2)
