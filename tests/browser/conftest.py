"""A real browser without a network, and pages written for it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--hide-scrollbars",
]


@pytest.fixture(scope="session")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no Chromium at {CHROMIUM}: install the chromium package to run these")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    """Write each sample document as a static and as an interactive page; return their paths."""
    pytest.importorskip("altair", reason="the report needs altair")
    pytest.importorskip("vl_convert", reason="the report needs vl-convert-python")
    from report import sample
    from trueup.report import render

    folder = tmp_path_factory.mktemp("pages")
    paths = {}
    for name in ("sample", "hostile", "minimal", "large", "numbers"):
        document = getattr(sample, f"{name}_document")()
        for interactive in (False, True):
            path = folder / f"{name}{'-interactive' if interactive else ''}.html"
            path.write_text(render(document, interactive=interactive), encoding="utf-8")
            paths[path.stem] = path
    return paths


class Visit:
    """One page in one window, with everything it complained about or asked for."""

    def __init__(self, browser, path, **options):
        self.complaints, self.requests, self.dialogs = [], [], []
        size = {"width": options.pop("width", 1280), "height": options.pop("height", 800)}
        self.context = browser.new_context(offline=True, viewport=size, **options)
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("dialog", self._dialog)
        self.page.goto(path.as_uri())
        if path.stem.endswith("-interactive"):
            self.page.wait_for_function(
                "document.querySelectorAll('.chart').length"
                " === document.querySelectorAll('.chart[data-drawn]').length"
            )
        self.address = path.as_uri()

    def _dialog(self, dialog):
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def count(self, selector):
        return self.page.locator(selector).count()


@pytest.fixture
def visit(browser, pages):
    opened = []

    def open_page(name, **options):
        opened.append(Visit(browser, pages[name], **options))
        return opened[-1]

    yield open_page
    for each in opened:
        each.context.close()
