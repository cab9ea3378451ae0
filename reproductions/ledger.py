"""The ledger: what published systems claim, and whether that was found here.

A script ``reproductions/<question>/<system>.py`` holds a literal ``REPRODUCTION`` and a function
``run(scale="small", seed=0)`` that returns a ``Proof`` or an ``Estimate`` a claim, in order.
Literals are parsed, not run: listing the scripts imports none of them.
"""

from __future__ import annotations

import ast
import json
import math
import operator
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from scipy.stats import t as student

from trueup.core.cards import QUESTIONS
from trueup.core.errors import UsageError
from trueup.core.estimate import Estimate


HERE = Path(__file__).parent
SIDES = {"<": operator.lt, ">": operator.gt}


@dataclass(frozen=True)
class Claim:
    """A published claim in our words, and the side on which the measured number must lie.

    Parameters
    ----------
    words
        One sentence that is true or false.
    side
        ``"< 0"``, ``"> 0.5"`` or ``"between -0.01 0.01"``, in the unit of what is measured.

    Examples
    --------
    >>> Claim("the error falls", "< 0").met_by(Estimate(-0.2, -0.3, -0.1))
    True
    >>> Claim("the error falls", "< 0").met_by(Estimate(-0.2, -0.5, 0.1))
    False
    """

    words: str
    side: str

    def __post_init__(self) -> None:
        word, *numbers = self.side.split()
        wanted = {"<": 1, ">": 1, "between": 2}.get(word)
        if wanted is None or len(numbers) != wanted or not all(map(_is_number, numbers)):
            raise UsageError(
                "Claim",
                f"the side is {self.side!r}",
                do='Write "< 0", "> 0.5" or "between -0.01 0.01"',
            )

    def met_by(self, estimate: Estimate) -> bool:
        """Whether the whole interval lies on the side; never where it is not finite."""
        word, *numbers = self.side.split()
        bounds = [float(number) for number in numbers]
        if not estimate.finite:
            return False
        if word == "between":
            return bounds[0] <= estimate.low and estimate.high <= bounds[1]
        return all(SIDES[word](end, bounds[0]) for end in (estimate.low, estimate.high))


@dataclass(frozen=True)
class Reproduction:
    """The literal at the top of a script.

    Parameters
    ----------
    mission
        Number of the published system in the list of systems.
    system
        The paper's name of it.
    question
        The question it belongs to, as on cards.
    paper
        Title and place of the paper.
    claims
        What is measured, in the order in which ``run`` returns it.
    differs
        What differs here from what was published.
    scale
        ``"paper"``: the published setting; ``"exact"``: truth known in closed form, no scale to
        speak of; ``"reduced"``: a smaller world, where a claim holds "at this scale" at most.
    seeds
        How many seeds are run; with 1 the interval is that of the measurement itself.
    needs
        Optional packages.
    data
        Folders of the shared data that it reads.
    path
        File of the script, filled in by the reader.
    """

    mission: int
    system: str
    question: str
    paper: str
    claims: tuple[Claim, ...]
    differs: str
    scale: str = "reduced"
    seeds: int = 5
    needs: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    path: Path = Path()

    def __post_init__(self) -> None:
        scales = ("paper", "exact", "reduced")
        if self.question not in QUESTIONS or self.scale not in scales or self.seeds < 1:
            raise UsageError(
                f"Reproduction {self.system}",
                f"question is '{self.question}', scale '{self.scale}', seeds {self.seeds}",
                do=f"Use one of {', '.join(QUESTIONS)}; one of {', '.join(scales)}; a seed or more",
            )

    def judge(self, claim: Claim, measured: Estimate) -> str:
        """``"yes"``, ``"at this scale"`` or ``"no"``."""
        if not claim.met_by(measured):
            return "no"
        return "at this scale" if self.scale == "reduced" else "yes"

    def missing(self) -> str:
        """What this machine lacks to run it, in words; empty where nothing is missing."""
        packages = [f"the package {name}" for name in self.needs if find_spec(name) is None]
        folders = [f"the shared data {name}" for name in self.data if not shared(name).exists()]
        return " and ".join(packages + folders)


def shared(*parts: str) -> Path:
    """A place in the shared data: below ``TRUEUP_DATA``, else ``../shared/data``."""
    return Path(os.environ.get("TRUEUP_DATA") or HERE.parents[1] / "shared" / "data", *parts)


def read_scripts(folder: Path = HERE) -> list[Reproduction]:
    """The literals of all scripts in the rooms of ``folder``, by mission."""
    paths = [path for room in QUESTIONS for path in sorted((folder / room).glob("*.py"))]
    found = [read_script(path) for path in paths if "\nREPRODUCTION = " in path.read_text("utf-8")]
    return sorted(found, key=lambda script: (script.mission, script.system))


def read_script(path: Path) -> Reproduction:
    """The literal of one script."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "REPRODUCTION":
            return replace(_value(node.value), path=path)
    raise UsageError(str(path), "there is no REPRODUCTION", do="Write one as a literal")


def _value(node: ast.expr):
    """A literal in which Claim and Reproduction may be called."""
    if isinstance(node, ast.Call):
        kind = {"Claim": Claim, "Reproduction": Reproduction}[getattr(node.func, "id", "")]
        named = {word.arg: _value(word.value) for word in node.keywords if word.arg}
        return kind(*map(_value, node.args), **named)
    if isinstance(node, ast.Tuple):
        return tuple(map(_value, node.elts))
    return ast.literal_eval(node)


def over_seeds(found: Sequence[Estimate], *, faults: Sequence[str] = ()) -> Estimate:
    """Mean over seeds with its t interval; the interval is unknown where a seed gave no number.

    Examples
    --------
    >>> print(over_seeds([Estimate(1.0), Estimate(2.0), Estimate(3.0)]))
    2.0000 (-0.4841 to 4.4841)
    """
    values = np.array([e.value for e in found if math.isfinite(e.value)])
    missing = len(found) + len(faults) - len(values)
    if len(found) == 1 and not missing:
        return found[0]
    mean = float(values.mean()) if len(values) else math.nan
    if missing:
        said = "; ".join(faults) or "not a finite number"
        how = f"{missing} of {len(found) + len(faults)} seeds failed: {said}"
        return Estimate(mean, n=len(values), how=how)
    half = float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))
    return Estimate(mean, mean - half, mean + half, n=len(values), how="t interval over seeds")


def read_ledger(folder: Path = HERE) -> list[dict]:
    """The rows that were written last."""
    path = folder / "ledger.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else []


def record(rows: Iterable[dict], folder: Path = HERE) -> None:
    """Put rows in the place of those of the same system; drop rows whose script is gone.

    A row is a line of the file, so that work on different systems merges.
    """
    new = list(rows)
    replaced = {_key(row) for row in new}
    there = {(script.mission, script.system) for script in read_scripts(folder)}
    kept = [row for row in read_ledger(folder) if _key(row) in there - replaced]
    lines = [json.dumps(row, allow_nan=False) for row in sorted(kept + new, key=_key)]
    path, fresh = folder / "ledger.json", folder / "ledger.json.new"
    fresh.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    fresh.replace(path)


def _key(row: dict) -> tuple[int, str]:
    return row["mission"], row["system"]


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
