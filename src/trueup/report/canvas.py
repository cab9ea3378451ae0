"""What the charts share: sizes, colours, configuration and the cleaning of rows.

Colours are CSS variables of the page (`var(--accent)`), written into the specification as they
are: the same picture then follows light, dark and print without being drawn twice. Sizes are in
the units of a 400 wide picture, which the page shows between 340 and 500 pixels wide, so that text
stays readable on a phone. One accent colour means "look here"; shape and filling say the same
without colour.
"""

from __future__ import annotations

from typing import Any

import altair as alt

from trueup.report.numbers import finite


WIDTH = 400
SMALL = 250

ACCENT, INK, MUTED = "var(--accent)", "var(--ink)", "var(--muted)"
LINE, BAND, PAPER = "var(--line)", "var(--band)", "var(--paper)"

CONFIG: dict[str, Any] = {
    "aria": False,
    "background": None,
    "padding": {"left": 2, "right": 10, "top": 6, "bottom": 2},
    "view": {"stroke": None},
    "concat": {"spacing": 14},
    "axis": {
        "labelColor": MUTED,
        "labelFontSize": 12,
        "titleColor": INK,
        "titleFontSize": 12.5,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "gridColor": LINE,
        "gridWidth": 0.7,
        "domain": False,
        "tickColor": LINE,
        "tickSize": 4,
        "labelPadding": 4,
        "labelLimit": 132,
        "titleLimit": 250,
    },
}

Row = dict[str, Any]


def complete(rows: list[Row] | None, *needed: str) -> list[Row]:
    """Keep the rows that have every needed number: a missing one cannot be drawn."""
    words = ("label", "at")
    return [
        row
        for row in rows or []
        if all(
            row.get(key) is not None if key in words else finite(row.get(key)) is not None
            for key in needed
        )
    ]


def finish(chart: Any) -> dict[str, Any]:
    """Return the chart as a specification that carries the report's own look."""
    # The reader's own Altair theme must not leak in: the configuration is replaced as a whole.
    return chart.to_dict() | {"config": CONFIG}


def tick_text(unit: str) -> str:
    """Return the axis label expression for numbers that are fractions or plain."""
    if unit == "percent":
        return "format(datum.value * 100, '.3~f') + '%'"
    if unit == "points":
        return "datum.value == 0 ? '0' : format(datum.value * 100, '+.3~f')"
    return "datum.label"


def axis_title(title: Any, *, unit: str) -> str:
    """Return the title of an axis; points are named, because their labels are bare numbers."""
    text = str(title or "")
    return f"{text}, points" if unit == "points" and "point" not in text else text


def data(rows: list[Row]) -> alt.Data:
    """Wrap rows as the inline data of a chart."""
    return alt.Data(values=rows)


def span(row: Row, **more: Any) -> Row:
    """Return value, low and high of a row; without an interval both ends are the value."""
    value = finite(row["value"])
    low, high = finite(row.get("low")), finite(row.get("high"))
    both = low is not None and high is not None
    return {"value": value, "low": low if both else value, "high": high if both else value, **more}
