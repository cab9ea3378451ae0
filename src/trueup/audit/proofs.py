"""A proof of weights for people: what to think of it, in words, JSON and one page."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trueup.audit.whole import write_whole
from trueup.core.estimate import Estimate
from trueup.core.measure import AbstractMeasure
from trueup.core.named import named
from trueup.core.outcome import Outcome
from trueup.core.proof import Proof


ACTIONS = {
    Outcome.PROVEN: "Use the weights after the change.",
    Outcome.NOT_WORSE: "Use the weights after the change: what they lose is less than you allowed.",
    Outcome.NO_IMPROVEMENT: "Keep the weights before the change, or say with --margin which loss "
    "the change is worth and judge on other rows.",
    Outcome.NOT_ENOUGH_EVIDENCE: "Judge on more rows before you decide.",
    Outcome.NONFINITE: "Look for NaN in the weights (trueup kin) and for numbers too large for "
    "their type.",
    Outcome.DIVERGED: "Do not use it.",
}


@dataclass(frozen=True)
class Proven:
    """A proof and what it was made of.

    Attributes
    ----------
    proof
        The proof.
    before, after, arch, data
        What was compared, by the names that the user gave.
    seconds
        Time that it took.
    """

    proof: Proof
    before: str
    after: str
    arch: str
    data: str
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """A dict for JSON."""
        names = {name: getattr(self, name) for name in ("arch", "data")}
        files = {"files": {"before": self.before, "after": self.after}, **names}
        return {"schema": 1, "verdict": verdict(self.proof), **self.proof.to_dict(), **files,
                "sentence": self.proof.outcome.sentence, "seconds": self.seconds}  # fmt: skip

    def save_json(self, path: str | Path) -> Path:
        """Write ``to_dict`` and return the path."""
        return write_whole(path, json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n")

    def report(self, path: str | Path) -> Path:
        """Write one HTML file that opens without a network, and return its path."""
        from trueup.report.proof import render

        return write_whole(path, render(document(self)))


def verdict(proof: Proof) -> str:
    """What came of it, with its number, in one sentence.

    Examples
    --------
    >>> one, two = Estimate(0.5, 0.4, 0.6, n=99), Estimate(0.25, 0.2, 0.3, n=99)
    >>> gain = Estimate(-0.25, -0.3, -0.2, n=99)
    >>> verdict(Proof("log_loss", one, two, gain, Outcome.PROVEN, proven_on=99))
    'Better: log loss goes from 0.5 to 0.25, by -0.25 (-0.3 to -0.2).'
    """
    score, change = proof.score.replace("_", " "), proof.difference
    if proof.outcome is Outcome.NONFINITE:
        return "No number: a network gives NaN or infinite outputs."
    said = (
        f"{score} goes from {_short(proof.before.value)} to {_short(proof.after.value)}, "
        f"by {_short(change.value)}{_range(change)}."
    )
    worse = proof.outcome is Outcome.NO_IMPROVEMENT and change.excludes(0)
    head = {
        Outcome.PROVEN: "Better",
        Outcome.NOT_WORSE: f"Not worse by more than {proof.margin:g}",
        Outcome.NO_IMPROVEMENT: "Worse, by more than chance" if worse else "Not better",
        Outcome.NOT_ENOUGH_EVIDENCE: "Cannot tell from these rows",
    }.get(proof.outcome, str(proof.outcome))
    return f"{head}: {said}"


def lines(made: Proven) -> list[str]:
    """What a terminal shows."""
    proof = made.proof
    rows = [f"{proof.outcome.sentence} {ACTIONS[proof.outcome]}", ""]
    for name in ("before", "after", "difference"):
        estimate = getattr(proof, name)
        rows.append(f"  {name:12}{_short(estimate.value)}{_range(estimate)}")
    return [verdict(proof), *rows, *(f"  {name:12}{text}" for name, text in facts(made))]


def facts(made: Proven) -> list[tuple[str, str]]:
    """How the numbers were made."""
    proof = made.proof
    rows = [
        ("score", proof.score.replace("_", " ")),
        ("rows", f"{proof.proven_on:,} that no calibration is known to have seen"),
        ("interval", f"{proof.difference.level:.0%}, {proof.difference.how}"),
    ]
    if proof.margin:
        rows.append(("margin", f"{proof.margin:g}, set by the user"))
    if proof.learned_on:
        rows.append(("calibrated", f"on {proof.learned_on:,} rows, none of these"))
    return rows


def document(made: Proven) -> dict[str, Any]:
    """All that the page shows, as strings and numbers."""
    import trueup

    proof = made.proof
    headline = [
        {"label": label, "value": _short(e.value), "range": _range(e).strip(" ()"), "note": note}
        for label, e, note in (
            ("Before", proof.before, made.before),
            ("After", proof.after, made.after),
            ("Difference", proof.difference, "paired, row by row"),
        )
    ]
    said = [*facts(made), ("module", made.arch), ("data", made.data)]
    return {
        "title": made.after,
        "data": made.data,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "trueup": trueup.__version__,
        "seconds": made.seconds,
        "level": proof.difference.level,
        "rows": proof.proven_on,
        "outcome": proof.outcome.value,
        "verdict": verdict(proof),
        "action": ACTIONS[proof.outcome],
        "headline": headline if math.isfinite(proof.difference.value) else [],
        "facts": [{"label": name, "text": text} for name, text in said],
        "pictures": {"difference": _picture(proof)},
    }


def _picture(proof: Proof) -> dict[str, Any]:
    """The difference with its interval."""
    change = proof.difference
    rows = [{"label": "after - before", "value": change.value, "low": change.low,
             "high": change.high, "flagged": proof.outcome is Outcome.PROVEN}]  # fmt: skip
    limit = margin_of(proof)
    title = "Difference of the scores, zero" + (" and the margin" if limit else "")
    return {"kind": "forest", "title": title, "rows": rows, "margin": limit,
            "x": f"difference in {proof.score.replace('_', ' ')}"}  # fmt: skip


def margin_of(proof: Proof) -> float:
    """The difference that is still allowed: above 0 of a loss, below it where more is better."""
    better = named("prove", proof.score, AbstractMeasure).better
    return proof.margin if better == "lower" else -proof.margin


def _short(value: float) -> str:
    return f"{value:.4g}"


def _range(e: Estimate) -> str:
    return f" ({_short(e.low)} to {_short(e.high)})" if e.finite else ""
