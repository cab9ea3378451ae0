from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import pytest


pytest.importorskip("altair", reason="the report needs altair")
pytest.importorskip("vl_convert", reason="the report needs vl-convert-python")

from report.sample import HOSTILE, hostile_document, sample_document
from trueup.report.charts import specification
from trueup.report.document import complete_document
from trueup.report.pictures import draw, json_for_script
from trueup.report.spoken import text_alternative


PICTURES = complete_document(sample_document())["pictures"]


@pytest.mark.parametrize(
    "key", ["reliability", "slices", "remedies", "models", "drift:calibration"]
)
def test_every_kind_of_picture_is_drawn_as_a_named_image(key):
    picture = draw(PICTURES[key], key="p", name=key, interactive=False)
    svg = ElementTree.fromstring(picture.svg)
    assert svg.attrib["role"] == "img"
    assert svg.attrib["viewBox"].startswith("0 0 ")
    assert "width" not in svg.attrib
    assert PICTURES[key]["title"] in svg.attrib["aria-label"]
    assert len(list(svg.iter())) > 10


@pytest.mark.parametrize(
    "key", ["reliability", "slices", "remedies", "models", "drift:calibration"]
)
def test_colours_are_variables_of_the_page(key):
    svg = ElementTree.fromstring(draw(PICTURES[key], key="p", name=key, interactive=False).svg)
    for node in svg.iter():
        for name in ("fill", "stroke"):
            colour = node.attrib.get(name, "none")
            assert colour in ("none", "transparent") or colour.startswith("var(--"), colour


def test_no_axis_is_named_after_a_field_of_the_data():
    for picture in PICTURES.values():
        text = "".join(
            ElementTree.fromstring(
                draw(picture, key="p", name="x", interactive=False).svg
            ).itertext()
        )
        for field in ("low", "high", "value", "share,", "band", "tip"):
            assert field not in text.replace("value", "", 0).split()


@pytest.mark.parametrize("kind", ["reliability", "forest", "remedies", "drift", "no such kind"])
@pytest.mark.parametrize(
    "rows", [[], None, [{"label": "a", "value": None, "at": 1, "score": None}]]
)
def test_a_picture_without_numbers_is_left_out(kind, rows):
    picture = {"kind": kind, "title": "t", "bins": rows, "rows": rows, "points": rows}
    assert specification(picture) is None


@pytest.mark.parametrize(
    "picture",
    [
        {
            "kind": "forest",
            "title": "t",
            "x": "x",
            "rows": [{"label": "a", "value": 1, "low": None, "high": 2}],
        },
        {
            "kind": "drift",
            "title": "t",
            "y": "y",
            "temporal": True,
            "change_at": None,
            "points": [{"at": "not a day", "value": 1, "low": 0, "high": 2, "n": 3}],
        },
        {
            "kind": "drift",
            "title": "t",
            "y": "y",
            "temporal": False,
            "change_at": 2,
            "points": [
                {"at": at, "value": at, "low": None, "high": None, "n": None} for at in (1, 2, 3)
            ],
        },
        {
            "kind": "reliability",
            "title": "t",
            "x": "x",
            "y": "y",
            "density": [],
            "curve": [],
            "after": None,
            "bins": [
                {
                    "score": 0.5,
                    "observed": 0.4,
                    "low": None,
                    "high": None,
                    "n": 3,
                    "band_low": None,
                    "band_high": None,
                }
            ],
        },
    ],
)
def test_pictures_with_missing_parts_are_still_drawn(picture):
    drawn = draw(picture, key="p", name="x", interactive=True)
    assert "<path" in drawn.svg or "<circle" in drawn.svg


def test_equal_labels_stay_on_their_own_lines():
    rows = [{"label": "same", "value": i, "low": i - 1, "high": i + 1} for i in range(3)]
    svg = draw(
        {"kind": "forest", "title": "t", "x": "x", "rows": rows},
        key="p",
        name="x",
        interactive=False,
    ).svg
    assert "same (2)" in svg and "same (3)" in svg


def test_the_readers_altair_theme_does_not_leak_in():
    import altair as alt

    plain = specification(PICTURES["slices"])
    with alt.theme.enable("dark"):
        themed = specification(PICTURES["slices"])
    assert themed["config"] == plain["config"]


def test_hostile_labels_are_text_in_the_picture():
    picture = complete_document(hostile_document())["pictures"]["slices"]
    svg = draw(picture, key="p", name="slices", interactive=False).svg
    root = ElementTree.fromstring(svg)
    assert not [node for node in root.iter() if node.tag in ("img", "script", "image", "a")]
    assert any("</script>" in (node.text or "") for node in root.iter("text"))


def test_json_cannot_leave_its_script_and_reads_back():
    value = {"label": HOSTILE, "more": "\u2028 & <!--"}
    text = json_for_script(value)
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == value


def test_interactive_specification_uses_fixed_fields_and_no_addresses():
    picture = draw(PICTURES["reliability"], key="p", name="reliability", interactive=True)
    spec = json.loads(picture.spec)
    assert spec["marks"]
    assert "http" not in picture.spec
    assert "eval" not in picture.spec


def test_clip_paths_of_two_pictures_differ():
    rows = [draw(PICTURES["reliability"], key=key, name="r", interactive=False) for key in "ab"]
    names = [
        {node.attrib.get("id") for node in ElementTree.fromstring(row.svg).iter()} - {None}
        for row in rows
    ]
    assert not names[0] & names[1]


def test_text_alternatives_are_made_from_the_numbers():
    assert "6 lie below the band" in text_alternative(PICTURES["reliability"])
    assert "31.7% was observed" in text_alternative(PICTURES["reliability"])
    assert "camera = C0, light = dim, \u221224.3 points" in text_alternative(PICTURES["slices"])
    assert "change is located at 2026-08-01" in text_alternative(PICTURES["drift:calibration"])
    assert "Marked: TemperatureScaling" in text_alternative(PICTURES["remedies"])
    assert text_alternative({"kind": "forest", "title": "Empty"}) == "Empty. No rows."
