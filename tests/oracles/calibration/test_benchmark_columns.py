"""Every column of the calibration benchmark (arXiv:2308.11838), by name and arguments alone.

90 binned columns - five families, nine numbers of bins, before and after temperature scaling - and
the others that speak of calibration. Columns of attacks and corruptions are accuracies and AUCs on
other data.
"""

import numpy as np
import pytest

import trueup as tu
from trueup.worlds import confident_by_factor


BINS = (5, 10, 15, 20, 25, 50, 100, 200, 500)
BINNED = {
    "ECE": "ece", "ECE_em": "ece_equal_mass", "cwCE": "classwise_ece", "cwCE_em": "ace",
    "MCE": "mce",
}  # fmt: skip
OTHERS = ("ks_error", "kde_ece", "mmce", "log_loss", "brier", "accuracy", "auc")

BEFORE = confident_by_factor(2.0, rows=1_200, classes=5, seed=3).evidence
LEARN = confident_by_factor(2.0, rows=1_200, classes=5, seed=4).evidence


def after() -> tu.Evidence:
    """The same rows after temperature scaling."""
    fitted = tu.correct(LEARN, "TemperatureScaling")
    return tu.Evidence(fitted.apply(BEFORE.prediction), BEFORE.truth)


def in_bins(score, right, bins: int, *, mass: bool) -> list[tuple[float, float]]:
    """(share, gap) of every bin that holds a row, by masks."""
    if mass:
        part = np.empty(len(score), int)
        part[np.argsort(score)] = np.floor((np.arange(len(score)) + 0.5) * bins / len(score))
    else:
        edges = np.arange(1, bins) / bins
        part = np.searchsorted(edges, score, side="left")
    rows = [part == b for b in range(bins)]
    return [(r.mean(), abs((right - score)[r].mean())) for r in rows if r.any()]


def by_masks(e: tu.Evidence, family: str, bins: int) -> float:
    """The column by its definition."""
    probs, mass = e.prediction.probs, family.endswith("em")
    if family.startswith("cw"):
        each = [in_bins(probs[:, j], e.truth == j, bins, mass=mass) for j in range(5)]
        return float(np.mean([sum(w * gap for w, gap in one) for one in each]))
    found = in_bins(probs.max(axis=1), probs.argmax(axis=1) == e.truth, bins, mass=mass)
    return max(gap for _, gap in found) if family == "MCE" else sum(w * gap for w, gap in found)


@pytest.mark.parametrize("when", ["pre", "post"])
@pytest.mark.parametrize("bins", BINS)
@pytest.mark.parametrize("family", BINNED)
def test_binned_columns(family, bins, when):
    e = BEFORE if when == "pre" else after()
    found = tu.measure(e, BINNED[family], bins=bins)
    assert found.value == pytest.approx(by_masks(e, family, bins), abs=1e-12)
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize("name", OTHERS)
def test_other_columns_improve_or_keep_with_temperature(name):
    before, later = (tu.measure(e, name) for e in (BEFORE, after()))
    if name in ("accuracy", "auc"):
        assert later.value == pytest.approx(before.value, abs=0.03)
    else:
        assert later.value < before.value
    assert before.low <= before.value <= before.high
