"""Text alternatives: what a picture shows, in sentences made from its numbers."""

from __future__ import annotations

from typing import Any

from trueup.report import orbits
from trueup.report.canvas import Row, complete
from trueup.report.numbers import count, estimate_text, finite, percent
from trueup.report.simulators import SPOKEN, error_table


# Longer series stay in the picture and in the JSON output.
LONGEST_TABLE = 40


def text_alternative(picture: Row) -> str:
    """Return the picture in words: what is drawn, how many points, and what stands out."""
    say = _SENTENCES.get(str(picture.get("kind")))
    title = str(picture.get("title") or "Picture").rstrip(".")
    return f"{title}. {say(picture)}" if say else f"{title}."


def _reliability(picture: Row) -> str:
    bins = complete(picture.get("bins"), "score", "observed")
    if not bins:
        return "No points."
    worst = max(bins, key=lambda row: abs(row["observed"] - row["score"]))
    judged = complete(bins, "band_low", "band_high")
    below = sum(row["observed"] < row["band_low"] for row in judged)
    above = sum(row["observed"] > row["band_high"] for row in judged)
    text = f"Reliability diagram of {count(len(bins))} bins. "
    if judged:
        text += (
            f"{below} lie below the band that luck alone would fill, {above} above it, "
            f"{len(judged) - below - above} inside. "
        )
    text += (
        f"Largest gap: where {percent(worst['score'])} was stated, "
        f"{percent(worst['observed'])} was observed."
    )
    after = complete(picture.get("after"), "score", "observed")
    if after:
        left = max(abs(row["observed"] - row["score"]) for row in after)
        text += f" After the correction the largest gap is {percent(left)}."
    return text


def _forest(picture: Row) -> str:
    rows = complete(picture.get("rows"), "label", "value")
    if not rows:
        return "No rows."
    unit = str(picture.get("unit") or "")
    flagged = [row for row in rows if row.get("flagged") or row.get("chosen")]
    low, high = (pick(rows, key=lambda row: row["value"]) for pick in (min, max))
    text = f"{count(len(rows))} rows with intervals. "
    text += f"Lowest: {_named(low, unit=unit)}. Highest: {_named(high, unit=unit)}."
    if flagged:
        text += " Marked: " + "; ".join(_named(row, unit=unit) for row in flagged[:5]) + "."
    return text


def _named(row: Row, *, unit: str) -> str:
    return f"{str(row['label'])[:60]}, {estimate_text(row, unit=unit, signed=bool(unit))}"


def _drift(picture: Row) -> str:
    points = complete(picture.get("points"), "at", "value")
    if not points:
        return "No points."
    first, last = points[0], points[-1]
    low, high = (pick(points, key=lambda row: row["value"]) for pick in (min, max))
    unit = str(picture.get("unit") or "")
    said = [estimate_text(row, unit=unit) for row in (first, last, low, high)]
    text = (
        f"{count(len(points))} points from {first['at']} ({said[0]}) to {last['at']} ({said[1]}). "
        f"Lowest {said[2]} at {low['at']}, highest {said[3]} at {high['at']}."
    )
    change = picture.get("change_at")
    return text + (f" A change is located at {change}." if change is not None else "")


def _places(picture: Row) -> str:
    rows = complete(picture.get("rows"), "low", "high", "value")
    if not rows:
        return "No places."
    judged = complete(rows, "band_low", "band_high")
    out = [row for row in judged if not row["band_low"] <= row["value"] <= row["band_high"]]
    ends = [f"{row['value']:.2f}" for row in (rows[0], rows[-1])]
    most = max(rows, key=lambda row: row["value"])
    return (
        f"Histogram of {count(len(rows))} places. {len(out)} lie outside the band that luck alone "
        f"would fill. The truth falls below all that was stated {ends[0]} times as often as it "
        f"should, above all {ends[1]} times. Most often, {most['value']:.2f} times, it falls "
        f"between {percent(most['low'])} and {percent(most['high'])}."
    )


def _spread(picture: Row) -> str:
    rows = complete(picture.get("rows"), "stated", "value")
    if not rows:
        return "No points."
    more = sum(row["value"] > row["stated"] for row in rows)
    first, last = rows[0], rows[-1]
    return (
        f"{count(len(rows))} bins of the stated spread; in {more} the error is larger than stated. "
        f"Lowest: stated {first['stated']:.4g}, made {first['value']:.4g}. Highest: stated "
        f"{last['stated']:.4g}, made {last['value']:.4g}."
    )


_SENTENCES = {
    "reliability": _reliability,
    "forest": _forest,
    "remedies": _forest,
    "drift": _drift,
    "places": _places,
    "spread": _spread,
    **SPOKEN,
    "orbit": orbits.spoken,
}


HEADS = {
    "reliability": ["Stated", "Observed, with interval", "Luck alone", "Rows"],
    "drift": ["At", "Value, with interval", "Rows"],
    "places": ["Level", "Times as often as stated", "Luck alone", "Rows"],
    "spread": ["Stated", "Made, with interval", "Rows"],
    "errors": ["Time ahead", "Model, with the middle 80%", "Corrected, with the middle 80%"],
    "orbit": ["Element", "Mean error, with interval", "Against the consensus"],
}
"""Headings of the numbers behind a picture."""


def picture_table(picture: Row) -> list[list[Any]]:
    """Return the numbers behind a picture as text; empty where the page shows them anyway."""
    if picture.get("kind") == "reliability":
        return [
            [percent(row["score"]), _share(row), _band(row), count(row.get("n"))]
            for row in complete(picture.get("bins"), "score", "observed")
        ]
    if picture.get("kind") == "places":
        return [_place_row(row) for row in complete(picture.get("rows"), "low", "high", "value")]
    if picture.get("kind") == "spread":
        points = complete(picture.get("rows"), "stated", "value")
        return [[f"{p['stated']:.4g}", estimate_text(p), count(p.get("n"))] for p in points]
    if picture.get("kind") == "errors":
        return error_table(picture)[:LONGEST_TABLE]
    if picture.get("kind") == "orbit":
        return orbits.table(picture)
    if picture.get("kind") == "drift":
        points = complete(picture.get("points"), "at", "value")
        if len(points) > LONGEST_TABLE:
            return []
        unit = str(picture.get("unit") or "")
        return [
            [str(row["at"]), estimate_text(row, unit=unit), count(row.get("n"))] for row in points
        ]
    return []


def _place_row(row: Row) -> list[str]:
    ends = [row.get(name) for name in ("band_low", "band_high")]
    luck = " to ".join(f"{end:.2f}" for end in ends if finite(end) is not None)
    place = f"{percent(row['low'])} to {percent(row['high'])}"
    return [place, f"{row['value']:.2f}", luck, count(row.get("n"))]


def _share(row: Row) -> str:
    return estimate_text(row | {"value": row["observed"]}, unit="percent")


def _band(row: Row) -> str:
    if finite(row.get("band_low")) is None or finite(row.get("band_high")) is None:
        return ""
    return f"{percent(row['band_low'])} to {percent(row['band_high'])}"
