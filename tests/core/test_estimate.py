"""Estimate: a number with its interval that still behaves like a number."""

import json
import math

import pytest

from trueup.core import Estimate, Outcome


def test_drops_into_code_that_expects_a_number():
    e = Estimate(0.25, 0.20, 0.30, n=100)
    assert float(e) == 0.25 and math.sqrt(e) == 0.5
    assert f"{e:.3f}" == "0.250" and f"{e}" == str(e) == "0.2500 (0.2000 to 0.3000)"


def test_without_interval_only_the_value_is_shown():
    assert str(Estimate(0.5)) == "0.5000" and str(Estimate(math.nan)) == "nan"


@pytest.mark.parametrize(
    ("low", "high", "null", "outside"),
    [(0.1, 0.3, 0.0, True), (-0.3, -0.1, 0.0, True), (-0.1, 0.1, 0.0, False),
     (0.0, 1.0, 0.0, False), (math.nan, math.nan, 0.0, False), (-math.inf, math.inf, 0.0, False)],
)  # fmt: skip
def test_excludes(low, high, null, outside):
    assert Estimate(0.2, low, high).excludes(null) is outside


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_not_finite_becomes_none_in_json(bad):
    e = Estimate(0.5, bad, 0.7, level=0.9, n=3, how="by hand")
    assert not e.finite and Estimate(0.5, 0.4, 0.6).finite
    row = json.loads(json.dumps(e.to_dict(), allow_nan=False))
    assert row == {
        "value": 0.5, "low": None, "high": 0.7, "level": 0.9, "n": 3, "how": "by hand"
    }  # fmt: skip


def test_every_outcome_has_its_sentence():
    assert [o.value for o in Outcome] == [
        "proven", "not_worse", "no_improvement", "not_enough_evidence", "diverged", "nonfinite",
    ]  # fmt: skip
    sentences = {o.sentence for o in Outcome}
    assert len(sentences) == 6 and all(s.endswith(".") and s[0].isupper() for s in sentences)
    assert Outcome("proven") is Outcome.PROVEN and Outcome.PROVEN == "proven"
