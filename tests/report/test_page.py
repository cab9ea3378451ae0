from __future__ import annotations

import builtins
import html
import re
from html.parser import HTMLParser

import pytest


pytest.importorskip("altair", reason="the report needs altair")
pytest.importorskip("vl_convert", reason="the report needs vl-convert-python")

from report.sample import (
    HOSTILE,
    estimate,
    hostile_document,
    large_document,
    minimal_document,
    sample_document,
)
from trueup.core.errors import MissingPackage
from trueup.report import numbers, render
from trueup.report.document import clip, day, parameter_text
from trueup.report.glossary import Glossary
from trueup.report.named import SERIES
from trueup.report.terms import ALIASES, MEASURES, TERMS


POLICY = "default-src 'none'; style-src 'unsafe-inline'"


class Outline(HTMLParser):
    """Collects tags, ids, references and headings of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def all(self, name):
        return [attrs for tag, attrs in self.tags if tag == name]

    def values(self, name):
        return [attrs[name] for _, attrs in self.tags if name in attrs]


@pytest.fixture(scope="module")
def page():
    return render(sample_document())


def test_static_page_has_no_script_and_a_strict_policy(page):
    assert "<script" not in page
    assert html.unescape(
        re.search('Content-Security-Policy" content="([^"]*)"', page)[1]
    ).startswith(POLICY)
    assert not re.search(r"\bon[a-z]+\s*=\s*[\"']", page)


def test_nothing_in_the_page_points_outside(page):
    outline = Outline(page)
    assert not outline.values("src")
    assert all(link.startswith("#") for link in outline.values("href"))
    assert "url(http" not in page and "@import" not in page


@pytest.mark.parametrize("interactive", [False, True])
def test_size_of_a_large_page(interactive):
    size = len(render(large_document(), interactive=interactive).encode())
    assert size <= (700_000 if interactive else 150_000)


def test_first_screen_carries_verdict_action_numbers_and_one_picture(page):
    first = page[page.index('<section class="hero"') : page.index("</section>")]
    assert first.count("<svg") == 1
    assert "<h1" in first and "strongly over-confident" in first and "Cool it" in first
    assert "13.7 points" in first and "12.1 to 15.3" in first
    assert "85.1%" in first and "2.665 nat" in first


def test_sections_come_in_the_promised_order_and_are_open(page):
    parts = [attrs for attrs in Outline(page).all("details") if attrs.get("class") == "part"]
    assert [attrs["id"] for attrs in parts] == [
        "findings",
        "slices",
        "time",
        "models",
        "measures",
        "corrections",
        "data",
        "how",
    ]
    assert all("open" in attrs for attrs in parts)


def test_ids_are_unique_and_every_reference_has_its_target(page):
    outline = Outline(page)
    ids = outline.values("id")
    assert len(ids) == len(set(ids))
    targets = outline.values("aria-describedby") + outline.values("aria-labelledby")
    targets += [link[1:] for link in outline.values("href")]
    assert set(targets) <= set(ids)


def test_structure_for_screen_readers(page):
    outline = Outline(page)
    assert len(outline.all("h1")) == 1
    assert {"header", "main", "nav", "footer"} <= {tag for tag, _ in outline.tags}
    assert outline.all("html")[0]["lang"] == "en"
    assert all(svg.get("role") == "img" and svg.get("aria-label") for svg in outline.all("svg"))
    assert len(outline.all("table")) == len(outline.all("caption"))
    assert all(cell.get("scope") in ("col", "row") for cell in outline.all("th"))
    assert "skip" in outline.all("a")[0]["class"]


def test_each_picture_is_drawn_once(page):
    assert page.count("<figure") == len(sample_document()["pictures"])
    assert "See the picture: Calibration gap by slice" in page


def test_empty_document_leaves_its_sections_out():
    page = render(minimal_document())
    parts = [attrs["id"] for attrs in Outline(page).all("details") if attrs.get("class") == "part"]
    assert parts == ["findings", "how"]
    assert "<svg" not in page
    assert "There is too little here" in page


def test_a_document_with_missing_keys_is_still_a_page():
    assert "<h1" in render({})
    assert "Only this" in render(
        {"verdict": "Only this", "headline": [{"label": "x"}], "findings": [{}]}
    )


@pytest.mark.parametrize("interactive", [False, True])
def test_hostile_strings_are_text_only(interactive):
    page = render(hostile_document(), interactive=interactive)
    outline = Outline(re.sub(r"<script>.*?</script>", "", page, flags=re.S))
    assert not outline.all("img") and not outline.all("iframe")
    assert all(set(attrs) <= {"type", "data-chart"} for attrs in outline.all("script"))
    assert HOSTILE not in page
    assert html.escape(HOSTILE[:30], quote=False) in page
    assert "\x00" not in page and "\ud800" not in page


def test_interactive_policy_names_the_one_script_by_its_content():
    import base64
    import hashlib

    page = render(sample_document(), interactive=True)
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.S)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    policy = html.unescape(re.search('Content-Security-Policy" content="([^"]*)"', page)[1])
    assert f"script-src 'sha256-{digest}'" in policy
    assert "unsafe-eval" not in policy
    assert page.count("data-chart>") == page.count("<figure")


def test_the_bundle_makes_no_code_from_text_and_keeps_its_notices():
    from importlib.resources import files

    bundle = files("trueup.report").joinpath("vega.min.js").read_text(encoding="utf-8")
    assert not re.search(r"\beval\(|\bFunction\(", bundle)
    assert "BSD-3-Clause" in bundle[:400]
    notices = files("trueup.report").joinpath("vega.LICENSES.txt").read_text(encoding="utf-8")
    assert "University of Washington Interactive Data Lab" in notices


def test_severity_and_outcome_are_words_not_only_colours(page):
    for word in ("High", "Medium", "Low", "Proven", "No improvement", "Not enough evidence"):
        assert f" {word}" in page


def test_slices_flagged_first_and_the_rest_folded(page):
    slices = page[page.index('id="slices"') : page.index('id="time"')]
    assert slices.index("is-flagged") < slices.index('<details class="fold">')
    assert "8 other slices" in slices
    assert "only the 200 largest" in slices


@pytest.mark.parametrize(
    ("one", "unit", "signed", "text"),
    [
        (estimate(0.137, half=0.016), "points", False, "13.7 points (12.1 to 15.3)"),
        (
            estimate(-0.137, half=0.016),
            "points",
            True,
            "\u221213.7 points (\u221215.3 to \u221212.1)",
        ),
        (estimate(0.0162, half=0.0002), "points", False, "1.62 points (1.60 to 1.64)"),
        (estimate(0.85, half=0.01), "percent", False, "85.0% (84.0 to 86.0)"),
        (estimate(0.61834, half=0.05), "nat", False, "0.6183 nat (0.5683 to 0.6683)"),
        (estimate(-0.0003, half=0.0018), "", True, "\u22120.000300 (\u22120.002100 to +0.001500)"),
        (estimate(0.0, half=0.0), "points", True, "0.0 points (0.0 to 0.0)"),
        ({"value": 1e-9}, "p", False, "< 0.001"),
        ({"value": 1240.0, "low": 1200, "high": 1280}, "count", False, "1,240"),
        ({"value": None, "low": None, "high": None}, "points", False, "not available"),
        ({"value": 2.5, "low": None, "high": None}, "", False, "2.500"),
        ({}, "", False, "not available"),
        (None, "", False, "not available"),
    ],
)
def test_estimates_are_written_with_sensible_digits(one, unit, signed, text):
    assert numbers.estimate_text(one, unit=unit, signed=signed) == text


def test_other_numbers():
    assert numbers.count(12034) == "12,034"
    assert numbers.count(None) == numbers.count(float("nan")) == "not available"
    assert [numbers.p_value(p) for p in (0.0004, 0.012, 0.62, None)] == [
        "< 0.001",
        "0.012",
        "0.62",
        "not available",
    ]
    assert numbers.percent(0.8509) == "85.1%"
    assert numbers.loss(float("inf")) == "not available"
    assert parameter_text([1.0] * 10) == "10 values"
    assert parameter_text([0.8, True, None, "x"]) == "0.8, yes, none, x"
    assert day("2026-11-21T03:00:00Z") == "21 November 2026, 03:00 UTC"
    assert day("some day") == "some day"
    assert clip("x" * 100, 10) == "x" * 9 + "\u2026"


def test_every_alias_measure_and_series_has_its_explanation():
    assert set(ALIASES.values()) <= set(TERMS)
    used = [term for *_, term in [*MEASURES.values(), *SERIES.values()] if term]
    assert set(used) <= set(TERMS)
    assert all(text.endswith(".") and len(text) < 260 for text in TERMS.values())


def test_running_text_is_explained_once_a_term_and_escaped():
    text = Glossary().explain("Log loss <b> fell; log loss and the calibration error.")
    assert text.count('class="term"') == 2
    assert "&lt;b&gt;" in text


def test_rendering_twice_gives_the_same_page(page):
    assert render(sample_document()) == page


def test_the_document_is_not_changed():
    document = sample_document()
    render(document)
    assert document == sample_document()


def test_a_missing_package_is_named_with_the_way_out(monkeypatch):
    real = builtins.__import__

    def without_altair(name, *args, **kwargs):
        if name == "altair":
            raise ImportError("No module named 'altair'", name="altair")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_altair)
    with pytest.raises(MissingPackage, match=r"report: .*altair.*pip install .trueup\[report\]"):
        render(sample_document())


def test_rows_whose_values_are_all_missing_are_still_shown():
    document = sample_document()
    for name in ("headline", "findings", "slices", "remedies", "drift", "models", "comparisons"):
        document[name] = [dict.fromkeys(document[name][0])]
    document["how"] = [{"label": None, "text": None}]
    document["proof"] = dict.fromkeys(document["proof"])
    document["pictures"] = {"slices": None, "reliability": {"kind": "reliability", "bins": None}}
    assert "<h1" in render(document)
