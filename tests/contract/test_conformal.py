"""The contract of conformal methods, generated from the cards of the family ``conformal``.

A method is taken with every kind of prediction that it reads. Settings beside its own defaults are
rows of ``VARIANTS``.
"""

from __future__ import annotations

import dataclasses
import importlib
import pickle
from dataclasses import replace

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy.stats import betabinom

from corrections import beside
from trueup.adapters.export import TARGETS
from trueup.audit.apply import apply_file
from trueup.audit.restore import load_remedy
from trueup.audit.store import StoredRemedy
from trueup.core import Evidence, FitError, Probabilities
from trueup.core.cards import read_cards
from trueup.core.correction import AbstractCorrection
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.fitted import Fitted
from trueup.core.forms import columns_of, form_of
from trueup.core.predictions import (
    Intervals,
    Points,
    Quantiles,
    Sets,
)
from trueup.worlds import confident_by_factor, forecasts


VARIANTS: dict[str, list[dict]] = {
    "ConformalSets": [
        {"score": "lac"},
        {"score": "margin"},
        {"score": "aps", "seed": 3},
        {"score": "raps"},
        {"score": "saps"},
        {"score": "lac", "per": "class"},
        {"score": "raps", "per": "class"},
        {"score": "lac", "per": "group"},
        {"score": "aps", "per": "group"},
        {"score": "lac", "per": "cluster"},
        {"score": "lac", "ratio": "ratio"},
        {"score": "aps", "ratio": "ratio"},
    ],
    "ConformalIntervals": [
        {"score": "usual"},
        {"score": "residual", "asymmetric": True},
        {"score": "usual", "per": "group"},
        {"score": "usual", "asymmetric": True, "per": "group"},
        {"score": "usual", "ratio": "ratio"},
    ],
    "ConformalDistribution": [{"score": "usual"}, {"score": "residual", "per": "group"}],
}
"""Name of a card -> settings to test it with; one that is not here is tested with its defaults."""

EXCUSED = {
    ("ConformalSets", "cluster", "weights"): "clusters are found on some rows, drawn by lot",
    ("ConformalSets", "seed", "float32"): "chance is drawn from the digits of the probabilities",
    ("ConformalSets", "seed", "export"): "no engine draws such numbers; the error says so",
}
"""(name, value or name of a setting, check) -> why the check does not apply."""

RATE = 1e-4


def method_of(card) -> type:
    """The class that bears the card's name."""
    return getattr(importlib.import_module(card.module), card.name)


def cases() -> list:
    """(card, settings, kind of prediction) for every conformal correction."""
    found = []
    for card in read_cards():
        if card.family == "conformal" and isinstance(method_of(card), type):
            if issubclass(method_of(card), AbstractCorrection):
                for settings in VARIANTS.get(card.name, [{}]):
                    for kind in kinds_of(card):
                        name = "-".join(map(str, (card.name, *settings.values(), kind)))
                        found.append(pytest.param(card, settings, kind, id=name))
    return found


def kinds_of(card) -> tuple[str, ...]:
    """Kinds of prediction that the method reads; of probabilities an event and three classes."""
    kinds = method_of(card).kinds
    return ("event", "three") if kinds == (Probabilities.kind,) else kinds


pytestmark = pytest.mark.parametrize(("card", "settings", "kind"), cases())


def excused(card, settings: dict, check: str) -> None:
    """Skip a check that does not apply to these settings."""
    for asked in (*settings.values(), *settings):
        if (card.name, asked, check) in EXCUSED:
            pytest.skip(f"excused: {EXCUSED[card.name, asked, check]}")


def stays(card, settings: dict) -> bool:
    """Whether these sets are drawn by chance, which no other engine can do."""
    return (card.name, "seed", "export") in EXCUSED and settings.get("seed") is not None


CLASSES = ("ant", "bee", "it's")


def stored(fitted: Fitted, kind: str) -> StoredRemedy:
    """The fit with columns, as the shell would store it."""
    columns = ("p",) if kind == "event" else tuple(f"c {j}" for j in range(fitted.k))
    classes = CLASSES[: fitted.k] if kind in ("event", "three") else ()
    return StoredRemedy(fitted, columns, kind == "event", classes)


def table_of(made: Evidence, kind: str) -> dict[str, np.ndarray]:
    """The rows as columns of a table."""
    said = made.prediction
    wide = said.probs if kind in ("event", "three") else columns_of(said)
    names = ["p"] if kind == "event" else [f"c {j}" for j in range(wide.shape[1])]
    wide = wide[:, 1:] if kind == "event" else wide
    return dict(zip(names, wide.T, strict=True)) | made.by


def evidence(kind: str, *, rows: int = 400, seed: int = 0, **roles) -> Evidence:
    """Evidence of one kind with a column of groups, one of likelihood ratios, and two features."""
    rng = np.random.default_rng(seed + 50)
    group = np.array(["a", "b", "it's"])[rng.integers(0, 3, rows)]
    roles["by"] = {"group": group, "ratio": rng.choice([0.5, 1.0, 1.5], rows)}
    roles["features"] = rng.normal(size=(rows, 2))
    if kind not in ("event", "three"):
        made = forecasts(kind, rows=rows, spread=0.7, seed=seed).evidence
        return Evidence(made.prediction, made.truth, **roles)
    made = confident_by_factor(2.0, rows=rows, classes=3 if kind == "three" else 2, seed=seed)
    probs = made.evidence.prediction.probs
    said = Probabilities(probs[:, 1] if kind == "event" else probs)
    return Evidence(said, made.evidence.truth, **roles)


def fit(card, settings: dict, made: Evidence, **more) -> Fitted:
    """The method fitted on the evidence."""
    return method_of(card)(**settings, **more).fit(made)


def outputs(card, settings: dict, made: Evidence, *, on: Evidence | None = None) -> np.ndarray:
    """Columns that come out for ``on`` after a fit on ``made``."""
    return columns_of(fit(card, settings, made).correct(on or made))


def asked(card, level: float) -> dict:
    """The setting that asks for ``level``."""
    return {"levels": (level,)} if card.name == "ConformalDistribution" else {"level": level}


def held(made, truth: np.ndarray) -> np.ndarray:
    """Whether (n,) sets or intervals, or the span of all quantiles, hold the truth."""
    if isinstance(made, Sets):
        return made.members[np.arange(len(truth)), truth]
    if isinstance(made, Quantiles):
        return (made.values[:, 0] <= truth) & (truth <= made.values[:, -1])
    return (made.low <= truth) & (truth <= made.high)


def test_inputs_are_untouched(card, settings, kind):
    made = evidence(kind, weight=np.linspace(0.5, 2, 400))
    parts = [v for v in vars(made.prediction).values() if isinstance(v, np.ndarray)]
    arrays = [*parts, made.truth, made.weight, made.rows.ids, made.features, *made.by.values()]
    before = [a.copy() for a in arrays]
    for a in arrays:
        a.flags.writeable = False
    outputs(card, settings, made)
    assert all(np.array_equal(a, b) for a, b in zip(arrays, before, strict=True))


def test_same_fit_twice_gives_the_same(card, settings, kind):
    made = evidence(kind)
    assert np.array_equal(outputs(card, settings, made), outputs(card, settings, made))


def test_row_order_does_not_matter(card, settings, kind):
    made = evidence(kind, weight=np.linspace(0.5, 2, 400))
    shuffled = made.take(np.random.default_rng(1).permutation(len(made)))
    one, two = outputs(card, settings, made), outputs(card, settings, shuffled, on=made)
    assert one == pytest.approx(two, abs=1e-9)


def test_a_row_alone_gets_what_it_gets_among_others(card, settings, kind):
    made = evidence(kind)
    fitted, every = fit(card, settings, made), outputs(card, settings, made)
    alone = [columns_of(fitted.correct(made.take([i])))[0] for i in range(5)]
    assert np.array(alone) == pytest.approx(every[:5], abs=1e-12)
    assert len(fitted.correct(made.take([]))) == 0


def test_float32_equals_float64(card, settings, kind):
    excused(card, settings, "float32")
    made = evidence(kind)
    if kind not in ("event", "three"):
        pytest.skip("only probabilities are kept in single precision")
    half = made.prediction.probs.astype(np.float32)
    pair = [Probabilities(p[:, 1] if kind == "event" else p) for p in (half, half.astype(float))]
    one, two = (outputs(card, settings, replace(made, prediction=p)) for p in pair)
    assert np.array_equal(one, two)


def test_integer_weights_equal_repeated_rows(card, settings, kind):
    excused(card, settings, "weights")
    made = evidence(kind)
    counts = np.random.default_rng(2).integers(0, 4, len(made))
    weighted = replace(made, weight=counts)
    repeated = made.take(np.repeat(np.arange(len(made)), counts))
    one, two = outputs(card, settings, weighted), outputs(card, settings, repeated, on=made)
    assert one == pytest.approx(two, abs=1e-9)


def test_shares_of_weight_are_not_taken_for_rows(card, settings, kind):
    made = evidence(kind)
    shares = replace(made, weight=np.full(len(made), 1 / len(made)))
    one, two = outputs(card, settings, shares), outputs(card, settings, made)
    assert one == pytest.approx(two, abs=1e-9)


def test_the_form_is_what_was_promised(card, settings, kind):
    made = evidence(kind)
    fitted = fit(card, settings, made)
    after = fitted.correct(made)
    assert form_of(after) == fitted.gives and len(after) == len(made)
    assert isinstance(after, Sets | Intervals | Quantiles)
    assert fitted.method == card.name and len(fitted.rows) == 400
    assert all(isinstance(v, float) for v in fitted.map.parameters.values())


def test_settings_are_frozen_and_few(card, settings, kind):
    made = method_of(card)(**settings)
    names = [f.name for f in dataclasses.fields(made)]
    assert len(names) <= 6 and made == method_of(card)(**settings)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, names[0], 1)


def test_pickle_keeps_the_map(card, settings, kind):
    made = evidence(kind)
    fitted = fit(card, settings, made)
    again = pickle.loads(pickle.dumps(fitted))
    one, two = (columns_of(f.correct(made)) for f in (again, fitted))
    assert np.array_equal(one, two)


def test_level_outside_is_refused(card, settings, kind):
    for level in (0.0, 1.0, -0.1, np.nan):
        with pytest.raises(UsageError, match=rf"{card.name}: level is"):
            method_of(card)(**settings, **asked(card, level))


def test_too_few_rows_say_what_they_reach(card, settings, kind):
    with pytest.raises(FitError, match=rf"{card.name}\.fit: .*reach"):
        fit(card, settings, evidence(kind, rows=9), **asked(card, 0.95))


def test_no_rows_and_other_kinds_are_errors(card, settings, kind):
    made = evidence(kind)
    with pytest.raises(FitError, match=rf"{card.name}\.fit: there are no rows"):
        fit(card, settings, made.take([]))
    other = Probabilities([0.2, 0.9]) if kind not in ("event", "three") else Points([1.0, 2.0])
    with pytest.raises(FitError, match=rf"{card.name}\.fit: the prediction is of kind"):
        fit(card, settings, Evidence(other, np.array([0, 1])))
    with pytest.raises(FitError, match=rf"{card.name}\.apply: fitted on"):
        fit(card, settings, made).apply(other)


def test_nan_is_refused(card, settings, kind):
    if kind == "event":
        with pytest.raises(EvidenceError, match="NaN or infinite"):
            fit(card, settings, Evidence(Probabilities([0.5, np.nan]), [0, 1]))


def test_new_rows_are_covered(card, settings, kind):
    """Coverage of 4,000 new rows after a fit on 4,000: its Beta-binomial law, from below.

    Thresholds for parts of the rows have fewer rows each: half a percent is granted for them.
    """
    learn, new = (evidence(kind, rows=4_000, seed=s) for s in (1, 2))
    fitted = fit(card, settings, learn)
    inside = held(fitted.correct(new), new.truth).sum()
    levels = fitted.gives.levels
    level = levels[-1] - levels[0] if len(levels) > 1 else levels[0]
    rank = int(np.ceil(level * 4_001))
    assert inside >= betabinom(4_000, rank, 4_001 - rank).ppf(RATE) - 20


def test_sql_equals_numpy(card, settings, kind):
    made = evidence(kind, rows=60)
    fitted = fit(card, settings, evidence(kind))
    said = made.prediction.probs if kind in ("event", "three") else columns_of(made.prediction)
    said = said[:, 1:] if kind == "event" else said
    columns = [f"c{j}" for j in range(said.shape[1])]
    if stays(card, settings):
        with pytest.raises(UsageError, match="export to sql"):
            fitted.sql("FROM t", columns, event=kind == "event")
        return
    read = beside(fitted, made) if "ratio" not in settings else {"ratio": made.by["ratio"]}
    extra = [f'"{c}"' for need in fitted.needs.values() for c in need.columns]
    wide = [said, *(np.asarray(v).reshape(len(said), -1) for v in read.values())]
    rows = [[i, *(x for part in wide for x in part[i].tolist())] for i in range(len(said))]
    names = [*columns, *extra]
    with duckdb.connect() as connection:
        types = ["VARCHAR" if isinstance(x, str) else "DOUBLE" for x in rows[0][1:]]
        declared = ", ".join(f"{c} {t}" for c, t in zip(names, types, strict=True))
        connection.execute(f"CREATE TABLE t (i INTEGER, {declared})")
        marks = ", ".join("?" * (1 + len(names)))
        connection.executemany(f"INSERT INTO t VALUES ({marks})", rows)
        keep = ["i", *(columns if fitted.gives == fitted.takes else [])]
        query = fitted.sql("FROM t ORDER BY i", columns, event=kind == "event", keep=keep)
        got = np.array(connection.execute(query).fetchall())[:, 1:]
    assert got == pytest.approx(columns_of(fitted.apply(made.prediction, **read)), abs=1e-9)


def test_what_is_saved_comes_back(card, settings, kind, tmp_path):
    made = evidence(kind)
    fitted = fit(card, settings, made)
    remedy = stored(fitted, kind)
    again = load_remedy(remedy.save(tmp_path))
    assert (again.takes, again.gives, again.hash) == (fitted.takes, fitted.gives, remedy.hash)
    assert again.fitted.map.parameters == fitted.map.parameters
    got = again.apply(table_of(made, kind))
    meant = columns_of(fitted.correct(made))
    assert np.array_equal(np.column_stack([got[c] for c in again.outputs]), meant)
    flags = {got[c].dtype == np.bool_ for c in again.outputs}
    assert flags == {fitted.gives.kind == "sets"}


def test_the_shell_gives_the_numbers_of_python(card, settings, kind, tmp_path):
    """A table with a row that misses a number; chance is drawn as in Python."""
    made = evidence(kind, rows=60)
    fitted = fit(card, settings, evidence(kind))
    remedy, table = stored(fitted, kind), table_of(made, kind)
    first = next(iter(table))
    frame = pd.DataFrame(table)
    frame.loc[3, first] = None
    frame.to_parquet(tmp_path / "in.parquet")
    done = apply_file(remedy, tmp_path / "in.parquet", tmp_path / "out.parquet")
    out = pd.read_parquet(tmp_path / "out.parquet")
    added = [] if fitted.gives == fitted.takes else list(remedy.outputs)
    assert done.rows == 60 and list(out) == [*frame, *added]
    got = out[list(remedy.outputs)]
    assert got.loc[3].isna().all()
    meant = columns_of(fitted.correct(made))
    kept = np.arange(60) != 3
    assert got[kept].to_numpy().astype(float) == pytest.approx(meant[kept], abs=1e-9)
    if fitted.gives.kind == "sets":
        assert list(got) == [f"in_{name}" for name in CLASSES[: fitted.k]]


@pytest.mark.parametrize("to", TARGETS)
def test_every_export_is_the_same_function(card, settings, kind, to):
    remedy = stored(fit(card, settings, evidence(kind)), kind)
    if stays(card, settings):
        with pytest.raises(UsageError, match=f"export to {to}: .* scores with chance; the chance"):
            remedy.export(to)
        return
    made = remedy.export(to)
    assert made.checked.rows > 300 and made.checked.difference < 1e-9
    if to == "sql" and remedy.gives.kind == "sets":
        assert all(f'AS "{name}"' in made.content for name in remedy.outputs)
