"""Forecasts of numbers with what happened, from the shared data; a test is skipped without them."""

from __future__ import annotations

import duckdb
import numpy as np

from shared_data import shared
from trueup.core import Ensemble, Evidence, Quantiles


def magdeburg() -> Evidence:
    """24-hour temperature, 50 members, by date."""
    path = shared("forecasts", "weather_magdeburg", "data.parquet")
    names = [f'"forc.{j}"' for j in range(1, 51)]
    known = " AND ".join(f"{name} IS NOT NULL" for name in ["obs", *names])
    query = f"SELECT obs, {', '.join(names)} FROM '{path}' WHERE {known} ORDER BY date"
    table = np.array(duckdb.sql(query).fetchall())
    return Evidence(Ensemble(table[:, 1:]), table[:, 0])


def flusight(model: str = "FluSight-ensemble") -> tuple[Evidence, np.ndarray, np.ndarray]:
    """Hospital admissions of 2024-25 at 23 levels; states and reference dates of the rows."""
    path = shared("forecasts", "flusight_2024_25", "data.parquet")
    rows = duckdb.sql(
        "SELECT list(predicted::DOUBLE ORDER BY quantile), list(quantile::DOUBLE ORDER BY quantile)"
        f", any_value(observed), location, reference_date FROM '{path}' WHERE model = '{model}' "
        "GROUP BY reference_date, location, horizon, target_end_date HAVING count(*) = 23 "
        "ORDER BY reference_date, location, horizon"
    ).fetchall()
    values, levels, truth, place, date = zip(*rows, strict=True)
    said = Quantiles(np.round(levels[0], 4), np.array(values))
    return Evidence(said, np.array(truth)), np.array(place), np.array(date)


def by_cluster(values: np.ndarray, cluster: np.ndarray) -> tuple[float, float]:
    """Mean over clusters of their means, and its standard error."""
    means = np.array([values[cluster == c].mean() for c in np.unique(cluster)])
    return float(means.mean()), float(means.std(ddof=1) / np.sqrt(len(means)))
