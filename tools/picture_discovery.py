"""Take the pictures of a discovery for docs/drifts.md: ``tools/picture_discovery.py``."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from trueup.adapters.observations import Observed
from trueup.audit.simulators.asked import Cut, Tried
from trueup.audit.simulators.found import search
from trueup.core.simulator import run
from trueup.worlds.simulators import KuramotoSivashinsky, Line


FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")


def main() -> None:
    """Write the first screen of the page, and its picture of what is seen and missed."""
    line = Line(points=128, length=64.0)
    truth, model = KuramotoSivashinsky(grid=line), KuramotoSivashinsky(u_xx=0.9, grid=line)
    states = run(truth, truth.spun_up(2, seed=1)[1], dt=0.01, steps=7_500, every=5)
    noise = np.random.default_rng(0).normal(size=states.shape)
    seen = Observed(states + 0.01 * states.std() * noise, dt=0.05)
    found = search(model, seen, cut=Cut(length=12, lead=40), tried=Tried(powers=2, spacing=(0.5,)),
                   names=("mymodel:step", "observations.nc"), noise=0.01)  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 560}, color_scheme="light")
        page.goto(found.report(Path(folder) / "report.html").as_uri())
        page.screenshot(path=FOLDER / "discovery.png")
        page.locator("#seen figure").first.screenshot(path=FOLDER / "discovery-seen.png")
        browser.close()


if __name__ == "__main__":
    main()
