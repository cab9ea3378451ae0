"""Take the pictures of the report for README and docs: ``tools/picture.py``.

Audits the digits of three classifiers, opens the reports in headless Chromium and writes the first
screen of one, and the reliability diagram of each, to docs/images; then the places of the truth of
three forecasts.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import sync_playwright

import trueup as tu
from trueup.audit.demo import digit_tables
from trueup.worlds import forecasts


ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
WIDTH, HEIGHT = 1280, 765
FOLDER = ROOT / "docs" / "images"
PLACES = "figure:has-text('Where the truth falls within the forecast')"
DIAGRAM = "figure:has-text('What it says and what happens')"


def main() -> None:
    """Write the pictures."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light", device_scale_factor=1
        )
        for i, (name, table) in enumerate(digit_tables()):
            probs = [column for column in table if column.startswith("p_")]
            audit = tu.audit(table, truth="digit", probs=probs, name=name, history=False)
            page.goto(audit.report(Path(folder) / f"{name}.html").as_uri())
            if i == 0:
                page.screenshot(path=FOLDER / "report.png")
            page.locator(DIAGRAM).first.screenshot(path=FOLDER / f"reliability-{name}.png")
        for name, table in forecast_tables():
            audit = tu.audit(table, truth="y", name=name, history=False)
            page.goto(audit.report(Path(folder) / f"{name}.html").as_uri())
            page.locator(PLACES).first.screenshot(path=FOLDER / f"places-{name}.png")
        browser.close()


def forecast_tables() -> Iterator[tuple[str, dict]]:
    """(name, table) of forecasts with one fault each."""
    faults = {
        "too_narrow": {"spread": 0.5},
        "too_wide": {"spread": 2.0},
        "biased_low": {"bias": -0.5},
    }
    for name, fault in faults.items():
        evidence = forecasts("quantiles", rows=20_000, **fault).evidence
        said = evidence.prediction
        yield (
            name,
            {f"q{x:g}": q for x, q in zip(said.levels, said.values.T, strict=True)}
            | {"y": evidence.truth},
        )


if __name__ == "__main__":
    main()
