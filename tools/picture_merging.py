"""Draw the way from one network to another for docs/merging.md: ``picture_merging.py``.

Digits of scikit-learn; three networks are trained, half a minute.
"""

from __future__ import annotations

import sys
from pathlib import Path

import altair as alt
import numpy as np
import vl_convert


ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from reproductions.digits import WIDTHS, accuracy, digits, trained  # noqa: E402
from reproductions.networks import mlp  # noqa: E402
from trueup.parameters import PLeaS, align, merge  # noqa: E402


FOLDER = ROOT / "docs" / "images"
ACCENT, INK, MUTED, PAPER = "#1b5fb8", "#1d2228", "#6b737b", "#ffffff"
SHADES = {
    "same start": MUTED, "started apart": "#c2571a", "apart, aligned": ACCENT,
    "apart, aligned and fitted (PLeaS)": INK,
}  # fmt: skip
SEEDS = 5


def ways(seed: int) -> list[dict]:
    """Accuracy on the way between two networks, a row a place."""
    first, one_rows, two_rows, test = digits(seed, 0.25, 0.2, 0.2, 0.35)
    base = trained(first, seed=seed)
    one = trained(one_rows, seed=seed + 10, start=base, rate=3e-4)
    two = trained(two_rows, seed=seed + 20, start=base, rate=3e-4)
    apart = trained(two_rows, seed=seed + 30)
    aligned = align(apart, one, arch=lambda: mlp(*WIDTHS), on=first.x)
    rows = []
    for name, end in zip(SHADES, (two, apart, aligned), strict=False):
        for t in np.linspace(0, 1, 21):
            there = {key: (1 - t) * one[key] + t * end[key] for key in one}
            rows.append({"way": name, "t": float(t), "accuracy": accuracy(there, test)})
    fitted = merge([one, apart], method=PLeaS(lambda: mlp(*WIDTHS), first.x))
    there = {key: fitted[key] for key in fitted}
    rows.append({"way": [*SHADES][-1], "t": 0.5, "accuracy": accuracy(there, test)})
    return rows


def chart() -> alt.LayerChart:
    """Means over seeds."""
    rows = [row for seed in range(SEEDS) for row in ways(seed)]
    colour = alt.Color(
        "way:N", title=None, sort=[*SHADES],
        scale=alt.Scale(domain=[*SHADES], range=[*SHADES.values()]),
        legend=alt.Legend(orient="top", columns=2, labelLimit=400, labelFontSize=13,
                          symbolStrokeWidth=3),
    )  # fmt: skip
    x = alt.X("t:Q", title="way from one network to the other", axis=alt.Axis(format="%"))
    y = alt.Y("mean(accuracy):Q", title="accuracy on held-out digits", axis=alt.Axis(format="%"),
              scale=alt.Scale(zero=False))  # fmt: skip
    lines = alt.Chart(alt.Data(values=[row for row in rows if row["way"] != [*SHADES][-1]]))
    point = alt.Chart(alt.Data(values=[row for row in rows if row["way"] == [*SHADES][-1]]))
    made = lines.mark_line(strokeWidth=3).encode(x=x, y=y, color=colour) + point.mark_point(
        filled=True, size=140, opacity=1
    ).encode(x=x, y=y, color=colour)
    return made.properties(width=520, height=300)


def main() -> None:
    """Draw."""
    made = chart().configure(background=PAPER, font="Inter, Arial, sans-serif").configure_axis(
        labelFontSize=13, titleFontSize=13, titleFontWeight="normal", gridColor="#eceff2",
        labelColor=INK, titleColor=INK, domainColor=MUTED,
    ).configure_view(stroke=None)  # fmt: skip
    (FOLDER / "merging.png").write_bytes(vl_convert.vegalite_to_png(made.to_json(), scale=2))


if __name__ == "__main__":
    main()
