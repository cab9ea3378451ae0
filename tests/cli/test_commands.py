"""Every command, every option, its exit code, and nothing on the stream of errors."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from cli.shell import class_frame, event_frame, quick, run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with an event's and three classes' predictions."""
    place = tmp_path_factory.mktemp("commands")
    event_frame().to_parquet(place / "event.parquet")
    event_frame().to_csv(place / "event.csv", index=False)
    class_frame().to_parquet(place / "classes.parquet")
    two = [event_frame(800, seed=3).assign(model=name) for name in ("old", "new")]
    pd.concat(two).to_parquet(place / "models.parquet")
    return place


def test_audit_from_one_end_to_the_other(folder):
    done = run(
        folder, "audit", "event.parquet", "--by", "region", "--by", "day", "--time", "when",
        "--weight", "w", "--out", "all.html", "--json", "all.json", "--save", "all",
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "Taken from the column names: truth = y; probs = p"
    assert len(lines) < 25
    assert any(line.startswith("Cool it: apply ") for line in lines)
    assert {"Report: all.html", "Remedy: all"} <= set(lines)
    assert (folder / "all.html").read_text().startswith("<!")
    assert {f.name for f in (folder / "all").iterdir()} == {"remedy.json", "arrays.npz"}
    said = json.loads((folder / "all.json").read_text())
    assert said["schema"] == 1
    assert said["rows"] == 3_000
    assert said["data"]["roles"]["by"] == ["region", "day"]
    assert said["data"]["roles"]["weight"] == "w"
    assert said["findings"][0]["sentence"].rstrip(".") in done.out
    assert {len(s["by"]) for s in said["slices"]} >= {1}
    history = run(folder, "history")
    assert (history.code, history.err) == (0, "")
    assert "event.parquet" in history.out
    assert "3,000" in history.out


def test_csv_gives_the_verdict_of_parquet(folder):
    one, two = (
        quick(folder, "audit", f"event.{end}", "--prob", "p", "--no-history")
        for end in ("csv", "parquet")
    )
    assert one.out.splitlines()[:3] == two.out.splitlines()[:3]
    assert (one.code, one.err) == (0, "")


@pytest.mark.parametrize("words", [
    ("event.parquet", "--truth", "y", "--prob", "p"),
    ("event.parquet", "--cluster", "region"),
    ("event.parquet", "--key", "id"),
    ("event.parquet", "--level", "0.9", "--threads", "1"),
    ("event.parquet", "--positive", "0"),
    ("classes.parquet", "--truth", "animal"),
    ("classes.parquet", "--truth", "animal", "--probs", "p_cat,p_ant, p_bee"),
    ("classes.parquet", "--truth", "animal", "--probs", "p_ant,p_bee,p_cat", "--classes",
     "ant,bee,cat", "--normalize", "--drop-bad"),
    ("models.parquet", "--model", "model", "--key", "id"),
], ids=" ".join)  # fmt: skip
def test_every_role_can_be_said(folder, words):
    done = quick(folder, "audit", *words, "--no-history")
    assert (done.code, done.err) == (0, "")
    assert len(done.out.splitlines()) < 25


def test_classes_may_be_named_in_any_order(folder):
    outs = [
        quick(folder, "audit", "classes.parquet", "--truth", "animal", "--probs", probs,
              "--no-history").out.splitlines()[0]
        for probs in ("p_ant,p_bee,p_cat", "p_cat,p_bee,p_ant")
    ]  # fmt: skip
    assert outs[0] == outs[1]


def test_the_verdict_is_under_25_lines_however_many_findings(tmp_path):
    rng = np.random.default_rng(0)
    frame = event_frame(20_000)
    cell = rng.integers(0, 30, 20_000)
    frame["y"] = np.where(cell % 2 == 0, rng.random(20_000) < 0.9, frame["y"]).astype(int)
    frame.assign(cell=cell.astype(str), key=rng.integers(0, 19_000, 20_000)).to_parquet(
        tmp_path / "bad.parquet"
    )
    done = quick(tmp_path, "audit", "bad.parquet", "--by", "cell", "--by", "region", "--key", "key",
                 "--no-history")  # fmt: skip
    assert "more, in --out or --json" in done.out
    assert len(done.out.splitlines()) < 25


def test_history_is_written_unless_told_not_to(tmp_path):
    event_frame(300).to_parquet(tmp_path / "t.parquet")
    assert quick(tmp_path, "history").out == "No audit is remembered here.\n"
    assert quick(tmp_path, "audit", "t.parquet", "--no-history").code == 0
    assert not (tmp_path / ".trueup").exists()
    for _ in range(3):
        assert quick(tmp_path, "audit", "t.parquet").code == 0
    assert len(quick(tmp_path, "history").out.splitlines()) == 4
    assert len(quick(tmp_path, "history", "--last", "2").out.splitlines()) == 3
    assert [f.name for f in (tmp_path / ".trueup").iterdir()] == ["history.duckdb"]


@pytest.mark.parametrize(("gate", "code"), [
    ("accuracy>0.99", 0), ("accuracy<0.99", 1), ("log_loss >= 0", 1), ("log_loss<=-1e-3", 0),
    ("calibration_error_debiased>0.05", 1), ("auc>.5", 1),
])  # fmt: skip
def test_a_gate_decides_the_exit_code(folder, gate, code):
    done = quick(folder, "audit", "event.parquet", "--no-history", "--fail-if", gate)
    assert done.code == code
    assert done.err.startswith(f"--fail-if: {gate.split('>')[0].split('<')[0].strip()}"[:12] * code)
    assert bool(done.err) == bool(code)


def test_several_gates_are_all_told_and_files_are_still_written(folder):
    gates = ["--fail-if", "accuracy>0", "--fail-if", "auc>0", "--fail-if", "brier>9"]
    done = quick(folder, "audit", "event.parquet", "--no-history", "--json", "gate.json", *gates)
    assert done.code == 1
    assert [line.split()[1] for line in done.err.splitlines()] == ["accuracy", "auc"]
    assert (folder / "gate.json").exists()


def test_json_fits_the_schema_that_ships(folder):
    import importlib.resources

    import jsonschema

    schema = json.loads((importlib.resources.files("trueup.audit") / "schema-1.json").read_text())
    for name, words in (("event", ["--by", "region", "--time", "day"]), ("models", []),
                        ("classes", ["--truth", "animal"])):  # fmt: skip
        done = quick(folder, "audit", f"{name}.parquet", *words, "--no-history", "--json", "s.json")
        assert done.code == 0, done.err
        jsonschema.validate(json.loads((folder / "s.json").read_text()), schema)


def test_a_pipe_can_be_written_to_and_is_not_replaced(folder):
    done = run(folder, "audit", "event.parquet", "--no-history", "--json", "/dev/stdout")
    assert (done.code, done.err) == (0, "")
    assert '"schema": 1' in done.out


def test_a_link_stays_a_link(folder):
    (folder / "target.json").write_text("old")
    (folder / "link.json").symlink_to("target.json")
    assert quick(folder, "audit", "event.parquet", "--no-history", "--json", "link.json").code == 0
    assert (folder / "link.json").is_symlink()
    assert json.loads((folder / "target.json").read_text())["rows"] == 3_000


def test_methods_lists_and_searches(tmp_path):
    done = run(tmp_path, "methods")
    assert (done.code, done.err) == (0, "")
    assert "TemperatureScaling" in done.out
    only = quick(tmp_path, "methods", "--question", "error")
    assert "mae" in only.out
    assert "TemperatureScaling" not in only.out
    found = quick(tmp_path, "methods", "--search", "overconfident")
    assert found.code == 0
    assert len(found.out.splitlines()) > 1
    assert quick(tmp_path, "methods", "--search", "zzqq").out == "No method found.\n"


def test_demo_gives_three_verdicts_and_three_reports(tmp_path):
    done = run(tmp_path, "demo", "--out", "reports")
    assert (done.code, done.err) == (0, "")
    for name, word in (("naive_bayes", "cool it"), ("random_forest", "sharpen it"),
                       ("logistic_regression", "leave it")):  # fmt: skip
        assert f"{name}: {word}" in done.out.lower()
        assert (tmp_path / "reports" / f"{name}.html").stat().st_size < 150_000


def test_help_and_version(tmp_path):
    done = run(tmp_path, "--help")
    assert (done.code, done.err) == (0, "")
    for name in ("audit", "apply", "history", "methods", "demo"):
        assert name in done.out
        assert quick(tmp_path, name, "--help").code == 0
    assert quick(tmp_path, "--version").out.strip().endswith("0.1.0")
    assert not list(tmp_path.iterdir())


def test_python_and_shell_agree(folder):
    import trueup as tu

    audit = tu.audit(folder / "event.parquet", by="region")
    quick(folder, "audit", "event.parquet", "--by", "region", "--no-history", "--json", "p.json")
    shell, python = json.loads((folder / "p.json").read_text()), audit.to_dict()
    for row in (shell, python):
        row.pop("seconds"), row.pop("created")
    assert json.loads(json.dumps(python)) == shell


def test_no_guess_takes_only_what_is_named(folder):
    named = ("event.parquet", "--truth", "y", "--prob", "p", "--no-guess", "--no-history")
    done = run(folder, "audit", *named)
    assert (done.code, done.err) == (0, "")
    assert "Taken from" not in done.out
    done = run(folder, "audit", "event.parquet", "--no-guess", "--no-history")
    assert done.code == 2
    assert "which column is the truth?" in done.err


def test_a_correction_by_region_is_saved_applied_and_exported(folder):
    rng = np.random.default_rng(0)
    x, region = rng.normal(0, 1.5, 20_000), rng.integers(0, 3, 20_000)
    y = rng.random(20_000) < 1 / (1 + np.exp(-x + np.array([1.0, 0.0, -1.0])[region]))
    frame = pd.DataFrame({"y": y.astype(int), "p": 1 / (1 + np.exp(-x)), "region": region})
    frame.to_parquet(folder / "three.parquet")
    roles = ("--truth", "y", "--prob", "p", "--by", "region", "--save", "by", "--no-history")
    assert "a line in log-odds for each region" in run(folder, "audit", "three.parquet", *roles).out
    frame.assign(region=frame["region"] + 1).to_parquet(folder / "new.parquet")
    done = run(folder, "apply", "by", "new.parquet", "--out", "out.parquet")
    unknown = f"{(region == 2).sum():,} rows of groups never seen took the pooled map"
    assert (done.code, done.out.splitlines()[1]) == (0, unknown)
    frame.drop(columns="region").to_parquet(folder / "bare.parquet")
    done = run(folder, "apply", "by", "bare.parquet", "--out", "out.parquet")
    assert done.code != 0
    assert "region" in done.err
    done = run(folder, "export", "by", "--to", "sql")
    assert done.code == 0
    assert '"region"' in done.out
