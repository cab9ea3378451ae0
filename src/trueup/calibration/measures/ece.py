r"""Binned calibration errors: how far what is said lies from what happens, bin by bin.

.. math:: \Big( \sum_b \frac{w_b}{w} \Big| \frac{y_b - p_b}{w_b} \Big|^q \Big)^{1/q}

with ``w_b``, ``y_b``, ``p_b`` the sums of weight, outcome and score in bin b. The rows of this
family differ in the bins (equal width (lo, hi] or equal mass), the norm q (1, 2, infinity) and in
what is compared: the top label or the event, every class against the rest, or the top label within
each predicted class. With several classes ``b`` runs over bins and classes, ``w`` too. So

=========================  =============================================================
``ece``                    equal width, q = 1, top label or event (Guo et al. 2017)
``ece_equal_mass``         the same with bins of equal mass
``classwise_ece``          equal width, q = 1, classes against the rest (also SCE, cwCE)
``ace``                    classwise with bins of equal mass (Nixon et al. 2019)
``mce``                    the worst bin: equal width, q = infinity (Naeini et al. 2015)
``rms_calibration_error``  equal mass, q = 2 (Hendrycks et al. 2019)
``top_class_ece``          equal width, q = 1, within each predicted class (Gupta & Ramdas 2022)
=========================  =============================================================

All are plug-in estimates: the absolute value turns noise into error, so a perfectly calibrated
model gets a positive value, more so with more bins, and near calibration no interval of it is
sound. Read them beside their noise floor, ``noise_floor``; decisions rest on ``calibration_error``
and ``calibration_test``. ``mce`` is the noisiest, since the worst bin is often the emptiest.

``debias`` takes the noise off. With q = 2 only pairs of rows from different groups are multiplied,
which is unbiased. With q = 1 the excess ``E|N(m, s)| - |m|`` of a normal law at the gap m is
subtracted, which halves the bias at calibration and removes it away from it.

Examples
--------
>>> round(ece([0, 1, 1, 1], [0.2, 0.9, 0.9, 0.9]).value, 3)
0.125
>>> BinnedCalibrationError(bins=500, over="classwise", mass=True).name
'ace'
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import erf

from trueup.calibration.measures.binned import cube_of_classes, cube_of_scores, cube_of_winners
from trueup.core.cards import Card
from trueup.core.cells import Cells
from trueup.core.cube import Cube
from trueup.core.errors import UsageError
from trueup.core.evidence import Evidence
from trueup.core.grid import EdgeGrid, Grid, check_bins, equal_mass
from trueup.core.measure import AbstractMeasure


CARD = Card(
    name="ece",
    question="calibration",
    family="measures",
    summary="expected calibration error and its kin: gap of score and outcome by bin (plug-in)",
    axes={
        "bins": "equal width | equal mass",
        "over": "top label | classwise | predicted class",
        "norm": "1 | 2 | infinity",
        "debias": "plug-in | debiased",
    },
    paper="Naeini, Cooper, Hauskrecht 2015, AAAI; Guo et al. 2017, arXiv:1706.04599; "
    "Nixon et al. 2019, arXiv:1904.01685; Kumar, Liang, Ma 2019, arXiv:1909.10155; "
    "Gupta & Ramdas 2022, arXiv:2107.08353",
    mission=(8,),
    exports=(
        "ece",
        "ece_equal_mass",
        "classwise_ece",
        "ace",
        "mce",
        "rms_calibration_error",
        "top_class_ece",
        "BinnedCalibrationError",
        "ExpectedCalibrationError",
    ),
    cost="O(n) once for the cube, then milliseconds",
    not_for="near calibration, where it measures its own noise: read calibration_error",
)

OVER = ("top label", "classwise", "predicted class")

NAMES = {
    ("top label", False, 1.0): "ece",
    ("top label", True, 1.0): "ece_equal_mass",
    ("classwise", False, 1.0): "classwise_ece",
    ("classwise", True, 1.0): "ace",
    ("top label", False, math.inf): "mce",
    ("top label", True, 2.0): "rms_calibration_error",
    ("predicted class", False, 1.0): "top_class_ece",
}


@dataclass(frozen=True)
class BinnedCalibrationError(AbstractMeasure):
    """Norm of the gaps between score and outcome over bins.

    Parameters
    ----------
    bins
        Number of bins, >= 1. On a ready cube equal-width bins must divide its own (60 by default),
        and bins of equal mass are unions of its fine ones; from arrays both are exact.
    mass
        Bins of equal mass instead of equal width; ties stay together, so there can be fewer.
    over
        What is compared: ``"top label"`` (or the event), ``"classwise"``: every class against the
        rest, or ``"predicted class"``: the top label within each predicted class.
    norm
        q, at least 1; ``math.inf`` is the worst bin.
    debias
        Take off what noise adds; norms 1 and 2.
    """

    bins: int = 15
    mass: bool = False
    over: str = "top label"
    norm: float = 1.0
    debias: bool = False
    reach = (0.0, 1.0)

    def __post_init__(self) -> None:
        check_bins("ece", self.bins)
        if self.over not in OVER:
            raise UsageError("ece", f"over is '{self.over}'", do=f"Pass one of {', '.join(OVER)}")
        if not self.norm >= 1 or (self.debias and self.norm not in (1, 2)):
            raise UsageError(
                "ece",
                f"norm is {self.norm}" + (" with debias" if self.debias else ""),
                do="Pass 1, 2 or math.inf; debias works with 1 and 2",
            )

    @property
    def name(self) -> str:
        """Name of the row, such as ``ece``, ``ace`` or ``mce``."""
        plain = NAMES.get((self.over, self.mass, float(self.norm)))
        if plain is None:
            bins = "mass" if self.mass else "width"
            plain = f"l{self.norm:g}_calibration_error_{self.over.replace(' ', '_')}_equal_{bins}"
        return f"{plain}_debiased" if self.debias else plain

    @property
    def label(self) -> str:
        """Name for people."""
        kinds = {1.0: "Expected", 2.0: "Root-mean-square", math.inf: "Maximum"}
        head = kinds.get(float(self.norm), f"L{self.norm:g}")
        if self.over != "top label":
            head = f"{self.over.capitalize()} {head.lower() if self.norm != 1 else ''}".strip()
        said = f"{self.bins} equal-{'mass' if self.mass else 'width'}"
        return f"{head} calibration error ({said}{', debiased' if self.debias else ''})"

    @property
    def quantile(self) -> bool:  # type: ignore[override]
        """The worst bin is no smooth function of sums: its error comes from resampled groups."""
        return math.isinf(self.norm)

    @property
    def classwise(self) -> bool:  # type: ignore[override]
        """Whether cells of every class against the rest are read."""
        return self.over == "classwise"

    @property
    def grid(self) -> Grid:
        """Bins of the scores; those of equal mass follow from the evidence."""
        return Grid(self.bins, 1)

    def cube(self, evidence: Evidence) -> Cube:
        """Sums by group and by exactly the bins that were asked for."""
        self.check_kind(evidence)
        if self.over == "predicted class":
            return cube_of_winners(evidence, grid=self.grid, mass=self.mass)
        if self.classwise and not evidence.prediction.event:
            return cube_of_classes(evidence, grid=self.grid, mass=self.mass)
        return cube_of_scores(evidence, grid=self.grid, mass=self.mass)

    def parts(self, cube: Cube) -> np.ndarray:
        cells, grid = self._cells(cube)
        sums = np.stack([cells["y"] - cells["p"], cells["w"]], axis=1)
        sums = sums if sums.ndim == 4 else sums[:, :, None]
        gap, weight = np.moveaxis(self._merged(sums, grid), 1, 0)
        parts = [gap, weight]
        if self.debias:
            parts += [gap**2, weight**2, gap * weight]
        return np.stack(parts, axis=1)

    def _cells(self, cube: Cube) -> tuple[Cells, Grid | tuple[Grid, ...]]:
        by_class = cube.table.sums.ndim == 4
        if self.over == "predicted class" and by_class:
            return cube.table, cube.class_grid or cube.grid
        if self.classwise and cube.classes is not None:
            return cube.classes, cube.class_grid or cube.grid
        if by_class or self.over == "predicted class" or (self.classwise and not cube.event):
            raise UsageError(
                self.name,
                f"the cube has no cells for over='{self.over}'",
                do="Pass evidence or arrays, or a cube of this measure",
            )
        return cube.table, cube.grid

    def _merged(self, sums: np.ndarray, grid: Grid | tuple[Grid, ...]) -> np.ndarray:
        """(groups, 2, classes, at most ``bins``) sums of the bins that were asked for."""
        classes = sums.shape[2]
        grids = grid if isinstance(grid, tuple) else (grid,) * classes
        parts = [self._part(grids[j], sums[:, 1, j].sum(axis=0)) for j in range(classes)]
        merged = np.zeros((*sums.shape[:3], self.bins))
        for j, part in enumerate(parts):
            starts = np.concatenate([[0], np.flatnonzero(np.diff(part)) + 1])
            merged[:, :, j, part[starts]] = np.add.reduceat(sums[:, :, j], starts, axis=-1)
        return merged

    def _part(self, grid: Grid, weight: np.ndarray) -> np.ndarray:
        if not self.mass:
            return equal_width(self.name, grid, bins=self.bins)
        ready = isinstance(grid, EdgeGrid) and grid.size == self.bins
        return np.arange(grid.size) if ready else equal_mass(weight, bins=self.bins)

    def value(self, sums: np.ndarray) -> np.ndarray:
        sums = sums.reshape(*sums.shape[:2], -1)  # bins of all classes side by side
        total = sums[:, 1].sum(axis=1, keepdims=True)
        known = sums[:, 1] > 1e-12 * total  # what is left of a bin whose rows were all taken out
        total = np.where(total > 0, total, np.nan)[:, 0]
        if self.debias and self.norm == 2:
            return _unbiased_square(*np.moveaxis(sums, 1, 0), known)
        weight = np.where(known, sums[:, 1], 1.0)
        gap = np.where(known, np.abs(sums[:, 0] / weight), 0.0)
        if math.isinf(self.norm):
            return np.where(np.isnan(total), np.nan, gap.max(axis=1))
        if self.debias:
            spread = np.where(known, _spread(*np.moveaxis(sums, 1, 0), weight), 0.0)
            gap = 2 * gap - _folded_mean(gap, spread)
        mean = (sums[:, 1] * gap**self.norm).sum(axis=1) / total
        return mean ** (1 / self.norm) if self.norm != 1 else mean

    def scale(self, x: float) -> float:
        if not self.debias or x != x:
            return x
        return math.sqrt(max(x, 0.0)) if self.norm == 2 else max(x, 0.0)


def ExpectedCalibrationError(bins: int = 15, *, mass: bool = False, classwise: bool = False):
    """The row with q = 1: ``bins`` of equal width or mass, of the top label or classwise."""
    over = "classwise" if classwise else "top label"
    return BinnedCalibrationError(bins=bins, mass=mass, over=over)


def _unbiased_square(gap, weight, gap2, weight2, _, known) -> np.ndarray:
    """(r,) mean square of the gaps of bins, from pairs of rows of different groups."""
    pairs = weight**2 - weight2
    known = known & (pairs > 1e-9 * weight**2)  # one group alone has no pairs and no say
    squared = np.divide(gap**2 - gap2, pairs, out=np.zeros_like(gap), where=known)
    return (squared * weight).sum(axis=1) / (known * weight).sum(axis=1)


def _spread(gap, weight, gap2, weight2, cross, safe) -> np.ndarray:
    """(r, bins) standard error of the mean gap of a bin, from the scatter between groups."""
    mean, pairs = gap / safe, weight**2 - weight2
    left = np.maximum(gap2 - 2 * mean * cross + mean**2 * weight2, 0.0)
    return np.sqrt(np.divide(left, pairs, out=np.zeros_like(gap), where=pairs > 1e-9 * safe**2))


def _folded_mean(gap: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Mean of ``|N(gap, spread^2)|``."""
    ratio = np.divide(gap, spread, out=np.full_like(gap, np.inf), where=spread > 0)
    with np.errstate(over="ignore"):
        hump = spread * math.sqrt(2 / math.pi) * np.exp(-(ratio**2) / 2)
    return hump + gap * erf(ratio / math.sqrt(2))


def grid_of(bins: int) -> Grid | None:
    """Grid that holds ``bins`` equal-width bins; None where the common one does."""
    return None if Grid().width % bins == 0 else Grid(width=bins)


def equal_width(who: str, grid: Grid, *, bins: int) -> np.ndarray:
    """Which of ``bins`` equal-width bins each bin of ``grid`` lies in."""
    part = grid.equal_width(bins)
    if part is None:
        raise UsageError(
            who,
            f"{bins} bins do not divide the cube's {grid.width}",
            do="Pass arrays instead of a cube, or a divisor of the cube's equal-width bins",
        )
    return part


ece = BinnedCalibrationError()
ece_equal_mass = BinnedCalibrationError(mass=True)
classwise_ece = BinnedCalibrationError(over="classwise")
ace = BinnedCalibrationError(mass=True, over="classwise")
mce = BinnedCalibrationError(norm=math.inf)
rms_calibration_error = BinnedCalibrationError(mass=True, norm=2.0)
top_class_ece = BinnedCalibrationError(over="predicted class")
