"""AutoKnots: splines that meet a tolerance, on waves, plateaus and haloes of galaxies.

Each seed draws its own functions. Errors are looked for at nine places in every bin, for tolerances
1e-4, 1e-6, 1e-8, and the largest is counted in decimal digits beyond its tolerance (-1: a tenth of
it): below 0 the tolerance is met. *Haloes*: the surface density of
Navarro-Frenk-White and Hernquist haloes as an integral along the line of sight, splined in the
logarithm of the radius and compared with the closed form; the mass within a cylinder is the
integral of the spline itself.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.interpolate import CubicSpline

from reproductions.ledger import Claim, Reproduction
from trueup.core import Estimate
from trueup.error import auto_knots


REPRODUCTION = Reproduction(
    mission=185,
    system="AutoKnots",
    question="error",
    paper="Vitenti, de Simoni, Penna-Lima, Barroso 2024, AutoKnots: Adaptive Knot Allocation for "
    "Spline Interpolation, 2412.13423",
    claims=(
        Claim("waves that quicken: the largest error in digits beyond the tolerance", "< 0"),
        Claim("bumps and steps between plateaus: the largest error in digits beyond the "
              "tolerance", "< 0"),
        Claim("caution is due on plateaus: the same by the rule without its addition", "> 0"),
        Claim("what the addition costs there: its knots over those of the plain rule", "< 1.2"),
        Claim("waves that quicken: knots over those of equal knots that meet the tolerance",
              "< 0.2"),
        Claim("bumps and steps: the same", "< 1"),
        Claim("the price, smooth bells and Runge's function: the same", "> 1"),
        Claim("haloes: the largest error of the surface density in digits beyond the "
              "tolerance", "< 0"),
        Claim("haloes: that of the mass within a cylinder", "< 0"),
        Claim("a peak narrower than the first bins is found: the largest error in digits beyond "
              "the tolerance", "< 0"),
        Claim("the same with 100 knots at the start", "< 0"),
    ),
    differs="families of functions of our own with random settings; the addition here is to try "
    "the neighbours of a failed bin again, in the place of the published heuristic; haloes of "
    "random concentration, radii from .001 to 100 scale radii",
    scale="exact",
    seeds=20,
)  # fmt: skip

TOLERANCES = (1e-4, 1e-6, 1e-8)
Function = Callable[[np.ndarray], np.ndarray]


def run(scale: str = "small", seed: int = 0) -> list[Estimate]:
    """The numbers of the claims, in order."""
    rng, many = np.random.default_rng(seed), 8 if scale == "small" else 2
    waves = [quickening(rng) for _ in range(many)]
    flat = [plateaus(rng) for _ in range(4 * many)]
    smooth = [bell(rng) for _ in range(many)]
    peaks = [peak(rng) for _ in range(many)]
    numbers = [
        worst(waves), worst(flat), worst(flat, reach=0), cost(flat),
        ratio(waves), ratio(flat), ratio(smooth),
        *haloes(rng, many),
        worst(peaks), worst(peaks, knots=100),
    ]  # fmt: skip
    return [Estimate(float(number)) for number in numbers]


def worst(functions: list[Function], **settings) -> float:
    """The largest error of splines on [0, 1], in digits beyond the tolerance."""
    return np.log10(
        max(
            error_of(auto_knots(f, (0.0, 1.0), tolerance=e, **settings), f) / e
            for f in functions
            for e in TOLERANCES
        )
    )


def error_of(spline, f: Function) -> float:
    """The largest relative error at nine places in every bin."""
    width = np.diff(spline.knots)
    at = (spline.knots[:-1, None] + np.linspace(0.1, 0.9, 9) * width[:, None]).ravel()
    return float(np.abs(spline(at) / f(at) - 1).max())


def cost(functions: list[Function]) -> float:
    """Knots with neighbours tried again over knots of the plain rule, all functions together."""
    safe, plain = (
        sum(auto_knots(f, (0.0, 1.0), tolerance=e, reach=reach).evaluations
            for f in functions for e in TOLERANCES)
        for reach in (1, 0)
    )  # fmt: skip
    return safe / plain


def ratio(functions: list[Function], *, tolerance: float = 1e-6) -> float:
    """Mean over functions of adaptive knots over the fewest equal ones, on a logarithmic scale."""
    logs = [
        np.log(auto_knots(f, (0.0, 1.0), tolerance=tolerance).evaluations / equal(f, tolerance))
        for f in functions
    ]
    return float(np.exp(np.mean(logs)))


def equal(f: Function, tolerance: float) -> int:
    """The fewest equal knots that meet a tolerance, to one per cent, by halving."""
    low, high = 6, 12
    while missed(f, high) > tolerance:
        low, high = high, 2 * high
    while high - low > max(1, low // 100):
        middle = (low + high) // 2
        low, high = (middle, high) if missed(f, middle) > tolerance else (low, middle)
    return high


def missed(f: Function, knots: int) -> float:
    """The largest relative error of a spline with equal knots, at four places in every bin."""
    x = np.linspace(0.0, 1.0, knots)
    at = (x[:-1, None] + np.array([0.15, 0.4, 0.6, 0.85]) * (x[1] - x[0])).ravel()
    return float(np.abs(CubicSpline(x, f(x))(at) / f(at) - 1).max())


def quickening(rng) -> Function:
    """A wave that oscillates faster and faster towards 0."""
    least = rng.uniform(0.03, 0.1)
    return lambda x: 2 + np.sin(1 / (x + least))


def plateaus(rng) -> Function:
    """One to three steps and bumps on a floor of 2."""
    parts = [(rng.uniform(0.2, 1), rng.uniform(0.1, 0.9), np.exp(rng.uniform(3, 6)),
              rng.integers(2)) for _ in range(rng.integers(1, 4))]  # fmt: skip

    def f(x):
        # The width of a bump is kept above .03, which the first bins can see.
        shapes = (
            a * (np.tanh(k * (x - c)) if step else np.exp(-(((x - c) / (0.03 + 1 / k)) ** 4)))
            for a, c, k, step in parts
        )
        return 4 + sum(shapes)

    return f


def bell(rng) -> Function:
    """A normal bell or Runge's function, a few widths of it."""
    centre, wide, runge = rng.uniform(0.3, 0.7), rng.uniform(0.1, 0.2), rng.integers(2)
    if runge:
        return lambda x: 1 / (1 + ((x - centre) / wide) ** 2)
    return lambda x: np.exp(-0.5 * ((x - centre) / wide) ** 2)


def peak(rng) -> Function:
    """A peak of width .004 on a flat floor."""
    centre = rng.uniform(0.1, 0.9)
    return lambda x: 1 + np.exp(-(((x - centre) / 0.004) ** 2))


def haloes(rng, many: int) -> tuple[float, float]:
    """Largest errors of surface densities and of masses within cylinders, as digits."""
    kinds = [(rng.integers(2), np.exp(rng.uniform(-1, 1))) for _ in range(many)]
    found = [halo(bool(kind), size, e) for kind, size in kinds for e in TOLERANCES]
    density, mass = np.log10(np.max(found, axis=0))
    return density, mass


def halo(hernquist: bool, size: float, tolerance: float) -> tuple[float, float]:
    """Errors of one halo; ``size`` is its scale radius."""
    ends = np.log(1e-3 * size), np.log(1e2 * size)
    exact = hernquist_surface if hernquist else nfw_surface

    def surface(u):
        return line_of_sight(np.exp(u) / size, hernquist=hernquist)

    def ring(u):
        return 2 * np.pi * np.exp(2 * u) * surface(u)

    at = np.linspace(*ends, 4001)
    # Closed forms lose their digits to cancellation where the radius is the scale radius.
    at = at[np.abs(np.exp(at) / size - 1) > 0.02]
    x = np.exp(at) / size
    spline, rings = (auto_knots(f, ends, tolerance=tolerance) for f in (surface, ring))
    density = np.abs(spline(at) / exact(x) - 1).max()
    # Near the centre the closed form of the mass is a small difference of large numbers.
    outer, centre = x > 0.1, np.array([1e-3])
    mass = rings.spline.antiderivative()(at[outer])
    within = cylinder(x[outer], hernquist=hernquist) - cylinder(centre, hernquist=hernquist)
    error = np.abs(mass / (within * size**2) - 1).max()
    return density / tolerance, error / tolerance


def line_of_sight(x: np.ndarray, *, hernquist: bool) -> np.ndarray:
    """Twice the integral of the density over z > 0 with z = sinh-stretched, by trapezes."""
    t = np.linspace(-5.0, 5.0, 801)[:, None]
    z, weight = np.exp(np.pi / 2 * np.sinh(t)), np.pi / 2 * np.cosh(t)
    # z runs from far below to far above the radius: trapezes then converge exponentially.
    r = np.hypot(x, z * x)
    density = 1 / (r * (1 + r) ** (3 if hernquist else 2))
    return 2 * x * (density * z * weight).sum(axis=0) * (t[1, 0] - t[0, 0])


def ratio_of_arcs(x: np.ndarray) -> np.ndarray:
    """arcosh(1 / x) / sqrt(1 - x^2), and beyond 1 its continuation; not for x near 1."""
    low, high = np.minimum(x, 0.999), np.maximum(x, 1.001)
    inside = np.arccosh(1 / low) / np.sqrt(1 - low**2)
    outside = np.arccos(1 / high) / np.sqrt(high**2 - 1)
    return np.where(x < 1, inside, outside)


def nfw_surface(x: np.ndarray) -> np.ndarray:
    """Surface density of 1 / (r (1 + r)^2) at radius x."""
    return 2 * (1 - ratio_of_arcs(x)) / (x**2 - 1)


def hernquist_surface(x: np.ndarray) -> np.ndarray:
    """Surface density of 1 / (r (1 + r)^3) at radius x."""
    return ((2 + x**2) * ratio_of_arcs(x) - 3) / (x**2 - 1) ** 2


def cylinder(x: np.ndarray, *, hernquist: bool) -> np.ndarray:
    """Mass of either halo within the cylinder of radius x."""
    if hernquist:
        return 2 * np.pi * x**2 * (ratio_of_arcs(x) - 1) / (1 - x**2)
    return 4 * np.pi * (np.log(x / 2) + ratio_of_arcs(x))
