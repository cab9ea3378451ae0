"""Take the picture of the report for README and docs: ``tools/picture.py [height]``.

Audits the digits of naive Bayes, opens the report in headless Chromium and writes the first screen
to docs/images/report.png.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

import trueup as tu
from trueup.audit.demo import digit_tables


ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
WIDTH = 1280
PLACE = ROOT / "docs" / "images" / "report.png"


def main(height: int = 765) -> None:
    """Write the picture."""
    name, table = next(iter(digit_tables()))
    probs = [column for column in table if column.startswith("p_")]
    audit = tu.audit(table, truth="digit", probs=probs, name=name, history=False)
    PLACE.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_file = audit.report(Path(folder) / "report.html")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": height}, color_scheme="light")
        page.goto(page_file.as_uri())
        page.screenshot(path=PLACE)
        browser.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
