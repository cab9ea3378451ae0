"""Remedies on disk, and audits as JSON: what comes back is what was saved."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import trueup as tu
from audit.tables import event_table
from corrections import correction, with_roles
from trueup.audit.history import packed_cube, recall, remember, usual_place
from trueup.audit.restore import load_remedy
from trueup.audit.store import StoredRemedy
from trueup.core.cards import all_cards
from trueup.core.errors import EvidenceError
from trueup.core.probabilities import Probabilities
from trueup.worlds import confident_by_factor


CARDS = [card for card in all_cards() if card.family == "recalibrate"]


def remedy_of(card, classes: int, columns: list[str], seed: int, weight: str) -> StoredRemedy:
    """A correction fitted on a small world, as an audit would store it."""
    world = confident_by_factor(1.7, rows=300, classes=classes, seed=seed).evidence
    event = len(columns) == 1
    said = Probabilities(world.prediction.probs[:, 1]) if event else world.prediction
    fitted = correction(card).fit(with_roles(tu.Evidence(said, world.truth)))
    names = tuple(map(str, range(classes)))
    return StoredRemedy(fitted, tuple(columns), event, names, {}, {"table": weight})


# A class cannot have the column that says the group of a row.
text = st.text(max_size=12).filter(lambda t: "\0" not in t and t.lower() != "group")


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
@given(classes=st.integers(2, 4), names=st.lists(text, min_size=4, max_size=4, unique=True),
       seed=st.integers(0, 3), table=st.text(max_size=20), event=st.booleans())  # fmt: skip
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_correction_survives_the_disk(card, classes, names, seed, table, event, tmp_path):
    settings_ = correction(card)
    classes = max(classes, settings_.least_classes)
    columns = names[:1] if event and settings_.least_classes == 2 else names[:classes]
    classes = 2 if len(columns) == 1 else classes
    remedy = remedy_of(card, classes, columns, seed, table)
    again = load_remedy(remedy.save(tmp_path / "remedy"))
    assert again.columns == remedy.columns
    assert again.about == remedy.about
    assert again.fitted.method == card.name
    probs = np.random.default_rng(seed).dirichlet(np.ones(classes), 50)
    frame = dict(zip(columns, [probs[:, 1]] if len(columns) == 1 else probs.T, strict=True))
    frame |= {"group": np.array(["a", "b", "it's", None, "new"], dtype=object)[np.arange(50) % 5]}
    frame |= {"feature_0": probs[:, 0], "feature_1": probs[:, -1]}
    one, two = remedy.apply(frame), again.apply(frame)
    assert all(np.array_equal(one[name], two[name]) for name in columns)
    # A file that anybody can read: no NaN, no code.
    json.loads((tmp_path / "remedy" / "remedy.json").read_text(), parse_constant=pytest.fail)
    with np.load(tmp_path / "remedy" / "arrays.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "fiu" for name in arrays.files)


@pytest.fixture(scope="module")
def audit():
    """An audit with slices, drift and a remedy."""
    rng = np.random.default_rng(0)
    z = rng.normal(0, 1.5, 3_000)
    table = event_table(
        3_000, p=1 / (1 + np.exp(-2 * z)), day=np.arange(3_000), site=np.arange(3_000) % 3
    )
    table["y"] = (rng.random(3_000) < 1 / (1 + np.exp(-z))).astype(int)
    return tu.audit(table, truth="y", prob="p", by="site", time="day"), table


def test_frames_keep_their_kind_type_and_other_columns(audit):
    made, table = audit
    remedy = made.remedy
    expected = remedy.apply(table)["p"]
    for frame in (
        pd.DataFrame(table), pl.DataFrame(table), pl.DataFrame(table).to_arrow(),
        pd.DataFrame(table).astype({"p": "float32"}), pl.DataFrame(table).cast({"p": pl.Float32}),
    ):  # fmt: skip
        after = remedy.apply(frame)
        assert type(after) is type(frame)
        assert np.allclose(np.asarray(after["p"], dtype=float), expected, rtol=1e-5)
        kinds = (frame.dtypes, after.dtypes) if hasattr(frame, "dtypes") else (
            frame.schema, after.schema)  # fmt: skip
        assert list(kinds[0]) == list(kinds[1])
    assert table["p"] is not expected
    assert np.array_equal(remedy.apply(table)["site"], table["site"])


def test_python_refuses_what_the_shell_refuses(audit):
    remedy = audit[0].remedy
    with pytest.raises(EvidenceError, match="no column 'p'; the table has"):
        remedy.apply({"q": np.array([0.5])})
    with pytest.raises(EvidenceError, match="outside"):
        remedy.apply({"p": np.array([1.5])})
    with pytest.raises(EvidenceError, match=r"column 'p' holds <U4, such as .'high'.* as numbers"):
        remedy.apply({"p": np.array(["high"])})
    with pytest.raises(EvidenceError, match="these look like logits"):
        remedy.apply({"p": np.array([-3.0, 2.0, 1.5])})
    with pytest.raises(EvidenceError, match="NaN or infinite"):
        remedy.apply(pd.DataFrame({"p": [0.5, None]}))


def test_saving_again_replaces_the_remedy(audit, tmp_path):
    first, other = audit[0].remedy, remedy_of(CARDS[-1], 3, ["a", "b", "c"], 0, "t")
    first.save(tmp_path)
    other.save(tmp_path)
    assert load_remedy(tmp_path).columns == ("a", "b", "c")
    assert sorted(f.name for f in tmp_path.iterdir()) == ["arrays.npz", "remedy.json"]


def test_json_has_no_nan(audit, tmp_path):
    made = audit[0]
    for row in (made.to_dict(), made.document()):
        again = json.loads(json.dumps(row, allow_nan=False), parse_constant=pytest.fail)
        assert again["measures"] == row["measures"]
    path = made.save_json(tmp_path / "a.json")
    assert json.loads(path.read_text())["verdict"] == made.verdict


@given(st.integers(30, 60), st.integers(0, 5), st.sampled_from(["binary", "tied", "hard", "three"]),
       st.sampled_from([None, "cluster", "time", "weight"]))  # fmt: skip
@settings(max_examples=16, deadline=None)
def test_json_of_every_small_table_has_no_nan(rows, seed, kind, role):
    rng = np.random.default_rng(seed)
    table = {"y": rng.integers(0, 3 if kind == "three" else 2, rows), "r": rng.integers(0, 4, rows)}
    table["y"][:3] = [0, 1, 2 if kind == "three" else 0]
    if kind == "three":
        table |= {f"p{j}": column for j, column in enumerate(rng.dirichlet([0.5] * 3, rows).T)}
    else:
        table["p"] = rng.random(rows)
        table["p"] = {"tied": table["p"].round(1), "hard": table["p"].round()}.get(kind, table["p"])
    table["w"] = 1.0 + table["r"]
    roles = {role: "w" if role == "weight" else "r"} if role else {}
    with np.errstate(all="raise", under="ignore"):
        row = tu.audit(table, truth="y", by="r", **roles).to_dict()
    again = json.loads(json.dumps(row, allow_nan=False))
    assert again["rows"] == rows


def test_history_keeps_cubes_that_add(audit, tmp_path):
    made = audit[0]
    place = tmp_path / "h" / "history.duckdb"
    remember(made, place)
    remember(made, place)
    rows = recall(place)
    assert [row["rows"] for row in rows] == [3_000, 3_000]
    assert rows[0]["measures"]["log_loss"]["value"] == made.measures["log_loss"].value
    import io

    with np.load(io.BytesIO(packed_cube(made.primary.cube.table)), allow_pickle=False) as stored:
        assert np.array_equal(stored["sums"], made.primary.cube.table.sums)


def test_python_remembers_in_the_usual_place(audit, tmp_path, monkeypatch):
    table = audit[1]
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRUEUP_HISTORY", raising=False)
    tu.audit(table, truth="y", prob="p", name="first")
    assert [row["title"] for row in recall(tmp_path / ".trueup" / "history.duckdb")] == ["first"]
    monkeypatch.setenv("TRUEUP_HISTORY", "elsewhere.duckdb")
    tu.audit(table, truth="y", prob="p", name="second")
    assert [row["title"] for row in recall(usual_place())] == ["second"]
    tu.audit(table, truth="y", prob="p", history=False)
    tu.audit(table, truth="y", prob="p", history="third.duckdb")
    monkeypatch.setenv("TRUEUP_HISTORY", "OFF")
    tu.audit(table, truth="y", prob="p")
    assert usual_place() is None and recall(usual_place()) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        ".trueup", "elsewhere.duckdb", "third.duckdb"
    ]  # fmt: skip
    assert len(recall(tmp_path / "elsewhere.duckdb")) == 1


def test_a_history_that_fails_costs_a_warning_and_not_the_audit(audit, tmp_path, monkeypatch):
    monkeypatch.setenv("TRUEUP_HISTORY", str(tmp_path / "h.duckdb"))
    (tmp_path / "h.duckdb").write_bytes(b"no database" * 100)
    with pytest.warns(RuntimeWarning, match=r"not remembered: history: .*h\.duckdb cannot be open"):
        found = tu.audit(audit[1], truth="y", prob="p")
    assert found.verdict
    with pytest.raises(EvidenceError, match="cannot be opened"):
        tu.audit(audit[1], truth="y", prob="p", history=tmp_path / "h.duckdb")


def test_reprs_are_readable_and_escaped():
    table = event_table(400, **{"<b>": np.array(["<i>x</i>", "y"])[np.arange(400) % 2]})
    table["y"] = np.where(np.arange(400) % 2 == 0, 1, table["y"])
    found = tu.audit(table, truth="y", prob="p", by="<b>")
    assert found.verdict in repr(found)
    assert "<i>" not in found._repr_html_()
    assert "&lt;i&gt;" in found._repr_html_()


BAD_PARTS = [
    (("threshold",), {"kind": "Form", "fields": {}}, "holds 'Form' where a part such as Abstract"),
    (("threshold",), 0.5, "holds 0.5 where a part such as AbstractThreshold belongs"),
    (("threshold", "kind"), "Popen", "unknown map 'Popen'"),
    (("threshold", "names"), "a", "holds 'a' where a list belongs"),
    (("threshold", "names"), [1], "holds 1 where a name belongs"),
    (("threshold", "column"), 1, "holds 1 where a name belongs"),
    (("threshold", "more"), 1, "is not complete: ByGroup has no 'more'"),
    (("score", "penalty"), "0); DROP TABLE t; --", "which is no number"),
    (("score", "penalty"), None, "which is no number"),
    (("seed",), "1", "which is no number"),
]
"""Place in a map, what stands there, and what is said: with a hash that fits."""


@pytest.mark.parametrize(("place", "value", "message"), BAD_PARTS)
def test_a_part_that_does_not_belong_is_refused(place, value, message, tmp_path):
    from trueup.audit.packing import content_hash
    from trueup.calibration import ConformalSets

    world = confident_by_factor(1.7, rows=300, classes=3).evidence
    by = {"g": np.array(["a", "b"])[np.arange(300) % 2]}
    fitted = ConformalSets("raps", per="g").fit(tu.Evidence(world.prediction, world.truth, by=by))
    StoredRemedy(fitted, ("a", "b", "c"), False, ("a", "A", "b")).save(tmp_path)
    assert load_remedy(tmp_path).outputs == ("in_0", "in_1", "in_2")  # capitals alone tell nobody
    path = tmp_path / "remedy.json"
    body = json.loads(path.read_text())
    *above, last = place
    part = body["map"]
    for name in above:
        part = part[name]
    part[last] = value
    body.pop("hash")
    with np.load(tmp_path / "arrays.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    path.write_text(json.dumps(body | {"hash": content_hash(body, arrays)}))
    with pytest.raises(EvidenceError, match=message):
        load_remedy(tmp_path)


def test_names_of_parts_are_their_own():
    from trueup.audit.packing import known_maps, saved_kinds

    names = [kind.__name__ for kind in saved_kinds()]
    assert len(names) == len(set(names)) == len(known_maps())


def test_features_without_names_cannot_be_saved(tmp_path):
    from trueup.calibration import ConformalIntervals, LikelihoodRatio
    from trueup.core.errors import UsageError

    x = np.random.default_rng(0).normal(size=(300, 2))
    for names in ((), ("a", "b")):
        ratio = LikelihoodRatio(np.array([0.5, 0.1]), 0.0, names)
        e = tu.Evidence(tu.Points(x[:, 0]), x[:, 1], features=x)
        remedy = StoredRemedy(ConformalIntervals(ratio=ratio).fit(e), ("p",))
        if not names:
            with pytest.raises(UsageError, match="'features', whose columns have no names"):
                remedy.save(tmp_path)
            continue
        again = load_remedy(remedy.save(tmp_path))
        table = {"p": x[:, 0], "a": x[:, 0], "b": x[:, 1]}
        assert again.reads == ["p", "a", "b"]
        assert np.array_equal(again.apply(table)["low"], remedy.apply(table)["low"])
