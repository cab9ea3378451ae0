"""The reliability diagram: stated probability against observed share, and where the rows lie."""

from __future__ import annotations

from typing import Any

import altair as alt

from trueup.report.canvas import (
    ACCENT,
    BAND,
    INK,
    MUTED,
    PAPER,
    SMALL,
    WIDTH,
    Row,
    complete,
    data,
    finish,
    span,
)
from trueup.report.numbers import count, estimate_text, percent


def reliability(picture: Row, *, small: bool = False) -> dict[str, Any]:
    """Observed share against stated probability, what luck alone would show, where the rows lie."""
    bins = complete(picture.get("bins"), "score", "observed")
    layers = [
        *_band(bins),
        _diagonal(),
        *_curve(picture.get("curve")),
        *_observed(bins, picture=picture, small=small),
        *_after(picture.get("after"), small=small),
    ]
    side = SMALL - 56 if small else WIDTH - 72
    main = alt.layer(*layers).properties(width=side, height=round(side * 0.84))
    density = complete(picture.get("density"), "low", "high", "share")
    if small or not density:
        return finish(main)
    return finish(alt.vconcat(main, _density(density, width=side)))


def _unit_axis(title: Any, *, small: bool, **more: Any) -> alt.Axis:
    return alt.Axis(
        title=None if small else str(title),
        labelExpr="format(datum.value * 100, '.0f') + '%'",
        grid=True,
        values=[0, 0.5, 1] if small else [0, 0.2, 0.4, 0.6, 0.8, 1],
        labelFlush=False,
        **more,
    )


# The two charts below each other share their left edge.
_LEFT = 46
_UNIT = alt.Scale(domain=[0, 1], nice=False)


def _band(bins: list[Row]) -> list[alt.Chart]:
    rows = [
        {"x": row["score"], "low": row["band_low"], "high": row["band_high"]}
        for row in sorted(complete(bins, "band_low", "band_high"), key=lambda row: row["score"])
    ]
    if len(rows) < 2:
        return []
    chart = alt.Chart(data(rows)).mark_area(color=BAND, interpolate="monotone")
    return [chart.encode(x=alt.X("x:Q", scale=_UNIT), y=alt.Y("low:Q", scale=_UNIT), y2="high:Q")]


def _diagonal() -> alt.Chart:
    chart = alt.Chart(data([{"x": 0, "y": 0}, {"x": 1, "y": 1}]))
    return chart.mark_line(color=MUTED, strokeDash=[4, 4], strokeWidth=1).encode(
        x=alt.X("x:Q", scale=_UNIT), y=alt.Y("y:Q", scale=_UNIT)
    )


def _curve(curve: list[Row] | None) -> list[alt.Chart]:
    rows = [
        {"x": round(row["score"], 4), "y": round(row["observed"], 4)}
        for row in complete(curve, "score", "observed")
    ]
    if len(rows) < 2:
        return []
    chart = alt.Chart(data(rows)).mark_line(color=ACCENT, strokeWidth=1.4, opacity=0.55)
    return [chart.encode(x=alt.X("x:Q"), y=alt.Y("y:Q"))]


def _observed(bins: list[Row], *, picture: Row, small: bool) -> list[alt.Chart]:
    rows = []
    for row in bins:
        shown = row | {"value": row["observed"]}
        text = f"stated {percent(row['score'])}\nobserved {estimate_text(shown, unit='percent')}"
        rows.append(span(shown, x=row["score"], tip=f"{text}\n{count(row.get('n'))} rows"))
    base = alt.Chart(data(rows)).encode(
        x=alt.X("x:Q", scale=_UNIT, axis=_unit_axis(picture.get("x") or "stated", small=small)),
        tooltip="tip:N",
    )
    axis = _unit_axis(picture.get("y") or "observed", small=small, minExtent=_LEFT)
    bars = base.mark_rule(color=ACCENT, strokeWidth=1.5).encode(
        y=alt.Y("low:Q", scale=_UNIT, axis=axis), y2="high:Q"
    )
    points = base.mark_point(
        shape="circle",
        filled=True,
        color=ACCENT,
        opacity=1,
        size=34 if small else 58,
        stroke=PAPER,
        strokeWidth=1,
    ).encode(y=alt.Y("value:Q", scale=_UNIT, axis=axis))
    return [bars, points]


def _after(after: list[Row] | None, *, small: bool) -> list[alt.Chart]:
    rows = [
        {
            "x": row["score"],
            "y": row["observed"],
            "tip": f"after correction\nstated {percent(row['score'])}\n"
            f"observed {percent(row['observed'])}",
        }
        for row in complete(after, "score", "observed")
    ]
    if not rows:
        return []
    base = alt.Chart(data(rows)).encode(x=alt.X("x:Q"), y=alt.Y("y:Q"))
    line = base.mark_line(color=INK, strokeWidth=1, opacity=0.45)
    points = base.mark_point(
        shape="diamond",
        filled=True,
        fill=PAPER,
        stroke=INK,
        opacity=1,
        size=24 if small else 62,
        strokeWidth=1.4,
    ).encode(tooltip="tip:N")
    return [line, points]


def _density(density: list[Row], *, width: int) -> alt.Chart:
    rows = [
        {
            "low": row["low"],
            "high": row["high"],
            "share": row["share"],
            "zero": 0,
            "tip": f"{percent(row['share'])} of rows\nstated {percent(row['low'])} to "
            f"{percent(row['high'])}",
        }
        for row in density
    ]
    axis = alt.Axis(title="rows", labels=False, ticks=False, grid=False, minExtent=_LEFT)
    return (
        alt.Chart(data(rows))
        .mark_bar(color=MUTED, opacity=0.55, stroke=PAPER, strokeWidth=0.6)
        .encode(
            x=alt.X(
                "low:Q",
                scale=_UNIT,
                axis=alt.Axis(title=None, labels=False, ticks=False, grid=False),
            ),
            x2="high:Q",
            y=alt.Y("share:Q", axis=axis),
            y2="zero:Q",
            tooltip="tip:N",
        )
        .properties(width=width, height=44)
    )
