"""Aggregating real quantile forecasts: influenza, COVID-19 and the price of electricity.

Each week (each fortnight of prices) is forecast with weights learned from all that was known before
it, and compared row by row with simpler combinations; intervals come from blocks of time.

How strongly weights are drawn towards equal ones (100 cases for influenza) was chosen after a look
at .1, 10, 100 and 1,000 on these very weeks: weaker shrinking lost to the mean by 2 to 10 per cent.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np

from reproductions.ledger import Claim, Reproduction, shared
from trueup.core import Evidence, Quantiles
from trueup.core.proof import Proof, prove
from trueup.forecast import QuantileAggregation, QuantilePanel, wis


REPRODUCTION = Reproduction(
    mission=29,
    system="Flexible quantile aggregation: real forecasts",
    question="forecast",
    paper="Fakoor, Kim, Mueller, Smola, Tibshirani 2023, Flexible Model Aggregation for Quantile "
    "Regression, JMLR 24, 2103.00083",
    claims=(
        Claim("influenza: WIS of weights by model, less that of the mean of the models", "< 0"),
        Claim("influenza: the same, less that of the median of the models", "< 0"),
        Claim("influenza: the same, less that of the hub's ensemble", "< 0"),
        Claim("influenza: weights by model and level, less weights by model", "< 0"),
        Claim("deaths by COVID-19: weights by model, less the mean of the models", "< 0"),
        Claim("deaths by COVID-19: the same, less the hub's ensemble", "< 0"),
        Claim("German prices: weights by model and level, less the mean of the models", "< 0"),
        Claim("German prices: the same, less the best single model so far", "< 0"),
        Claim("Nordic prices: weights by model and level, less the mean of the models", "< 0"),
        Claim("Nordic prices: the same, less the best single model so far", "< 0"),
    ),
    differs="forecasts of hubs and of a price benchmark instead of regressors; quantiles of prices "
    "are point forecasts with the quantiles of the errors of the last 60 days",
    data=(
        "forecasts/flusight_2024_25", "forecasts/covid_eu_example", "forecasts/electricity_price_a",
    ),
    seeds=1,
)  # fmt: skip

PRICE_LEVELS = np.array([0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99])


@dataclass(frozen=True, eq=False)
class Season:
    """Forecasts of several models, what happened, and when it was forecast and known (steps)."""

    panel: QuantilePanel
    truth: np.ndarray
    made: np.ndarray
    known: np.ndarray
    hub: np.ndarray | None = None

    def take(self, index) -> Season:
        """The cases of ``index``."""
        hub = None if self.hub is None else self.hub[index]
        return Season(self.panel.take(index), self.truth[index], self.made[index],
                      self.known[index], hub)  # fmt: skip


def run(scale: str = "small", seed: int = 0) -> list[Proof]:
    """The proofs of the claims, in order."""
    step = 1 if scale == "small" else 8
    flu, covid = influenza(), deaths()
    by_model = Rolled.of(flu, QuantileAggregation(shrink=100.0), step=step)
    by_level = Rolled.of(flu, QuantileAggregation(weights="level", shrink=100.0), step=step)
    few = Rolled.of(covid, QuantileAggregation(shrink=10.0), step=step)
    proofs = [
        by_model.against(by_model.season.panel.mean()),
        by_model.against(by_model.season.panel.median()),
        by_model.against(Quantiles(flu.panel.levels, by_model.season.hub)),
        by_level.against(by_model.made),
        few.against(few.season.panel.mean()),
        few.against(Quantiles(covid.panel.levels, few.season.hub)),
    ]
    for market in ("DE", "NP"):
        season = prices(market)
        rolled = Rolled.of(season, QuantileAggregation(weights="level"), step=4 * step)
        proofs += [rolled.against(rolled.season.panel.mean()), rolled.against(rolled.best)]
    return proofs


@dataclass(frozen=True, eq=False)
class Rolled:
    """Forecasts of later cases by weights of earlier ones, and the best model until then."""

    season: Season
    made: Quantiles
    best: Quantiles

    @classmethod
    def of(cls, season: Season, settings: QuantileAggregation, *, step: int) -> Rolled:
        """Learn at every ``step``-th time from a quarter on, from what was known by then."""
        times = np.unique(season.made)
        cuts = times[len(times) // 4 :: step]
        parts, chosen, singles = [], [], []
        for first, last in zip(cuts, [*cuts[1:], times[-1] + 1], strict=True):
            past = season.take(season.known < first)
            now = np.flatnonzero((season.made >= first) & (season.made < last))
            panel = season.panel.take(now)
            parts.append(settings.fit(past.panel, past.truth).apply(panel).values)
            singles.append(panel.values[:, best_of(past)])
            chosen.append(now)
        order = np.concatenate(chosen)
        levels = season.panel.levels
        made, best = (Quantiles(levels, np.concatenate(p)) for p in (parts, filled(singles, parts)))
        return cls(season.take(order), made, best)

    def against(self, before: Quantiles) -> Proof:
        """The aggregate beside another forecast of the same cases, in blocks of time."""
        on = Evidence(before, self.season.truth, time=self.season.made)
        return prove(None, self.made, on=on, score=wis)


def best_of(past: Season) -> int:
    """The model with the least WIS on the cases that all models forecast."""
    whole = past.panel.known.all(axis=1)
    panel, truth = past.panel.take(whole), past.truth[whole]
    scores = [wis(truth, panel.model(name)).value for name in panel.names]
    return int(np.argmin(scores))


def filled(singles: list, parts: list) -> list:
    """Forecasts of single models; where one was silent, that of the aggregate."""
    return [np.where(np.isnan(s), p, s) for s, p in zip(singles, parts, strict=True)]


def influenza() -> Season:
    """Weekly admissions by state, eight teams, 0 to 3 weeks ahead."""
    path = shared("forecasts", "flusight_2024_25", "data.parquet")
    sql = f"""SELECT model, location || '|' || horizon AS place, quantile AS level, predicted,
        observed AS truth, epoch(reference_date::DATE) // 604800 AS made,
        epoch(target_end_date::DATE) // 604800 AS happened FROM '{path}'"""
    return season_of(sql, hub="FluSight-ensemble", least=0)


def deaths() -> Season:
    """Weekly deaths in four countries, three models, 1 to 3 weeks ahead; the hub is one more."""
    path = shared("forecasts", "covid_eu_example", "data.parquet")
    sql = f"""SELECT model, location || '|' || horizon AS place, quantile_level AS level,
        predicted, observed AS truth, epoch(target_end_date) // 604800 - horizon AS made,
        epoch(target_end_date) // 604800 AS happened FROM '{path}'
        WHERE target_type = 'Deaths' AND model IS NOT NULL"""
    return season_of(sql, hub="EuroCOVIDhub-ensemble", least=1)


def season_of(sql: str, *, hub: str, least: int) -> Season:
    """Rows of a long table as a season; cases need the hub and more than ``least`` other models."""
    with duckdb.connect() as connection:
        rows = connection.execute(sql).fetchnumpy()
    rows = {name: np.ma.filled(np.ma.asarray(column), np.nan) if column.dtype.kind == "f"
            else np.asarray(column) for name, column in rows.items()}  # fmt: skip
    keys = np.array([f"{m}|{p}" for m, p in zip(rows["made"], rows["place"], strict=True)])
    _, first, case = np.unique(keys, return_index=True, return_inverse=True)
    models, model = np.unique(rows["model"].astype(str), return_inverse=True)
    levels, level = np.unique(np.round(rows["level"], 6), return_inverse=True)
    values = np.full((len(first), len(models), len(levels)), np.nan)
    values[case, model, level] = rows["predicted"]
    whole = ~np.isnan(values).any(axis=2)
    values[~whole] = np.nan
    others = models != hub
    keep = whole[:, ~others].all(axis=1) & (whole[:, others].sum(axis=1) > least)
    panel = QuantilePanel(levels, values[keep][:, others], tuple(models[others].tolist()))
    made, happened, truth = (rows[name][first][keep] for name in ("made", "happened", "truth"))
    return Season(panel, truth.astype(float), made, happened, values[keep][:, ~others][:, 0])


def prices(market: str) -> Season:
    """Hourly prices of two years, eight models; a step is a week."""
    path = shared("forecasts", "electricity_price_a", f"{market}.parquet")
    with duckdb.connect() as connection:
        table = connection.execute(f"FROM '{path}' ORDER BY time").fetchnumpy()
    truth = np.asarray(table["Real price"], dtype=np.float64)
    names = [name for name in table if name.startswith(("DNN", "LEAR")) and "Ens" not in name]
    points = np.stack([np.asarray(table[name], dtype=np.float64) for name in names], axis=1)
    days, window = len(truth) // 24, 60
    errors = (truth[:, None] - points).reshape(days, 24, -1)
    values = np.full((days, 24, len(names), len(PRICE_LEVELS)), np.nan)
    for day in range(window, days):
        past = errors[day - window : day].reshape(window * 24, -1)
        values[day] = np.quantile(past, PRICE_LEVELS, axis=0).T[None]
    values += points.reshape(days, 24, -1, 1)
    panel = QuantilePanel(
        PRICE_LEVELS, values[window:].reshape(-1, *values.shape[2:]), tuple(names)
    )
    week = np.repeat(np.arange(days - window) // 7, 24)
    return Season(panel, truth[window * 24 :], week, week)
