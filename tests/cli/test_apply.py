"""``trueup apply``: the numbers of Python, every other column and type, the rows in order."""

from __future__ import annotations

import json
import shutil

import duckdb
import numpy as np
import pandas as pd
import pytest

import trueup as tu
from cli.shell import class_frame, event_frame, quick, run
from trueup.audit.packing import content_hash
from trueup.audit.restore import load_remedy
from trueup.audit.store import StoredRemedy
from trueup.core.errors import EvidenceError


def applied(folder, frame, *, remedy: str = "event-remedy", out: str = "out.parquet", **options):
    """``frame`` through the shell and back."""
    frame.to_parquet(folder / "in.parquet", **options)
    done = quick(folder, "apply", remedy, "in.parquet", "--out", out)
    assert (done.code, done.err) == (0, "")
    return pd.read_parquet(folder / out) if out.endswith("parquet") else None


def test_from_the_shell(folder):
    done = run(folder, "apply", "event-remedy", "event.parquet", "--out", "shell.parquet")
    assert (done.code, done.err) == (0, "")
    assert "applied to 3,000 rows: shell.parquet" in done.out


@pytest.mark.parametrize("name", ["event", "classes"])
def test_the_numbers_of_pythons_apply(folder, name):
    frame = pd.read_parquet(folder / f"{name}.parquet").astype({
        c: "float64" for c in pd.read_parquet(folder / f"{name}.parquet") if c.startswith("p")
    })  # fmt: skip
    remedy = load_remedy(folder / f"{name}-remedy")
    assert remedy.fitted.method != "DoNothing"
    python, shell = remedy.apply(frame), applied(folder, frame, remedy=f"{name}-remedy")
    for column in remedy.columns:
        assert np.allclose(python[column], shell[column], rtol=1e-12, atol=0)
        assert not np.allclose(python[column], frame[column])


def test_every_method_of_the_catalogue_in_sql_and_python(folder):
    audits = (
        tu.audit(folder / "event.parquet"),
        tu.audit(folder / "classes.parquet", truth="animal"),
    )
    for audit in audits:
        for remedy in audit.primary.trial.remedies:
            object.__setattr__(audit.primary.trial, "chosen", remedy)
            audit.remedy.save(folder / "each")
            frame = pd.read_parquet(
                folder / f"{'event' if audit is audits[0] else 'classes'}.parquet"
            )
            frame[list(audit.remedy.columns)] = frame[list(audit.remedy.columns)].astype("float64")
            python, shell = audit.remedy.apply(frame), applied(folder, frame, remedy="each")
            for column in audit.remedy.columns:
                assert np.allclose(python[column], shell[column], rtol=1e-9, atol=1e-15), (
                    remedy.name
                )


def test_every_other_column_type_and_row_stays(folder):
    rng = np.random.default_rng(0)
    frame = event_frame().iloc[rng.permutation(3_000)].reset_index(drop=True)
    frame = frame.assign(
        flag=frame.y == 1, small=frame.id.astype("uint8"), big=frame.id.astype("uint64") + 2**63,
        text="it's <b>; DROP", kind=frame.region.astype("category"), nothing=None,
        zone=frame.when.dt.tz_localize("UTC"), list=[[i] for i in range(3_000)],
    )  # fmt: skip
    frame["l0_"], frame["e1__"] = 1, 2  # names that the query itself might use
    before = folder / "in.parquet"
    applied(folder, frame, row_group_size=100)
    connection = duckdb.connect()
    types = [connection.execute(f"DESCRIBE FROM '{file}'").fetchall()
             for file in (before, folder / "out.parquet")]  # fmt: skip
    assert types[0] == types[1]
    rest = "SELECT * EXCLUDE (p) REPLACE (zone::VARCHAR AS zone) FROM '{}'"
    one, two = (
        connection.execute(rest.format(f)).fetchall() for f in (before, folder / "out.parquet")
    )
    assert one == two
    connection.close()


def test_missing_probabilities_stay_missing(folder):
    frame = event_frame()
    frame["p"] = frame["p"].where(frame["id"] % 10 > 0)
    out = applied(folder, frame)
    assert out["p"].isna().equals(frame["p"].isna())
    whole = class_frame()
    some = whole.assign(p_bee=whole["p_bee"].where(whole["id"] % 10 > 0))
    out = applied(folder, some, remedy="classes-remedy")
    names = ["p_ant", "p_bee", "p_cat"]
    # A row with a gap cannot be corrected: all its probabilities are missing, never made up.
    assert (out[names].isna().all(axis=1) == some["p_bee"].isna()).all()
    assert (out[names].isna().any(axis=1) == some["p_bee"].isna()).all()


def test_whole_numbers_do_not_round_the_answer(folder):
    frame = event_frame().assign(p=lambda f: (f["p"] > 0.5).astype("int64"))
    out = applied(folder, frame)
    assert out["p"].dtype == np.float64
    assert 0 < out["p"].min() < out["p"].max() < 1
    python = load_remedy(folder / "event-remedy").apply(frame)
    assert np.allclose(python["p"], out["p"], rtol=1e-9)


def test_csv_to_csv_keeps_every_character(folder):
    text = ("id,p,zip,amount,when,note,big,none\n"
            '1,0.25,01234,1.10,2024-01-01T00:00:00Z,"a, ""b"" \u2713",123456789012345678901234,\n'
            "2,,00000,-0.0,TRUE,[red],9007199254740993,NULL\n")  # fmt: skip
    (folder / "in.csv").write_text(text, encoding="utf-8")
    done = quick(folder, "apply", "event-remedy", "in.csv", "--out", "out.csv")
    assert (done.code, done.err) == (0, "")
    before, after = text.splitlines(), (folder / "out.csv").read_text("utf-8").splitlines()
    assert after[0] == before[0]
    for old, new in zip(before[1:], after[1:], strict=True):
        assert new.split(",", 2)[2] == old.split(",", 2)[2]
    assert after[2].startswith("2,,")
    assert float(after[1].split(",")[1]) == pytest.approx(
        load_remedy(folder / "event-remedy").apply({"p": np.array([0.25])})["p"][0], rel=1e-12
    )


def test_csv_to_parquet_has_types(folder):
    event_frame(50).to_csv(folder / "typed.csv", index=False)
    assert quick(folder, "apply", "event-remedy", "typed.csv", "--out", "typed.parquet").code == 0
    assert pd.read_parquet(folder / "typed.parquet")["id"].dtype == np.int64


def test_a_file_may_be_corrected_in_its_place(folder):
    frame = event_frame(500)
    frame.to_parquet(folder / "same.parquet")
    assert quick(folder, "apply", "event-remedy", "same.parquet", "--out", "same.parquet").code == 0
    out = pd.read_parquet(folder / "same.parquet")
    assert len(out) == 500
    assert not np.allclose(out["p"], frame["p"])


def test_many_files_become_one_in_their_order(folder):
    (folder / "parts").mkdir()
    for i in range(3):
        event_frame(100, seed=i).assign(part=i).to_parquet(folder / "parts" / f"{i}.parquet")
    assert (
        quick(folder, "apply", "event-remedy", "parts/*.parquet", "--out", "all.parquet").code == 0
    )
    out = pd.read_parquet(folder / "all.parquet")
    assert out["part"].tolist() == sorted(out["part"])
    assert len(out) == 300


def test_a_folder_named_like_a_column_adds_none(folder):
    (folder / "day=7").mkdir()
    frame = event_frame(60).drop(columns="day")
    frame.to_parquet(folder / "day=7" / "x.parquet")
    assert quick(folder, "apply", "event-remedy", "day=7/x.parquet", "--out", "x.parquet").code == 0
    assert list(pd.read_parquet(folder / "x.parquet")) == list(frame)


def test_names_that_differ_in_case_are_refused_not_renamed(folder):
    event_frame(60).assign(P=1).to_parquet(folder / "cases.parquet")
    done = quick(folder, "apply", "event-remedy", "cases.parquet", "--out", "no.parquet")
    assert done.code == 3
    assert "two columns have one name but for upper case" in done.err
    assert not (folder / "no.parquet").exists()


def test_what_was_learned_on_normalized_rows_normalizes(folder):
    frame = class_frame()
    names = ["p_ant", "p_bee", "p_cat"]
    tripled = frame.assign(**{name: frame[name] * 3 for name in names})
    tripled.to_parquet(folder / "tripled.parquet")
    done = quick(folder, "audit", "tripled.parquet", "--truth", "animal", "--normalize",
                 "--save", "tripled", "--no-history")  # fmt: skip
    assert done.code == 0, done.err
    out = applied(folder, tripled, remedy="tripled")
    assert np.allclose(out[names].sum(axis=1), 1.0)
    python = load_remedy(folder / "tripled").apply(tripled)
    assert np.allclose(python[names], out[names], rtol=1e-9)


BAD = {
    "a value above one": (lambda f: f.assign(p=f["p"].where(f["id"] != 5, 1.5)),
                          r"1 rows of ['p'] are not in [0, 1]"),
    "a value below zero": (lambda f: f.assign(p=f["p"].where(f["id"] > 5, -0.1)),
                           r"6 rows of ['p'] are not in [0, 1]"),
    "infinity": (lambda f: f.assign(p=f["p"].where(f["id"] > 5, np.inf)), "are not in [0, 1]"),
    "logits": (lambda f: f.assign(p=np.log(f["p"]) - np.log1p(-f["p"])),
               "are not in [0, 1]; these look like logits, and the remedy was learned on prob"),
    "a missing column": (lambda f: f.drop(columns="p"), "no column 'p' in"),
    "another case": (lambda f: f.rename(columns={"p": "P"}), "no column 'p' in"),
    "text": (lambda f: f.assign(p="high"), "column 'p' holds VARCHAR, such as 'high'"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_rows_are_refused_and_the_old_output_stays(folder, case):
    spoil, message = BAD[case]
    spoil(event_frame(60)).to_parquet(folder / "bad.parquet")
    (folder / "kept.parquet").write_bytes(b"as it was")
    done = quick(folder, "apply", "event-remedy", "bad.parquet", "--out", "kept.parquet")
    assert done.code == 3
    assert message in done.err
    assert (folder / "kept.parquet").read_bytes() == b"as it was"
    assert not list(folder.glob(".*partial"))


def test_rows_that_do_not_sum_to_one_are_refused(folder):
    frame = class_frame(100)
    frame.assign(p_ant=frame["p_ant"] * 0.5).to_parquet(folder / "half.parquet")
    done = quick(folder, "apply", "classes-remedy", "half.parquet", "--out", "no.parquet")
    assert done.code == 3
    assert "do not sum to one" in done.err


def tampered(folder, name: str, change) -> str:
    """A copy of a remedy after ``change`` of its dict, with a hash that fits where it can."""
    place = folder / name
    shutil.copytree(folder / "event-remedy", place, dirs_exist_ok=True)
    body = json.loads((place / "remedy.json").read_text())
    body.pop("hash")
    made = change(body)
    body = body if made is None else made
    if isinstance(body, dict):
        body = body | {"hash": content_hash(body, {})}
    (place / "remedy.json").write_text(json.dumps(body))
    return name


@pytest.mark.parametrize(("change", "code", "message"), [
    (lambda b: b.update(schema=99), 2, "the remedy has schema 99, this version reads 1"),
    (lambda b: b.pop("columns") and None, 3, "is not complete"),
    (lambda b: b["map"].update(kind="Popen"), 3, "unknown map 'Popen'"),
    (lambda b: b["map"].update({k: "0); DROP" for k in b["map"] if k != "kind"}), 3,
     "which is no number"),
    (lambda b: [], 2, "schema None"),
], ids=["schema", "incomplete", "unknown map", "sql", "list"])  # fmt: skip
def test_a_changed_remedy_is_refused_even_where_its_hash_fits(folder, change, code, message):
    name = tampered(folder, "tampered", change)
    done = quick(folder, "apply", name, "event.parquet", "--out", "no.parquet")
    assert done.code == code, done.err
    assert message in done.err
    assert not (folder / "no.parquet").exists()


def test_a_remedy_whose_hash_does_not_fit_is_refused(folder):
    shutil.copytree(folder / "event-remedy", folder / "edited", dirs_exist_ok=True)
    file = folder / "edited" / "remedy.json"
    file.write_text(file.read_text().replace('"event": true', '"event": false'))
    done = quick(folder, "apply", "edited", "event.parquet", "--out", "no.parquet")
    assert done.code == 3
    assert "does not fit its hash" in done.err


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"not an archive"])
def test_a_damaged_archive_is_refused(folder, content):
    shutil.copytree(folder / "event-remedy", folder / "damaged", dirs_exist_ok=True)
    (folder / "damaged" / "arrays.npz").write_bytes(content)
    done = quick(folder, "apply", "damaged", "event.parquet", "--out", "no.parquet")
    assert done.code == 3
    assert "no remedy in damaged" in done.err


@pytest.mark.parametrize(("words", "code", "message"), [
    (("event-remedy", "none.parquet", "--out", "o.parquet"), 3, "there is no file none.parquet"),
    (("event-remedy", "event.parquet", "--out", "o.xlsx"), 2, "has the ending '.xlsx'. Use .parq"),
    (("event-remedy", "event.parquet", "--out", "no/o.parquet"), 2, "there is no folder no"),
    (("event-remedy", "event.parquet", "--out", "."), 2, "has the ending ''"),
    (("no-remedy", "event.parquet", "--out", "o.parquet"), 2, "'no-remedy' does not exist"),
    (("event-remedy", "event.parquet"), 2, "Missing option '--out'"),
    (("event-remedy", "event.parquet", "--out", "o.parquet", "--threads", "0"), 2, "threads is 0"),
])  # fmt: skip
def test_bad_usage(folder, words, code, message):
    done = quick(folder, "apply", *words)
    assert done.code == code
    assert message in done.err


def by_region(folder) -> tuple:
    """A remedy a region, learned where there is no east, and rows of all regions and of none."""
    frame = event_frame()
    region = np.where(frame["id"] % 3 > 0, frame["region"], None).astype(object)
    learn = frame[frame["region"] != "east"]
    evidence = tu.Evidence(tu.core.Probabilities(learn["p"].to_numpy(dtype=float)), learn["y"],
                           by={"region": learn["region"].to_numpy(dtype=object)})  # fmt: skip
    fitted = tu.correct(evidence, "PerGroup", column="region")
    StoredRemedy(fitted, ("p",), True, ("0", "1"), {}, {}).save(folder / "by-region")
    return fitted, frame.assign(region=region, p=frame["p"].astype("float64"))


def test_rows_of_groups_never_seen_are_told(folder):
    fitted, frame = by_region(folder)
    frame.to_parquet(folder / "in.parquet")
    done = quick(folder, "apply", "by-region", "in.parquet", "--out", "out.parquet")
    unseen = fitted.unseen(region=frame["region"].to_numpy(dtype=object))
    assert 0 < unseen.sum() < len(frame)
    assert f"{unseen.sum():,} rows of groups never seen took the pooled map" in done.out
    said = tu.core.Probabilities(frame["p"].to_numpy())
    meant = fitted.apply(said, region=frame["region"].to_numpy(dtype=object)).probs[:, 1]
    assert np.allclose(pd.read_parquet(folder / "out.parquet")["p"], meant, rtol=1e-12, atol=0)
    lacking = frame.drop(columns="region")
    lacking.to_parquet(folder / "in.parquet")
    done = quick(folder, "apply", "by-region", "in.parquet", "--out", "out.parquet")
    assert done.code != 0 and "region" in done.err


@pytest.mark.parametrize("place", [("pooled", "slope"), ("maps", 0, "intercept"), ("names", 0)])
def test_words_are_read_only_where_a_map_has_names(folder, place):
    by_region(folder)
    file = folder / "by-region" / "remedy.json"
    body = json.loads(file.read_text())
    part = body["map"]
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = "1.0; DROP TABLE t" if place[0] != "names" else 7
    body.pop("hash")
    with np.load(folder / "by-region" / "arrays.npz") as found:
        arrays = dict(found)
    body["hash"] = content_hash(body, arrays)
    file.write_text(json.dumps(body))
    with pytest.raises(EvidenceError, match=r"the map holds (.*, which is no number|7 where a)"):
        load_remedy(folder / "by-region")
