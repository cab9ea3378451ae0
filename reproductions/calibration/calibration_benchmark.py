"""Which measures rank networks alike? The 102 columns of the calibration benchmark on a small zoo.

Perceptrons of many widths, depths, penalties and lengths of training, on digits under noise. Every
network is judged by 45 binned columns (five families, nine numbers of bins) and by KS, KDE, MMCE,
log loss and Brier score, before and after temperature scaling; then rankings are compared.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.stats import kendalltau
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

import trueup as tu
from reproductions.ledger import Claim, Reproduction
from trueup.calibration import TemperatureScaling
from trueup.core import Estimate, Evidence, Probabilities


REPRODUCTION = Reproduction(
    mission=8,
    system="Calibration benchmark",
    question="calibration",
    paper="A Benchmark Study on Calibration, ICLR 2024, 2308.11838",
    claims=(
        Claim("Kendall's tau of ECE and equal-mass ECE", "> 0.8"),
        Claim("tau of ECE and the KS error", "> 0.8"),
        Claim("tau of ECE and the KDE error", "> 0.8"),
        Claim("tau of ECE and MMCE", "> 0.8"),
        Claim("maximum error agrees less: its tau with ECE, less that of equal-mass ECE", "< 0"),
        Claim("so does classwise error: its tau with ECE, less that of equal-mass ECE", "< 0"),
        Claim("the number of bins moves classwise rankings more: tau of 5 and 500 bins, "
              "classwise less top label", "< 0"),
        Claim("and the maximum error more: the same, maximum less top label", "< 0"),
        Claim("more bins, larger ECE: mean of 500 bins less mean of 5", "> 0"),
        Claim("temperature scaling changes the ranking: tau of ECE before and after", "< 0.5"),
        Claim("log loss ranks otherwise than ECE: their tau, less that of equal-mass ECE", "< 0"),
        Claim("accurate is not calibrated: tau of accuracy and -ECE", "< 0.5"),
    ),
    differs="36 perceptrons on noisy digits instead of 117,702 networks on three sets of images; "
    "2,400 test rows, so that columns of many bins measure more noise than there.",
)  # fmt: skip

BINS = (5, 10, 15, 20, 25, 50, 100, 200, 500)
FAMILIES = {
    "ECE": ("ece", {}),
    "ECE_em": ("ece_equal_mass", {}),
    "cwCE": ("classwise_ece", {}),
    "cwCE_em": ("ace", {}),
    "MCE": ("mce", {}),
}
OTHERS = {"KSCE": "ks_error", "KDECE": "kde_ece", "MMCE": "mmce", "NLL": "log_loss",
          "Brier": "brier", "acc": "accuracy"}  # fmt: skip


@dataclass(frozen=True)
class Size:
    """Networks, and numbers of bins that are measured."""

    networks: int = 36
    bins: tuple[int, ...] = BINS


SIZES = {"small": Size(), "tiny": Size(networks=6, bins=(5, 15, 500))}


def run(scale: str = "small", seed: int = 0) -> list[Estimate]:
    """The numbers of the claims, in order."""
    size, rng = SIZES[scale], np.random.default_rng(seed)
    before, after = zip(*(judged(e, size.bins) for e in zoo(size, rng)), strict=True)
    pre, post = ({name: np.array([row[name] for row in rows]) for name in rows[0]}
                 for rows in (before, after))  # fmt: skip
    mass = tau(pre["ECE_15"], pre["ECE_em_15"])
    across = {name: tau(pre[f"{name}_5"], pre[f"{name}_500"]) for name in FAMILIES}
    numbers = [
        mass,
        *(tau(pre["ECE_15"], pre[name]) for name in ("KSCE", "KDECE", "MMCE")),
        tau(pre["ECE_15"], pre["MCE_15"]) - mass,
        tau(pre["ECE_15"], pre["cwCE_15"]) - mass,
        across["cwCE"] - across["ECE"],
        across["MCE"] - across["ECE"],
        (pre["ECE_500"] - pre["ECE_5"]).mean(),
        tau(pre["ECE_15"], post["ECE_15"]),
        tau(pre["ECE_15"], pre["NLL"]) - mass,
        tau(-pre["ECE_15"], pre["acc"]),
    ]
    return [Estimate(float(number), n=size.networks) for number in numbers]


def tau(a: np.ndarray, b: np.ndarray) -> float:
    """Kendall's rank correlation."""
    return float(kendalltau(a, b).statistic)


def judged(e: Evidence, bins: tuple[int, ...]) -> tuple[dict[str, float], dict[str, float]]:
    """Column -> value, before and after a temperature that was fitted on the other half."""
    half = len(e) // 2
    fitted = TemperatureScaling().fit(e.take(slice(half)))
    test = e.take(slice(half, None))
    cooled = Evidence(fitted.apply(test.prediction), test.truth)
    return columns(test, bins), columns(cooled, bins)


def columns(e: Evidence, bins: tuple[int, ...] = BINS) -> dict[str, float]:
    """Every column of the benchmark that speaks of calibration."""
    binned = {
        f"{family}_{b}": tu.measure(e, name, bins=b, **settings).value
        for family, (name, settings) in FAMILIES.items()
        for b in bins
    }
    return binned | {column: tu.measure(e, name).value for column, name in OTHERS.items()}


def zoo(size: Size, rng: np.random.Generator):
    """Evidence of each network on the same noisy digits, which it has not seen."""
    images, digit = load_digits(return_X_y=True)
    order = rng.permutation(len(images))
    learn, new = order[:600], np.tile(order[600:], 4)
    x = images[learn] + rng.normal(0, 5, (len(learn), 64))
    test = images[new] + rng.normal(0, 5, (len(new), 64))
    for _ in range(size.networks):
        network = MLPClassifier(
            hidden_layer_sizes=(int(rng.choice([8, 16, 32, 64, 128])),) * int(rng.integers(1, 4)),
            alpha=float(10 ** rng.uniform(-5, 1)),
            activation=str(rng.choice(["relu", "tanh"])),
            learning_rate_init=float(10 ** rng.uniform(-3.3, -2)),
            max_iter=int(rng.choice([5, 10, 20, 40, 80])),
            random_state=int(rng.integers(2**31)),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            network.fit(x, digit[learn])
        yield Evidence(Probabilities(network.predict_proba(test)), digit[new])
