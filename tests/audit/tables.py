"""Tables with known faults, or with none, and the parts of an audit that tests look at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from trueup.audit.numbers.measures import scores_to_sum
from trueup.audit.slices import Slice, find_slices
from trueup.core.tables.kernel import Scan
from trueup.core.tables.opened import opened
from trueup.core.tables.plan import make_plan
from trueup.core.tables.profile import profile
from trueup.core.tables.roles import Leniency, Roles, assign
from trueup.core.tables.scan import scan


def sigmoid(z: np.ndarray) -> np.ndarray:
    """Probability of log-odds."""
    return 1 / (1 + np.exp(-z))


def event_table(rows: int, *, seed: int = 0, shift: Any = 0.0, **columns: Any) -> dict:
    """A calibrated event but for ``shift`` (rows,) of the true log-odds, and other columns."""
    rng = np.random.default_rng([seed, 2024])  # apart from what a test draws with its own seed
    stated = rng.normal(0, 1.5, rows)
    happened = rng.random(rows) < sigmoid(stated + shift)
    table = {"id": np.arange(rows), "y": happened.astype(np.int8), "p": sigmoid(stated)}
    return table | columns


def scanned(
    data: Any,
    *,
    threads: int = 1,
    model: str = "",
    lenient: Leniency | None = None,
    **roles: Any,
) -> Scan:
    """The pass over a table, without what is made of it."""
    given = Roles(**({"truth": "y", "probs": ("p",), "event": True} | roles))
    given = replace(given, model=given.model or "model" * bool(model))
    with opened(data, threads=threads) as table:
        found = assign(table, given)
        plan = make_plan(table, found, profile(table, found, lenient), model=model)
        if found.form:
            plan = replace(plan, scores=scores_to_sum(found.form))
        return scan(table, plan, threads=threads)


def slices_of(data: Any, *by: str, **roles: Any) -> list[Slice]:
    """The slices of a table, the worst first."""
    return find_slices(scanned(data, by=by, **roles).cube)


def ids(audit: Any) -> list[str]:
    """Names of the findings, in their order."""
    return [finding.id for finding in audit.findings]
