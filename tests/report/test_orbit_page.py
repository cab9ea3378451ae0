"""The page of an orbit: static without a script, interactive with a sample to pick, and safe."""

from __future__ import annotations

import re

import numpy as np
import pytest


pytest.importorskip("altair", reason="the report needs altair")
pytest.importorskip("vl_convert", reason="the report needs vl-convert-python")

from trueup.error import orbit
from trueup.report import render
from trueup.report.orbits import orbit as chart
from trueup.report.orbits import verdict


X = np.random.default_rng(0).normal(size=(80, 5))


def document(*, labelled: bool = True, elements=range(5), **words):
    truth = X[:, 0] if labelled else None
    found = orbit(lambda x: x[:, 0], X, elements=elements, truth=truth,
                  transform=lambda x, k: np.roll(x, int(str(k)[-1]), axis=1))  # fmt: skip
    return found.to_document(title="Shifts", x="places", y="squared error", **words)


def test_static_page_has_no_script_and_one_picture():
    page = render(document())
    assert "<script" not in page and page.count("<svg") == 1
    assert "default-src 'none'" in page.replace("&#39;", "'")
    assert "The mean error runs from 0 at 0 to" in page
    assert "Agreement of consensus and labels" in page and "80 samples, 5 elements" in page
    assert len(page) < 120_000


def test_interactive_page_carries_the_samples_and_the_bundled_script():
    page = render(document(), interactive=True)
    assert page.count("data-chart") >= 1 and "Click a sample" in page
    spec = re.search(r"data-chart>(.*?)</script>", page, re.S)[1]
    assert "pick" in spec and spec.count('"sample":') > 80


def test_the_sample_that_is_shown_first_is_the_most_uneven_one():
    spec = chart(document()["picture"])
    shown = document()["picture"]["samples"][0]["sample"]
    assert spec["params"][0]["value"] == [{"sample": shown}]


def test_without_truth_there_is_one_curve_and_no_agreement():
    page = render(document(labelled=False))
    assert "Agreement" not in page
    labelled, alone = (len(chart(document(labelled=k)["picture"])["vconcat"][0]["layer"])
                       for k in (True, False))  # fmt: skip
    assert labelled == alone + 1


def test_elements_may_be_words_and_words_may_be_hostile():
    words = ("<b>0", "&1", "it's 2")
    page = render(document(elements=words) | {"title": "<script>alert(1)</script>"})
    assert "<script" not in page and "<b>0" not in page
    assert "&lt;b&gt;0" in page


def test_a_flat_orbit_is_called_flat():
    found = orbit(lambda x: x.mean(axis=1), X, elements=range(3), truth=X.mean(axis=1),
                  transform=lambda x, k: x)  # fmt: skip
    assert verdict(found.to_document()) == "The error is 0 everywhere on the orbit."
    assert "everywhere on the orbit" in render(found.to_document())
