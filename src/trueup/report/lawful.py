"""Charts of forecasts of numbers: places of the truth, error against stated spread."""

from __future__ import annotations

from typing import Any

import altair as alt

from trueup.report.canvas import (
    ACCENT,
    BAND,
    INK,
    MUTED,
    PAPER,
    WIDTH,
    Row,
    complete,
    data,
    finish,
    span,
)
from trueup.report.numbers import count, estimate_text, percent


_LEFT = 46


def places(picture: Row) -> dict[str, Any]:
    """Bars as wide as the share that was stated and as high as truths are frequent there."""
    rows = [_bar(row) for row in complete(picture.get("rows"), "low", "high", "value")]
    scale = alt.Scale(domain=[0, 1], nice=False)
    x_axis = alt.Axis(
        title=str(picture.get("x") or ""),
        grid=False,
        values=[0, 0.2, 0.4, 0.6, 0.8, 1],
        labelExpr="format(datum.value * 100, '.0f') + '%'",
        labelFlush=False,
        titleLimit=WIDTH - 72,
    )
    y_axis = alt.Axis(title=str(picture.get("y") or ""), tickCount=5, grid=True, minExtent=_LEFT)
    base = alt.Chart(data(rows))
    x, x2 = alt.X("low:Q", scale=scale, axis=x_axis), "high:Q"
    tall = alt.Scale(zero=True, nice=True)
    bars = base.mark_bar(color=ACCENT, opacity=0.75, stroke=PAPER, strokeWidth=0.8).encode(
        x=x, x2=x2, y=alt.Y("value:Q", scale=tall, axis=y_axis), y2="zero:Q", tooltip="tip:N"
    )
    band = base.mark_rect(color=BAND, opacity=0.85).encode(
        x=x, x2=x2, y=alt.Y("band_low:Q", scale=tall, axis=y_axis), y2="band_high:Q"
    )
    line = alt.Chart(data([{"one": 1}])).mark_rule(color=INK, strokeDash=[4, 4]).encode(y="one:Q")
    chart = alt.layer(bars, band, line).properties(width=WIDTH - 72, height=210)
    return finish(chart)


def _bar(row: Row) -> Row:
    tip = (
        f"{percent(row['low'])} to {percent(row['high'])}\n{row['value']:.2f} times as often as "
        f"stated\n{count(row.get('n'))} rows"
    )
    band = {name: row.get(name, 1) for name in ("band_low", "band_high")}
    return {name: row[name] for name in ("low", "high", "value")} | band | {"zero": 0, "tip": tip}


def spread(picture: Row) -> dict[str, Any]:
    """The error that was made in bins of the spread that was stated, against the diagonal."""
    points = complete(picture.get("rows"), "stated", "value")
    ends = [end for row in points for end in (row["stated"], row["value"]) if end > 0]
    whole = alt.Scale(zero=True, nice=True)
    kind = whole
    if ends and max(ends) > 30 * min(ends):
        kind = alt.Scale(type="log", nice=True)
    rows = [_ranged(row, factors=kind is not whole) for row in points]
    x_axis = alt.Axis(title=str(picture.get("x") or ""), tickCount=5, grid=True, format="~s")
    y_axis = alt.Axis(
        title=str(picture.get("y") or ""), tickCount=5, grid=True, minExtent=_LEFT, format="~s"
    )
    base = alt.Chart(data(rows)).encode(x=alt.X("x:Q", scale=kind, axis=x_axis), tooltip="tip:N")
    bars = base.mark_rule(color=ACCENT, strokeWidth=1.5).encode(
        y=alt.Y("low:Q", scale=kind, axis=y_axis), y2="high:Q"
    )
    dots = base.mark_point(
        shape="circle", filled=True, color=ACCENT, opacity=1, size=58, stroke=PAPER, strokeWidth=1
    ).encode(y=alt.Y("value:Q", scale=kind, axis=y_axis))
    stated = [row["x"] for row in rows]
    corners = [{"x": end, "y": end} for end in (min(stated), max(stated))]
    same = (
        alt.Chart(data(corners))
        .mark_line(color=MUTED, strokeDash=[4, 4], strokeWidth=1)
        .encode(x=alt.X("x:Q", scale=kind), y=alt.Y("y:Q", scale=kind))
    )
    return finish(alt.layer(same, bars, dots).properties(width=WIDTH - 72, height=260))


def _ranged(row: Row, *, factors: bool) -> Row:
    text = f"stated {row['stated']:.4g}\nmade {estimate_text(row)}\n{count(row.get('n'))} rows"
    made = span(row, x=row["stated"], tip=text)
    if factors:  # on a scale of factors nothing reaches down to zero
        made["low"] = max(made["low"], 0.3 * row["value"])
    return made
