"""A forecast against a reference in a column: skill, and is the difference more than luck?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trueup import error
from trueup.audit.finding import Finding
from trueup.audit.judged import score_words
from trueup.audit.numbers.measures import score_of
from trueup.core.cube import Cube
from trueup.core.estimate import Estimate
from trueup.core.forms import Form
from trueup.core.grid import Grid
from trueup.core.measure import AbstractMeasure
from trueup.core.multiple import holm
from trueup.core.tables.plan import Plan
from trueup.core.tables.reference import sides
from trueup.forecast.scores.diebold_mariano import Comparison, compared_by_groups
from trueup.forecast.scores.skill import skill_of_cubes


if TYPE_CHECKING:
    from trueup.audit.judged import AbstractJudged


SURE = 0.05
"""False-alarm rate of the statement that a forecast and its reference differ."""


@dataclass(frozen=True)
class Scored:
    """A score of the forecast and of the reference on the same rows, and the skill."""

    score: AbstractMeasure
    forecast: Estimate
    reference: Estimate
    skill: Estimate

    def to_dict(self) -> dict:
        """A dict for JSON."""
        sides = {name: getattr(self, name).to_dict() for name in ("forecast", "reference", "skill")}
        return {"score": self.score.name, **sides}


@dataclass(frozen=True)
class Against:
    """What came of comparing a forecast with a reference.

    Attributes
    ----------
    column
        Name of the reference.
    kind
        What was forecast.
    scores
        By the usual score first, then by others.
    test
        Difference of the usual score, forecast minus reference, and its p-value.
    centre
        The same of the absolute error of the median.
    """

    column: str
    kind: str
    scores: tuple[Scored, ...]
    test: Comparison
    centre: Comparison

    @property
    def main(self) -> Scored:
        """By the score that the test is of."""
        return self.scores[0]

    @property
    def outcome(self) -> str:
        """``"better"``, ``"worse"`` or ``"not_distinguishable"``."""
        return outcome_of(self.test)

    @property
    def beaten(self) -> bool:
        """Whether the reference is beaten by the law and, as a single number, by its median."""
        return self.outcome == "better" and outcome_of(self.centre) == "better"

    @property
    def measures(self) -> dict[str, Estimate]:
        """Name -> estimate, as they stand among the measures of the audit."""
        heads = ["skill", *(f"skill_{s.score.name}" for s in self.scores[1:])]
        found = {head: s.skill for head, s in zip(heads, self.scores, strict=True)}
        d = self.test.difference
        p_value = Estimate(self.test.p_value, level=d.level, n=d.n, how=d.how)
        return {**found, "diebold_mariano": d, "diebold_mariano_p_value": p_value}

    @property
    def sentence(self) -> str:
        """What came of it, in words."""
        said, own, other = self._said
        if self.outcome == "better":
            return f"Better than {self.column}: its {said} is {own}, {other}."
        if self.outcome == "worse":
            return f"Worse than {self.column}: its {said} is {own}, {other}."
        return f"Not surely better than {self.column}: its {said} is {own}, {other}, {self._luck}."

    @property
    def _luck(self) -> str:
        if not math.isfinite(self.test.difference.low):
            return "with too few groups of rows to tell"
        if self.main.skill.excludes(0.0):
            return f"and a few groups of rows decide the difference (p {self.test.p_value:.2f})"
        return "which may be luck"

    @property
    def _said(self) -> tuple[str, str, str]:
        """The score in words, its value, and that of the reference with what it is."""
        main = self.main
        own, other = f"{main.forecast.value:.4g}", f"{main.reference.value:.4g}"
        alike = main.score.name == error.mae.name
        that = f"that of {self.column}" if alike else f"the absolute error of {self.column}"
        said = score_words(main.score)
        if self.kind == "intervals":
            said = f"{said} at the middle"
        return said, own, f"{that} {other}"

    def to_dict(self) -> dict:
        """A dict for JSON."""
        return {
            "column": self.column,
            "rows": self.test.difference.n,
            "outcome": self.outcome,
            "sentence": self.sentence,
            "difference": self.test.difference.to_dict(),
            "p_value": self.test.p_value if math.isfinite(self.test.p_value) else None,
            "scores": [scored.to_dict() for scored in self.scores],
        }


def outcome_of(test: Comparison) -> str:
    """``"better"``, ``"worse"`` or ``"not_distinguishable"`` at the rate of ``SURE``."""
    if not test.p_value < SURE:
        return "not_distinguishable"
    return "better" if test.difference.value < 0 else "worse"


def compare_with(cube: Cube, form: Form, column: str, *, level: float) -> Against | None:
    """The forecast against the reference; None where no row has both."""
    if cube.against is None or not cube.against["n"].any():
        return None
    own, other = (Cube(Grid(1, 1), cells, False, cube.grouping) for cells in sides(cube.against))
    # The interval score of a point would be its error ten or twenty times: no fair comparison.
    usual = error.mae if form.kind == "intervals" else score_of(form)
    scores = list({score.name: score for score in (usual, error.mae, error.rmse)}.values())
    found = [
        Scored(
            score,
            score.estimate(own, level=level),
            score.estimate(other, level=level),
            skill_of_cubes(score, own, other, level=level),
        )
        for score in scores
    ]
    tests = [compared_by_groups(score, own, other, level=level) for score in (usual, error.mae)]
    return Against(column, form.kind, tuple(found), *tests)


def against_findings(found: Against | None) -> list[Finding]:
    """A forecast that is worse than its reference, or not surely better, or so in its centre."""
    if found is None:
        return []
    skill, column = found.main.skill, found.column
    size = min(abs(skill.value), 1.0) if skill.value == skill.value else 0.0
    if found.outcome == "worse":
        return [Finding(f"worse_than:{column}", "high", found.sentence, skill, "", size, "percent")]
    if found.outcome != "better":
        name = f"not_better_than:{column}"
        return [Finding(name, "medium", found.sentence, skill, "", size, "percent")]
    return _centre(found) if outcome_of(found.centre) == "worse" else []


def _centre(found: Against) -> list[Finding]:
    """Better as a law, and worse as a single number."""
    by = next(s for s in found.scores if s.score.name == error.mae.name)
    text = (
        f"Its median alone is worse than {found.column}: it is off by {by.forecast.value:.4g} on "
        f"average, {found.column} by {by.reference.value:.4g}."
    )
    name, size = f"median_worse_than:{found.column}", min(abs(by.skill.value), 1.0)
    return [Finding(name, "medium", text, by.skill, "", size, "percent")]


def reference_findings(models: Sequence[AbstractJudged]) -> list[Finding]:
    """Models beside the first that are worse than the reference, Holm over all of them."""
    known = [(m.model, m.against) for m in models if m.against is not None]
    sure = holm([1.0 if math.isnan(a.test.p_value) else a.test.p_value for _, a in known])
    found = []
    for (model, against), p in zip(known, sure, strict=True):
        if model != models[0].model and p < SURE and against.test.difference.value > 0:
            text = f"{model} is {against.sentence[0].lower()}{against.sentence[1:]}"
            name, skill = f"worse_than:{against.column}:{model}", against.main.skill
            found.append(Finding(name, "low", text, skill, "models", 0.0, "percent"))
    return found


def how_compared(found: Against | None, plan: Plan) -> list[tuple[str, str]]:
    """How the comparison was made: (label, text)."""
    if found is None:
        return []
    said = score_words(found.main.score)
    said = said if said.startswith("mean") else f"mean {said}"
    groups = {"row": "groups of rows", "cluster": f"groups of {plan.roles.cluster}"}
    units = groups.get(plan.grouping, f"blocks of {plan.roles.time}")
    text = (
        f"Skill is 1 minus the {said} over the mean absolute error of {found.column}, which is "
        f"the same score of a single number, on the {found.test.difference.n:,} rows that have "
        f"both. {found.test.difference.how} over {units}; a difference is named at p below 0.05."
    )
    if plan.grouping == "block":
        text += " A block must be longer than errors depend on each other."
    return [("Reference", text)]
