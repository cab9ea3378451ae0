"""Judge one model: measures, findings, corrections, verdict, all from its scan."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from trueup import calibration
from trueup.audit import confidence, drift, pictures, slices
from trueup.audit.bench import bench_of
from trueup.audit.finding import Finding, in_order, percent, points
from trueup.audit.groups import group_benches, not_tried
from trueup.audit.how import how
from trueup.audit.judged import AbstractJudged, number
from trueup.audit.remedies import Remedy, try_all
from trueup.core.cube import Cube
from trueup.core.estimate import Estimate
from trueup.core.probabilities import EPS
from trueup.core.tables.checks import Check
from trueup.core.tables.kernel import Scan
from trueup.core.tables.plan import Plan


LEAST_GROUPS = 8
"""Groups below which a standard error is hardly known itself."""

MEASURES = (
    calibration.log_loss,
    calibration.brier,
    calibration.accuracy,
    calibration.auc,
    calibration.ece,
    calibration.noise_floor,
    calibration.calibration_error,
    calibration.calibration_test,
    calibration.classwise_ece,
    calibration.confidence_gap,
    calibration.calibration_slope,
    calibration.miscalibration,
    calibration.discrimination,
    calibration.uncertainty,
)


SELDOM = 1e-3
"""Share of rows that may be called impossible before that is more than an oddity."""


@dataclass(frozen=True, eq=False)
class JudgedProbabilities(AbstractJudged):
    """One model of the table, judged by the probabilities that it gave."""

    kind = "probabilities"
    score = calibration.log_loss

    @property
    def shown(self) -> list[tuple[str, str]]:
        names = ("log_loss", "brier", "accuracy", "auc", "calibration_error_debiased")
        # The noise floor stands beside the plug-in error, always.
        floor = f"noise alone makes {self.measures['ece_noise_floor'].value:.4f}"
        return [*((name, "") for name in names), ("ece", floor)]

    @property
    def verdict(self) -> str:
        return verdict(self)

    @property
    def action(self) -> str:
        return action(self)

    @property
    def advice(self) -> str:
        return advice(self)

    @property
    def headline(self) -> list[dict]:
        return headline(self)

    @property
    def pictures(self) -> dict[str, dict]:
        return pictures.of_probabilities(self)

    @property
    def how(self) -> list[tuple[str, str]]:
        return how(self)

    @property
    def left_out(self) -> list[str]:
        return not_tried(self.plan)

    def title(self, remedy: Remedy) -> str:
        return title(remedy)

    @property
    def measures_dict(self) -> dict:
        """Name -> estimate as a dict; None for what this kind of table does not have."""
        return {"classwise_ece": None, "calibration_slope": None} | super().measures_dict


def judge_model(
    found: Scan, plan: Plan, *, model: str = "", level: float = 0.95
) -> JudgedProbabilities:
    """Everything that can be said about one model."""
    cube, event = found.cube, plan.roles.event
    measures = {
        m.name: m.estimate(cube, level=level)
        for m in MEASURES
        if not (
            (event and m.name == "classwise_ece") or (not event and m.name == "calibration_slope")
        )
    }
    overall = confidence.confidence_findings(cube, measures)
    cut = slices.find_slices(cube, level=level)
    drifts = (
        []
        if plan.clock is None or cube.chunks is None
        else drift.find_drift(cube.chunks, plan.clock, event=event, level=level)
    )
    bench = bench_of(found, plan.profile.classes)
    by, in_time = group_benches(found, plan), plan.grouping == "block"
    trial = try_all(bench, k=plan.k, in_time=in_time, level=level, groups=by)
    findings = [
        *overall,
        *confidence.class_findings(cube, plan.profile.classes, overall),
        *confidence.ranking_findings(measures),
        *slices.slice_findings(cut, event=event),
        *drift.drift_findings(drifts),
    ]
    checks = [*plan.profile.checks, *_zeros(found), *few_groups(cube, plan)]
    findings += from_checks(checks, cube.n)
    return JudgedProbabilities(
        model, found, plan, measures, in_order(findings), cut, drifts, trial, checks
    )


def _zeros(found: Scan) -> list[Check]:
    if not found.zeros:
        return []
    rows = "1 row" if found.zeros == 1 else f"{found.zeros:,} rows"
    text = (
        f"{rows} called what happened all but impossible (a probability below {EPS:g}); the log "
        f"loss counts each as {-math.log(EPS):.1f} nats."
    )
    often = found.zeros > SELDOM * found.cube.n
    return [Check("data_impossible", "medium" if often else "low", text, found.zeros)]


def few_groups(cube: Cube, plan: Plan) -> list[Check]:
    """A warning where too few groups of rows stand behind every error bar."""
    used = int((cube.table.total("w")[:, 0] > 0).sum())
    if used >= LEAST_GROUPS:
        return []
    text = (
        f"Rows fall into only {used} {groups_called(plan)}, which may each share their luck: "
        f"intervals {'are wide and rough' if used > 1 else 'cannot be given'}."
    )
    return [Check("data_few_groups", "medium", text, used)]


def groups_called(plan: Plan) -> str:
    """What a group is, to people."""
    names = {"row": "groups of rows", "block": f"blocks of {plan.roles.time}"}
    return names.get(plan.grouping, f"different values of {plan.roles.cluster}")


def from_checks(checks: list[Check], n: int) -> list[Finding]:
    """A finding for everything that is odd about the data."""
    return [
        Finding(
            check.id,
            check.severity,
            check.sentence,
            Estimate(check.count, n=n, how="counted"),
            unit="count",
        )
        for check in checks
        if check.severity != "ok"
    ]


def verdict(judged: AbstractJudged) -> str:
    """What is true of the model, in one sentence."""
    about = [f for f in judged.findings if not f.id.startswith("data_")]
    said = _state(judged)
    thin = next((f for f in judged.findings if f.id in ("data_few_rows", "data_few_groups")), None)
    if not about and thin:
        return f"Too little data to tell: {said}. {thin.sentence}"
    if not about:
        return f"Trustworthy: {said}, and no fault was found in {judged.cube.n:,} rows."
    first, rest = about[0], len(about) - 1
    if first.severity == "low" and judged.chosen is None:
        more = f"{len(about)} small {'fault' if len(about) == 1 else 'faults'}"
        return f"Good: {said}, with {more} and none worth correcting."
    also = "" if not rest else f" ({rest} more finding{'s' if rest > 1 else ''} below)"
    return first.sentence.rstrip(".") + also + "."


def _state(judged: AbstractJudged) -> str:
    right = judged.measures["accuracy"].value
    said = right + judged.measures["confidence_gap"].value
    return f"it says {percent(said)} and is right {percent(right)} of the time"


def action(judged: AbstractJudged) -> str:
    """What to do, in one sentence, and what no overall correction mends."""
    also = _beyond(judged)
    if judged.chosen is not None:
        proof = judged.chosen.proof
        return (
            f"{advice(judged)}: apply {title(judged.chosen)}, which takes the log loss from "
            f"{proof.before.value:.4g} to {proof.after.value:.4g} on {proof.after.n:,} rows that "
            f"it never saw{also}."
        )
    return left_alone(judged, also)


def left_alone(judged: AbstractJudged, also: str) -> str:
    """Why no correction is applied."""
    tried = judged.trial.remedies
    if not tried:
        few = groups_called(judged.plan)
        return f"Leave it: too few {few} to learn a correction and prove it{also}."
    worse = all(remedy.proof.difference.value > 0 for remedy in tried)
    reason = (
        f"every one of the {len(tried)} corrections tried makes it worse"
        if worse
        else f"none of the {len(tried)} corrections tried is surely better"
    )
    return f"Leave it: {reason} on rows that it never saw{also}."


def _beyond(judged: AbstractJudged) -> str:
    """Faults that are not a matter of overall confidence."""
    mended = [judged.chosen.column] if judged.chosen else []
    slice_ = next((s for s in judged.slices if s.flagged and list(s.by) != mended), None)
    moved = next((d for d in judged.drifts if d.changed and d.series == "calibration"), None)
    if moved:
        return (
            f"; refit on rows from {moved.change_at} on, where scores came to mean something else"
        )
    return f"; then look into {slice_.label}, which no overall correction mends" if slice_ else ""


def advice(judged: AbstractJudged) -> str:
    """``Cool it``, ``Sharpen it``, ``Correct it`` or ``Leave it``."""
    if judged.chosen is None:
        return "Leave it"
    ids = {finding.id for finding in judged.findings}
    return (
        "Cool it"
        if "overconfident" in ids
        else ("Sharpen it" if "underconfident" in ids else "Correct it")
    )


def title(remedy: Remedy) -> str:
    """``temperature scaling (temperature 5.75)``."""
    if remedy.column:
        return remedy.title
    # The paper's name in words: BetaCalibration -> beta calibration; Platt keeps his capital.
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", remedy.title).lower().replace("platt", "Platt")
    if len(remedy.fitted.map.parameters) > 3:
        return name
    numbers = (f"{k} {v:.3g}" for k, v in remedy.fitted.map.parameters.items())
    return f"{name} ({', '.join(numbers)})"


def headline(judged: AbstractJudged) -> list[dict]:
    """The three numbers that carry the verdict."""
    m = judged.measures
    gap, plug_in, floor = m["confidence_gap"], m["ece"], m["ece_noise_floor"]
    noise = f"free of noise; plug-in {points(plug_in.value)}, noise alone {points(floor.value)}"
    sure = "too sure" if gap.value > 0 else "too timid"
    rows = [
        number("confidence_gap", "Confidence minus accuracy", gap, "points", sure),
        number(
            "calibration_error_debiased",
            "Calibration error",
            m["calibration_error_debiased"],
            "points",
            noise,
        ),
    ]
    if judged.chosen is None:
        return [*rows, number("log_loss", "Log loss", m["log_loss"], "nat", "as it is")]
    change = judged.chosen.proof.difference
    note = f"by {title(judged.chosen)}, on rows that it never saw"
    return [*rows, number("log_loss_change", "Change of the log loss", change, "nat", note)]
