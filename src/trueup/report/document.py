"""The document made safe to show: every key present, every string printable and not too long."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from trueup.report.named import SERIES_LEVELS, SLICE_UNITS
from trueup.report.numbers import MINUS, finite, fixed, loss, percent


DEFAULTS: dict[str, Any] = {
    "title": "predictions",
    "model": None,
    "created": "",
    "trueup": "",
    "schema": 1,
    "rows": 0,
    "kind": "",
    "classes": [],
    "level": 0.95,
    "seconds": None,
    "verdict": "No verdict.",
    "action": "",
    "headline": [],
    "measures": {},
    "findings": [],
    "slices": [],
    "slices_left_out": [],
    "remedies": [],
    "remedies_left_out": [],
    "chosen": "none",
    "proof": None,
    "drift": [],
    "models": [],
    "comparisons": [],
    "against": None,
    "data": {},
    "how": [],
    "pictures": {},
}

_ROWS: dict[str, dict[str, Any]] = {
    "headline": {"name": "", "label": "", "estimate": {}, "unit": "", "note": ""},
    "findings": {"id": "", "severity": "low", "sentence": "", "estimate": None, "picture": None},
    "slices": {
        "by": {},
        "n": None,
        "measure": "",
        "difference": {},
        "q_value": None,
        "flagged": False,
        "observed": None,
        "predicted": None,
        "log_loss": None,
        "elsewhere": None,
        "score": None,
        "bias": None,
    },
    "remedies": {
        "name": "",
        "title": "",
        "outcome": "",
        "sentence": "",
        "score": "log_loss",
        "before": {},
        "after": {},
        "difference": {},
        "chosen": False,
        "parameters": {},
    },
    "drift": {"series": "", "label": "", "p_value": None, "change_at": None, "estimate": {}},
    "models": {"model": "", "measures": {}, "primary": False},
    "comparisons": {"a": "", "b": "", "score": "log_loss", "difference": {}, "p_value": None},
    "how": {"label": "", "text": ""},
}
_AGAINST = {
    "column": "",
    "rows": 0,
    "outcome": "",
    "sentence": "",
    "difference": {},
    "p_value": None,
    "scores": [],
}
_SCORED = {"score": "", "forecast": {}, "reference": {}, "skill": {}}
_PROOF = {"sentence": "", "learned_on": "", "proven_on": "", "tried": None, "paper": []}
_CHECK = {"id": "", "severity": "low", "sentence": "", "count": None}

# Control characters and lone surrogates have no place in HTML and break the renderer.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
LONGEST = 2_000
LONGEST_LABEL = 70


def complete_document(document: dict[str, Any]) -> dict[str, Any]:
    """Return a cleaned copy in which every key of the contract is present."""
    doc = _filled(clean(document), DEFAULTS)
    for name, defaults in _ROWS.items():
        doc[name] = [_filled(row, defaults) for row in doc[name]]
    doc["data"] = _filled(doc["data"], {"roles": {}, "checks": []})
    doc["data"]["checks"] = [_filled(row, _CHECK) for row in doc["data"]["checks"]]
    if doc["against"]:
        doc["against"] = _filled(doc["against"], _AGAINST)
        doc["against"]["scores"] = [_filled(row, _SCORED) for row in doc["against"]["scores"]]
    if doc["proof"]:
        doc["proof"] = _filled(doc["proof"], _PROOF)
    doc["pictures"] = {key: picture for key, picture in doc["pictures"].items() if picture}
    for key, picture in doc["pictures"].items():
        picture.setdefault("unit", _picture_unit(key, slices=doc["slices"]))
        for row in picture.get("rows") or []:
            row["label"] = clip(str(row.get("label")), LONGEST_LABEL)
    return doc


def _filled(row: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Return the row with a default where a value is missing."""
    return defaults | {key: value for key, value in row.items() if value is not None}


def _picture_unit(key: str, *, slices: list[dict[str, Any]]) -> str:
    """Return the unit of a picture's numbers where the audit did not say it."""
    if key == "slices" and slices:
        return SLICE_UNITS.get(slices[0]["measure"], "")
    series = key.removeprefix("drift:")
    return SERIES_LEVELS.get(series, "") if series != key else ""


def clean(value: Any) -> Any:
    """The value with every text printable and not too long, every number finite or None."""
    if isinstance(value, str):
        return clip(_UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", value), LONGEST)
    if isinstance(value, dict):
        return {clean(str(key)): clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(item) for item in value]
    # NaN and infinity cannot be written as JSON; the page shows them as not available.
    return value if not isinstance(value, float) else finite(value)


def clip(text: Any, length: int = LONGEST_LABEL) -> str:
    """Shorten a text that would break the page, and show that it was shortened."""
    text = str(text)
    return text if len(text) <= length else text[: length - 1] + "\N{HORIZONTAL ELLIPSIS}"


def day(text: str) -> str:
    """Write an ISO moment for people: '21 November 2026, 03:00'; anything else as it is."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    zone = " UTC" if moment.utcoffset() is not None and not moment.utcoffset() else ""
    return f"{moment.day} {moment:%B %Y, %H:%M}{zone}"


def slice_label(by: dict[str, Any]) -> str:
    """Write a slice: 'region = N, site = 3'."""
    return ", ".join(f"{clip(key, 40)} = {clip(value, 40)}" for key, value in by.items())


def slice_words(row: dict[str, Any]) -> str:
    """Write what a slice is compared by: 'coverage 31.2%, elsewhere 58.9%'."""
    said, shares = _COMPARED.get(row["measure"], (str(row["measure"]).replace("_", " "), False))
    here, there = (percent(row[k]) if shares else loss(row[k]) for k in ("observed", "elsewhere"))
    return f"{said} {here}, elsewhere {there}"


_COMPARED = {
    "coverage": ("coverage", True),
    "below_median": ("truths below the median", True),
    "bias": ("mean error", False),
    "mae": ("mean absolute error", False),
}


def parameter_text(value: Any) -> str:
    """Write a fitted parameter: a number with four digits, a long array by its length."""
    if isinstance(value, (list, dict)):
        return f"{len(value)} values" if len(value) > 4 else ", ".join(map(parameter_text, value))
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, int):
        return fixed(value, decimals=0)
    return f"{value:.4g}".replace("-", MINUS) if isinstance(value, float) else clip(value, 60)


# What the estimate of a finding is measured in; an unknown finding is written as a plain number.
FINDING_UNITS = {
    "overconfident": "points",
    "underconfident": "points",
    "miscalibrated": "points",
    "bad_slice": "points",
    "slice": "points",
    "drift": "points",
    "weak_discrimination": "",
    "models_differ": "nat",
    "data": "count",
}


def finding_unit(finding: dict) -> str:
    """Return the unit of a finding's estimate: what the audit says, else what its id implies."""
    if finding.get("unit") is not None:
        return finding["unit"]
    name = finding["id"]
    return next((unit for key, unit in FINDING_UNITS.items() if name.startswith(key)), "")
