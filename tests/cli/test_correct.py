"""``trueup correct``: every correction by name, judged on groups that it never saw, saved."""

from __future__ import annotations

import json

import duckdb
import numpy as np
import pandas as pd
import pytest

import trueup as tu
from cli.shell import class_frame, event_frame, quick, run
from corrections import SETTINGS, number_cases
from trueup.audit.learned import learn
from trueup.audit.restore import load_remedy
from trueup.cli.correct import lines_of
from trueup.core.cards import all_cards
from trueup.core.correction import AbstractCorrection
from trueup.core.errors import UsageError
from trueup.core.forms import columns_of, form_of
from trueup.core.groups import hash_groups
from trueup.worlds import forecasts


CARDS = [c for c in all_cards() if c.family in ("recalibrate", "conformal", "distributions")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Predictions of an event, of three classes, and of a number."""
    place = tmp_path_factory.mktemp("correct")
    event_frame().to_parquet(place / "event.parquet")
    class_frame(4_000).to_parquet(place / "classes.parquet")
    world = forecasts("normal", spread=0.5, rows=4_000).evidence
    said = world.prediction
    number = pd.DataFrame({"y": world.truth, "mean": said.mean, "sd": said.sd})
    number.to_parquet(place / "number.parquet")
    two = [event_frame(800, seed=3).assign(model=name) for name in ("old", "new")]
    pd.concat(two).to_parquet(place / "models.parquet")
    return place


def test_sets_from_one_end_to_the_other(folder):
    done = run(folder, "correct", "classes.parquet", "--truth", "animal", "--method",
               "ConformalSets", "--set", "level=0.9", "--save", "sets")  # fmt: skip
    assert (done.code, done.err) == (0, "")
    assert "ConformalSets: 3 classes into sets at level 0.9, learned on" in done.out
    assert "What was found agrees" in done.out and "Remedy: sets" in done.out
    stored = load_remedy(folder / "sets")
    found = stored.proof["found"]["coverage"]
    assert f" {found['value']:.4f} " in done.out
    assert found["low"] < 0.93 and found["high"] > 0.87
    assert stored.proof["learned_on"] + stored.proof["proven_on"] == 4_000

    class_frame(500, seed=9).drop(columns="animal").to_parquet(folder / "new.parquet")
    done = run(folder, "apply", "sets", "new.parquet", "--out", "out.parquet")
    assert (done.code, done.err) == (0, "")
    out = pd.read_parquet(folder / "out.parquet")
    assert list(out)[-3:] == ["in_ant", "in_bee", "in_cat"]
    assert {str(out[c].dtype) for c in list(out)[-3:]} == {"bool"}
    meant = stored.apply(pd.read_parquet(folder / "new.parquet"))
    assert out[list(out)[-3:]].equals(meant[list(out)[-3:]])

    for to in ("sql", "onnx", "json", "python"):
        done = quick(folder, "export", "sets", "--to", to, "--out", f"sets.{to}")
        assert done.code == 0 and "verified on" in done.out
    text = (folder / "sets.sql").read_text().replace("FROM predictions", "FROM 'new.parquet'")
    assert "truths" not in text and "coverage 0." in text
    with duckdb.connect() as connection:
        connection.execute(f"SET file_search_path = '{folder}'")
        got = connection.execute(text).df()
    assert got[list(out)[-3:]].to_numpy().tolist() == out[list(out)[-3:]].to_numpy().tolist()


def test_sets_by_chance_are_applied_too(folder):
    words = ("--set", "score=aps", "--set", "seed=3", "--set", "per=region", "--save", "chance")
    done = quick(folder, "correct", "event.parquet", "--method", "ConformalSets", *words)
    assert (done.code, done.err) == (0, "")
    done = quick(folder, "apply", "chance", "event.csv", "--out", "o.csv")
    frame = event_frame()
    frame.loc[:4, "region"] = "nowhere"
    frame.to_csv(folder / "event.csv", index=False)
    done = quick(folder, "apply", "chance", "event.csv", "--out", "o.csv")
    assert (done.code, done.err) == (0, "")
    assert "5 rows of groups never seen got every class" in done.out
    out = pd.read_csv(folder / "o.csv")
    assert out[["in_0", "in_1"]][:5].all(axis=None) and not out[["in_0", "in_1"]].all(axis=None)
    done = quick(folder, "export", "chance", "--to", "sql")
    assert done.code == 2 and "no way to write scores with chance; the chance" in done.err


def test_intervals_are_low_and_high(folder):
    done = quick(folder, "correct", "number.parquet", "--method", "ConformalIntervals",
                 "--set", "level=0.8", "--save", "wide")  # fmt: skip
    assert (done.code, done.err) == (0, "")
    assert "coverage                    0.8" in done.out and "change of interval_score" in done.out
    done = quick(folder, "apply", "wide", "number.parquet", "--out", "wide.parquet")
    out = pd.read_parquet(folder / "wide.parquet")
    assert list(out) == ["y", "mean", "sd", "low", "high"]
    assert 0.77 < ((out.low <= out.y) & (out.y <= out.high)).mean() < 0.83


def of_shell(card) -> bool:
    """Whether the card's own class corrects a table."""
    import importlib

    kind = getattr(importlib.import_module(card.module), card.name)
    return isinstance(kind, type) and issubclass(kind, AbstractCorrection)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_every_correction_by_its_name(card, tmp_path):
    """Fitted on a table, saved, read again and applied; what is none is refused."""
    settings = dict(SETTINGS.get(card.name, {}))
    if card.name in ("CorrectnessAware", "DensityAware"):
        with pytest.raises(UsageError, match="reads features beside the prediction"):
            learn(class_frame(200), method=card.name, truth="animal")
        settings["columns"] = "feature_0,feature_1"
    if not of_shell(card):
        with pytest.raises(UsageError, match=f"{card.name} corrects no table"):
            learn(event_frame(200), method=card.name)
        return
    kinds = [kind for other, kind in number_cases() if other.name == card.name]
    if kinds or card.name in ("ConformalIntervals", "ConformalDistribution"):
        kind = next((k for k in ("normal", "points") if k in kinds or not kinds), "quantiles")
        world = forecasts(kind, rows=400).evidence
        wide = columns_of(world.prediction).T
        table = {"y": world.truth, **{f"c{j}": column for j, column in enumerate(wide)}}
        levels = form_of(world.prediction).levels
        roles = {"normal": {"mean": "c0", "sd": "c1"}, "points": {"point": "c0"}}.get(
            kind, {"quantiles": {level: f"c{j}" for j, level in enumerate(levels)}}
        )
        table["group"] = np.array(["a", "b", "it's"])[np.arange(400) % 3]
    else:
        frame = class_frame(400)
        table = {c: frame[c].to_numpy() for c in frame}
        table |= {"group": np.array(["a", "b", "it's"])[np.arange(400) % 3]}
        table |= {"feature_0": table["p_ant"] ** 2, "feature_1": table["p_bee"]}
        roles = {"truth": "animal", "probs": ("p_ant", "p_bee", "p_cat")}
    made = learn(table, method=card.name, settings=settings, by=("group",), **roles)
    again = load_remedy(made.remedy.save(tmp_path))
    one, two = made.remedy.apply(table), again.apply(table)
    assert all(np.array_equal(one[c], two[c]) for c in again.outputs)
    assert made.found and made.learned_on + made.judged_on == 400


def test_rows_of_one_cluster_stay_together(folder):
    frame = event_frame()
    made = learn(frame, method="ConformalSets", cluster="day", truth="y", prob="p")
    group = hash_groups(frame.day.to_numpy())
    learned = np.isin(group, np.unique(group)[::2])
    assert (made.learned_on, made.judged_on) == (learned.sum(), (~learned).sum())
    assert frame.day[learned].isin(frame.day[~learned]).sum() == 0
    early = learn(frame, method="ConformalSets", time="when", truth="y", prob="p")
    assert early.learned_on == pytest.approx(1_500, abs=60)


def test_a_promise_that_is_not_kept_is_told():
    """Later rows have another law: sets of the early half hold too few truths."""
    rng = np.random.default_rng(0)
    p = rng.uniform(0.5, 1, 4_000)
    right = rng.random(4_000) < np.where(np.arange(4_000) < 2_000, p, 0.35)
    table = {"y": right.astype(int), "p": p, "t": np.arange(4_000)}
    made = learn(table, method="ConformalSets", truth="y", prob="p", time="t",
                 settings={"level": 0.8})  # fmt: skip
    assert made.short and "Fewer are, by more than chance" in "\n".join(lines_of(made))


def test_very_many_rows_are_sampled():
    n = 900_000
    rng = np.random.default_rng(0)
    p = rng.random(n)
    made = learn({"y": (rng.random(n) < p).astype(int), "p": p}, method="ConformalSets")
    assert made.every == 3 and made.learned_on == pytest.approx(150_000, rel=0.05)
    assert made.found["coverage"].value == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize(("words", "code", "message"), [
    (("--method", "ConformalSets", "--set", "perr=region"), 2, "has no setting 'perr'. Use score,"),
    (("--method", "ConformalSets", "--set", "level"), 2, "--set: cannot read 'level'"),
    (("--method", "ConformalSets", "--set", "level=high"), 2, "cannot be set up"),
    (("--method", "ConformalSets", "--set", "level=1.5"), 2, "level is 1.5"),
    (("--method", "ConformalSets", "--set", "per=regoin"), 3, "no column 'regoin' in 'by'"),
    (("--method", "ConformalSet"), 2, "there is no 'ConformalSet'. Use ConformalSets"),
    (("--method", "AdaptiveConformal"), 2, "corrects no table of predictions"),
    (("--method", "ConformalIntervals"), 3, "the prediction is of kind 'probabilities'"),
    (("--method", "ConformalSets", "--set", "level=0.9999"), 3, "reach the level"),
    (("--method", "ConformalSets", "--cluster", "constant"), 2, "all rows belong to one group"),
    (("--method", "ConformalSets", "--by", "nothing"), 3, "no column 'nothing'"),
])  # fmt: skip
def test_what_cannot_be_done_is_said(folder, words, code, message):
    event_frame().assign(constant=1).to_parquet(folder / "event.parquet")
    done = quick(folder, "correct", "event.parquet", *words)
    assert done.code == code and message in done.err, done.err
    assert not done.out


def test_two_models_are_refused(folder):
    done = quick(folder, "correct", "models.parquet", "--method", "ConformalSets")
    assert done.code == 2 and "'model' names more than one model" in done.err


def test_a_file_in_the_place_of_the_folder(folder):
    done = quick(folder, "correct", "event.parquet", "--method", "ConformalSets",
                 "--save", "event.parquet")  # fmt: skip
    assert done.code == 2 and "event.parquet is a file" in done.err


def test_the_numbers_are_those_of_python(folder):
    """The same halves, fitted and judged by hand."""
    frame = pd.read_parquet(folder / "classes.parquet")
    made = learn(frame, method="ConformalSets", settings={"level": 0.8}, truth="animal")
    names = ["ant", "bee", "cat"]
    codes = frame.animal.map(names.index).to_numpy()
    said = tu.Probabilities(frame[[f"p_{n}" for n in names]].to_numpy(), classes=tuple(names))
    group = hash_groups(np.arange(len(frame)))
    half = np.isin(group, np.unique(group)[::2])
    evidence = tu.Evidence(said, codes)
    fitted = tu.calibration.ConformalSets(level=0.8).fit(evidence.take(half))
    assert fitted.map.parameters == made.remedy.fitted.map.parameters
    inside = fitted.apply(said.take(~half)).members[np.arange((~half).sum()), codes[~half]]
    assert made.found["coverage"].value == pytest.approx(inside.mean(), abs=1e-12)
    json.dumps(made.remedy.proof, allow_nan=False)
