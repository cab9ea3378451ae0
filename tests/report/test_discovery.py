"""The page of a discovery, from a document made by hand."""

from __future__ import annotations

import pytest

from trueup.report.discovery import render


BAD = "<img src=x onerror=alert(1)>"
HEADS = {"observed": "Observed", "missed": "Missed", "explained": "Explained"}


def document(**more) -> dict:
    """A small document."""
    points = [
        {"side": side, "at": 0.1 * i, "value": size * i, "low": 0.5 * size * i, "high": size * i}
        for side, size in (("model", 1.0), ("corrected", 0.1))
        for i in (1, 2, 3)
    ]
    curves = [{"panel": panel, "at": float(i), "value": float(i % 3)}
              for panel in HEADS for i in range(9)]  # fmt: skip
    row = {"equation": "u'", "name": "u_xx", "value": "0.1", "low": "0.0", "high": "0.2"}
    return {
        "title": "mymodel:step", "data": "seen.nc", "created": "2026-11-21T10:00:00+00:00",
        "trueup": "0", "seconds": 1.0, "level": 0.95, "windows": 10, "verdict": "Verdict.",
        "action": "Do it.", "headline": [{"label": "Error", "value": "1", "range": "", "note": ""}],
        "equations": ["u' = model + 0.1 u_xx"], "terms": [{**row, "inclusion": 1.0}],
        "others": [{"equation": "u'", "name": "u", "inclusion": 0.0}],
        "facts": [{"label": "noise", "text": "none"}],
        "pictures": {
            "errors": {"kind": "errors", "title": "Errors", "points": points, "x": "ahead",
                       "y": "sd"},
            "fields": {"kind": "curves", "title": "Fields", "points": curves, "heads": HEADS,
                       "x": "x"},
        }, **more,
    }  # fmt: skip


def test_the_page_says_it_all_without_a_script():
    page = render(document())
    for word in ("Verdict.", "Do it.", "u_xx", "What was left out", "the middle 80%", "seen.nc",
                 "At 0.3 ahead: model 3, corrected 0.3."):  # fmt: skip
        assert word in page
    assert "<script" not in page and page.count('role="img"') == 2


def test_hostile_names_are_text():
    doc = document(title=BAD, data=BAD, verdict=BAD, action=BAD, equations=[BAD])
    doc["terms"][0]["name"] = doc["others"][0]["name"] = BAD
    doc["pictures"]["fields"]["heads"] = dict.fromkeys(HEADS, BAD)
    page = render(doc)
    assert "<img" not in page and "&lt;img src=x" in page


@pytest.mark.parametrize("shares", [(1.0, -1.0), (0.3, 0.3)])
def test_a_map_joins_neighbours_of_one_level(shares):
    from trueup.report.simulators import maps

    points = [{"panel": panel, "at": float(i), "up": float(j), "value": shares[i % 2],
               "share": shares[i % 2]}
              for panel in HEADS for i in range(4) for j in range(2)]  # fmt: skip
    spec = maps({"points": points, "heads": HEADS, "x": "x", "y": "y", "cell": [1.0, 1.0]})
    rows = spec["vconcat"][0]["data"]["values"]
    assert len(rows) == (8 if shares[0] != shares[1] else 2)
    assert max(row["end"] for row in rows) == 4.0


def test_nothing_found_is_a_page_too():
    page = render(document(terms=[], equations=[], headline=[], others=[], pictures={}))
    assert "There was no other term." in page and "<svg" not in page
