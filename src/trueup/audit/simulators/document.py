"""The document of a discovery: all that its page shows, as strings and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trueup.audit.simulators.words import MINUS, action, equations, facts, number, verdict
from trueup.core.windows import Windows
from trueup.error.discovery.seen import missed


if TYPE_CHECKING:
    from trueup.audit.simulators.found import Found
    from trueup.error.discovery.discrepancy import Finding

WAVES, CELLS, MOMENTS = 200, 40, 400
"""Most points of a line, cells along an axis of a map, and moments of a series, that are drawn."""


def document(found: Found) -> dict:
    """Everything that the page shows."""
    import trueup

    terms = found.found.terms
    return {
        "title": found.model,
        "data": found.data,
        "created": found.created,
        "trueup": trueup.__version__,
        "seconds": found.seconds,
        "level": terms[0].level if terms else 0.95,
        "windows": len(found.learned),
        "verdict": verdict(found),
        "action": action(found),
        "headline": _headline(found),
        "equations": equations(found),
        "terms": [_row(f) for f in terms],
        "others": sorted(({"equation": f"{c}'", "name": name, "inclusion": share}
                          for c, name, share in found.found.others),
                         key=lambda row: -row["inclusion"]),
        "facts": [{"label": name, "text": text} for name, text in facts(found)
                  if name != "left out"],
        "pictures": {key: picture for key, picture in
                     (("errors", _errors(found)), ("coefficients", _coefficients(found)),
                      ("fields", _fields(found))) if picture},
    }  # fmt: skip


def _row(finding: Finding) -> dict:
    said = {end: number(finding, getattr(finding, end)).replace("-", MINUS)
            for end in ("value", "low", "high")}  # fmt: skip
    return {"equation": f"{finding.component}'", "name": finding.name,
            "inclusion": finding.inclusion, **said}  # fmt: skip


def _headline(found: Found) -> list[dict]:
    if found.proof is None:
        return []
    lead = found.proof.score.removeprefix("forecast error ")
    rows = [("Error of the model", found.proof.before, "standard deviations, " + lead),
            ("Error corrected", found.proof.after, "standard deviations, " + lead)]  # fmt: skip
    made = [{"label": label, "value": f"{e.value:.3g}", "note": note,
             "range": f"{e.low:.3g} to {e.high:.3g}" if e.finite else ""}
            for label, e, note in rows]  # fmt: skip
    share = f"{100 * found.found.explained:.4g}%"
    return [*made, {"label": "Of its misses explained", "value": share, "range": "",
                    "note": "of their variance; noise stays"}]  # fmt: skip


def _coefficients(found: Found) -> dict | None:
    several = len({f.component for f in found.found.terms}) > 1
    rows = [{"label": f"{f.component}': {f.name}" if several else f.name, "value": f.value,
             "low": f.low, "high": f.high, "flagged": True}
            for f in found.found.terms]  # fmt: skip
    return {"kind": "forest", "title": "Coefficients of the missing terms", "rows": rows,
            "x": "coefficient"} if rows else None  # fmt: skip


def _errors(found: Found) -> dict | None:
    """Errors of forecasts by lead: their mean, and where the middle 80 % of windows lie."""
    if found.held is None or found.before is None or found.after is None:
        return None
    points = []
    sides = {"model": found.before} | ({"corrected": found.after} if found.enters else {})
    for side, errors in sides.items():
        low, high = np.quantile(errors, (0.1, 0.9), axis=0)
        points += [
            {"side": side, "at": (i + 1) * found.held.dt, "value": float(mean),
             "low": float(low[i]), "high": float(high[i])}
            for i, mean in enumerate(errors.mean(axis=0))
        ]  # fmt: skip
    return {"kind": "errors", "title": "How far forecasts are off, by how far they look ahead",
            "points": points, "x": "time ahead", "y": "standard deviations"}  # fmt: skip


def _fields(found: Found) -> dict | None:
    """Observed state, what the model misses of it, and what the terms explain of that."""
    windows = found.held if found.held is not None else found.learned
    length = min(found.learned.length, windows.length)
    windows = Windows(windows.states[:MOMENTS, : length + 1], windows.dt,
                      None if windows.starts is None else windows.starts[:MOMENTS])  # fmt: skip
    if len(windows) < 10 or not found.found.terms:
        return None
    library = found.found.settings.library
    place = found.found.terms[0].place
    seen, explained = (part[:, place] for part in missed(found.found, windows))
    parts = library.state_shape(windows.shape)
    states = windows.states[:, 0].reshape(len(windows), *parts)[:, place]
    name = library.components[place]
    heads = {"observed": f"Observed {name}", "missed": f"What the model misses of {name}'",
             "explained": "What the found terms explain of it"}  # fmt: skip
    values = dict(zip(heads, (states, seen, explained), strict=True))
    if library.mesh is None:
        starts = windows.starts if windows.starts is not None else np.arange(len(windows))
        return _lines(values, heads, starts, "time")
    middle = len(windows) // 2
    values = {key: value[middle] for key, value in values.items()}
    if library.mesh.ndim == 1:
        at = np.arange(len(values["observed"])) * library.mesh.spacing[0]
        return _lines(values, heads, at, library.mesh.dims[0])
    return _map(values, heads, library.mesh)


def _lines(values: dict, heads: dict, at: np.ndarray, axis: str) -> dict:
    step = max(1, -(-len(at) // WAVES))
    rows = [{"panel": key, "at": float(at[i]), "value": float(value[i])}
            for key, value in values.items() for i in range(0, len(at), step)]  # fmt: skip
    return {"kind": "curves", "title": "What is seen, what is missed, what is explained",
            "points": rows, "heads": heads, "x": axis}  # fmt: skip


def _map(values: dict, heads: dict, mesh) -> dict:
    rows = []
    for key, value in values.items():
        steps = [max(1, -(-n // CELLS)) for n in value.shape]
        few = value[:: steps[0], :: steps[1]]
        size = float(np.abs(few).max()) or 1.0
        rows += [
            {"panel": key, "at": i * steps[0] * mesh.spacing[0],
             "up": j * steps[1] * mesh.spacing[1], "value": float(one), "share": float(one / size)}
            for (i, j), one in np.ndenumerate(few)
        ]  # fmt: skip
    steps = [s * d for s, d in zip(steps, mesh.spacing, strict=True)]
    return {"kind": "map", "title": "What is seen, what is missed, what is explained",
            "points": rows, "heads": heads, "x": mesh.dims[0], "y": mesh.dims[1],
            "cell": steps}  # fmt: skip
