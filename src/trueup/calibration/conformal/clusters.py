"""Classes that behave alike, found on some of the rows by how their scores are spread."""

from __future__ import annotations

import numpy as np

from trueup.calibration.conformal.thresholds import (
    EVERY,
    AbstractThreshold,
    ByClass,
    least_by,
    least_score,
    refuse_too_few,
)
from trueup.core.evidence import Evidence


QUANTILES = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Where the spread of a class's scores is read, beside the level itself (Ding et al., sec. 4)."""

LEAST = 75
"""Classes at which half of the rows go into the clustering (their appendix B)."""


def by_cluster(
    scores: np.ndarray, weight: np.ndarray, *, level: float, evidence: Evidence, seed: int | None
) -> AbstractThreshold:
    """A threshold a cluster of classes; classes of few rows take that of all rows."""
    k, truth = evidence.prediction.probs.shape[1], evidence.truth
    rng = np.random.default_rng(seed or 0)
    share, clusters = plan(np.bincount(truth, minlength=k), level=level)
    first = _some(scores, truth, share, rng)
    cluster = clusters_of(scores[first], truth[first], k, level=level, clusters=clusters)
    rest = ~first
    pooled = least_score(scores[rest], weight[rest], level=level)
    if pooled == EVERY:
        refuse_too_few("ConformalSets.fit", weight[rest].sum(), level=level, of=" for thresholds")
    own = least_by(
        scores[rest], weight[rest], cluster[truth[rest]], groups=cluster.max() + 1, level=level
    )
    # The last value is that of classes without a cluster.
    return ByClass(
        np.append(np.where(own == EVERY, pooled, own), pooled)[cluster], tuple(cluster.tolist())
    )


def plan(counts: np.ndarray, *, level: float) -> tuple[float, int]:
    """Share of the rows that find the clusters, and how many clusters.

    Examples
    --------
    >>> plan(np.full(100, 50), level=0.9)
    (0.56, 14)
    """
    least = max(int(counts.min()), int(np.ceil(1 / (1 - level) - 1 - 1e-9)), 1)
    classes = int((counts >= least).sum())
    first = int(least * classes / (LEAST + classes))
    return first / least, first // 2


def clusters_of(scores, truth, k: int, *, level: float, clusters: int) -> np.ndarray:
    """Cluster (k,) of every class, -1 for classes with too few rows to tell."""
    from sklearn.cluster import KMeans

    cluster = np.full(k, -1)
    counts = np.bincount(truth, minlength=k)
    enough = np.flatnonzero(counts >= max(1 / (1 - level) - 1 - 1e-9, 1))
    if clusters < 2 or len(enough) <= clusters:
        return cluster
    at = [1.0 - q for q in (*QUANTILES, level)]
    spread = np.array([np.quantile(scores[truth == j], at) for j in enough])
    found = KMeans(clusters, n_init=10, random_state=0).fit(
        spread, sample_weight=np.sqrt(counts[enough])
    )
    cluster[enough] = found.labels_
    return cluster


def _some(scores: np.ndarray, truth: np.ndarray, share: float, rng) -> np.ndarray:
    """Which rows (n,) find the clusters: a share of them by lot, whatever their order."""
    order = rng.permutation(np.lexsort((scores, truth)))
    chosen = np.zeros(len(order), dtype=bool)
    chosen[order[: int(share * len(order))]] = True
    return chosen
