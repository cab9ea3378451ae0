"""The Balance score: a signed gap without bins, and the errors that cancel in it.

True probabilities of events follow Beta laws; models say them with doubled or halved log-odds,
shifted, or blurred. The true calibration error is the mean distance of what is said from what then
happens, known to quadrature. The Balance score is minus ``confidence_gap``.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit
from scipy.stats import beta

from reproductions.ledger import Claim, Reproduction
from trueup.calibration import BinnedCalibrationError, confidence_gap
from trueup.core import Estimate


REPRODUCTION = Reproduction(
    mission=46,
    system="Balance score",
    question="calibration",
    paper="Rethinking Evaluation Metric for Probability Estimation Models Using Esports Data, "
    "2309.06248",
    claims=(
        Claim("its mean where q is said and p is true, on one side of a half, less q - p",
              "between -0.002 0.002"),
        Claim("its mean where the probabilities are true", "between -0.002 0.002"),
        Claim("over- and under-confidence: its distance from the true calibration error",
              "between -0.003 0.003"),
        Claim("there, on 1,000 rows, distance from the true error, less that of ECE with 10 bins",
              "< 0"),
        Claim("on 1,000 calibrated rows, distance from the true error 0, less that of ECE", "< 0"),
        Claim("shifted probabilities: its distance from the true calibration error",
              "between -0.003 0.003"),
        Claim("a score of 0 means calibrated: the true error of a model whose score is 0",
              "between -0.003 0.003"),
    ),
    differs="Beta laws as in the article's simulations, with distortions of our own; no games. Of "
    "its six properties those are held that are statements about numbers.",
    scale="exact",
)  # fmt: skip

LAWS = ((0.5, 0.5), (1.0, 1.0), (2.0, 2.0), (2.0, 5.0))
"""Parameters of the Beta laws of the true probability."""

CONFIDENCE = (lambda p: expit(2 * logit(p)), lambda p: expit(logit(p) / 2))
SHIFTS = (lambda p: expit(logit(p) + 0.7), lambda p: expit(logit(p) - 0.7))
"""What a model says where p is true."""

MIDDLES = (np.arange(200_000) + 0.5) / 200_000
SIZES = {"small": (1_000_000, 200), "tiny": (200_000, 20)}


def run(scale: str = "small", seed: int = 0) -> list[Estimate]:
    """The numbers of the claims, in order."""
    (rows, tables), rng = SIZES[scale], np.random.default_rng(seed)
    numbers = [
        point_by_point(rows, rng),
        score(*drawn(LAWS[1], lambda p: p, rows, rng)),
        farthest(CONFIDENCE, rows, rng),
        *small_tables(tables, rng),
        farthest(SHIFTS, rows, rng),
        error_at_zero(),
    ]
    return [Estimate(float(number)) for number in numbers]


def score(y: np.ndarray, said: np.ndarray) -> float:
    """The Balance score: minus the confidence gap."""
    return -confidence_gap(y, said).value


def drawn(law, says, rows: int, rng) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes and what the model says."""
    p = np.clip(rng.beta(*law, rows), 1e-6, 1 - 1e-6)
    return (rng.random(rows) < p).astype(int), says(p)


def true_error(law, says) -> float:
    """Mean distance of what is said from the true probability, by quadrature over the law."""
    p = np.clip(beta.ppf(MIDDLES, *law), 1e-6, 1 - 1e-6)
    return float(np.abs(says(p) - p).mean())


def point_by_point(rows: int, rng) -> float:
    """Farthest of the means from ``p - q``, signs as the article has them (q above a half)."""
    pairs = [(0.6, 0.9), (0.9, 0.6), (0.7, 0.7), (0.55, 0.8)]
    gaps = [
        score((rng.random(4 * rows) < p).astype(int), np.full(4 * rows, q)) - (p - q)
        for p, q in pairs
    ]
    return max(gaps, key=abs)


def farthest(distortions, rows: int, rng) -> float:
    """Over laws and distortions, the distance of ``|B|`` from the true error that is largest."""
    gaps = [
        abs(score(*drawn(law, says, rows, rng))) - true_error(law, says)
        for law in LAWS
        for says in distortions
    ]
    return max(gaps, key=abs)


def small_tables(tables: int, rng) -> list[float]:
    """Distances from the true error on 1,000 rows, less those of ECE: wrong models, true ones."""
    ten = BinnedCalibrationError(bins=10)
    rows = []
    for law in LAWS:
        for says, true in ((CONFIDENCE[0], true_error(law, CONFIDENCE[0])), (lambda p: p, 0.0)):
            for _ in range(tables):
                y, said = drawn(law, says, 1_000, rng)
                b = score(y, said)
                own, binned = abs(abs(b) - true), abs(ten(y, said).value - true)
                rows.append((true > 0, own - binned))
    wrong, gain = (np.array(column) for column in zip(*rows, strict=True))
    return [gain[wrong].mean(), gain[~wrong].mean()]


def error_at_zero() -> float:
    """True error of a shifted model on a symmetric law, whose expected score is 0."""
    return true_error(LAWS[2], SHIFTS[0])
