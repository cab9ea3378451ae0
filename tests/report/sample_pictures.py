"""The pictures of the sample documents."""

from __future__ import annotations

from math import exp, sqrt
from typing import Any

from report.sample_rows import drift, models, remedies, slices


def _bins(*, power: float) -> list[dict[str, Any]]:
    rows = []
    for i in range(15):
        score, n = (i + 0.5) / 15, int(6 + 900 * exp(-(14 - i) / 1.6))
        observed = min(
            0.99, max(0.02, score**power * 0.86 + 0.03 * ((i * 37) % 7 - 3) / (1 + i / 2))
        )
        half = 1.96 * sqrt(max(observed * (1 - observed), 0.01) / n)
        luck = 1.96 * sqrt(score * (1 - score) / n)
        rows.append(
            {
                "score": score,
                "observed": observed,
                "low": max(0, observed - half),
                "high": min(1, observed + half),
                "n": n,
                "band_low": max(0, score - luck),
                "band_high": min(1, score + luck),
            }
        )
    return rows[3:]


def _reliability(title: str, *, power: float) -> dict[str, Any]:
    bins = _bins(power=power)
    total = sum(row["n"] for row in bins)
    curve = sorted(row["observed"] for row in bins)
    return {
        "kind": "reliability",
        "title": title,
        "x": "stated confidence",
        "y": "observed share",
        "bins": bins,
        "curve": [
            {"score": row["score"], "observed": y} for row, y in zip(bins, curve, strict=True)
        ],
        "after": [
            {
                "score": row["score"] * 0.9 + 0.05,
                "observed": min(1, row["score"] * 0.9 + 0.05 + 0.02 * (-1) ** i),
            }
            for i, row in enumerate(bins[::2])
        ],
        "density": [
            {"low": row["score"] - 1 / 30, "high": row["score"] + 1 / 30, "share": row["n"] / total}
            for row in bins
        ],
    }


def _forest(title: str, *, x: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"kind": "forest", "title": title, "x": x, "rows": rows}


def pictures() -> dict[str, Any]:
    pictures: dict[str, Any] = {
        "reliability": _reliability("Stated confidence against what came true", power=1.35),
        "slices": _forest(
            "Calibration gap by slice",
            x="observed minus stated, points",
            rows=[
                {
                    "label": ", ".join(f"{k} = {v}" for k, v in row["by"].items()),
                    "n": row["n"],
                    "flagged": row["flagged"],
                    **{key: row["difference"][key] for key in ("value", "low", "high")},
                }
                for row in slices()
            ],
        )
        | {"unit": "points"},
        "models": _forest(
            "Log loss by model",
            x="log loss (left is better)",
            rows=[
                {
                    "label": row["model"],
                    "n": 1797,
                    "flagged": row["primary"],
                    **{key: row["measures"]["log_loss"][key] for key in ("value", "low", "high")},
                }
                for row in models()
            ],
        ),
        "remedies": {
            "kind": "remedies",
            "title": "Corrections tried, on rows they never saw",
            "x": "change in log loss (left is better)",
            "rows": [
                {
                    "label": row["title"],
                    "outcome": row["outcome"],
                    "chosen": row["chosen"],
                    **{key: row["difference"][key] for key in ("value", "low", "high")},
                }
                for row in remedies()
            ],
        },
    }
    for series in drift():
        pictures[f"drift:{series['series']}"] = {
            "kind": "drift",
            "title": f"{series['label']} over time",
            "y": series["label"].lower(),
            "temporal": True,
            "points": series["points"],
            "change_at": series["change_at"],
        }
    for digit in range(10):
        pictures[f"reliability:class={digit}"] = _reliability(f"Class {digit}", power=1 + digit / 9)
    return pictures
