r"""Localisation by distance: observations far away do not count.

The taper of Gaspari and Cohn, a polynomial of fifth degree in two pieces that is the convolution of
two hats: with the half-width :math:`c = r\sqrt{10/3}` and :math:`z = \text{distance} / c`

.. math::

    \rho &= 1 - \tfrac53 z^2 + \tfrac58 z^3 + \tfrac12 z^4 - \tfrac14 z^5 \quad (z \le 1), \\
    \rho &= 4 - 5 z + \tfrac53 z^2 + \tfrac58 z^3 - \tfrac12 z^4 + \tfrac1{12} z^5 - \tfrac{2}{3z}
    \quad (1 \le z \le 2),

and 0 beyond. The radius r is that of the bell :math:`\exp(-\text{distance}^2 / 2 r^2)` with the
same curvature at 0.

Examples
--------
>>> import numpy as np
>>> gaspari_cohn(np.array([0.0, 1.0, 4.0]), 1.0).round(3).tolist()
[1.0, 0.635, 0.0]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from trueup.core.cards import Card
from trueup.core.errors import UsageError
from trueup.error.assimilation.local import Near


CARD = Card(
    name="DistanceTaper",
    question="error",
    family="assimilation",
    summary="localisation of an ensemble update by distance, on lines, circles and grids",
    paper="Gaspari, Cohn 1999, QJRMS 125(554), equation 4.10",
    axes={"localisation": "distance"},
    cost="O(points log observations) once, then neighbours only",
    not_for="states without places, such as parameters: see CorrelationTaper",
)


@dataclass(frozen=True)
class DistanceTaper:
    """Observations lose weight with distance, and have none beyond 3.65 radii.

    Use it wherever a state lives on a line, circle or grid and members are fewer than independent
    directions of error: small ensembles see correlations with far places that are not there. Not
    for observations that are sums over the whole domain.

    Parameters
    ----------
    radius
        Length of the bell with the same curvature, in the unit of the coordinates, above 0.
    coordinates
        (m,) or (m, d) places of the numbers of the state, in the order of its flattened shape. None
        means the indices of its grid.
    observed
        (p,) or (p, d) places of the observations. None takes those of the numbers that are observed
        directly.
    period
        Length after which coordinates start again, one number or one a dimension (0 for a dimension
        that does not); None for none.

    Examples
    --------
    >>> taper = DistanceTaper(4, period=40)
    >>> near = taper.meet((40,), np.arange(40)).near(None, None)
    >>> near.weight.shape, float(near.weight[0].max())
    ((40, 29), 1.0)
    """

    radius: float
    coordinates: object = None
    observed: object = None
    period: float | Sequence[float] | None = None

    def __post_init__(self) -> None:
        if not self.radius > 0:
            raise UsageError(
                "DistanceTaper",
                f"radius is {self.radius}",
                do="Pass a length above 0, or leave localisation out",
            )

    def meet(self, shape: tuple[int, ...], index: np.ndarray | None) -> Distances:
        """Bind to a state of ``shape`` whose numbers ``index`` are observed, where that is so."""
        places = np.stack(np.indices(shape), -1) if self.coordinates is None else self.coordinates
        size = int(np.prod(shape))
        places = _table(places, "coordinates", size)
        if self.observed is None and index is None:
            raise UsageError(
                "DistanceTaper",
                "observed is None, and the operator does not say where observations are",
                do="Pass observed=, the places of the observations",
            )
        seen = places[index] if self.observed is None else _table(self.observed, "observed", None)
        if seen.shape[1] != places.shape[1]:
            raise UsageError(
                "DistanceTaper",
                f"coordinates have {places.shape[1]} dimension(s), observed {seen.shape[1]}",
                do="Give both in the same space",
            )
        period = np.broadcast_to(np.asarray(self.period or 0.0, float), places.shape[1])
        return Distances(float(self.radius), places, seen, period)


class Distances:
    """A taper that has met a state: places (m, d), of observations (p, d), periods (d,)."""

    covariance = True

    def __init__(self, radius, places, seen, period) -> None:
        self.radius, self.period, self.seen = radius, period, seen
        self.places, point = np.unique(places, axis=0, return_inverse=True)
        if len(self.places) == len(places):
            self.places, self.point = places, None
        else:
            self.point = point.reshape(-1)
        self._kept: dict = {}

    def near(self, A, S) -> Near:
        """Observations within reach of every place, found once."""
        if "near" not in self._kept:
            self._kept["near"] = self._search()
        return self._kept["near"]

    def _search(self) -> Near:
        wrapped = [_wrapped(x, self.period) for x in (self.places, self.seen)]
        tree = cKDTree(wrapped[1], boxsize=self.period if self.period.any() else None)
        reach = 2 * self.radius * (10 / 3) ** 0.5
        k = max(int(tree.query_ball_point(wrapped[0], reach, return_length=True).max()), 1)
        k = min(k, len(self.seen))
        distance, index = tree.query(wrapped[0], k=range(1, k + 1))
        return Near(index, gaspari_cohn(distance, self.radius), self.point)

    def state(self, A, S) -> np.ndarray:
        """(m, p) taper of every number of the state with every observation."""
        if "state" not in self._kept:
            table = self._between(self.places)
            self._kept["state"] = table if self.point is None else table[self.point]
        return self._kept["state"]

    def observed(self, S) -> np.ndarray:
        """(p, p) taper of observations."""
        if "observed" not in self._kept:
            self._kept["observed"] = self._between(self.seen)
        return self._kept["observed"]

    def _between(self, places: np.ndarray) -> np.ndarray:
        apart = np.abs(places[:, None] - self.seen)
        ring = self.period > 0
        around = apart[..., ring] % self.period[ring]
        apart[..., ring] = np.minimum(around, self.period[ring] - around)
        return gaspari_cohn(np.sqrt((apart**2).sum(-1)), self.radius)


def gaspari_cohn(distance: np.ndarray, radius: float) -> np.ndarray:
    """Weights in [0, 1] of distances 0 and above, 0 beyond ``2 radius sqrt(10 / 3)``."""
    z = np.minimum(distance / (radius * (10 / 3) ** 0.5), 2.0)
    inner = 1 + z**2 * (-5 / 3 + z * (5 / 8 + z * (1 / 2 - z / 4)))
    outer = 4 - 5 * z + z**2 * (5 / 3 + z * (5 / 8 + z * (-1 / 2 + z / 12)))
    outer -= 2 / (3 * np.maximum(z, 1.0))
    return np.clip(np.where(z <= 1, inner, outer), 0.0, 1.0)


def _wrapped(places: np.ndarray, period: np.ndarray) -> np.ndarray:
    """Places within one period, as the tree wants them."""
    if not period.any():
        return places
    ring = np.where(period > 0, period, np.inf)
    return np.where(period > 0, np.mod(places, ring), places)


def _table(places, name: str, rows: int | None) -> np.ndarray:
    """(n, d) finite coordinates."""
    table = np.asarray(places, dtype=float)
    table = table[:, None] if table.ndim == 1 else table.reshape(-1, table.shape[-1])
    if not np.isfinite(table).all() or (rows is not None and len(table) != rows):
        raise UsageError(
            "DistanceTaper",
            f"{name} must be finite, one place for each of {rows} numbers; got {table.shape}",
            do="Pass an array (n,) or (n, d)",
        )
    return table
