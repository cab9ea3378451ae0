"""Numbers that others published or measured on the same files, to the printed digits.

The forecasts are not shipped, so these tests are skipped without the folder.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from shared_data import shared
from trueup.calibration import coverage_50, coverage_90, coverage_95, rms_z
from trueup.calibration.dispersion.coverage import Coverage
from trueup.core import Ensemble, Points, Quantiles
from trueup.error import bias, mae
from trueup.forecast import crps, wis


pytestmark = pytest.mark.shared

ENSEMBLES = {
    "weather_magdeburg": ("obs", "forc.", 50, (-0.2971, 1.2410, 0.9880, 0.6372)),
    "weather_frankfurt_rain": ("obs", "P", 50, (0.3741, 1.2528, 0.9146, 0.5394)),
    "weather_rainibk": ("rain", "rainfc.", 11, (6.5164, 10.1590, 6.9773, 0.5763)),
}
CENTRES = ("CMCG", "ETA", "GASP", "GFS", "JMA", "NGPS", "TCWB", "UKMO")


def ensemble(name: str) -> tuple[np.ndarray, Ensemble]:
    """Truth and members of the rows that lack nothing."""
    truth, head, m, _ = ENSEMBLES[name]
    columns = [truth, *(f"{head}{j}" for j in range(1, m + 1))]
    return of_file(name, columns)


def of_file(name: str, columns: list[str]) -> tuple[np.ndarray, Ensemble]:
    """Truth (first of ``columns``) and members of one file."""
    table = pl.read_parquet(shared("forecasts", name, "data.parquet"), columns=columns)
    rows = table.cast(pl.Float64).drop_nulls().drop_nans().select(columns).to_numpy()
    return rows[:, 0], Ensemble(rows[:, 1:])


def four(truth: np.ndarray, said: Ensemble) -> list[float]:
    """Bias and MAE of the mean, CRPS, and the share inside the range of the members."""
    m = said.members.shape[1]
    held = Coverage(nominal=(m - 1) / (m + 1))
    mean = Points(said.members.mean(axis=1))
    found = bias(truth, said), mae(truth, mean), crps(truth, said), held(truth, said)
    return [each.value for each in found]


@pytest.mark.parametrize("name", ENSEMBLES)
def test_weather(name):
    assert four(*ensemble(name)) == pytest.approx(ENSEMBLES[name][-1], abs=5.01e-5)


def test_temperatures_at_magdeburg_are_stated_too_surely():
    assert rms_z(*ensemble("weather_magdeburg")).value == pytest.approx(3.15, abs=5.01e-3)


def test_temperatures_of_eight_centres():
    found = four(*of_file("weather_srft", ["observation", *CENTRES]))
    assert found == pytest.approx([-0.6684, 2.4356, 2.1696, 0.2589], abs=5.01e-5)


def test_draws_of_growth():
    data = np.load(shared("forecasts", "gdp_mcmc", "data.npz"))
    said = Ensemble(data["forecasts"].T)
    assert crps(data["actuals"], said).value == pytest.approx(1.2838, abs=5.01e-5)
    mean = Points(said.members.mean(axis=1))
    assert mae(data["actuals"], mean).value == pytest.approx(1.6967, abs=5.01e-5)


TEAMS = {
    "CEPH-Rtrend_fluH": (175.365, 0.4351, 0.7528, 0.7966),
    "CMU-TimeSeries": (204.651, 0.5442, 0.8671, 0.902),
    "FluSight-baseline": (263.249, 0.3167, 0.6447, 0.7187),
    "FluSight-ensemble": (177.597, 0.5185, 0.7778, 0.8176),
    "MOBS-GLEAM_FLUH": (246.014, 0.1882, 0.4634, 0.556),
    "PSI-PROF": (184.777, 0.5177, 0.8347, 0.8861),
    "UGA_flucast-INFLAenza": (213.348, 0.4128, 0.7733, 0.8372),
    "UMass-flusion": (181.805, 0.3973, 0.7595, 0.8196),
}


def wide(table: pl.DataFrame, keys: list[str], level: str) -> tuple[np.ndarray, Quantiles]:
    """Truth and quantiles of a long table; a row a combination of ``keys``."""
    made = table.pivot(level, index=[*keys, "observed"], values="predicted")
    levels = sorted((c for c in made.columns if c not in (*keys, "observed")), key=float)
    values = made.select(levels).cast(pl.Float64).to_numpy()
    return made["observed"].cast(pl.Float64).to_numpy(), Quantiles([*map(float, levels)], values)


@pytest.mark.parametrize("team", TEAMS)
def test_influenza(team):
    table = pl.scan_parquet(shared("forecasts", "flusight_2024_25", "data.parquet"))
    table = table.filter(pl.col("model") == team).with_columns(pl.col("quantile").round(3))
    truth, said = wide(table.collect(), ["reference_date", "location", "horizon"], "quantile")
    score, *shares = TEAMS[team]
    assert wis(truth, said).value == pytest.approx(score, abs=5.01e-4)
    found = [each(truth, said).value for each in (coverage_50, coverage_90, coverage_95)]
    assert found == pytest.approx(shares, abs=5.01e-5)


def test_covid_in_europe():
    table = pl.read_parquet(shared("forecasts", "covid_eu_example", "data.parquet"))
    table = table.drop_nulls("predicted").drop_nulls("observed")
    keys = ["location", "target_end_date", "target_type", "forecast_date", "model", "horizon"]
    truth, said = wide(table, keys, "quantile_level")
    assert wis(truth, said).value == pytest.approx(9751.434, abs=5.01e-4)
    want = {0.025: 0.0338, 0.25: 0.2661, 0.5: 0.5648, 0.75: 0.779, 0.975: 0.9538}
    for level, share in want.items():
        j = said.levels.tolist().index(level)
        assert (truth <= said.values[:, j]).mean() == pytest.approx(share, abs=5.01e-5)
