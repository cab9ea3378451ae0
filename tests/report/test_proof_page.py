"""The page of a proof of weights, from proofs made by hand."""

from __future__ import annotations

import math

import pytest

from trueup.audit.proofs import ACTIONS, Proven, document, lines, verdict
from trueup.core.estimate import Estimate
from trueup.core.outcome import Outcome
from trueup.core.proof import Proof
from trueup.report.proof import render


BAD = "<img src=x onerror=alert(1)>"


def proof(outcome: Outcome = Outcome.PROVEN, **more) -> Proof:
    one, two = Estimate(0.5, 0.4, 0.6, n=99), Estimate(0.25, 0.2, 0.3, n=99)
    gain = Estimate(-0.25, -0.3, -0.2, n=99, how="paired jackknife")
    return Proof("log_loss", one, two, gain, outcome, proven_on=99, **more)


def test_the_page_says_it_all_without_a_script():
    page = render(
        document(Proven(proof(), "a.safetensors", "b.safetensors", "net:f", "t.npz", 1.0))
    )
    for word in ("Better: log loss goes from 0.5 to 0.25", "Use the weights after the change.",
                 "paired jackknife", "net:f", "a.safetensors", "-0.3 to -0.2"):  # fmt: skip
        assert word in page
    assert "<script" not in page
    assert page.count('role="img"') == 1


def test_hostile_names_are_text():
    page = render(document(Proven(proof(), BAD, BAD, BAD, BAD, 1.0)))
    assert "<img" not in page
    assert "&lt;img src=x" in page


@pytest.mark.parametrize("outcome", list(Outcome))
def test_each_outcome_has_words(outcome):
    made = Proven(proof(outcome, margin=0.01), "a", "b", "net:f", "t.npz", 1.0)
    assert outcome in ACTIONS
    assert verdict(made.proof).endswith(".")
    assert ("  margin      0.01, set by the user") in lines(made)
    assert verdict(made.proof) in render(document(made))


def test_nothing_finite_is_a_page_too():
    none = Estimate(math.nan)
    lost = Proof("log_loss", none, none, none, Outcome.NONFINITE)
    page = render(document(Proven(lost, "a", "b", "net:f", "t.npz", 1.0)))
    assert "NaN or infinite" in page
    assert "<svg" not in page


def test_worse_is_said_where_it_is_shown():
    loss = Estimate(0.1, 0.05, 0.15, n=99)
    same = Estimate(0.1, -0.05, 0.15, n=99)
    one = Estimate(0.5, n=99)
    worse, equal = (Proof("brier", one, one, d, Outcome.NO_IMPROVEMENT) for d in (loss, same))
    assert verdict(worse).startswith("Worse, by more than chance: brier")
    assert verdict(equal).startswith("Not better: brier")
