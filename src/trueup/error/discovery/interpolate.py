"""Whole states from sparse sensors, so that a simulator can step on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.interpolate import CloughTocher2DInterpolator, RBFInterpolator
from scipy.spatial import cKDTree

from trueup.core.cards import Card
from trueup.core.errors import EvidenceError, UsageError
from trueup.error.discovery.features import fourier_features
from trueup.error.discovery.network import network


CARD = Card(
    name="interpolate",
    question="error",
    family="discovery",
    summary="states on a full grid from sparse sensors, by random Fourier features and others",
    axes={"method": "random Fourier features, cubic, radial basis, network"},
    paper="Rahimi & Recht 2007, NeurIPS; for missing physics from sparse observations Mojgani, "
          "Chattopadhyay & Hassanzadeh 2024, JAMES 16, e2023MS004033",
    mission=(14,),
    cost="O(s f^2) for s sensors and f features, once for all states",
    not_for="waves shorter than twice the distance of sensors; sensors that move",
)  # fmt: skip

LEAST = 20
MARGIN = 0.15
"""Share of a period by which sensors are copied beyond an end, for methods that know no period."""
NEIGHBOURS = 50
Fill = Callable[[list[np.ndarray], np.ndarray, np.ndarray, tuple, int], list[np.ndarray]]


def interpolate(
    values: np.ndarray,
    places: np.ndarray,
    *,
    axes: Sequence[np.ndarray],
    periods: Sequence[float | None] | None = None,
    method: str = "fourier_features",
    seed: int = 0,
    windows: bool = False,
) -> np.ndarray:
    r"""States on a full grid, from ``values`` of the same sensors at every time.

    For discovery where only some points are observed: a model steps whole states. Not for sensors
    so sparse that waves of interest lie between them. Random Fourier features are a ridge
    regression on :math:`\cos(\omega_j \cdot x), \sin(\omega_j \cdot x)` with :math:`\omega_j` of a
    t law, whose scale and the ridge are chosen by a tenth of the sensors that is held out;
    dimensions with a period take multiples of its wavenumber.

    Parameters
    ----------
    values
        (..., sensors) what the sensors saw, finite, in any unit; fields and times in front.
    places
        (sensors, dims) where they stand, in one unit of length; at least 20.
    axes
        Coordinates of the grid along every dimension, rising.
    periods
        Period of every dimension; None where its ends do not meet.
    method
        ``"fourier_features"``; ``"cubic"`` (piecewise, of triangles, two dimensions);
        ``"radial_basis"`` (thin plates through the next 50 sensors); ``"network"`` (of tanh, needs
        torch: for comparison, it learns long waves alone).
    seed
        Seed of the features, of the held-out sensors, and of the network.
    windows
        Whether the second axis of ``values`` is time within a window. Then the mean of a window and
        its states' departures from it are filled apart, each kind with its own law and ridge:
        changes over a short time are small, so noise is a larger share of them.

    Returns
    -------
    array
        (..., *grid) float64.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> places = rng.uniform(0, 2 * np.pi, (300, 2))
    >>> x = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    >>> seen = np.sin(3 * places[:, 0]) * np.cos(2 * places[:, 1])
    >>> whole = interpolate(seen, places, axes=(x, x), periods=(2 * np.pi, 2 * np.pi))
    >>> float(abs(whole - np.sin(3 * x)[:, None] * np.cos(2 * x)).max()) < 1e-3
    True
    """
    fill = _fill(method)
    values, places = np.asarray(values, np.float64), np.asarray(places, np.float64)
    axes = tuple(np.asarray(axis, np.float64) for axis in axes)
    periods = tuple(periods or [None] * len(axes))
    _check(values, places, axes, periods)
    return sum(_filled(fill, _apart(values, windows), places, axes, periods, seed))


def _fill(method: str) -> Fill:
    if method not in METHODS:
        known = ", ".join(METHODS)
        raise UsageError("interpolate", f"method is '{method}'", do=f"Use one of {known}")
    return METHODS[method]


def _apart(values: np.ndarray, windows: bool) -> list[np.ndarray]:
    """Means of ``windows``, and departures of their states from them; else all in one."""
    if not windows:
        return [values]
    if values.ndim < 3:
        raise EvidenceError(
            "interpolate",
            f"values have shape {values.shape}",
            why="the second axis is time within a window",
            do="Pass values (windows, times, ..., sensors), or windows=False",
        )
    mean = values.mean(axis=1, keepdims=True)
    return [mean, values - mean]


def _filled(fill: Fill, parts, places, axes, periods, seed: int) -> list[np.ndarray]:
    """Every state brought to mean 0 and variance 1, filled, and brought back."""
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    middles, sizes, groups = [], [], []
    for part in parts:
        middles.append(part.mean(axis=-1, keepdims=True))
        times = part.ndim > 2 and len(parts) > 1  # one size a window: the states of one are alike
        square = (part - middles[-1]) ** 2
        size = np.sqrt(square.mean(axis=(1, -1) if times else -1, keepdims=True))
        sizes.append(np.where(size == 0, 1.0, size))
        groups.append(((part - middles[-1]) / sizes[-1]).reshape(-1, part.shape[-1]))
    filled = fill(groups, places, points, periods, seed)
    return [
        (found.reshape(*part.shape[:-1], -1) * size + middle).reshape(
            *part.shape[:-1], *(len(axis) for axis in axes)
        )
        for part, found, size, middle in zip(parts, filled, sizes, middles, strict=True)
    ]


def _together(fill: Callable) -> Fill:
    """Groups filled as one, by a method that chooses nothing from them."""

    def filled(groups, places, points, periods, seed) -> list[np.ndarray]:
        sizes = np.cumsum([len(values) for values in groups])[:-1]
        found = fill(np.concatenate(groups), places, points, periods, seed)
        return np.split(found, sizes)

    return filled


def _check(values, places, axes, periods) -> None:
    """Refuse sensors that say nothing, and shapes that do not fit."""
    if places.ndim != 2 or values.shape[-1:] != places.shape[:1]:
        raise EvidenceError(
            "interpolate",
            f"values have shape {values.shape}, places {places.shape}",
            do="Pass values (..., sensors) and places (sensors, dims)",
        )
    if not len(axes) == places.shape[1] == len(periods):
        raise EvidenceError(
            "interpolate",
            f"places have {places.shape[1]} dimensions, there are {len(axes)} axes and "
            f"{len(periods)} periods",
            do="Pass one of each a dimension",
        )
    if len(places) < LEAST:
        raise EvidenceError(
            "interpolate",
            f"{len(places)} sensors",
            why="a tenth is held out to choose the features' scale",
            do=f"Pass {LEAST} or more",
        )
    blind = ~np.isfinite(values).reshape(-1, len(places)).all(axis=0)
    blind |= ~np.isfinite(places).all(axis=1)
    if blind.any():
        raise EvidenceError(
            "interpolate",
            f"{blind.sum()} of {len(places)} sensors saw NaN or infinite values, the first is "
            f"number {int(blind.argmax())}",
            do="Leave these sensors out of values and places",
        )
    _inside(places, axes, periods)


def _inside(places, axes, periods) -> None:
    """Refuse sensors beyond the grid: what they saw cannot be set against any point of it."""
    for dim, (axis, period) in enumerate(zip(axes, periods, strict=True)):
        end = axis[0] + period if period else axis[-1]
        slack = 1e-9 * (end - axis[0])
        out = (places[:, dim] < axis[0] - slack) | (places[:, dim] > end + slack)
        if out.any():
            raise EvidenceError(
                "interpolate",
                f"{out.sum()} sensors stand outside of [{axis[0]:.6g}, {end:.6g}] along dimension "
                f"{dim}, the first at {places[out.argmax(), dim]:.6g}",
                do="Pass coordinates in the unit and range of the axes, or leave these out",
            )


def _cubic(values, places, points, periods, seed) -> np.ndarray:
    """Clough and Tocher's cubic on triangles; the nearest sensor where there is no triangle."""
    if places.shape[1] != 2:
        raise UsageError(
            "interpolate", f"cubic in {places.shape[1]} dimensions", do="Use fourier_features"
        )
    places, index = _copied(places, periods)
    seen = values[:, index].T
    found = CloughTocher2DInterpolator(places, seen)(points)
    bare = np.isnan(found).any(axis=1)
    found[bare] = seen[cKDTree(places).query(points[bare])[1]]
    return found.T


def _radial(values, places, points, periods, seed) -> np.ndarray:
    """Thin plate splines through the next sensors of every point."""
    places, index = _copied(places, periods)
    return RBFInterpolator(places, values[:, index].T, neighbors=min(NEIGHBOURS, len(places)))(
        points
    ).T


def _copied(places: np.ndarray, periods) -> tuple[np.ndarray, np.ndarray]:
    """Places with copies beyond the ends of periodic dimensions, and which sensor each is."""
    index = np.arange(len(places))
    for dim, period in enumerate(periods):
        if not period:
            continue
        low = places[:, dim].min()
        left = places[:, dim] > low + (1 - MARGIN) * period
        right = places[:, dim] < low + MARGIN * period
        shift = np.zeros(places.shape[1])
        shift[dim] = period
        index = np.concatenate([index, index[left], index[right]])
        places = np.concatenate([places, places[left] - shift, places[right] + shift])
    return places, index


METHODS: dict[str, Fill] = {
    "fourier_features": fourier_features,
    "cubic": _together(_cubic),
    "radial_basis": _together(_radial),
    "network": _together(network),
}
"""Name -> (groups of values (states, sensors) of variance 1, places, points, periods, seed) to
groups of values on the points."""
