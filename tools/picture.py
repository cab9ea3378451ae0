"""Take the pictures of the report for README and docs: ``tools/picture.py``.

Audits the digits of three classifiers, opens the reports in headless Chromium and writes the first
screen of one, and the reliability diagram of each, to docs/images.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

import trueup as tu
from trueup.audit.demo import digit_tables


ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
WIDTH, HEIGHT = 1280, 765
FOLDER = ROOT / "docs" / "images"
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
        browser.close()


if __name__ == "__main__":
    main()
