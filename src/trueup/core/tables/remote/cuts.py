"""What to sum in a table that lives elsewhere: groups, slices, chunks of time."""

from __future__ import annotations

from dataclasses import replace

import narwhals as nw
import numpy as np

from trueup.core.errors import UsageError
from trueup.core.groups import BUCKETS, MODULUS
from trueup.core.tables.clock import Clock, clock_from
from trueup.core.tables.plan import (
    LEVELS,
    MISSING,
    VALUES,
    Plan,
    Slicer,
    grouping,
    left_out,
    make_plan,
    pairs_of,
    range_labels,
)
from trueup.core.tables.profile import Profile
from trueup.core.tables.remote.rows import (
    CONTENT,
    KEY,
    PLACE,
    RemotePlan,
    by_role,
    code_of,
    content,
    number,
    prepared,
)
from trueup.core.tables.remote.table import RemoteTable
from trueup.core.tables.roles import Roles


DRAWERS = 65_536
"""Buckets of the row's content in which copies of rows are noticed."""

OFTEN = 1.05
"""Copies of a row, as a row sees them, from which they are counted."""


@make_plan.register
def _(table: RemoteTable, roles: Roles, profile: Profile, *, model: str = "") -> Plan:
    frame = by_role(table, roles)
    slicers = [_slicer(table, frame, f"s{i}", column) for i, column in enumerate(roles.by)]
    only = nw.col("model") == model if roles.model else None
    kept = frame.filter(profile.keep)
    clock = _clock(table, kept, roles, profile.rows) if roles.time else None
    known_by = KEY if roles.key else PLACE if table.engine.ordered else CONTENT
    grouped_by = roles.cluster or ("" if roles.time else roles.key)
    plan = RemotePlan(
        roles,
        profile,
        number("cluster" if roles.cluster else "key") if grouped_by else None,
        grouping(roles),
        slicers,
        pairs_of(slicers),
        clock,
        profile.keep,
        only,
        number("key") if roles.key else nw.col("place"),
        known_by,
    )
    if known_by != CONTENT:
        return plan
    return _known_by_content(table, plan)


def _known_by_content(table: RemoteTable, plan: RemotePlan) -> RemotePlan:
    """A plan for rows that have neither a key nor a place."""
    if plan.roles.model and plan.grouping == "row":
        raise UsageError(
            "audit",
            f"rows of {table.engine.name} have no order, so two models cannot be paired",
            do="Say key='NAME': the column that makes a case unique",
        )
    plan = replace(plan, key=content(plan))
    copies = plan.counts_rows and copies_seen(table, plan) > OFTEN
    return replace(plan, copies=copies) if copies else plan


def copies_seen(table: RemoteTable, plan: RemotePlan) -> float:
    """Copies of a row that a row sees on average, itself among them: 1 where all differ.

    Rows fall into buckets by their content. With n rows, the sum of squared counts exceeds what
    chance makes of it, n^2 / buckets, by the sum of squared copies; to 0.6 % of n.
    """
    drawers = prepared(table, plan).select(d=nw.col("r") % DRAWERS)
    counts = table.arrays(drawers.group_by("d").agg(nw.len().alias("n")))["n"].astype(np.float64)
    n = counts.sum()
    chance = n * n * (1 / DRAWERS + 1 / MODULUS)
    return float(((counts**2).sum() - chance) / max(n, 1) / (1 - 1 / DRAWERS))


def _slicer(table: RemoteTable, frame: nw.LazyFrame, role: str, column: str) -> Slicer:
    """Cut a column into its values, or a column of many numbers into five bins of equal mass."""
    value = nw.col(role)
    found = table.values(frame, role, limit=VALUES + 1)
    nulls = frame.select(n=value.is_null().cast(nw.Int64).sum())
    missing = bool(table.arrays(nulls)["n"][0])
    if table.kind(column) in ("number", "integer") and len(found) > 20:
        return _numeric(table, frame, role, column)
    kept = found[:VALUES]
    texts = [text for _, text, _ in kept]
    labels = texts + [MISSING if MISSING not in texts else f"({MISSING})"] * missing
    values, places = [v for v, _, _ in kept], list(range(len(kept)))
    known = code_of(value, values, places, len(labels))
    code = nw.when(value.is_null()).then(nw.lit(len(kept))).otherwise(known) if missing else known
    total = len(found)
    if total > VALUES:
        distinct = frame.filter(~value.is_null()).select(n=value.n_unique())
        total = int(table.arrays(distinct)["n"][0])
    named = () if table.kind(column) == "time" else tuple(texts)
    return Slicer(column, labels, code.cast(nw.Int64), left_out(column, total), named)


def _numeric(table: RemoteTable, frame: nw.LazyFrame, role: str, column: str) -> Slicer:
    value = nw.col(role).cast(nw.Float64)
    numbers = frame.filter(~nw.col(role).is_null()).select(v=value)
    found = quantiles(table, numbers, [j / LEVELS for j in range(1, LEVELS + 1)])
    edges = sorted(set(found[:-1]) - {found[-1]})
    labels = range_labels(edges)
    above = nw.lit(0)
    for edge in edges:
        above = above + (value > edge).cast(nw.Int64)
    code = nw.when(nw.col(role).is_null()).then(nw.lit(len(labels) - 1)).otherwise(above)
    return Slicer(column, labels, code.cast(nw.Int64))


def quantiles(table: RemoteTable, numbers: nw.LazyFrame, shares: list[float]) -> list[float]:
    """Values of the column ``v`` at ``shares`` of its rows, exactly, by counting in narrower spans.

    Every round cuts the spans that hold a wanted value into 8192 steps; three rounds do for most.
    """
    whole = table.arrays(numbers.select(n=nw.len(), lo=nw.col("v").min(), hi=nw.col("v").max()))
    rows = int(whole["n"][0])
    ranks = [max(int(np.ceil(rows * round(share, 6))) - 1, 0) for share in shares]
    spans = [(float(whole["lo"][0]), float(whole["hi"][0]), 0)]  # first, last, rows before
    found: dict[int, float] = {}
    while len(found) < len(set(ranks)):
        steps: list[tuple[float, float, int]] = []
        for first, last, before in spans:
            steps += _steps(table, numbers, first, last, before)
        place = np.searchsorted([s[2] for s in steps], sorted(set(ranks) - set(found)), "right") - 1
        wanted = dict(zip(sorted(set(ranks) - set(found)), [steps[i] for i in place], strict=True))
        found |= {rank: step[0] for rank, step in wanted.items() if step[0] == step[1]}
        spans = sorted({step for step in wanted.values() if step[0] < step[1]}, key=lambda s: s[2])
    return [found[rank] for rank in ranks]


def _steps(table: RemoteTable, numbers: nw.LazyFrame, first: float, last: float, before: int):
    """Least value, greatest value and rows before it, of every step of a span that holds rows."""
    v = nw.col("v")
    place = ((v - first) / ((last - first) or 1.0) * BUCKETS).floor().clip(None, BUCKETS - 1)
    counted = numbers.filter((v >= first) & (v <= last)).with_columns(b=place).group_by("b")
    found = table.arrays(
        counted.agg(nw.len().alias("n"), v.min().alias("lo"), v.max().alias("hi")).sort("b")
    )
    starts = before + np.cumsum(found["n"]) - found["n"]
    return list(zip(found["lo"].tolist(), found["hi"].tolist(), map(int, starts), strict=True))


def _clock(table: RemoteTable, frame: nw.LazyFrame, roles: Roles, rows: int) -> Clock:
    """Read the range of time and how rows spread over it."""
    time = nw.col("time")
    range_ = table.arrays(frame.select(first=time.min(), last=time.max()))
    first, last = float(range_["first"][0]), float(range_["last"][0])
    step = ((time - first) / ((last - first) or 1.0) * BUCKETS).floor().clip(None, BUCKETS - 1)
    bucket = step.cast(nw.Int64)
    counted = frame.select("time", b=bucket).group_by("b")
    found = table.arrays(counted.agg(nw.len().alias("n"), time.min().alias("start")))
    counts, earliest = np.zeros(BUCKETS, dtype=np.int64), np.full(BUCKETS, np.inf)
    place = found["b"].astype(np.int64)
    counts[place], earliest[place] = found["n"], found["start"]
    temporal = table.kind(roles.time) == "time"
    return clock_from(bucket, counts, earliest, rows=rows, temporal=temporal)
