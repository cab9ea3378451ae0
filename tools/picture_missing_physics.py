"""Draw errors of discovered physics for docs/reproductions.md: ``picture_missing_physics.py``.

Of Kuramoto-Sivashinsky flow the 24 noise-free cases are run again, a minute or two; numbers of
quasi-geostrophic flow are those of the ledger.
"""

from __future__ import annotations

import sys
from pathlib import Path

import altair as alt
import vl_convert


ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from reproductions.error.medida_ks import FREE, Size, cases, fit, truth  # noqa: E402
from reproductions.ledger import read_ledger  # noqa: E402


FOLDER = ROOT / "docs" / "images"
ACCENT, INK, MUTED, LIGHT, PAPER = "#1b5fb8", "#1d2228", "#6b737b", "#b9c0c7", "#ffffff"
LOWEST = 1e-5
"""Errors below it, in per cent, are drawn there."""
SPARSE = "a quarter of the points, Fourier features (mean of the seeds)"
WRONG, THEIRS, OURS = "wrong model", "published method", "trueup"


def dots(rows: list[dict], *, x: alt.X, y: alt.Y, names: list[str], shades: list[str]) -> alt.Chart:
    """One dot a row, coloured by ``who``."""
    colour = alt.Color(
        "who:N", title=None, sort=names, scale=alt.Scale(domain=names, range=shades),
        legend=alt.Legend(orient="top", symbolOpacity=1, labelLimit=400, labelFontSize=13),
    )  # fmt: skip
    chart = alt.Chart(alt.Data(values=rows)).mark_point(filled=True, size=70, opacity=1)
    return chart.encode(x=x, y=y, color=colour)


def line(**look) -> alt.Chart:
    """Guide lines from the left to the right dot of every row."""
    return alt.Chart(alt.Data(values=look["rows"])).mark_rule(color=LIGHT).encode(
        x=look["x"], x2="high:Q", y=look["y"]
    )  # fmt: skip


def per_cent(title: str, low: float, high: float) -> alt.X:
    """A logarithmic axis of errors."""
    axis = alt.Axis(
        title=title, grid=True, values=[10.0**n for n in range(-5, 4)], titlePadding=8,
        labelExpr=f"datum.value < {2 * LOWEST} ? '≤ 0.00001' : format(datum.value, '~r')",
        labelFlush=False,
    )  # fmt: skip
    return alt.X("error:Q", scale=alt.Scale(type="log", domain=[low, high], nice=False), axis=axis)


def rows_of(order: list[str]) -> alt.Y:
    """A row a case, in the order of the cases."""
    axis = alt.Axis(title=None, ticks=False, labelLimit=320, labelPadding=10, domain=False)
    return alt.Y("case:N", sort=order, axis=axis)


def kuramoto_rows() -> list[dict]:
    """A case a row: errors of the wrong model, of the published method's, and of that found."""
    samples, _ = truth(Size(starts=1, lead=2))
    rows = []
    for name, case in cases().items():
        found = {finding.name: finding.value for finding in fit(case, samples[:, :3]).terms}
        errors = {"wrong": case.error({}), "published": FREE[name][0], "ours": case.error(found)}
        rows.append({"case": name, **errors})
    return rows


def geostrophic_rows() -> tuple[list[dict], list[dict]]:
    """Errors by case and kind of observation, and means over three cases by method."""
    ledger = [row for row in read_ledger(ROOT / "reproductions") if row["mission"] == 14]
    number = {row["claim"]: max(row["measured"]["value"], 0.001) for row in ledger}
    signed = {row["claim"]: row["measured"]["value"] for row in ledger}
    cases = []
    for words, value in number.items():
        if "features: error of case" in words.lower():
            case = words.split("error of case ")[1].removesuffix(", per cent")
            cases.append({"case": case, "who": SPARSE, "error": value})
    ours = [row["error"] for row in cases if row["case"][:4] in ("1001", "1004", "1006")]
    ours = sum(ours) / len(ours)
    there = "there, Fourier features less "
    whole = signed["whole: the largest error of the nine, per cent"]
    means = [
        {"case": "whole states, worst of nine", "error": whole},
        {"case": "Fourier features", "error": ours},
    ]
    means += [
        {"case": words.removeprefix(there), "error": max(ours - less, 0.001)}
        for words, less in signed.items()
        if words.startswith(there)
    ]
    return cases, means


def kuramoto() -> alt.LayerChart:
    """Errors of 24 models: wrong, corrected as published, and corrected here."""
    found = kuramoto_rows()
    rows = [
        {"case": row["case"], "who": who, "error": max(row[key], LOWEST)}
        for row in found
        for who, key in ((WRONG, "wrong"), (THEIRS, "published"), (OURS, "ours"))
    ]
    ends = [
        {"case": row["case"], "error": max(row["ours"], LOWEST), "high": row["wrong"]}
        for row in found
    ]
    y = rows_of([row["case"] for row in found])
    x = per_cent("error of the coefficients, per cent (log scale)", LOWEST / 2, 200)
    shown = dots(rows, x=x, y=y, names=[WRONG, THEIRS, OURS], shades=[LIGHT, MUTED, ACCENT])
    return (line(rows=ends, x=x, y=y) + shown).properties(width=520, height=alt.Step(18))


def geostrophic() -> alt.VConcatChart:
    """Errors of nine models from whole states and from sparse sensors, and those by method."""
    cases, means = geostrophic_rows()
    x = per_cent("error of the coefficients, per cent (log scale)", 0.001, 200)
    y = rows_of([row["case"] for row in cases])
    limit = alt.Chart(alt.Data(values=[{"error": 10}])).mark_rule(strokeDash=[4, 3], color=INK)
    upper = dots(cases, x=x, y=y, names=[row["who"] for row in cases[:1]], shades=[ACCENT])
    above = (limit.encode(x=x) + upper).properties(width=440, height=alt.Step(20))
    order = rows_of([row["case"] for row in means])
    below = alt.Chart(alt.Data(values=means)).mark_point(
        filled=True, size=70, opacity=1, color=MUTED
    ).encode(x=x, y=order)  # fmt: skip
    beside = (limit.encode(x=x) + below).properties(
        width=440,
        height=alt.Step(20),
        title="sensors at a quarter of the points: mean of 1001, 1004 and 1006, by method",
    )
    return alt.vconcat(above, beside)


def main(which: list[str]) -> None:
    """Write the pictures, or those named."""
    for name, draw in (("kuramoto", kuramoto), ("geostrophic", geostrophic)):
        if which and name not in which:
            continue
        made = draw().properties(background=PAPER, padding=12)
        made = made.configure_view(stroke=None).configure_axis(
            labelFontSize=13, titleFontSize=13, titleFontWeight="normal", titleColor=INK,
            labelColor=INK,
        ).configure_title(fontSize=13, fontWeight="normal", anchor="start", color=INK)  # fmt: skip
        file = FOLDER / f"missing-physics-{name}.png"
        file.write_bytes(vl_convert.vegalite_to_png(made.to_json(), scale=1.5))


if __name__ == "__main__":
    main(sys.argv[1:])
