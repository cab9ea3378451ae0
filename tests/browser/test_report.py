"""The report in a real browser with the network off."""

from __future__ import annotations

import re

import pytest


STATIC = ["sample", "hostile", "minimal", "large", "numbers"]
ALL = STATIC + [f"{name}-interactive" for name in STATIC]
LEAST = {"sample": 17, "hostile": 12, "numbers": 8}
"""Pictures that a page must have."""


@pytest.mark.parametrize("name", ALL)
def test_no_complaint_no_request_no_dialog(visit, name):
    seen = visit(name)
    seen.page.wait_for_timeout(150)
    assert seen.complaints == []
    assert seen.requests == [seen.address]
    assert seen.dialogs == []


@pytest.mark.parametrize("name", [f"{name}{way}" for name in LEAST for way in ("", "-interactive")])
def test_all_pictures_are_there(visit, name):
    seen = visit(name)
    least = LEAST[name.removesuffix("-interactive")]
    assert seen.count("figure svg[role=img][aria-label]") >= least
    boxes = seen.page.eval_on_selector_all(
        "figure svg[role=img]", "all => all.map(svg => svg.getBoundingClientRect().height)"
    )
    assert min(boxes) > 60


@pytest.mark.parametrize("name", ["hostile", "hostile-interactive"])
def test_hostile_strings_add_no_element(visit, name):
    seen = visit(name)
    assert seen.count("img, iframe, object, embed, base, form, link") == 0
    assert seen.count("script:not([data-chart])") == (1 if "interactive" in name else 0)
    assert seen.count("style") == 1
    assert seen.page.evaluate(
        "[...document.querySelectorAll('*')].every("
        "e => [...e.attributes].every(a => !a.name.startsWith('on')))"
    )
    assert "onerror=alert(1)" in seen.page.inner_text("h1")


@pytest.mark.parametrize("width", [1280, 390])
def test_explanations_appear_on_hover_and_on_focus(visit, width):
    page = visit("sample", width=width).page
    term = page.locator(".headline .term").first
    tip = page.locator(f"#{term.get_attribute('aria-describedby')}")
    assert not tip.is_visible()
    term.hover()
    assert tip.is_visible()
    page.mouse.move(0, 0)
    assert not tip.is_visible()
    term.focus()
    assert tip.is_visible()
    assert "observed frequency" in tip.inner_text()
    box = tip.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width


def test_explanations_answer_to_the_tab_key_and_to_a_tap(visit):
    page = visit("sample", width=390, has_touch=True).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "term"
    assert page.locator(".tip").locator("visible=true").count() == 1
    term = page.locator(".headline .term").nth(1)
    term.tap()
    assert page.locator(f"#{term.get_attribute('aria-describedby')}").is_visible()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("width", [390, 320])
def test_a_phone_never_scrolls_sideways(visit, name, width):
    page = visit(name, width=width, height=844).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.body.scrollWidth") <= width


def test_text_of_pictures_is_readable_on_a_phone(visit):
    page = visit("sample", width=390).page
    sizes = page.eval_on_selector_all(
        "figure svg text",
        "all => all.map(t => parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a)",
    )
    # Turned texts have a scale of nearly zero along x; they are as large as the others.
    assert min(size for size in sizes if size > 1) > 9.5


def test_first_screen_holds_verdict_action_numbers_and_the_picture(visit):
    page = visit("sample").page
    for selector in ("h1", ".action", ".headline", ".hero .chart svg"):
        box = page.locator(selector).bounding_box()
        assert box["y"] + box["height"] <= 800, selector


def test_sections_fold_by_key_and_all_of_them_print(visit):
    seen = visit("sample")
    page = seen.page
    summary = page.locator("#findings > summary")
    summary.focus()
    page.keyboard.press("Enter")
    assert not page.locator("#findings .findings").is_visible()
    page.emulate_media(media="print")
    assert page.locator("#findings .findings").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator(".contents").is_visible()
    assert len(page.pdf()) > 20_000


@pytest.mark.parametrize("name", ["sample", "sample-interactive"])
def test_pictures_follow_light_and_dark(visit, name):
    page = visit(name).page
    colours = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        colours.append(page.evaluate(_COLOURS))
    assert colours[0]["paper"] != colours[1]["paper"]
    assert colours[0]["text"] != colours[1]["text"]
    for colour in colours:
        assert _contrast(colour["text"], colour["paper"]) >= 4.5


_COLOURS = """() => {
  const text = document.querySelector('figure svg text');
  return {
    paper: getComputedStyle(document.body).backgroundColor,
    text: getComputedStyle(text).fill,
  };
}"""

_TEXTS = """() => [...document.querySelectorAll('body *')].filter(
  e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) && e.checkVisibility({
    visibilityProperty: true, opacityProperty: true, contentVisibilityAuto: true })
  && !e.closest('svg, script')
).map(e => {
  let under = e;
  const paper = () => getComputedStyle(under).backgroundColor;
  while (paper() === 'rgba(0, 0, 0, 0)') under = under.parentElement;
  return [getComputedStyle(e).color, paper(), e.className || e.tagName];
})"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["sample", "numbers"])
def test_contrast_of_every_text_is_aa(visit, name, scheme):
    page = visit(name, color_scheme=scheme).page
    for text, paper, where in page.evaluate(_TEXTS):
        assert _contrast(text, paper) >= 4.5, where


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_interactive_page_draws_every_chart_and_keeps_its_name(visit):
    seen = visit("sample-interactive")
    assert seen.count(".chart[data-drawn=yes] > svg[role=img][aria-label]") == LEAST["sample"]
    assert seen.count(".chart > svg") == LEAST["sample"]


def test_tooltip_of_a_mark_appears_on_hover_at_every_size(visit):
    for width in (1280, 390):
        page = visit("sample-interactive", width=width).page
        tip = page.locator(".mark-tip")
        assert not tip.is_visible()
        mark = page.locator(".hero .mark-symbol path").first
        mark.scroll_into_view_if_needed()
        mark.hover()
        assert tip.is_visible()
        assert re.search(r"stated .*%\nobserved .*%", tip.inner_text())
        page.mouse.move(2, 2)
        assert not tip.is_visible()


def test_tooltip_of_a_mark_appears_for_the_keyboard(visit):
    page = visit("sample-interactive").page
    tip = page.locator(".mark-tip")
    page.locator(".hero .chart").focus()
    page.keyboard.press("ArrowRight")
    first = tip.inner_text()
    page.keyboard.press("ArrowRight")
    assert tip.is_visible() and tip.inner_text() != first
    page.keyboard.press("Escape")
    assert not tip.is_visible()


def test_hostile_label_in_a_tooltip_is_text(visit):
    seen = visit("hostile-interactive")
    seen.page.locator(".findings .chart").first.focus()
    seen.page.keyboard.press("ArrowRight")
    assert "onerror=alert(1)" in seen.page.locator(".mark-tip").inner_text()
    assert seen.page.locator(".mark-tip *").count() == 0
    assert seen.dialogs == []


def test_interactive_page_without_script_still_has_its_pictures(visit):
    # A page whose script was taken away, by a mail filter for instance.
    from trueup.report import render

    seen = visit("minimal", java_script_enabled=False)
    from report.sample import sample_document

    page = re.sub(
        r"<script>.*?</script>", "", render(sample_document(), interactive=True), flags=re.S
    )
    seen.page.set_content(page)
    assert seen.count("figure svg[role=img]") == LEAST["sample"]
