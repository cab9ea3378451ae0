"""Several models in one table: rows are paired, p-values held together."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import binom

import trueup as tu
from audit.tables import event_table, ids, scanned, sigmoid
from trueup.audit.models import compare
from trueup.core.errors import EvidenceError, UsageError


ROWS = 4_000


def two_models(*, noise: float, rows: int = ROWS, seed: int = 0, order=None) -> dict:
    """Model ``good`` is calibrated; ``worse`` adds ``noise`` to its log-odds."""
    rng = np.random.default_rng(seed)
    base = event_table(rows, seed=seed)
    odds = np.log(base["p"] / (1 - base["p"])) + noise * rng.normal(size=rows)
    return stacked({"good": base, "worse": base | {"p": sigmoid(odds)}}, order=order)


def stacked(tables: dict[str, dict], *, order=None) -> dict:
    """Tables of several models one below the other, or in another ``order``."""
    made = {name: np.concatenate([t[name] for t in tables.values()]) for name in ("id", "y", "p")}
    made["model"] = np.repeat(list(tables), [len(t["y"]) for t in tables.values()])
    if order is not None:
        made = {name: column[order] for name, column in made.items()}
    return made


def compared(table: dict, **roles):
    return tu.audit(table, truth="y", prob="p", model="model", **roles)


def test_the_better_model_is_found_and_speaks_first():
    audit = compared(two_models(noise=0.7), key="id")
    [found] = audit.comparisons
    assert (found.a, found.b) == ("good", "worse")
    assert found.p_value < 1e-6
    assert found.difference.high < 0  # good minus worse: lower is better
    assert audit.primary.model == "good"
    assert "models_differ:good:worse" in ids(audit)
    assert "good predicts better than worse" in next(
        f.sentence for f in audit.findings if f.id.startswith("models_differ")
    )


def test_pairing_makes_the_interval_narrower_than_two_intervals_do():
    audit = compared(two_models(noise=0.3), key="id")
    half = [m.measures["log_loss"].high - m.measures["log_loss"].value for m in audit.models]
    paired = audit.comparisons[0].difference
    assert paired.high - paired.value < 0.5 * np.hypot(*half)


@pytest.mark.parametrize("roles", [{"key": "id"}, {"cluster": "id"}, {}], ids=str)
def test_stacked_models_are_paired_with_and_without_a_key(roles):
    keyed, other = (
        compared(two_models(noise=0.3), **r).comparisons[0] for r in ({"key": "id"}, roles)
    )
    assert other.difference.value == pytest.approx(keyed.difference.value, rel=1e-12)
    assert other.difference.low == pytest.approx(keyed.difference.low, rel=1e-9)


def test_interleaved_models_are_paired_by_their_place():
    order = np.arange(2 * ROWS).reshape(2, ROWS).T.ravel()
    apart, mixed = (compared(two_models(noise=0.3, order=o)).comparisons[0] for o in (None, order))
    assert mixed.difference.low == pytest.approx(apart.difference.low, rel=1e-9)


def test_shuffled_rows_are_paired_by_their_key():
    order = np.random.default_rng(0).permutation(2 * ROWS)
    apart, mixed = (
        compared(two_models(noise=0.3, order=o), key="id").comparisons[0] for o in (None, order)
    )
    assert mixed.difference.low == pytest.approx(apart.difference.low, rel=1e-9)


def test_a_model_does_not_differ_from_itself():
    base = event_table(ROWS)
    audit = compared(stacked({"a": base, "b": base, "c": base}), key="id")
    assert [c.p_value for c in audit.comparisons] == [1.0] * 3
    assert not any(name.startswith("models_differ") for name in ids(audit))
    assert all(c["p_value"] == 1.0 for c in audit.to_dict()["comparisons"])


def test_equal_models_are_seldom_said_to_differ():
    # Two models with independent errors of one size; promised at most 5 %.
    named = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        base = event_table(800, seed=seed)
        odds = np.log(base["p"] / (1 - base["p"]))
        both = stacked({m: base | {"p": sigmoid(odds + 0.5 * rng.normal(size=800))} for m in "ab"})
        cubes = [scanned(both, model=name, key="id").cube for name in "ab"]
        judged = [
            SimpleNamespace(model=m, cube=cube, score=tu.calibration.log_loss)
            for m, cube in zip("ab", cubes, strict=True)
        ]
        named += compare(judged)[0].p_value < 0.05
    assert named <= binom.ppf(0.999, 40, 0.05)


def test_p_values_of_all_pairs_are_held_together_by_holm():
    rng = np.random.default_rng(1)
    base = event_table(ROWS)
    odds = np.log(base["p"] / (1 - base["p"]))
    tables = {
        name: base | {"p": sigmoid(odds + noise * rng.normal(size=ROWS))}
        for name, noise in (("a", 0.0), ("b", 0.25), ("c", 0.25))
    }
    three = {(c.a, c.b): c.p_value for c in compared(stacked(tables), key="id").comparisons}
    alone = {}
    for pair in three:
        [c] = compared(stacked({m: tables[m] for m in pair}), key="id").comparisons
        alone[pair] = c.p_value
    order = sorted(alone, key=alone.__getitem__)
    worst = 0.0
    for rank, pair in enumerate(order):
        worst = max(worst, min(1.0, (3 - rank) * alone[pair]))
        assert three[pair] == pytest.approx(worst, rel=1e-6)


def test_models_with_other_rows_can_be_compared():
    base = event_table(500)
    small = {name: column[:90] for name, column in event_table(500, seed=1).items()}
    [found] = compared(stacked({"many": base, "few": small}), key="id").comparisons
    assert found.difference.low < found.difference.value < found.difference.high


def test_models_in_time_share_one_clock():
    table = two_models(noise=0.4)
    day = table["id"] // 20
    # The second model starts later; its blocks are still those of the calendar.
    late = (table["model"] == "good") | (day >= 40)
    table = {name: column[late] for name, column in (table | {"day": day}).items()}
    audit = compared(table, time="day")
    clocks = [m.plan.clock for m in audit.models]
    assert np.array_equal(clocks[0].block, clocks[1].block)
    assert audit.comparisons[0].difference.low < audit.comparisons[0].difference.value


def test_every_name_of_a_model_works():
    base = event_table(200)
    names = ["", "it's", '"; DROP TABLE x; --', "[red]x[/red]", "naïve ✓"]
    audit = compared(stacked(dict.fromkeys(names, base)), key="id")
    assert {m.model for m in audit.models} == {"(empty)", *names[1:]}
    assert all(m.cube.n == 200 for m in audit.models)


def test_flags_and_numbers_name_models_too():
    table = two_models(noise=0.4)
    for column in (table["model"] == "good", np.where(table["model"] == "good", 1.5, 2.5)):
        audit = compared(table | {"model": column}, key="id")
        assert [m.cube.n for m in audit.models] == [ROWS, ROWS]


def test_rows_without_a_model_are_refused_not_forgotten():
    table = two_models(noise=0.4)
    table["model"] = np.where(table["id"] < 7, None, table["model"])
    with pytest.raises(EvidenceError, match="14 rows are without a model"):
        compared(table)


def test_too_many_models_are_refused():
    base = event_table(50)
    with pytest.raises(UsageError, match="more than 20 models"):
        compared(stacked({f"m{i}": base for i in range(21)}))
