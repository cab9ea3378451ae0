"""Audits of real forecasts give the numbers that were published or measured with them."""

from __future__ import annotations

import duckdb
import pytest

import trueup as tu
from audit.tables import ids
from shared_data import shared


def made(tmp_path, name: str, query: str) -> str:
    path = tmp_path / f"{name}.parquet"
    duckdb.sql(f"COPY ({query}) TO '{path}'")
    return str(path)


def test_temperatures_of_fifty_members_are_far_too_narrow(tmp_path):
    file = shared("forecasts", "weather_magdeburg", "data.parquet")
    query = f"SELECT strptime(left(date, 8), '%Y%m%d') AS day, obs, columns('forc.*') FROM '{file}'"
    path = made(tmp_path, "weather", query)
    found = tu.audit(
        path, truth="obs", members="forc.[0-9]*", time="day", drop_bad=True, history=False
    )
    assert found.primary.form.width == 50
    assert found.primary.cube.n == 4454
    m = {name: estimate.value for name, estimate in found.measures.items()}
    # Measured when the data were taken: bias -0.2971, ensemble CRPS 0.9880 over 4454 rows.
    assert m["bias"] == pytest.approx(-0.2971, abs=5e-5)
    assert m["crps"] == pytest.approx(0.9880, abs=5e-5)
    assert m["coverage_90"] < 0.6 and m["spread_skill"] > 1.8
    assert ids(found)[:2] == ["too_narrow", "biased_low"]
    assert found.advice == "Widen it"
    assert found.primary.chosen.name == "emos"


WIS = {
    "CEPH-Rtrend_fluH": (5704, 175.365, 0.4351, 0.7528, 0.7966),
    "CMU-TimeSeries": (5724, 204.651, 0.5442, 0.8671, 0.902),
    "FluSight-baseline": (5724, 263.249, 0.3167, 0.6447, 0.7187),
    "FluSight-ensemble": (5724, 177.597, 0.5185, 0.7778, 0.8176),
    "MOBS-GLEAM_FLUH": (4996, 246.014, 0.1882, 0.4634, 0.556),
    "PSI-PROF": (5936, 184.777, 0.5177, 0.8347, 0.8861),
    "UGA_flucast-INFLAenza": (5708, 213.348, 0.4128, 0.7733, 0.8372),
    "UMass-flusion": (5492, 181.805, 0.3973, 0.7595, 0.8196),
}


def test_influenza_forecasts_of_eight_teams(tmp_path):
    file = shared("forecasts", "flusight_2024_25", "data.parquet")
    query = f"""WITH wide AS (PIVOT (SELECT * EXCLUDE (quantile), 'q' || round(quantile, 3) AS q
    FROM '{file}') ON q USING first(predicted)) SELECT *, location || horizon || reference_date
    AS task FROM wide"""
    path = made(tmp_path, "flu", query)
    found = tu.audit(
        path, truth="observed", time="target_end_date", by="horizon", model="model", key="task",
        history=False,
    )  # fmt: skip
    assert found.primary.kind == "quantiles"
    for judged in found.models:
        m = {name: estimate.value for name, estimate in judged.measures.items()}
        said = (m["wis"], m["coverage_50"], m["coverage_90"], m["coverage_95"])
        n, *wanted = WIS[judged.model]
        assert judged.cube.n == n
        assert said[0] == pytest.approx(wanted[0], abs=0.001)
        assert said[1:] == pytest.approx(wanted[1:], abs=5e-5)
    named = {judged.model: [f.id for f in judged.findings] for judged in found.models}
    assert named["MOBS-GLEAM_FLUH"][0] == "too_narrow"  # its 90 % intervals hold 46 %
    assert all(len(each) for each in named.values())


def test_energies_of_molecules_are_too_wide():
    file = shared("regression_uq", "qm9_energy", "test.parquet")
    table = duckdb.sql(
        f"SELECT observed, prediction AS mean, sqrt(uncertainty_total) AS sd FROM '{file}'"
    ).fetchnumpy()
    found = tu.audit(table, truth="observed", history=False)
    assert (found.primary.kind, found.advice) == ("normal", "Narrow it")
    assert ids(found)[0] == "too_wide"
    # Measured when the data were taken: share |z| < 1.96 is 0.9915, MAE 0.010095.
    assert found.measures["coverage_95"].value == pytest.approx(0.9915, abs=5e-5)
    assert found.measures["mae"].value == pytest.approx(0.010095, abs=5e-7)
    assert found.measures["rms_z"].value == pytest.approx(0.5689, abs=5e-5)


def test_temperatures_beat_those_of_the_day_before(tmp_path):
    file = shared("forecasts", "weather_magdeburg", "data.parquet")
    query = (
        "SELECT strptime(left(date, 8), '%Y%m%d') AS day, obs, columns('forc.*'), "
        f"lag(obs) OVER (ORDER BY date) AS yesterday FROM '{file}'"
    )
    path = made(tmp_path, "weather", query)
    found = tu.audit(path, truth="obs", members="forc.[0-9]*", time="day", drop_bad=True,
                     against="yesterday", history=False)  # fmt: skip
    got = found.measures["skill"]
    assert got.low > 0.5 and got.n == 4_451
    assert found.primary.against.main.forecast.value == pytest.approx(0.988, abs=1e-3)
