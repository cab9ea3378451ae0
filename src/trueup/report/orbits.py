"""The page of an orbit: mean error along a group, the consensus beside it, and single samples."""

from __future__ import annotations

from typing import Any

import altair as alt

from trueup.report.canvas import ACCENT, INK, MUTED, WIDTH, Row, complete, data, finish, span
from trueup.report.numbers import count, estimate_text, finite


_LEFT = 46


def orbit(picture: Row) -> dict[str, Any]:
    """Curves over the elements, with the orbit of one sample; below, samples to pick from."""
    points = complete(picture.get("points"), "at", "value")
    numeric = all(finite(row["at"]) is not None for row in points)
    kind = "Q" if numeric else "O"
    samples = complete(picture.get("samples"), "mean", "uneven")
    pick = alt.selection_point(
        name="pick",
        fields=["sample"],
        on="click",
        clear=False,
        empty=False,
        value=[{"sample": samples[0]["sample"]}] if samples else alt.Undefined,
    )
    curves = _curves(picture, points, samples, kind=kind, pick=pick)
    if not samples:
        return finish(curves)
    return finish(alt.vconcat(curves, _scatter(samples, pick=pick)))


def _curves(picture: Row, points: list[Row], samples: list[Row], *, kind: str, pick) -> Any:
    rows = [span(row, at=row["at"], tip=_tip(row)) for row in points]
    x_title = str(picture.get("x") or "element")
    x_axis = alt.Axis(title=x_title, grid=False, labelAngle=0, labelOverlap="greedy")
    flat = alt.Scale(zero=False, nice=False) if kind == "Q" else alt.Undefined
    x = alt.X(f"at:{kind}", axis=x_axis, sort=None, scale=flat)
    y_axis = alt.Axis(title=str(picture.get("y") or "error"), tickCount=5, minExtent=_LEFT)
    scale = alt.Scale(zero=True, nice=True)
    base = alt.Chart(data(rows)).encode(x=x)
    band = base.mark_area(color=ACCENT, opacity=0.16).encode(
        y=alt.Y("low:Q", scale=scale, axis=y_axis), y2="high:Q"
    )
    y = alt.Y("value:Q", scale=scale, axis=y_axis)
    line = base.mark_line(color=ACCENT, strokeWidth=2).encode(y=y)
    dots = base.mark_point(filled=True, color=ACCENT, size=26, opacity=1).encode(
        y=y, tooltip="tip:N"
    )
    layers = [band, line, dots]
    if picture.get("labelled"):
        agreed = complete(picture.get("consensus"), "at", "value")
        chart = alt.Chart(data([{"at": r["at"], "value": r["value"]} for r in agreed]))
        layers.append(chart.mark_line(color=MUTED, strokeDash=[5, 4]).encode(x=x, y=y))
    if samples:
        long = [
            {"at": row["at"], "value": error, "sample": sample["sample"]}
            for sample in samples
            for row, error in zip(points, sample["errors"], strict=True)
        ]
        one = alt.Chart(data(long)).mark_line(color=INK, strokeWidth=1.2)
        layers.insert(1, one.encode(x=x, y=y).transform_filter(pick))
    return alt.layer(*layers).properties(width=WIDTH - 72, height=220)


def _scatter(samples: list[Row], *, pick) -> alt.Chart:
    rows = [
        {"sample": s["sample"], "mean": s["mean"], "uneven": s["uneven"],
         "tip": f"sample {s['sample']}\nmean error {s['mean']:.3g}\nunevenness {s['uneven']:.3g}"}
        for s in samples
    ]  # fmt: skip
    x_axis = alt.Axis(title="mean error of a sample", grid=True, tickCount=5)
    y_axis = alt.Axis(title="unevenness", grid=True, tickCount=5, minExtent=_LEFT)
    chosen = alt.condition(pick, alt.value(INK), alt.value(ACCENT))
    return (
        alt.Chart(data(rows))
        .mark_point(filled=True, opacity=0.75, cursor="pointer")
        .encode(
            x=alt.X("mean:Q", scale=alt.Scale(zero=False, nice=True), axis=x_axis),
            y=alt.Y("uneven:Q", scale=alt.Scale(zero=False, nice=True), axis=y_axis),
            color=chosen,
            size=alt.condition(pick, alt.value(110), alt.value(34)),
            tooltip="tip:N",
        )
        .add_params(pick)
        .properties(width=WIDTH - 72, height=150)
    )


def _tip(row: Row) -> str:
    return f"{row['at']}\n{estimate_text(row)}\n{count(row.get('n'))} samples"


def verdict(document: Row) -> str:
    """What the curve says, in one sentence."""
    points = complete(document["picture"].get("points"), "at", "value")
    low, high = (pick(points, key=lambda row: row["value"]) for pick in (min, max))
    if low["value"] == high["value"]:
        return f"The error is {low['value']:.3g} everywhere on the orbit."
    return (
        f"The mean error runs from {low['value']:.3g} at {low['at']:g} "
        f"to {high['value']:.3g} at {high['at']:g}."
        if all(finite(row["at"]) is not None for row in (low, high))
        else f"The mean error runs from {low['value']:.3g} at {low['at']} "
        f"to {high['value']:.3g} at {high['at']}."
    )


def spoken(picture: Row) -> str:
    """The picture in words."""
    points = complete(picture.get("points"), "at", "value")
    low, high = (pick(points, key=lambda row: row["value"]) for pick in (min, max))
    return (
        f"Mean error at {count(len(points))} elements. Lowest {estimate_text(low)} at {low['at']}, "
        f"highest {estimate_text(high)} at {high['at']}. Below, "
        f"{count(len(picture.get('samples') or []))} samples by mean error and unevenness."
    )


def table(picture: Row) -> list[list[str]]:
    """The numbers behind the picture."""
    agreed = complete(picture.get("consensus"), "at", "value")
    return [
        [str(row["at"]), estimate_text(row), estimate_text(other)]
        for row, other in zip(complete(picture.get("points"), "at", "value"), agreed, strict=True)
    ]
