"""Aggregating quantile regressors on twelve tables: which weights help, and what wrapping costs.

Five regressors of different make learn from one part of a table, the weights from a second, all is
scored on a third: mean pinball loss of nine levels, as a ratio, on the log scale, averaged over the
tables. "Local" weights change with the first two principal components of the features.
"""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import RidgeCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

from reproductions.ledger import Claim, Reproduction, shared
from trueup.calibration import ConformalShift, coverage
from trueup.core import Estimate, Evidence, Quantiles
from trueup.core.monotone import rising
from trueup.forecast import QuantileAggregation, QuantilePanel, wis


REPRODUCTION = Reproduction(
    mission=29,
    system="Flexible quantile aggregation: regressors",
    question="forecast",
    paper="Fakoor, Kim, Mueller, Smola, Tibshirani 2023, Flexible Model Aggregation for Quantile "
    "Regression, JMLR 24, 2103.00083",
    claims=(
        Claim("log WIS of weights by model and level, less that of the median of the models",
              "< 0"),
        Claim("the same, less that of the best single model of the second part", "< 0"),
        Claim("weights by model and level, less weights by model alone", "< 0"),
        Claim("local weights by model and level, less the same without features", "< 0"),
        Claim("largest rise of the WIS by putting in order what crosses, 0 for none", "< 1e-9"),
        Claim("coverage of the central 90 % after a conformal shift", "between 0.88 0.92"),
        Claim("log WIS of the shifted quantiles, less before", "< 0.01"),
    ),
    differs="twelve UCI tables of at most 3,000 rows instead of 34; five base regressors; weights "
    "are log-linear in features instead of a network; three parts instead of out-of-fold forecasts",
    data=("tabular/uci_regression_a",),
)  # fmt: skip

LEVELS = np.array([0.05, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.95])
TABLES = ("bike", "concrete", "energy", "wine", "yacht", "housing", "airfoil", "kin40k",
          "elevators", "parkinsons", "solar", "autompg")  # fmt: skip
ROWS = {"small": 3_000, "tiny": 300}


def run(scale: str = "small", seed: int = 0) -> list[Estimate]:
    """The numbers of the claims, in order."""
    names = TABLES if scale == "small" else TABLES[:2]
    tables = np.array([one_table(name, ROWS[scale], seed) for name in names])
    worst = max(tables[:, 4].max(), 0.0)
    means = tables.mean(axis=0)
    means[4] = worst
    return [Estimate(float(value), n=len(names)) for value in means]


def one_table(name: str, rows: int, seed: int) -> list[float]:
    """What is claimed, on one table."""
    parts = parts_of(name, rows, seed)
    models = regressors(*parts[0], seed)
    panels = [QuantilePanel.of({m: said(x) for m, said in models.items()}) for x, _ in parts[1:]]
    (x1, y1), (x2, y2) = parts[1:]
    space = PCA(2, random_state=0).fit(x1)
    level = QuantileAggregation(weights="level", monotone="").fit(panels[0], y1)
    plain = QuantileAggregation().fit(panels[0], y1)
    near = QuantileAggregation(weights="level")
    local = near.fit(panels[0], y1, features=space.transform(x1))
    raw = level.apply(panels[1])
    made = Quantiles(LEVELS, rising(raw.values))
    best = min(models, key=lambda m: score(y1, panels[0].model(m)))
    rises = [score(y2, Quantiles(LEVELS, rising(raw.values, how=how))) - score(y2, raw)
             for how in ("sort", "isotonic")]  # fmt: skip
    shifted = wrapped(panels, y1, x2, seed)
    log = {k: np.log(score(y2, f)) for k, f in {
        "level": made, "median": panels[1].median(), "best": panels[1].model(best),
        "model": plain.apply(panels[1]), "shifted": shifted,
        "local": local.apply(panels[1], features=space.transform(x2))}.items()}  # fmt: skip
    return [
        log["level"] - log["median"],
        log["level"] - log["best"],
        log["level"] - log["model"],
        log["local"] - log["level"],
        max(rises),
        coverage(y2, shifted).value,
        log["shifted"] - log["level"],
    ]


def wrapped(panels, truth, new, seed: int) -> Quantiles:
    """Weights learned on one half of the second part, the conformal shift on the other."""
    learn = np.random.default_rng(seed).random(len(truth)) < 0.5
    fitted = QuantileAggregation(weights="level").fit(panels[0].take(learn), truth[learn])
    held = Evidence(fitted.apply(panels[0].take(~learn)), truth[~learn])
    return ConformalShift().fit(held).apply(fitted.apply(panels[1]))


def score(truth, forecast: Quantiles) -> float:
    """WIS."""
    return wis(truth, forecast).value


def parts_of(name: str, rows: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Three parts of a table: half, a quarter, a quarter; features standardised by the first."""
    with np.load(shared("tabular", "uci_regression_a", "data.npz")) as file:
        table = file[f"{name}__xy"].astype(np.float64)
    order = np.random.default_rng(seed).permutation(len(table))[:rows]
    cuts = np.split(table[order], [len(order) // 2, 3 * len(order) // 4])
    scale = StandardScaler().fit(cuts[0][:, :-1])
    return [(scale.transform(cut[:, :-1]), cut[:, -1]) for cut in cuts]


def regressors(x, y, seed: int) -> dict:
    """Name -> function from features to quantiles."""
    ridge = RidgeCV(np.logspace(-3, 3, 7)).fit(x, y)
    near = KNeighborsRegressor(min(20, len(x) // 5)).fit(x, y)
    forest = RandomForestRegressor(100, min_samples_leaf=5, random_state=seed).fit(x, y)
    rest = np.quantile(y - ridge.predict(x), LEVELS)
    centre = near.predict(x)
    wide = np.quantile(y - centre, LEVELS)
    boosts = [boosted(level, seed).fit(x, y) for level in LEVELS]

    def neighbours(new):
        return np.quantile(y[near.kneighbors(new, return_distance=False)], LEVELS, axis=1).T

    def ordered(values):
        return Quantiles(LEVELS, np.sort(values, axis=1))

    return {
        "ridge": lambda new: ordered(ridge.predict(new)[:, None] + rest),
        "neighbours": lambda new: ordered(neighbours(new)),
        "neighbours, even spread": lambda new: ordered(near.predict(new)[:, None] + wide),
        "forest": lambda new: ordered(of_leaves(forest, x, y, new)),
        "boosting": lambda new: ordered(np.stack([b.predict(new) for b in boosts], axis=1)),
    }


def boosted(level: float, seed: int) -> HistGradientBoostingRegressor:
    """Boosting of one quantile."""
    return HistGradientBoostingRegressor(
        loss="quantile", quantile=level, max_iter=60, max_leaf_nodes=15, random_state=seed
    )


def of_leaves(forest: RandomForestRegressor, x, y, new) -> np.ndarray:
    """Quantiles of what happened to the rows that share leaves with a new one (Meinshausen)."""
    old, leaf = forest.apply(x), forest.apply(new)
    order = np.argsort(y)
    found = np.empty((len(new), len(LEVELS)))
    for i, leaves in enumerate(leaf):
        same = old[order] == leaves
        weight = (same / np.maximum(same.sum(axis=0), 1)).sum(axis=1)
        below = np.cumsum(weight) / weight.sum()
        found[i] = y[order][np.minimum(np.searchsorted(below, LEVELS), len(y) - 1)]
    return found
