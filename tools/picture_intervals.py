"""Draw the pictures of intervals for docs/guarantees.md: ``tools/picture_intervals.py``.

One shows the coverage of a series whose spread moves, with margins fixed at its start and with
adaptive ones; the other the widths that groups of rows get, and how often they hold the truth.
"""

from __future__ import annotations

from pathlib import Path

import altair as alt
import numpy as np
import vl_convert

import trueup as tu


FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"
ACCENT, INK, MUTED, PAPER = "#1b5fb8", "#1d2228", "#6b737b", "#ffffff"
STEPS, START, WINDOW = 6_000, 1_000, 300
FIXED, ADAPTIVE = "margins of the first 1,000 times", "adaptive margins"
POOLED, OWN = "one margin (per all)", "a margin a group (per group)"


def drifting() -> list[dict]:
    """Coverage of the last 300 times, along a series whose spread swings and jumps."""
    rng, time = np.random.default_rng(0), np.arange(STEPS)
    spread = np.exp(0.3 * np.sin(time / 250)) * np.where(time < 3_000, 1.0, 1.8)
    truth = spread * rng.normal(size=STEPS)
    start = tu.Evidence(tu.Points(np.zeros(START)), truth[:START])
    reach = tu.calibration.ConformalIntervals(level=0.9).fit(start).apply(tu.Points([0.0])).high
    moving = tu.calibration.AdaptiveConformal(0.9, 0.03, 200).run(np.zeros(STEPS), truth)
    rows = []
    for name, inside in ((FIXED, np.abs(truth) <= reach), (ADAPTIVE, moving.inside)):
        sums = np.cumsum(inside[START:].astype(float))
        share = (sums[WINDOW:] - sums[:-WINDOW]) / WINDOW
        rows += [
            {"time": int(START + WINDOW + t), "coverage": float(share[t]), "margins": name}
            for t in range(0, len(share), 20)
        ]
    return rows


def groups() -> list[dict]:
    """Width and coverage of new rows of five groups whose spread differs."""
    rng, names = np.random.default_rng(1), ["calm", "mild", "usual", "rough", "wild"]
    group = rng.choice(names, 20_000)
    spread = np.select([group == name for name in names], [0.4, 0.7, 1.0, 1.6, 2.5])
    truth, said = spread * rng.normal(size=20_000), tu.Points(np.zeros(20_000))
    rows = tu.Evidence(said, truth, by={"group": group})
    learn, new = rows.take(slice(0, 10_000)), rows.take(slice(10_000, None))
    found = []
    for name, per in ((POOLED, "all"), (OWN, "group")):
        made = tu.calibration.ConformalIntervals(level=0.9, per=per).fit(learn).correct(new)
        inside = (made.low <= new.truth) & (new.truth <= made.high)
        for each in names:
            mine = new.by["group"] == each
            width = float((made.high - made.low)[mine].mean())
            share = float(inside[mine].mean())
            found.append({"group": each, "margins": name, "width": width, "coverage": share})
    return found


def colour(names: tuple[str, str]) -> alt.Color:
    """The first in grey, the second in the accent."""
    return alt.Color(
        "margins:N",
        title=None,
        sort=list(names),
        scale=alt.Scale(domain=list(names), range=[MUTED, ACCENT]),
        legend=alt.Legend(orient="top", symbolOpacity=1, labelLimit=300),
    )


def rule(scale: alt.Scale, axis: str, title: str) -> alt.Chart:
    """A dashed line at the level."""
    chart = alt.Chart(alt.Data(values=[{"level": 0.9}])).mark_rule(strokeDash=[4, 3], color=INK)
    channel = {"x": alt.X, "y": alt.Y}[axis]("level:Q", scale=scale, title=title)
    return chart.encode(**{axis: channel})


def coverage_in_time() -> alt.LayerChart:
    """Two lines and the level."""
    scale = alt.Scale(domain=[0.5, 1.0], zero=False, nice=False)
    title = "truths inside, last 300 times"
    lines = alt.Chart(alt.Data(values=drifting())).mark_line(strokeWidth=2).encode(
        x=alt.X("time:Q", title="time", scale=alt.Scale(domain=[1_300, STEPS])),
        y=alt.Y("coverage:Q", title=title, scale=scale, axis=alt.Axis(format="%")),
        color=colour((FIXED, ADAPTIVE)),
    )  # fmt: skip
    return (rule(scale, "y", title) + lines).properties(width=440, height=220)


def widths_by_group() -> alt.HConcatChart:
    """Widths on the left, coverage on the right."""
    values = alt.Chart(alt.Data(values=groups()))
    order = alt.Y("group:N", title=None, sort=["calm", "mild", "usual", "rough", "wild"])
    dots = {"filled": True, "size": 90, "opacity": 1}
    wide = values.mark_point(**dots).encode(
        y=order,
        x=alt.X("width:Q", title="width of the interval"),
        color=colour((POOLED, OWN)),
    )
    scale, title = alt.Scale(domain=[0.4, 1.0], zero=False, nice=False), "truths inside"
    share = values.mark_point(**dots).encode(
        y=order.copy().axis(None),
        x=alt.X("coverage:Q", title=title, scale=scale, axis=alt.Axis(format="%", tickCount=6)),
        color=colour((POOLED, OWN)),
    )
    sides = wide.properties(width=210, height=150), (rule(scale, "x", title) + share)
    return alt.hconcat(sides[0], sides[1].properties(width=210, height=150))


def main() -> None:
    """Write the pictures."""
    for name, chart in (("drift", coverage_in_time()), ("groups", widths_by_group())):
        made = chart.properties(background=PAPER).configure_view(stroke=None)
        file = FOLDER / f"guarantees-{name}.png"
        file.write_bytes(vl_convert.vegalite_to_png(made.to_json(), scale=1.5))


if __name__ == "__main__":
    main()
