"""Oracles: a slow loop over rows and gamma functions, one bin by hand, the true curve."""

import math

import numpy as np
import pytest

from trueup.calibration import BayesianBinning, HistogramBinning
from trueup.core import Evidence, Probabilities, UsageError
from trueup.worlds import confident_by_factor


def slowly(p, y, new, *, prior=2.0, spread=10.0) -> np.ndarray:
    """The paper's sums over rows; scores are distinct and sorted."""
    n, models = len(p), []
    least, most = max(1, int(n ** (1 / 3) / spread)), math.ceil(spread * n ** (1 / 3))
    for bins in range(least, min(most, n) + 1):
        cuts = sorted({0, *(int(n * b / bins + 1e-9) for b in range(1, bins)), n})
        edges = [0.0, *((p[c - 1] + p[c]) / 2 for c in cuts[1:-1]), 1.0]
        score, said, count = 0.0, [], prior / (len(cuts) - 1)
        for j in range(len(cuts) - 1):
            rows = range(cuts[j], cuts[j + 1])
            m, total = sum(int(y[i]) for i in rows), len(rows)
            a = count * (edges[j] + edges[j + 1]) / 2
            b = count - a
            score += math.lgamma(count) - math.lgamma(total + count)
            score += math.lgamma(m + a) - math.lgamma(a)
            score += math.lgamma(total - m + b) - math.lgamma(b)
            said.append((m + a) / (total + count))
        models.append((score, [said[np.searchsorted(edges[1:-1], q, side="right")] for q in new]))
    best = max(score for score, _ in models)
    weights = [math.exp(score - best) for score, _ in models]
    kept = [(w, said) for w, (_, said) in zip(weights, models, strict=True) if w > 1e-3]
    return sum(w * np.array(said) for w, said in kept) / sum(w for w, _ in kept)


@pytest.mark.parametrize("rows", [12, 100, 700])
def test_equals_a_slow_loop(rows):
    e = confident_by_factor(2.0, rows=rows, seed=rows).evidence
    order = np.argsort(e.prediction.probs[:, 1])
    p, y = e.prediction.probs[order, 1], e.truth[order]
    new = np.random.default_rng(0).random(100)
    after = BayesianBinning().fit(e).apply(Probabilities(new)).probs[:, 1]
    # Edges lie midway in log-odds, not in probability: a handful of rows in between may differ.
    assert np.median(np.abs(after - slowly(p, y, new))) < 2e-4


def test_one_bin_by_hand():
    """Three rows, one bin: prior 2 rows around 1/2, so (2 + 1) / (3 + 2)."""
    e = Evidence(Probabilities([0.5, 0.5, 0.5]), [1, 1, 0])
    after = BayesianBinning().fit(e).apply(Probabilities([0.1, 0.9])).probs[:, 1]
    assert after == pytest.approx([3 / 5, 3 / 5])


def test_is_nearer_to_the_truth_than_one_histogram_of_few_rows():
    """With 1,500 rows and more it is further away: then bins need no prior."""
    gains, said = [], np.linspace(0.02, 0.98, 200)
    for seed in range(40):
        world = confident_by_factor(2.0, rows=100, seed=seed)
        error = [
            (
                (s.fit(world.evidence).apply(Probabilities(said)).probs[:, 1] - world.curve(said))
                ** 2
            )
            for s in (HistogramBinning(), BayesianBinning())
        ]
        gains.append(error[0].mean() - error[1].mean())
    assert np.mean(gains) / (np.std(gains, ddof=1) / np.sqrt(40)) > 4


def test_settings_that_make_no_sense():
    with pytest.raises(UsageError, match=r"BayesianBinning: prior is 0, spread 10\.0\. Pass"):
        BayesianBinning(prior=0)
