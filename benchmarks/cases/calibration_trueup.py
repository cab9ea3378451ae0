"""trueup on a task: ``calibration_trueup.py TASK FOLDER [ready]``.

With ``ready`` the ``Evidence`` is made before the clock starts; without, making it from arrays is
part of the work, as it is for a user. Methods are looked up in the catalogue: one that is not there
says so.
"""

from __future__ import annotations

import importlib
import json
import re
import sys

import numpy as np
from calibration_task import DATA, Task, log_loss, run

import trueup as tu
from trueup.core.cards import all_cards
from trueup.core.cube import cube_of


READY = "ready" in sys.argv[3:]
NAMES = {
    "ece": "ece",
    "ece_interval": "ece",
    "smooth_ece": "smooth.*|smece",
    "ece_top": "ece",
    "classwise": "classwise_?ece",
    "temperature_event": "temperaturescaling",
    "temperature": "temperaturescaling",
    "temperature_double": "temperaturescaling",
    "platt": "plattscaling",
    "beta": "betacalibration",
    "quadratic": "quadratic.*",
    "vector": "vectorscaling",
    "svs": "structuredvector.*|svs",
    "sms": "structuredmatrix.*|sms",
    "isotonic": "isotoniccalibration",
    "isotonic_classes": "isotoniccalibration",
    "venn_abers": "(inductive)?venn_?abers.*",
}


def find(pattern: str):
    """The first public name of the calibration room that ``pattern`` matches whole, or None."""
    for card in all_cards():
        for name in card.exports or (card.name,):
            if card.question == "calibration" and re.fullmatch(pattern, name, re.IGNORECASE):
                return getattr(importlib.import_module(card.module), name)
    return None


def evidence(p, y, *_) -> tu.Evidence:
    """What a user passes to ``fit``."""
    return tu.Evidence(tu.Probabilities(p), y)


def of_estimate(estimate, name: str, task: str) -> dict[str, float]:
    """A value, and its interval where the task asks for one."""
    interval = {"low": estimate.low, "high": estimate.high} if task == "ece_interval" else {}
    return interval or {name: estimate.value}


def measure_task(measure, task: str) -> Task:
    """``measure(y, p)``; or its estimate of evidence."""
    name = {"smooth_ece": "smECE", "classwise": "classwise ECE"}.get(task, "ECE")

    def judge(estimate, *_):
        return of_estimate(estimate, name, task)

    if READY:
        return Task(lambda e: measure.estimate(measure.cube(e)), judge, lambda *a: (evidence(*a),))
    return Task(lambda p, y: measure(y, p), judge)


def corp_task() -> Task:
    """The three terms from one cube."""
    terms = {
        "MCB": tu.calibration.miscalibration,
        "DSC": tu.calibration.discrimination,
        "UNC": tu.calibration.uncertainty,
    }

    def work(*given):
        cube = cube_of(given[0] if READY else evidence(*given))
        return {name: term.estimate(cube).value for name, term in terms.items()}

    prepare = (lambda *a: (evidence(*a),)) if READY else lambda *a: a
    return Task(work, lambda found, *_: found, prepare)


def fit_task(method, task: str) -> Task:
    """``fit``; for Venn-ABERS also what it says of new rows."""

    def work(*given):
        fitted = method.fit(given[0] if READY else evidence(*given))
        if task != "venn_abers":
            return fitted
        return fitted, fitted.apply(tu.Probabilities(given[1] if READY else given[2]))

    def prepare(*given):
        return (evidence(*given), *given[2:]) if READY else given

    def judge(result, *given):
        return judged(result, given, task)

    return Task(work, judge, prepare)


def judged(result, given, task: str) -> dict[str, float]:
    """Temperature, or the log loss after the correction."""
    if task == "venn_abers":
        return {"log loss, new rows": log_loss(result[1].probs, given[3])}
    if task.startswith("temperature"):
        return {"T": result.map.temperature}
    after = log_loss(result.apply(tu.Probabilities(given[0])).probs, given[1])
    found = {"log loss": after}
    if task == "isotonic":
        found["steps"] = float(len(result.map.levels))
    if len(given) == 4:
        new = result.apply(tu.Probabilities(given[2])).probs
        found["log loss, new rows"] = log_loss(new, given[3])
    return found


def tasks() -> dict[str, Task]:
    """The task that was asked for, if its method is in the catalogue."""
    name = sys.argv[1]
    if name == "corp":
        return {name: corp_task()}
    method = find(NAMES[name])
    if method is None:
        print(json.dumps({"missing": "not built"}))
        raise SystemExit(0)
    if isinstance(method, type):
        return {name: fit_task(method(), name)}
    return {name: measure_task(method, name)}


if __name__ == "__main__":
    assert sys.argv[1] in DATA
    np.seterr(all="raise", under="ignore")
    run(tasks())
