"""Charts of a simulator: errors of forecasts by lead, and fields or series beside each other."""

from __future__ import annotations

from typing import Any

import altair as alt

from trueup.report.canvas import ACCENT, INK, LINE, MUTED, WIDTH, Row, complete, data, finish


PANEL = 92
LEVELS = 5
FIT = alt.AutoSizeParams(type="fit-x", contains="padding")


def errors(picture: Row) -> dict[str, Any]:
    """Mean error by lead, before in grey and dashed, after in the accent, with their bands."""
    rows = complete(picture["points"], "at", "value", "low", "high")
    x = alt.X("at:Q", axis=alt.Axis(title=picture.get("x"), grid=False, tickCount=5))
    y_axis = alt.Axis(title=picture.get("y"), tickCount=5)
    layers = []
    for side, colour, dash in (("model", MUTED, [5, 3]), ("corrected", ACCENT, [1, 0])):
        mine = [row for row in rows if row["side"] == side]
        if not mine:
            continue
        base = alt.Chart(data(mine)).encode(x=x)
        band = base.mark_area(color=colour, opacity=0.18)
        layers.append(band.encode(y=alt.Y("low:Q", axis=y_axis), y2="high:Q"))
        line = base.mark_line(color=colour, strokeWidth=2, strokeDash=dash)
        layers.append(line.encode(y=alt.Y("value:Q", axis=y_axis)))
    return finish(alt.layer(*layers).properties(width=WIDTH, height=220, autosize=FIT))


def curves(picture: Row) -> dict[str, Any]:
    """A panel each for what is seen, missed and explained; the last two share their scale."""
    rows = complete(picture["points"], "at", "value")
    judged = [row["value"] for row in rows if row["panel"] != "observed"]
    span = [min(judged), max(judged)]
    panels = []
    for key, head in picture["heads"].items():
        mine = [row for row in rows if row["panel"] == key]
        last = key == "explained"
        scale = alt.Scale(zero=False) if key == "observed" else alt.Scale(domain=span)
        chart = alt.Chart(data(mine)).mark_line(
            color=ACCENT if last else INK if key == "missed" else MUTED, strokeWidth=1.6
        )
        chart = chart.encode(
            x=alt.X("at:Q", axis=alt.Axis(title=picture["x"] if last else None, grid=False,
                                          labels=last, ticks=last, tickCount=5)),
            y=alt.Y("value:Q", scale=scale, axis=alt.Axis(title=None, tickCount=3, minExtent=38)),
        )  # fmt: skip
        panels.append(chart.properties(width=WIDTH - 60, height=PANEL, title=_head(head)))
    return finish(alt.vconcat(*panels))


def maps(picture: Row) -> dict[str, Any]:
    """Fields as maps: above 0 in the accent, below it in ink, each the stronger the larger."""
    rows = complete(picture["points"], "at", "up", "value")
    panels = []
    for key, head in picture["heads"].items():
        mine = _runs([row for row in rows if row["panel"] == key], picture["cell"])
        chart = alt.Chart(data(mine)).mark_rect(strokeWidth=0)
        names = {"x": picture["x"], "y": picture["y"]}
        axis = {name: alt.Axis(title=title, grid=False, tickCount=4)
                for name, title in names.items()}  # fmt: skip
        chart = chart.encode(
            x=alt.X("at:Q", axis=axis["x"], scale=alt.Scale(nice=False)), x2="end:Q",
            y=alt.Y("up:Q", axis=axis["y"], scale=alt.Scale(nice=False)), y2="top:Q",
            color=alt.condition("datum.level > 0", alt.value(ACCENT), alt.value(INK)),
            opacity=alt.Opacity("depth:Q", scale=None),
        )  # fmt: skip
        panels.append(chart.properties(width=WIDTH - 60, height=150, title=_head(head)))
    view = {"stroke": LINE}
    spec = finish(alt.vconcat(*panels))
    return spec | {"config": spec["config"] | {"view": view}}


def _head(text: str) -> alt.TitleParams:
    return alt.TitleParams(text=text, anchor="start", color=INK, fontSize=12.5, fontWeight="normal")


def _runs(rows: list[Row], cell: list[float]) -> list[Row]:
    """Neighbours along x of one level in one rectangle: a map of few shapes."""
    made: list[Row] = []
    for row in sorted(rows, key=lambda r: (r["up"], r["at"])):
        level = round(row["share"] * LEVELS)
        last = made[-1] if made else None
        if last and (last["up"], last["level"]) == (row["up"], level) and last["end"] >= row["at"]:
            last["end"] = row["at"] + cell[0]
        else:
            made.append({"at": row["at"], "end": row["at"] + cell[0], "up": row["up"],
                         "top": row["up"] + cell[1], "level": level,
                         "depth": abs(level) / LEVELS * 0.9})  # fmt: skip
    return [row for row in made if row["level"]]


def spoken_errors(picture: Row) -> str:
    """Errors of forecasts in a sentence."""
    points = picture["points"]
    ends = [f"{row['side']} {row['value']:.3g}" for row in points if row["at"] == points[-1]["at"]]
    return f"At {points[-1]['at']:.4g} ahead: {', '.join(ends)}."


def spoken_panels(picture: Row) -> str:
    """Largest values of what is seen, missed and explained."""
    sizes: dict[str, float] = {}
    for row in picture["points"]:
        sizes[row["panel"]] = max(sizes.get(row["panel"], 0.0), abs(row["value"]))
    said = "; ".join(f"{head}: up to {sizes[key]:.3g}" for key, head in picture["heads"].items())
    return f"Largest values. {said}."


def error_table(picture: Row) -> list[list[str]]:
    """Rows of the numbers behind the errors: time ahead, then a mean a side."""
    leads: dict[float, list[str]] = {}
    for row in picture["points"]:
        said = f"{row['value']:.4g} ({row['low']:.4g} to {row['high']:.4g})"
        leads.setdefault(row["at"], []).append(said)
    return [[f"{lead:.4g}", *[*said, ""][:2]] for lead, said in leads.items()]


CHARTS = {"errors": errors, "curves": curves, "map": maps}
SPOKEN = {"errors": spoken_errors, "curves": spoken_panels, "map": spoken_panels}
