"""The schema of ``--json`` ships with the package, and real audits keep to it."""

from __future__ import annotations

import copy
import importlib.resources
import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import trueup as tu
from trueup.audit.demo import digit_tables
from trueup.worlds import planted_table


ROOT = Path(__file__).resolve().parents[2]
TEXT = importlib.resources.files("trueup.audit").joinpath("schema-1.json").read_text("utf-8")
SCHEMA = json.loads(TEXT)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

PROMISED = {
    "": "schema rows kind measures findings slices remedies chosen seconds",
    "measures": "log_loss brier accuracy auc ece ece_noise_floor calibration_error_debiased "
    "calibration_p_value classwise_ece",
    "measures.log_loss": "value low high level n",
    "findings.0": "id severity sentence estimate",
    "slices.0": "by n measure difference q_value",
    "remedies.0": "name outcome score difference",
    "remedies.0.difference": "value low high",
}
"""Keys that readers of version 1 rely on, by the place where they stand."""


def tables():
    """Name -> (table, arguments) of audits that fill every part of the schema."""
    digits = dict(digit_tables())
    made = {name: (table, {"truth": "digit"}) for name, table in digits.items()}
    event = planted_table(30_000, bad_shift=-0.8, change_shift=-0.8).columns
    roles = {"truth": "y", "prob": "p"}
    made["event"] = event, roles | {"by": ["region", "site"]}
    made["series"] = event, roles | {"by": "region", "time": "day"}
    made["models"] = several(event), roles | {"model": "who", "key": "id"}
    small = {name: values[:60] for name, values in event.items()}
    made["small"] = small, roles
    return made


def several(event: dict) -> dict:
    """Three models of one truth: as it is, cooled, and blind."""
    odds = np.log(event["p"]) - np.log1p(-event["p"])
    scores = [event["p"], 1 / (1 + np.exp(-0.8 * odds)), np.full(len(odds), 0.5)]
    columns = {name: np.tile(event[name], 3) for name in ("id", "y")}
    return columns | {
        "p": np.concatenate(scores),
        "who": np.repeat(["as it is", "cooled", "blind"], len(odds)),
    }


@pytest.fixture(scope="module")
def audits(tmp_path_factory):
    """Name -> what ``save_json`` wrote, read again."""
    folder, found = tmp_path_factory.mktemp("audits"), {}
    for name, (table, given) in tables().items():
        if given["truth"] == "digit":
            given = given | {"probs": [column for column in table if column.startswith("p_")]}
        path = tu.audit(table, **given).save_json(folder / f"{name}.json")
        found[name] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_the_schema_is_one():
    VALIDATOR.check_schema(SCHEMA)


def test_audits_keep_to_the_schema(audits):
    for name, audit in audits.items():
        complaints = [
            f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(audit)
        ]
        assert not complaints, (name, complaints[:5])


def test_the_audits_fill_every_part(audits):
    """Else the test above would hold for lists that are always empty."""
    lists = ("findings", "slices", "slices_left_out", "remedies", "drift", "models", "comparisons")
    seldom = {"slices_left_out"}
    for name in lists:
        assert name in seldom or any(audit[name] for audit in audits.values()), name
    outcomes = {remedy["outcome"] for audit in audits.values() for remedy in audit["remedies"]}
    assert {"proven", "no_improvement", "not_enough_evidence"} <= outcomes
    assert {audit["chosen"] for audit in audits.values()} > {"none"}


@pytest.mark.parametrize("place", PROMISED, ids=lambda place: place or "top")
def test_every_promised_key_is_there(audits, place):
    value = audits["event"]
    for step in filter(None, place.split(".")):
        value = value[int(step) if step.isdigit() else step]
    missing = set(PROMISED[place].split()) - set(value)
    assert not missing


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("rows", -1),
        ("surprise", 1),
        ("schema", 2),
        ("chosen", None),
        ("measures.log_loss", 0.5),
        ("remedies.0.outcome", "better"),
        ("slices.0.q_value", 2),
    ],
)
def test_the_schema_refuses(audits, place, value):
    changed = copy.deepcopy(audits["event"])
    *path, last = place.split(".")
    inside = changed
    for step in path:
        inside = inside[int(step) if step.isdigit() else step]
    inside[int(last) if last.isdigit() else last] = value
    assert list(VALIDATOR.iter_errors(changed))


def test_the_docs_tell_of_every_top_key():
    page = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    missing = [key for key in SCHEMA["properties"] if f"`{key}`" not in page]
    assert not missing
