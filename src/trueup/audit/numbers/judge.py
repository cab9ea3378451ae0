"""Judge one model that forecasts a number: measures, findings, corrections, verdict."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trueup.audit.finding import in_order, percent
from trueup.audit.how import groups_made_of
from trueup.audit.judge import few_groups, from_checks, left_alone
from trueup.audit.judged import AbstractJudged, number, score_words
from trueup.audit.numbers import pictures
from trueup.audit.numbers.against import (
    Against,
    against_findings,
    compare_with,
    how_compared,
)
from trueup.audit.numbers.drift import find_number_drift, number_drift_findings
from trueup.audit.numbers.groups import (
    columns_to_try,
    fallen_back,
    names_by_column,
    not_tried,
)
from trueup.audit.numbers.honesty import honesty_findings, short_series
from trueup.audit.numbers.measures import fair_score_of, measures_of, reported, score_of
from trueup.audit.numbers.remedies import NumberBench, try_corrections, words_of
from trueup.audit.numbers.slices import find_number_slices, number_slice_findings
from trueup.audit.remedies import Remedy
from trueup.core.forms import Form
from trueup.core.measure import AbstractMeasure
from trueup.core.number_sums import share_name, usual_share
from trueup.core.outcome import Outcome
from trueup.core.tables.kernel import Scan
from trueup.core.tables.plan import Plan


DATA_FAULTS = ("data_few_rows", "data_few_groups", "data_short_series")


@dataclass(frozen=True, eq=False)
class JudgedNumbers(AbstractJudged):
    """One model of the table, judged by its forecasts of a number."""

    @property
    def form(self) -> Form:
        """What was forecast."""
        assert self.plan.roles.form is not None
        return self.plan.roles.form

    @property
    def kind(self) -> str:
        return self.form.kind

    @property
    def score(self) -> AbstractMeasure:
        return score_of(self.form)

    @property
    def shown(self) -> list[tuple[str, str]]:
        names = [self.score.name, *(share_name("coverage", s) for s in reported(self.form))]
        names += [
            "spread_skill",
            "bias",
            "mae",
            "rmse",
            "skill",
            "skill_mae",
            "diebold_mariano_p_value",
        ]
        known = dict.fromkeys(name for name in names if name in self.measures)
        return [(name, _beside(name, self.plan.roles.against)) for name in known]

    @property
    def verdict(self) -> str:
        about = [f for f in self.findings if not f.id.startswith("data_")]
        thin = next((f for f in self.findings if f.id in DATA_FAULTS), None)
        if not about and thin:
            return f"Too little data to tell: {self._state}. {thin.sentence}"
        if not about:
            word = "Sound" if self.kind == "points" else "Honest"
            return f"{word}: {self._state}, and no fault was found in {self.cube.n:,} rows."
        first, rest = about[0], len(about) - 1
        if first.severity == "low" and self.chosen is None:
            more = f"{len(about)} small {'fault' if len(about) == 1 else 'faults'}"
            return f"Good: {self._state}, with {more} and none worth correcting."
        also = "" if not rest else f" ({rest} more finding{'s' if rest > 1 else ''} below)"
        return first.sentence.rstrip(".") + also + "."

    @property
    def _state(self) -> str:
        share, also = usual_share(self.form), ""
        if self.against is not None and self.against.beaten:
            also = f", it beats {self.against.column} by {percent(self.against.main.skill.value)}"
        if share is None:
            return f"it is off by {self.measures['mae'].value:.4g} on average{also}"
        held = self.measures[share_name("coverage", share)].value
        return f"its {100 * share:g}% intervals hold {percent(held)} of truths{also}"

    @property
    def action(self) -> str:
        also, said = self._beyond, score_words(self.score)
        if self.chosen is not None:
            proof = self.chosen.proof
            return (
                f"{self.advice}: apply {self.title(self.chosen)}, which takes the {said} from "
                f"{proof.before.value:.4g} to {proof.after.value:.4g} on {proof.after.n:,} rows "
                f"that it never saw{also}."
            )
        if self._worse:
            why = left_alone(self, also).removeprefix("Leave it: ")
            return f"Replace it: {self.plan.roles.against} is better, and {why}"
        tried = self.trial.remedies
        if any(remedy.proof.outcome is Outcome.PROVEN for remedy in tried) and not self.findings:
            return f"Leave it: there is no fault that a correction should mend{also}."
        return left_alone(self, also)

    @property
    def _beyond(self) -> str:
        """Faults that no correction of the whole mends."""
        if self._worse and self.chosen is not None:
            return f"; then compare it with {self.plan.roles.against} again, now the better one"
        moved = next((d for d in self.drifts if d.changed and d.series != "spread"), None)
        if moved:
            return f"; refit on rows from {moved.change_at} on, where its errors changed"
        mended = [self.chosen.column] if self.chosen else []
        bad = next((s for s in self.slices if s.flagged and list(s.by) != mended), None)
        return f"; then look into {bad.label}, which no overall correction mends" if bad else ""

    @property
    def _worse(self) -> bool:
        return self.against is not None and self.against.outcome == "worse"

    @property
    def advice(self) -> str:
        """``Widen it``, ``Shift it``, ``Correct it``, ``Replace it``, ``Leave it``, ..."""
        if self.chosen is None:
            return "Replace it" if self._worse else "Leave it"
        for finding in self.findings:
            if finding.id in _ADVICE:
                return _ADVICE[finding.id]
        return "Correct it"

    @property
    def left_out(self) -> list[str]:
        return [*not_tried(self.plan, self.slices), *fallen_back(self.plan, self.chosen)]

    def title(self, remedy: Remedy) -> str:
        if remedy.column:
            return remedy.title
        name, found = words_of(remedy.title), remedy.fitted.map.parameters
        if not found or len(found) > 3:
            return name
        return f"{name} ({', '.join(f'{k} {v:.3g}' for k, v in found.items())})"

    @property
    def headline(self) -> list[dict]:
        m, score, share = self.measures, self.score, usual_share(self.form)
        if share is None:
            rows = [
                number("bias", "Mean error", m["bias"], "", "0 is right"),
                number("rmse", "Root mean squared error", m["rmse"], "", "large errors count more"),
            ]
        else:
            name = share_name("coverage", share)
            held = f"{100 * share:g}% stated"
            ratio = "1 is right; above, too narrow"
            rows = [
                number(name, f"Truths inside its {100 * share:g}% intervals", m[name], "percent",
                       held),
                number("spread_skill", "Error over spread", m["spread_skill"], "", ratio),
            ]  # fmt: skip
        if self.against is not None:
            rows[1] = _skill(self.against)
        if self.chosen is None:
            label = score.label
            return [*rows, number(score.name, label, m[score.name], "", "as it is")]
        change = self.chosen.proof.difference
        note = f"by {self.title(self.chosen)}, on rows that it never saw"
        label = f"Change of the {score_words(score)}"
        return [*rows, number(f"{score.name}_change", label, change, "", note)]

    @property
    def pictures(self) -> dict[str, dict]:
        return pictures.of_numbers(self)

    @property
    def how(self) -> list[tuple[str, str]]:
        return _how(self)


_ADVICE = {
    "too_narrow": "Widen it",
    "too_narrow_tails": "Widen it",
    "too_wide": "Narrow it",
    "biased_high": "Shift it",
    "biased_low": "Shift it",
}


def _beside(name: str, column: str) -> str:
    if name.startswith("coverage_"):
        return f"{name.removeprefix('coverage_')}% stated"
    words = {"spread_skill": "1 is right", "skill_mae": "that of its median alone"}
    return f"above 0: better than {column}" if name == "skill" else words.get(name, "")


def _p(p_value: float) -> str:
    if p_value != p_value:
        return "not known"
    return "< 0.001" if p_value < 0.001 else f"= {p_value:.3f}"


def _skill(against: Against) -> dict:
    note = f"above 0 is better than it, p {_p(against.test.p_value)}"
    label = f"Skill against {against.column}"
    return number("skill", label, against.main.skill, "percent", note)


def judge_numbers(
    found: Scan, plan: Plan, *, model: str = "", level: float = 0.95
) -> JudgedNumbers:
    """Everything that can be said about one model that forecasts a number."""
    cube, form = found.cube, plan.roles.form
    assert form is not None and found.sample is not None
    score = score_of(form)
    measures = measures_of(cube, form, level=level)
    cut = find_number_slices(cube, form, score=score.name, level=level)
    drifts = (
        []
        if plan.clock is None or cube.chunks is None
        else find_number_drift(cube.chunks, plan.clock, form, level=level)
    )
    against = compare_with(cube, form, plan.roles.against, level=level)
    measures |= against.measures if against else {}
    honesty = honesty_findings(cube, form, measures)
    # Any score of a few members is lowered by smoothing them, however honest they are.
    smooth = form.kind != "ensemble" or bool(honesty)
    by = names_by_column(found.sample, plan, columns_to_try(plan, cut))
    bench = NumberBench(found.sample, form, cube.table.shape[0], cube.grouping, by)
    in_time, fair = plan.grouping == "block", fair_score_of(form)
    trial = try_corrections(bench, fair, in_time=in_time, level=level, smooth=smooth)
    if not smooth and trial.chosen is not None and not trial.chosen.column:
        trial = replace(trial, chosen=None)
    findings = [
        *against_findings(against),
        *honesty,
        *number_slice_findings(cut),
        *number_drift_findings(drifts),
    ]
    checks = [*plan.profile.checks, *few_groups(cube, plan), *short_series(measures, honesty)]
    findings += from_checks(checks, cube.n)
    return JudgedNumbers(
        model, found, plan, measures, in_order(findings), cut, drifts, trial, checks, against
    )


def _how(judged: JudgedNumbers) -> list[tuple[str, str]]:
    plan, cube, sample = judged.plan, judged.cube, judged.scan.sample
    groups = int((cube.table.total("n")[:, 0] > 0).sum())
    assert sample is not None
    fitted = (
        "on all rows" if sample.every == 1 else f"on a seeded sample of {len(sample.truth):,} rows"
    )
    places = cube.grid.size
    rows = [
        ("One pass", f"{cube.n:,} rows were summed into {groups} groups x {places} places of the "
         "truth within the forecast."),
        ("Groups", f"Rows were grouped by {groups_made_of(plan)}."),
        ("Error bars", "Delete-a-group jackknife with Student's t at the effective degrees of "
         "freedom; Wilson's interval for shares with fewer than 15 errors or successes."),
        ("Corrections", f"Fitted {fitted}; half of the groups learn and choose by cross-fitting, "
         "the other half prove; doing nothing is always a candidate. Corrections for each value of "
         "a column in which a slice stands out must beat what wins without."),
        ("Slices", "Each slice is asked two questions and its smaller p-value doubled; "
         "Benjamini-Hochberg at 5 % over single values and at 1 % over pairs; a pair is named only "
         "if neither of its values explains it."),
        ("Drift", "Largest standardised running sum over chunks of time, judged by permutation, "
         "Holm over the series."),
    ]  # fmt: skip
    rows += how_compared(judged.against, plan)
    if judged.kind == "points":
        return rows
    if judged.kind == "ensemble":
        rows.append(
            ("Fairness", "Corrections are compared by the fair CRPS, which takes members for a "
             "sample of a law; the measure takes them for the law.")
        )  # fmt: skip
    test = judged.measures["pit_p_value"].how
    text = f"Where the truth falls within the forecast, as often as stated: {test}."
    return [*rows, ("Honesty", text)]
