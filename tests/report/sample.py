"""Documents for the tests of the report: plausible, large, hostile and empty."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from report.sample_pictures import pictures
from report.sample_rows import (
    data,
    drift,
    estimate,
    findings,
    how,
    measures,
    models,
    remedies,
    series_points,
    slices,
)
from trueup.report.document import DEFAULTS


HOSTILE = "</script></style><img src=x onerror=alert(1)>\"'`{{7*7}}<script>alert(2)</script>"


def sample_document() -> dict[str, Any]:
    """Return the audit of an over-confident classifier with a bad slice and a change in time."""
    return {
        "title": "digits-gaussian-nb.parquet",
        "model": "GaussianNB",
        "created": "2026-11-21T03:00:00Z",
        "trueup": "0.1.0",
        "schema": 1,
        "rows": 1797,
        "kind": "probabilities",
        "classes": [str(digit) for digit in range(10)],
        "level": 0.95,
        "seconds": 1.83,
        "verdict": "This model is right 85% of the time but claims 99%: it is strongly "
        "over-confident.",
        "action": "Cool it: apply the temperature correction (T = 5.75) before anyone reads its "
        "confidence; "
        "look at camera C0 in dim light.",
        "headline": headline(),
        "measures": measures(),
        "findings": findings(),
        "slices": slices(),
        "slices_left_out": ["site: 1,240 values, only the 200 largest were examined."],
        "remedies": remedies(),
        "remedies_left_out": ["No correction for each age was tried: its slices are ranges."],
        "chosen": "temperature",
        "proof": {
            "sentence": "TemperatureScaling lowers log loss by 2.047 nat (1.642 to 2.452) on rows "
            "that it never saw.",
            "learned_on": "899 rows (64 of 128 groups)",
            "proven_on": "898 rows (the other 64 groups)",
            "tried": 8,
            "paper": ["Guo et al. 2017, arXiv:1706.04599"],
        },
        "drift": drift(),
        "models": models(),
        "comparisons": [
            {
                "a": "GaussianNB",
                "b": "LogisticRegression",
                "score": "log_loss",
                "difference": estimate(2.538, half=0.41),
                "p_value": 1e-9,
            },
            {
                "a": "RandomForest",
                "b": "LogisticRegression",
                "score": "log_loss",
                "difference": estimate(0.1892, half=0.021),
                "p_value": 0.012,
            },
        ],
        "data": data(),
        "how": how(),
        "pictures": pictures(),
    }


def headline() -> list[dict[str, Any]]:
    """The three numbers that carry the verdict."""
    return [
        {
            "name": "ece",
            "label": "Calibration error",
            "estimate": estimate(0.137, half=0.0161),
            "unit": "points",
            "note": "luck alone would show 0.4",
        },
        {
            "name": "accuracy",
            "label": "Accuracy",
            "estimate": estimate(0.8509, half=0.0165),
            "unit": "percent",
            "note": "stated on average: 98.8%",
        },
        {
            "name": "log_loss",
            "label": "Log loss",
            "estimate": estimate(2.665, half=0.412),
            "unit": "nat",
            "note": "0.6183 after the correction",
        },
    ]


def numbers_document() -> dict[str, Any]:
    """What an audit of quantiles says: two models, slices with hostile names, time, a remedy."""
    import numpy as np

    import trueup as tu
    from audit.forecasts import forecast_table

    parts = [forecast_table("quantiles", 3_000, spread=spread, bias=0.4) for spread in (0.5, 0.7)]
    table = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    rows = len(table["y"])
    table["day"] = np.tile(np.arange(rows // 2) // 20, 2)
    table["model"] = np.repeat(["<b>one</b>", "two"], rows // 2)
    table["lead"] = np.tile(["<img src=x onerror=alert(1)>", "24 h", "48 h"], rows // 3)
    found = tu.audit(
        table, truth="y", by="lead", time="day", model="model", key="id", history=False
    )
    return found.document()


def minimal_document() -> dict[str, Any]:
    """Return a document in which every list is empty."""
    said = {
        "title": "empty.csv",
        "created": "2026-11-21T03:00:00Z",
        "trueup": "0.1.0",
        "kind": "probabilities",
        "seconds": 0.01,
        "verdict": "There is too little here to say anything.",
        "action": "Bring at least 30 rows.",
        "data": {"roles": {}, "checks": []},
    }
    return deepcopy(DEFAULTS) | said


def hostile_document() -> dict[str, Any]:
    """Return the sample with every string of the data replaced by an attack or carrying one."""
    document = _spoiled(sample_document())
    document["measures"][HOSTILE] = estimate(0.5, half=0.1)
    document["measures"]["accuracy"] = {"value": None, "low": None, "high": None, "n": 0}
    document["data"]["roles"][HOSTILE] = [HOSTILE, "\x00\x1b[31m\u202e\ud800"]
    return document


def large_document() -> dict[str, Any]:
    """Return a document with hundreds of slices, long series and many classes."""
    document = sample_document()
    document["slices"] = [
        row | {"by": {"region": f"region_{i % 20:02d}", "site": f"site_{i // 20:03d}"}}
        for i, row in enumerate(slices() * 60)
    ]
    reliability = document["pictures"]["reliability"]
    for name in range(30):
        key = f"reliability:class={name}"
        document["pictures"][key] = reliability | {"title": f"Class {name} against the rest"}
    for series in document["drift"]:
        points = series_points(200, drop=0.08)
        series["points"] = points
        document["pictures"][f"drift:{series['series']}"] |= {"points": points}
    return document


_KEPT = {
    "kind",
    "id",
    "severity",
    "outcome",
    "name",
    "picture",
    "series",
    "unit",
    "score",
    "measure",
    "how",
    "at",
    "change_at",
}


def _spoiled(value: Any, *, key: str = "") -> Any:
    if isinstance(value, dict):
        return {
            (f"{name}{HOSTILE}" if key in ("by", "parameters") else name): _spoiled(item, key=name)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_spoiled(item, key=key) for item in value]
    return f"{value[:8]}{HOSTILE}" if isinstance(value, str) and key not in _KEPT else value
