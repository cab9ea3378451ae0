"""Which column plays which part; guessed from names only where that is unambiguous."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from trueup.core.errors import UsageError
from trueup.core.forms import Form
from trueup.core.tables.number_names import guess_numbers, with_members
from trueup.core.tables.source import Table


TRUTH = ("y_true", "truth", "label", "target", "outcome", "actual", "observed", "y")
EVENT = ("y_prob", "y_score", "proba", "probability", "prob", "score", "p")
WEIGHT = ("weight", "sample_weight", "weights")
TIME = ("timestamp", "datetime", "date", "time")
MODEL = ("model", "model_name")
CLASSES = re.compile(r"(?:y_)?(?:p|prob|proba|probability|score)(?:_(?=.)|(?=\d))(.+)")


@dataclass(frozen=True)
class Roles:
    """Names of the columns and the part that each plays.

    Attributes
    ----------
    truth
        What happened.
    probs
        Probabilities: one column for an event, one a class for classes.
    event
        Whether ``probs`` is the probability of an event.
    values, form
        Columns of the prediction of a number, and what they are: quantiles, members, ...
    against
        A reference point forecast of the same number, to be compared with.
    by
        Columns that cut the table into slices.
    time, cluster, weight, model, key
        Order in time, what rows belong to, weight of a row, which model predicted, what makes a
        row unique.
    guessed
        Roles that were guessed, for the user to see.
    """

    truth: str = ""
    probs: tuple[str, ...] = ()
    event: bool = False
    values: tuple[str, ...] = ()
    form: Form | None = None
    against: str = ""
    by: tuple[str, ...] = ()
    time: str = ""
    cluster: str = ""
    weight: str = ""
    model: str = ""
    key: str = ""
    guessed: tuple[str, ...] = ()

    @property
    def said(self) -> tuple[str, ...]:
        """Columns of the prediction, of whatever kind."""
        return self.values if self.form else self.probs

    def columns(self) -> list[str]:
        """Every column that has a part."""
        single = (self.truth, self.time, self.cluster, self.weight, self.model, self.key)
        return [name for name in (*single, self.against, *self.said, *self.by) if name]

    def to_dict(self) -> dict:
        """A dict for JSON."""
        names = ("truth", "time", "cluster", "weight", "model", "key")
        row = {name: getattr(self, name) or None for name in names}
        said = {"probs": list(self.probs), "event": self.event}
        if self.form:
            said = {"values": list(self.values), "levels": list(self.form.levels)}
        beside = {"against": self.against} if self.against else {}
        return {**row, **said, **beside, "by": list(self.by)}


@dataclass(frozen=True)
class Leniency:
    """What to do about bad rows instead of refusing them.

    Attributes
    ----------
    normalize
        Divide rows of probabilities by their sum.
    drop_bad
        Leave out rows whose probabilities are missing, not finite or out of range.
    positive
        The label that is the event; empty means 1, true or yes.
    classes
        Names of the classes in the order of the probability columns.
    """

    normalize: bool = False
    drop_bad: bool = False
    positive: str = ""
    classes: tuple[str, ...] = ()


def assign(table: Table, given: Roles, *, guess: bool = True) -> Roles:
    """Roles of the columns of ``table``: those ``given``, the rest guessed from the names.

    Without ``guess`` only those ``given``.

    Raises
    ------
    EvidenceError
        A named column does not exist.
    UsageError
        Truth or probabilities were not named and cannot be guessed.
    """
    given = with_members(table, given)
    table.require("roles", given.columns())
    found = _guesses(table, given) if guess else {}
    roles = replace(given, **found)
    _demand(table, roles)
    parts = ("truth", "probs", "values", "weight", "time", "model")
    named = [name for name in parts if name in found]
    return replace(roles, guessed=tuple(named))


def _guesses(table: Table, given: Roles) -> dict:
    """What the names of the columns say about roles that were not given."""
    free = [name for name in table.columns if name not in given.columns()]
    found: dict = {}
    for role, names in (("truth", TRUTH), ("weight", WEIGHT), ("time", TIME), ("model", MODEL)):
        if not getattr(given, role):
            match = [name for name in names if name in free and _suits(table, name, role)]
            # Two candidates are ambiguous; only the truth is worth taking the more telling name.
            if len(match) == 1 or (match and role == "truth"):
                found[role] = match[0]
    if not given.said:
        taken = [name for name in free if name not in found.values()]
        found |= _guess_probs(table, free) or guess_numbers(table, taken)
    return found


def _suits(table: Table, name: str, role: str) -> bool:
    """Whether a column can play the part that its name suggests."""
    numeric = table.kind(name) in ("number", "integer")
    return {"weight": numeric, "time": numeric or table.kind(name) == "time"}.get(role, True)


def _guess_probs(table: Table, free: list[str]) -> dict:
    numbers = [name for name in free if table.kind(name) == "number"]
    event = [name for name in EVENT if name in numbers]
    if event:
        return {"probs": (event[0],), "event": True}
    classes = [name for name in numbers if CLASSES.fullmatch(name)]
    heads = {name[: CLASSES.fullmatch(name).start(1)] for name in classes}  # type: ignore[union-attr]
    if len(classes) > 1 and len(heads) == 1:
        return {"probs": tuple(classes), "event": False}
    return {}


def _demand(table: Table, roles: Roles) -> None:
    if not roles.truth:
        raise UsageError(
            "trueup",
            f"which column is the truth? {table.name} has {list(table.columns)[:20]}",
            do="Say --truth NAME (in Python truth='NAME')",
        )
    if roles.form:
        return
    if roles.against:
        raise UsageError(
            "trueup",
            f"against {roles.against!r} is for forecasts of a number",
            do="Name the forecast (--mean and --sd, --quantile, --members, --low and --high, or "
            "--point), or leave --against out",
        )
    if not roles.probs:
        raise UsageError(
            "trueup",
            f"which columns hold the prediction? {table.name} has {list(table.columns)[:20]}",
            do="Say --prob NAME for an event, --probs A,B,C for classes; of a number --mean and "
            "--sd, --quantile 0.1=NAME, --members A,B,C, --low and --high, or --point",
        )
    if roles.event and len(roles.probs) != 1:
        raise UsageError("trueup", f"--prob takes one column; got {roles.probs}", do="Use --probs")
    if not roles.event and len(roles.probs) < 2:
        raise UsageError(
            "trueup", f"--probs needs two columns or more; got {roles.probs}", do="Use --prob"
        )
