"""Any correction for a table: learned on half of its groups, judged on the rest."""

from __future__ import annotations

import dataclasses
import importlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from trueup.audit.asked import asked_form
from trueup.audit.store import StoredRemedy
from trueup.audit.verbs import read_options
from trueup.core.cards import Card
from trueup.core.correction import AbstractCorrection
from trueup.core.errors import TrueupError, UsageError
from trueup.core.estimate import Estimate
from trueup.core.evidence import Evidence
from trueup.core.fitted import Fitted
from trueup.core.laws import common_kind
from trueup.core.splits import split_groups
from trueup.core.tables.labels import table_values
from trueup.core.tables.opened import opened
from trueup.core.tables.plan import Plan, make_plan
from trueup.core.tables.profile import profile
from trueup.core.tables.roles import Leniency, Roles, assign
from trueup.core.tables.sampled import sampled
from trueup.core.tables.source import Table
from trueup.verbs import correction_card, measure, prove


FOUND = {
    "sets": ("coverage", "mean_set_size", "singletons", "empty_sets"),
    "intervals": ("coverage", "width"),
    "quantiles": ("wis", "crossing"),
    "normal": ("crps",),
    "ensemble": ("crps",),
    "points": ("mae", "bias"),
    "probabilities": ("log_loss", "accuracy"),
}
"""Kind of prediction -> measures of what a correction gives."""

PROMISED = {"sets": "coverage", "intervals": "coverage"}
"""Kind of prediction that comes with a promised share -> measure of that share."""


@dataclass(frozen=True, eq=False)
class Learned:
    """A correction, and what it is worth on rows that it never saw.

    Attributes
    ----------
    remedy
        The correction with its columns: ``save`` and ``export`` it.
    found
        Name of a measure -> estimate of what comes out.
    proof
        What it did to the score, where before and after can be compared; else None.
    learned_on, judged_on
        Rows of the fit, and of the estimates.
    every
        One row in so many was read.
    guessed
        Role -> columns that were taken for it by their names.
    """

    remedy: StoredRemedy
    found: dict[str, Estimate]
    proof: Any
    learned_on: int
    judged_on: int
    every: int
    guessed: dict[str, str]

    @property
    def promised(self) -> float | None:
        """Share of truths that was asked for; None where nothing was promised."""
        gives = self.remedy.gives
        return gives.levels[0] if gives.kind in PROMISED else None

    @property
    def short(self) -> bool:
        """Whether fewer truths are inside than chance of one fit and of its judges explains."""
        if self.promised is None:
            return False
        found = self.found[PROMISED[self.remedy.gives.kind]]
        chance = 2 * math.sqrt(self.promised * (1 - self.promised) / self.learned_on)
        return found.high < self.promised - chance


def learn(
    data: Any,
    *,
    method: str,
    settings: Mapping[str, Any] | None = None,
    truth: str = "",
    probs: Sequence[str] = (),
    prob: str = "",
    by: Sequence[str] = (),
    level: float = 0.95,
    **roles_and_leniency: Any,
) -> Learned:
    """Fit the correction called ``method`` on half of a table, and judge it on the other half.

    Halves are groups of rows as in ``audit``: clusters stay whole, and of a series the early half
    learns and the late one judges. Very large tables are read as a sample.

    Parameters
    ----------
    data
        As for ``audit``: a path, a frame, or a dict of arrays.
    method
        Name of a correction, as in ``trueup methods``.
    settings
        Its own settings. Columns that they name (``per``, ``ratio``, ``columns``) are read.
    truth, probs, prob, by, roles_and_leniency
        As for ``audit``.
    level
        Level of the intervals, in (0, 1).

    Examples
    --------
    >>> from trueup.worlds import planted_table
    >>> table = planted_table(4_000).columns
    >>> made = learn(table, method="ConformalSets", settings={"level": 0.8}, truth="y", prob="p")
    >>> made.remedy.outputs, made.learned_on + made.judged_on
    (('in_0', 'in_1'), 4000)
    >>> print(made.found["coverage"])
    0.7874 (0.7693 to 0.8056)
    """
    card = correction_card("correct", method)
    options = read_options("correct", roles_and_leniency)
    values, form = asked_form(options["numbers"])
    columns = tuple([prob] if prob else [probs] if isinstance(probs, str) else probs)
    given = Roles(truth, columns, bool(prob), values, form, **options["roles"])
    with opened(data, threads=options["threads"]) as table:
        chosen = _settings(card, dict(settings or {}))
        roles = _one_model(table, assign(table, given, guess=options["guess"]))
        plan = make_plan(table, roles, profile(table, roles, Leniency(**options["leniency"])))
        beside, features = _beside(table, chosen, by)
        evidence, every = sampled(table, plan, by=beside, features=features)
        name = options["name"] or table.name
    one, other = _halves(evidence)
    fitted = chosen.fit(one)
    found, proof = _found(fitted, other, level), _proof(fitted, other, level)
    promised = proof is None or fitted.gives.kind in PROMISED
    kept = _kept(found, fitted, other) if promised else proof.to_dict()
    remedy = _remedy(fitted, plan, kept, {"table": name, "paper": card.paper})
    taken = {role: ", ".join(_columns(roles, role)) for role in roles.guessed}
    return Learned(remedy, found, proof, len(one), len(other), every, taken)


def _remedy(fitted: Fitted, plan: Plan, proof: dict, about: dict) -> StoredRemedy:
    """The correction with the columns of the table."""
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return StoredRemedy(
        fitted,
        plan.roles.said,
        plan.roles.event,
        tuple(map(str, plan.profile.classes)),
        proof,
        about | {"created": created},
        plan.profile.normalize and not plan.roles.event,
    )


def _columns(roles: Roles, role: str) -> tuple[str, ...]:
    held = getattr(roles, role)
    return held if isinstance(held, tuple) else (held,)


def _settings(card: Card, settings: dict[str, Any]) -> AbstractCorrection:
    """The method with these settings; names and types are checked."""
    kind = getattr(importlib.import_module(card.module), card.name)
    if not (isinstance(kind, type) and issubclass(kind, AbstractCorrection)):
        raise UsageError(
            "correct",
            f"{card.name} corrects no table of predictions",
            do="Use it in Python: its page says how",
        )
    known = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    strange = sorted(set(settings) - set(known))
    if strange:
        listed = ", ".join(known) or "none"
        raise UsageError(
            "correct", f"{card.name} has no setting {strange[0]!r}", do=f"Use {listed}"
        )
    for name, value in settings.items():
        if "tuple" in str(known[name].type) and not isinstance(value, tuple):
            settings[name] = tuple(value.split(",")) if isinstance(value, str) else (value,)
    try:
        return kind(**settings)
    except TypeError as error:
        raise UsageError(
            "correct",
            f"{card.name} cannot be set up: {error}",
            do=f"Its settings: {', '.join(known)}",
        ) from error


def _one_model(table: Table, roles: Roles) -> Roles:
    """Roles without a column of models, of which there must be one."""
    if roles.model and len(table_values(table, roles.model, limit=2)) > 1:
        raise UsageError(
            "correct",
            f"{roles.model!r} names more than one model",
            why="each needs a correction of its own",
            do="Pass a table of the rows of one",
        )
    return replace(roles, model="", guessed=tuple(r for r in roles.guessed if r != "model"))


def _beside(
    table: Table, settings: AbstractCorrection, by: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns of groups and of features that the settings name, and the groups ``by``."""
    said = vars(settings)
    named = [value for value in said.values() if isinstance(value, str) and value in table.columns]
    groups = tuple(dict.fromkeys([*by, *named]))
    features = tuple(said.get("columns", ())) if "features" in settings.reads else ()
    if "features" in settings.reads and not features:
        raise UsageError(
            "correct",
            f"{type(settings).__name__} reads features beside the prediction",
            do="Name their columns: --set columns=A,B (in Python settings={'columns': ('A', 'B')})",
        )
    table.require("correct", [*groups, *features])
    return groups, features


def _halves(evidence: Evidence) -> tuple[Evidence, Evidence]:
    """Rows that learn, and rows of other groups that judge."""
    group = evidence.groups()
    sizes = np.bincount(group, evidence.weight, minlength=evidence.group_count)
    split = split_groups(sizes, in_time=evidence.grouping == "block", folds=2)
    if not split.learn.any() or not split.prove.any():
        raise UsageError(
            "correct",
            "all rows belong to one group",
            why="a correction must be judged on groups that it never saw",
            do="Pass rows of more clusters, or of more times",
        )
    return evidence.take(split.learn[group]), evidence.take(split.prove[group])


def _found(fitted: Fitted, on: Evidence, level: float) -> dict[str, Estimate]:
    after = replace(on, prediction=fitted.correct(on))
    return {name: measure(after, name, level=level) for name in FOUND[fitted.gives.kind]}


def _proof(fitted: Fitted, on: Evidence, level: float) -> Any:
    """The proof by the usual score, where what goes in and what comes out can be compared."""
    if not common_kind(fitted.takes.kind, fitted.gives.kind) or fitted.gives.kind == "sets":
        return None
    try:
        return prove(None, fitted, on=on, level=level)
    except TrueupError:  # levels that the prediction does not state
        return None


def _kept(found: dict[str, Estimate], fitted: Fitted, on: Evidence) -> dict:
    """What was found, for the file of the remedy."""
    rows = {name: estimate.to_dict() for name, estimate in found.items()}
    counts = {"learned_on": len(fitted.rows), "proven_on": len(on)}
    return {"found": rows, "method": fitted.method, **counts}
