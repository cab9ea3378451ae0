"""Draw the coverage of sets by class for docs/guarantees.md: ``tools/picture_guarantees.py``.

Handwritten digits and naive Bayes, halved at random 200 times: sets are made on one half, and the
other tells how often the truth of each digit was inside.
"""

from __future__ import annotations

from pathlib import Path

import altair as alt
import numpy as np
import vl_convert

import trueup as tu
from trueup.audit.demo import digit_tables


FILE = Path(__file__).resolve().parents[1] / "docs" / "images" / "guarantees-by-class.png"
LEVEL, HALVES = 0.95, 200
ACCENT, INK, MUTED, PAPER = "#1b5fb8", "#1d2228", "#6b737b", "#ffffff"
SCALE = alt.Scale(domain=[0.86, 1.0], zero=False, nice=False)
TITLE = "share of sets that hold the digit"
NAMES = {"all": "one threshold (per all)", "class": "a threshold a class (per class)"}


def coverages() -> list[dict]:
    """Mean coverage of every digit over the halves, for both guarantees."""
    table = next(columns for name, columns in digit_tables() if name == "naive_bayes")
    probs = np.column_stack([table[f"p_{j}"] for j in range(10)])
    rows = tu.Evidence(tu.Probabilities(probs), table["digit"])
    rng, hits, seen = np.random.default_rng(0), np.zeros((2, 10)), np.zeros(10)
    for _ in range(HALVES):
        order = rng.permutation(len(rows))
        learn, new = rows.take(order[: len(order) // 2]), rows.take(order[len(order) // 2 :])
        seen += np.bincount(new.truth, minlength=10)
        for i, per in enumerate(NAMES):
            made = tu.calibration.ConformalSets(level=LEVEL, per=per).fit(learn).correct(new)
            inside = made.members[np.arange(len(new)), new.truth]
            hits[i] += np.bincount(new.truth, inside, minlength=10)
    return [
        {"digit": str(j), "guarantee": name, "coverage": hits[i, j] / seen[j]}
        for i, name in enumerate(NAMES.values())
        for j in range(10)
    ]


def main() -> None:
    """Write the picture."""
    base = alt.Chart(alt.Data(values=coverages())).encode(
        y=alt.Y("digit:N", title="digit"),
        x=alt.X(
            "coverage:Q",
            title=TITLE,
            scale=SCALE,
            axis=alt.Axis(format="%", tickCount=6),
        ),
    )
    colour = alt.Color(
        "guarantee:N",
        title=None,
        sort=list(NAMES.values()),
        scale=alt.Scale(domain=list(NAMES.values()), range=[MUTED, ACCENT]),
        legend=alt.Legend(orient="top", symbolOpacity=1, labelLimit=300),
    )
    level = alt.Chart(alt.Data(values=[{"level": LEVEL}])).mark_rule(strokeDash=[4, 3], color=INK)
    chart = level.encode(x=alt.X("level:Q", scale=SCALE, title=TITLE)) + base.mark_line(
        color=MUTED, opacity=0.5
    ).encode(detail="digit:N")
    chart += base.mark_point(filled=True, size=90, opacity=1).encode(color=colour)
    chart = chart.properties(width=440, height=250, background=PAPER).configure_view(stroke=None)
    FILE.write_bytes(vl_convert.vegalite_to_png(chart.to_json(), scale=1.5))


if __name__ == "__main__":
    main()
