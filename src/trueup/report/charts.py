"""The charts of the report as Altair specifications: one function a kind of picture."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import altair as alt

from trueup.report.canvas import (
    ACCENT,
    INK,
    MUTED,
    PAPER,
    WIDTH,
    Row,
    axis_title,
    complete,
    data,
    finish,
    span,
    tick_text,
)
from trueup.report.diagram import reliability
from trueup.report.lawful import places, spread
from trueup.report.numbers import count, estimate_text, finite
from trueup.report.orbits import orbit
from trueup.report.simulators import CHARTS as SIMULATORS


def forest(picture: Row) -> dict[str, Any]:
    """One line a row: value and interval, flagged rows filled; the zero line where zero is near."""
    rows = _forest_rows(picture)
    return finish(_forest(_unique(rows), picture=picture))


def remedies(picture: Row) -> dict[str, Any]:
    """One line a correction tried: the change it made on unseen rows; the chosen one is filled."""
    rows = _forest_rows(picture)
    for row in rows:
        row["flagged"] = bool(row.get("chosen"))
    return finish(_forest(_unique(rows), picture=picture))


def drift(picture: Row) -> dict[str, Any]:
    """A value over time with its interval as a band, and the change where one was located."""
    points = complete(picture.get("points"), "at", "value")
    times = [_milliseconds(point["at"]) for point in points]
    temporal = bool(picture.get("temporal")) and None not in times
    numeric = all(finite(point["at"]) is not None for point in points)
    unit = str(picture.get("unit") or "")
    kind = "T" if temporal else "Q" if numeric else "O"
    rows = [
        span(point, at=time if temporal else point["at"], tip=_drift_tip(point, unit=unit))
        for point, time in zip(points, times, strict=True)
    ]
    change = picture.get("change_at")
    at = _milliseconds(change) if temporal else finite(change) if numeric else change
    return finish(_drift(rows, kind=kind, change=at, picture=picture))


CHARTS = {
    "reliability": reliability,
    "forest": forest,
    "remedies": remedies,
    "drift": drift,
    "places": places,
    "spread": spread,
    **SIMULATORS,
    "orbit": orbit,
}


def specification(picture: Row, *, small: bool = False) -> dict[str, Any] | None:
    """Return the Vega-Lite specification of a picture, or None where it has nothing to draw."""
    draw = CHARTS.get(str(picture.get("kind")))
    rows = picture.get("bins") or picture.get("rows") or picture.get("points")
    if draw is None or not complete(rows, *_NEEDED[str(picture["kind"])]):
        return None
    return draw(picture, small=True) if small and draw is reliability else draw(picture)


_NEEDED = {
    "reliability": ("score", "observed"),
    "forest": ("label", "value"),
    "remedies": ("label", "value"),
    "drift": ("at", "value"),
    "places": ("low", "high", "value"),
    "spread": ("stated", "value"),
    **dict.fromkeys(SIMULATORS, ("at", "value")),
    "orbit": ("at", "value"),
}


def _forest_rows(picture: Row) -> list[Row]:
    unit = str(picture.get("unit") or "")
    return [
        _forest_row(row, unit=unit) for row in complete(picture.get("rows"), *_NEEDED["forest"])
    ]


def _forest_row(row: Row, *, unit: str) -> Row:
    tip = f"{row['label']}\n{estimate_text(row, unit=unit, signed=bool(unit))}"
    if row.get("n") is not None:
        tip += f"\n{count(row['n'])} rows"
    flagged = bool(row.get("flagged"))
    return span(row, label=str(row["label"]), flagged=flagged, chosen=row.get("chosen"), tip=tip)


def _unique(rows: list[Row]) -> list[Row]:
    """Tell equal labels apart: a chart axis would lay them on one line."""
    seen: dict[str, int] = {}
    for row in rows:
        label = row["label"]
        seen[label] = seen.get(label, 0) + 1
        if seen[label] > 1:
            row["label"] = f"{label} ({seen[label]})"
    return rows


def _forest(rows: list[Row], *, picture: Row) -> alt.LayerChart:
    ends = [end for row in rows for end in (row["low"], row["high"])]
    with_zero = min(ends) <= 0.5 * max(ends) or max(ends) <= 0
    unit = str(picture.get("unit") or "")
    axis = alt.Axis(
        title=axis_title(picture.get("x"), unit=unit),
        titleLimit=225,
        grid=True,
        tickCount=5,
        labelFlush=False,
        labelOverlap="greedy",
        labelSeparation=8,
        labelExpr=tick_text(unit),
    )
    # The reader's font may be wider than the one measured here: leave room for the labels.
    room = min(156, 7.6 * max(len(row["label"]) for row in rows))
    names = alt.Axis(title=None, ticks=False, labelColor=INK, minExtent=room)
    base = alt.Chart(data(rows)).encode(y=alt.Y("label:N", sort=None, axis=names), tooltip="tip:N")
    look = alt.condition("datum.flagged", alt.value(ACCENT), alt.value(MUTED))
    scale = alt.Scale(zero=with_zero, nice=True)
    rules = base.mark_rule(strokeWidth=1.6).encode(
        x=alt.X("low:Q", scale=scale, axis=axis), x2="high:Q", color=look
    )
    fill = alt.condition("datum.flagged", alt.value(ACCENT), alt.value(PAPER))
    dots = base.mark_point(shape="circle", size=52, opacity=1, strokeWidth=1.5).encode(
        x=alt.X("value:Q", scale=scale, axis=axis), fill=fill, stroke=look
    )
    zero = alt.Chart(data([{"x": 0}])).mark_rule(color=INK, strokeWidth=1).encode(x="x:Q")
    layers = [zero, rules, dots] if with_zero else [rules, dots]
    if picture.get("margin"):
        at = alt.Chart(data([{"x": picture["margin"]}]))
        layers.insert(0, at.mark_rule(color=MUTED, strokeDash=[4, 3]).encode(x="x:Q"))
    return alt.layer(*layers).properties(width=WIDTH, height=alt.Step(21), autosize=_FIT)


_FIT = alt.AutoSizeParams(type="fit-x", contains="padding")


# --- drift ---


def _milliseconds(at: Any) -> int | None:
    try:
        moment = datetime.fromisoformat(at)
    except (TypeError, ValueError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def _drift_tip(point: Row, *, unit: str) -> str:
    return f"{point['at']}\n{estimate_text(point, unit=unit)}\n{count(point.get('n'))} rows"


# Vega's own labels spell months out, and then they run into each other.
_SHORT_TIME = (
    "utcFormat(datum.value, utchours(datum.value) + utcminutes(datum.value) > 0 ? '%H:%M' : "
    "utcdate(datum.value) > 1 ? '%b %d' : utcmonth(datum.value) > 0 ? '%b' : '%Y')"
)


def _drift_axis(picture: Row) -> alt.Axis:
    unit = str(picture.get("unit") or "")
    title = axis_title(picture.get("y") or "value", unit=unit)
    # The heading of a series usually says its name already; a turned copy would only be clipped.
    said = str(picture.get("title")).lower().startswith(str(picture.get("y")).lower())
    title = ("points" if unit == "points" else None) if said else title
    return alt.Axis(title=title, titleLimit=180, tickCount=5, labelExpr=tick_text(unit))


def _drift(rows: list[Row], *, kind: str, change: Any, picture: Row) -> alt.LayerChart:
    scale = alt.Scale(type="utc") if kind == "T" else alt.Undefined
    axis = alt.Axis(
        title=None,
        grid=False,
        tickCount=5,
        labelOverlap="greedy",
        labelSeparation=8,
        labelAngle=0,
        labelExpr=_SHORT_TIME if kind == "T" else alt.Undefined,
    )
    x = alt.X(f"at:{kind}", scale=scale, axis=axis, sort=None)
    base = alt.Chart(data(rows)).encode(x=x)
    values = alt.Scale(zero=False, nice=True)
    y_axis = _drift_axis(picture)
    band = base.mark_area(color=ACCENT, opacity=0.16).encode(
        y=alt.Y("low:Q", scale=values, axis=y_axis), y2="high:Q"
    )
    y = alt.Y("value:Q", scale=values, axis=y_axis)
    line = base.mark_line(color=ACCENT, strokeWidth=1.8).encode(y=y)
    # With many points the dots would hide the line; they stay as invisible targets for tooltips.
    dense = len(rows) > 40
    dots = base.mark_point(
        filled=True, color=ACCENT, size=60 if dense else 26, opacity=0 if dense else 1
    ).encode(y=y, tooltip="tip:N")
    layers = [band, line, dots]
    if change is not None:
        rule = alt.Chart(data([{"at": change}])).mark_rule(color=INK, strokeDash=[5, 4])
        layers.insert(0, rule.encode(x=x))
    return alt.layer(*layers).properties(width=WIDTH, height=190, autosize=_FIT)
