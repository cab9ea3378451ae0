"""Remedies of forecasts of numbers: saved, read, applied and exported, the same each time."""

from __future__ import annotations

import json
from dataclasses import replace

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from click.testing import CliRunner

from corrections import beside, correction, number_cases, number_evidence
from trueup.audit.apply import apply_file
from trueup.audit.restore import load_remedy
from trueup.audit.store import StoredRemedy
from trueup.calibration import EMOS, DoNothing, IsotonicCDF, QuantileMapping, SpreadScaling
from trueup.cli import trueup
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.forms import columns_of


CASES = number_cases()


def remedy_and_table(card, kind, *, rows: int = 60):
    """A stored remedy, rows as a dict of columns, and what should come out."""
    fitted = correction(card).fit(number_evidence(kind))
    new = number_evidence(kind, rows=rows, seed=5)
    said = columns_of(new.prediction)
    names = tuple(f'c "{j}"' for j in range(said.shape[1]))
    remedy = StoredRemedy(fitted, names, proof={}, about={"table": "t", "paper": "a paper"})
    table = dict(zip(names, said.T, strict=True)) | {"other": np.arange(rows)}
    read = beside(fitted, new)
    for name, need in fitted.needs.items():
        table |= dict(zip(need.columns, np.asarray(read[name]).reshape(rows, -1).T, strict=True))
    return remedy, table, columns_of(fitted.apply(new.prediction, **read))


@pytest.mark.parametrize(("card", "kind"), CASES, ids=[f"{c.name}-{k}" for c, k in CASES])
def test_every_correction_survives_the_disk_and_a_file(card, kind, tmp_path):
    remedy, table, meant = remedy_and_table(card, kind)
    again = load_remedy(remedy.save(tmp_path / "remedy"))
    assert (again.takes, again.gives) == (remedy.takes, remedy.gives)
    assert (again.outputs, again.columns, again.hash) == (
        remedy.outputs, remedy.columns, remedy.hash)  # fmt: skip
    one, two = remedy.apply(table), again.apply(table)
    for name, column in zip(remedy.outputs, meant.T, strict=True):
        assert np.array_equal(one[name], two[name]) and np.array_equal(one[name], column)
    body = json.loads((tmp_path / "remedy" / "remedy.json").read_text(), parse_constant=pytest.fail)
    assert body["schema"] == 2
    pl.DataFrame(table).write_parquet(tmp_path / "in.parquet")
    assert apply_file(again, tmp_path / "in.parquet", tmp_path / "out.parquet").rows == 60
    out = pl.read_parquet(tmp_path / "out.parquet")
    made = out.select(remedy.outputs).to_numpy()
    assert made == pytest.approx(meant, abs=1e-9)
    assert out["other"].to_list() == list(range(60))
    added = [] if remedy.gives == remedy.takes else list(remedy.outputs)
    assert out.columns == [*table, *added]


def test_a_remedy_of_probabilities_is_written_as_before(tmp_path):
    from trueup.calibration import TemperatureScaling
    from trueup.worlds import confident_by_factor

    fitted = TemperatureScaling().fit(confident_by_factor(2.0, rows=200).evidence)
    StoredRemedy(fitted, ("p",), True, ("0", "1")).save(tmp_path)
    body = json.loads((tmp_path / "remedy.json").read_text())
    assert body["schema"] == 1 and "takes" not in body


def test_another_schema_and_another_form_are_refused(tmp_path):
    remedy = StoredRemedy(SpreadScaling().fit(number_evidence("normal")), ("m", "s"))
    remedy.save(tmp_path)
    path = tmp_path / "remedy.json"
    body = json.loads(path.read_text())
    path.write_text(json.dumps(body | {"schema": 3}))
    with pytest.raises(UsageError, match="has schema 3, this version reads 1 and 2"):
        load_remedy(tmp_path)
    path.write_text(json.dumps(body | {"takes": body["takes"] | {"kind": "points"}}))
    with pytest.raises(EvidenceError, match="does not fit its hash"):
        load_remedy(tmp_path)


def test_frames_keep_their_kind_and_other_columns():
    remedy = StoredRemedy(EMOS().fit(number_evidence("ensemble")), tuple("abcdefgh"))
    table = dict(zip("abcdefgh", columns_of(number_evidence("ensemble").prediction).T, strict=True))
    meant = remedy.apply(table)
    for frame in (pd.DataFrame(table), pl.DataFrame(table), pl.DataFrame(table).to_arrow()):
        after = remedy.apply(frame)
        assert type(after) is type(frame)
        assert np.array_equal(np.asarray(after["sd"]), meant["sd"])
        assert np.array_equal(np.asarray(after["a"]), table["a"])


def test_a_new_column_takes_nobodys_name(tmp_path):
    remedy = StoredRemedy(EMOS().fit(number_evidence("ensemble")), tuple("abcdefgh"))
    table = dict(zip("abcdefgh", columns_of(number_evidence("ensemble").prediction).T, strict=True))
    taken = table | {"SD": np.zeros(400)}
    with pytest.raises(EvidenceError, match="has a column 'SD' already, and EMOS adds mean, sd"):
        remedy.apply(taken)
    pl.DataFrame(taken).write_parquet(tmp_path / "in.parquet")
    with pytest.raises(EvidenceError, match=r"apply: the table has a column 'SD' already"):
        apply_file(remedy, tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize(("kind", "rows", "message"), [
    ("normal", {"a": [1.0, 2.0], "b": [1.0, 0.0]}, "1 rows of .* have an sd that is not positive"),
    ("normal", {"a": [1.0, np.inf], "b": [1.0, 1.0]}, "1 rows of .* are not finite"),
    ("intervals", {"a": [1.0, 2.0], "b": [3.0, 1.0]}, "1 rows .* a low end above the high one"),
    ("normal", {"a": ["x", "y"], "b": [1.0, 1.0]}, "column 'a' holds VARCHAR"),
])  # fmt: skip
def test_what_is_no_forecast_is_refused(kind, rows, message, tmp_path):
    remedy = StoredRemedy(SpreadScaling().fit(number_evidence(kind)), ("a", "b"))
    pl.DataFrame(rows).write_parquet(tmp_path / "in.parquet")
    with pytest.raises(EvidenceError, match=message):
        apply_file(remedy, tmp_path / "in.parquet", tmp_path / "out.parquet")


def test_a_missing_number_leaves_the_row(tmp_path):
    remedy = StoredRemedy(EMOS().fit(number_evidence("normal")), ("a", "b"))
    remedy.save(tmp_path / "remedy")
    pl.DataFrame({"a": [1.0, None], "b": [1.0, 2.0], "note": ["x", "y"]}).write_csv(
        tmp_path / "in.csv"
    )
    apply_file(load_remedy(tmp_path / "remedy"), tmp_path / "in.csv", tmp_path / "out.csv")
    out = pl.read_csv(tmp_path / "out.csv")
    assert out.columns == ["a", "b", "note"] and out["note"].to_list() == ["x", "y"]
    assert out["a"][1] is None and out["b"][1] is None and out["a"][0] is not None


def test_whole_numbers_become_fractions(tmp_path):
    remedy = StoredRemedy(QuantileMapping().fit(number_evidence("points")), ("a",))
    pl.DataFrame({"a": [1, 2, 3]}).write_parquet(tmp_path / "in.parquet")
    apply_file(remedy, tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert pl.read_parquet(tmp_path / "out.parquet")["a"].dtype == pl.Float64


def test_from_the_shell(tmp_path):
    StoredRemedy(IsotonicCDF(levels=(0.1, 0.5)).fit(number_evidence("normal")),
                 ("mu", "sigma")).save(tmp_path / "remedy")  # fmt: skip
    rows = {"mu": [1.0, -2.0], "sigma": [0.5, 2.0]}
    pl.DataFrame(rows).write_csv(tmp_path / "in.csv")
    run = CliRunner()
    done = run.invoke(trueup, ["apply", str(tmp_path / "remedy"), str(tmp_path / "in.csv"),
                             "--out", str(tmp_path / "out.parquet")])  # fmt: skip
    assert done.exit_code == 0 and "IsotonicCDF applied to 2 rows" in done.output
    out = pl.read_parquet(tmp_path / "out.parquet")
    assert out.columns == ["mu", "sigma", "q0.1", "q0.5"]
    for to, ending in (("sql", "sql"), ("json", "json"), ("python", "py"), ("onnx", "onnx")):
        path = tmp_path / f"fix.{ending}"
        done = run.invoke(trueup, ["export", str(tmp_path / "remedy"), "--to", to,
                                 "--out", str(path)])  # fmt: skip
        assert done.exit_code == 0 and "verified on" in done.output, done.output
    text = (tmp_path / "fix.sql").read_text().replace("FROM predictions", "FROM given")
    with duckdb.connect() as connection:
        connection.register("given", pd.DataFrame(rows))
        got = connection.execute(text).df()
    assert got["q0.1_corrected"].to_numpy() == pytest.approx(out["q0.1"].to_numpy(), abs=1e-12)
    space: dict = {}
    exec((tmp_path / "fix.py").read_text(), space)
    made = space["correct"](np.column_stack(list(rows.values())))
    assert made == pytest.approx(out.select("q0.1", "q0.5").to_numpy(), abs=1e-12)
    with pytest.raises(ValueError, match=r"column 1 of values must be above 0"):
        space["correct"]([[1.0, 0.0]])


def test_nothing_is_done_to_any_kind():
    for kind in ("points", "normal", "quantiles", "ensemble", "intervals"):
        made = number_evidence(kind)
        after = DoNothing().fit(made).apply(made.prediction)
        assert np.array_equal(columns_of(after), columns_of(made.prediction))


def test_a_map_that_is_not_the_librarys_cannot_be_saved(tmp_path):
    class Own(type(SpreadScaling().fit(number_evidence("normal")).map)):
        pass

    fitted = SpreadScaling().fit(number_evidence("normal"))
    own = Own(**vars(fitted.map))
    remedy = StoredRemedy(replace(fitted, map=own), ("m", "s"), proof={}, about={})
    with pytest.raises(UsageError, match="a map that holds Own cannot be saved; only parts of"):
        remedy.save(tmp_path / "r")
    assert not (tmp_path / "r" / "remedy.json").exists()
