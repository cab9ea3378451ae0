"""The audit as a value: print it, write it as JSON or as a report, take its remedy."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass, field
from pathlib import Path

from trueup.audit.finding import Finding, in_order
from trueup.audit.judged import AbstractJudged, score_words
from trueup.audit.models import Comparison, comparison_findings
from trueup.audit.numbers.against import reference_findings
from trueup.audit.remedies import Remedy
from trueup.audit.store import StoredRemedy
from trueup.audit.whole import write_whole


SCHEMA = 1
NAMED = 200

ADJECTIVES = ("Trustworthy", "Honest", "Sound", "Good", "Over-", "Under-", "Biased", "Too n",
              "Too w", "Worse", "Not surely")  # fmt: skip
"""How a verdict begins that says what a model is."""


@dataclass(frozen=True, eq=False)
class Audit:
    """What an audit found.

    Attributes
    ----------
    title
        Name of the table.
    models
        Every model judged; the first is the one that the verdict speaks of.
    comparisons
        Pairs of models.
    seconds
        Time taken.
    created
        When, UTC.
    how
        How everything was computed: (label, text).

    Examples
    --------
    >>> import trueup as tu
    >>> from trueup.worlds import planted_table
    >>> audit = tu.audit(planted_table(20_000).columns, truth="y", prob="p", history=False)
    >>> audit.findings[0].id
    'overconfident'
    """

    title: str
    models: list[AbstractJudged]
    comparisons: list[Comparison]
    seconds: float
    created: str
    how: list[tuple[str, str]]
    level: float = 0.95
    notes: list[str] = field(default_factory=list)

    @property
    def primary(self) -> AbstractJudged:
        """The model that the verdict speaks of: the one with the lowest score."""
        return self.models[0]

    @property
    def findings(self) -> list[Finding]:
        """Findings about the primary model and about other models, in order of weight."""
        beside = [*comparison_findings(self.comparisons), *reference_findings(self.models)]
        return in_order([*self.primary.findings, *beside])

    @property
    def measures(self) -> dict:
        """Name -> estimate, of the primary model."""
        return self.primary.measures

    @property
    def verdict(self) -> str:
        """What is true of the model, in one sentence."""
        text, model = self.primary.verdict, self.primary.model
        if not model:
            return text
        about = text.startswith(ADJECTIVES)
        return f"{model} {'is' if about else ':'} {text[0].lower()}{text[1:]}".replace(" :", ":")

    @property
    def action(self) -> str:
        """What to do, in one sentence."""
        return self.primary.action

    @property
    def advice(self) -> str:
        """``Cool it``, ``Sharpen it``, ``Widen it``, ``Shift it``, ``Leave it``, ..."""
        return self.primary.advice

    @property
    def remedy(self) -> StoredRemedy:
        """The proven correction, or the identity where nothing was proven."""
        return StoredRemedy.of(self.primary, title=self.title, created=self.created)

    def to_dict(self) -> dict:
        """The audit as plain numbers and words; the schema ships with the package."""
        first = self.primary
        return {
            "schema": SCHEMA,
            "title": self.title,
            "created": self.created,
            "rows": first.cube.n,
            "kind": first.kind,
            "model": first.model or None,
            "level": self.level,
            "verdict": self.verdict,
            "action": self.action,
            "measures": first.measures_dict,
            "findings": [finding.to_dict() for finding in self.findings],
            "slices": [s.to_dict() for s in _listed(first)],
            "slices_left_out": self.notes,
            "remedies": remedies_list(first),
            "remedies_left_out": first.left_out,
            "chosen": first.chosen.name if first.chosen else "none",
            "drift": [drift.to_dict() for drift in first.drifts],
            "models": [
                {"model": m.model, "measures": m.measures_dict, "primary": m is first}
                for m in self.models
                if m.model
            ],
            "comparisons": [c.to_dict() for c in self.comparisons],
            "against": first.against.to_dict() if first.against else None,
            "data": {
                "roles": first.plan.roles.to_dict(),
                "checks": [vars(check) for check in first.checks],
            },
            "seconds": round(self.seconds, 3),
        }

    def document(self) -> dict:
        """All that the report draws."""
        from trueup import __version__

        first = self.primary
        return self.to_dict() | {
            "trueup": __version__,
            "classes": list(first.plan.profile.classes),
            "headline": first.headline,
            "proof": _proof(first),
            "how": [{"label": label, "text": text} for label, text in self.how],
            "pictures": _pictures(self),
        }

    def report(self, path: str | Path, *, interactive: bool = False) -> Path:
        """Write the report as one HTML file that opens without a network, and return its path."""
        from trueup.report import render

        text = render(self.document(), interactive=interactive)
        return write_whole(path, text)

    def save_json(self, path: str | Path) -> Path:
        """Write ``to_dict`` as JSON and return the path."""
        return write_whole(path, json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n")

    def __repr__(self) -> str:
        lines = [self.verdict, self.action, ""]
        shown = [(name, beside and f", {beside}") for name, beside in self.primary.shown]
        lines += [f"  {self.measures[name]!s:32} {name}{beside}" for name, beside in shown]
        lines += [f"  [{f.severity}] {f.sentence}" for f in self.findings[:6]]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(f.severity)}</td><td>{html.escape(f.sentence)}</td></tr>"
            for f in self.findings[:10]
        )
        return (
            f"<p><b>{html.escape(self.verdict)}</b><br>{html.escape(self.action)}</p>"
            f"<table>{rows}</table>"
        )


def remedies_list(judged: AbstractJudged) -> list[dict]:
    """Every correction that was tried, with its proof."""
    rows = []
    for remedy in judged.trial.remedies:
        row = remedy.proof.to_dict()
        rows.append(
            {
                "name": remedy.name,
                "title": remedy.title,
                "sentence": remedy.proof.outcome.sentence,
                "chosen": remedy is judged.chosen,
                "parameters": remedy.fitted.map.parameters,
                **{key: row[key] for key in ("outcome", "score", "before", "after", "difference")},
            }
        )
    return rows


def _listed(judged: AbstractJudged) -> list:
    """Slices for JSON: all of single columns, and of the pairs those that are named."""
    single = [s for s in judged.slices if len(s.by) == 1 or s.flagged]
    return single[:NAMED]


def _proof(judged: AbstractJudged) -> dict | None:
    tried, sizes = judged.trial.remedies, judged.trial.split
    if not tried:
        return None
    learned, proven = tried[0].proof.learned_on, tried[0].proof.after.n
    best = judged.chosen or tried[0]
    return {
        "sentence": _proof_sentence(judged, best),
        "learned_on": f"{learned:,} rows in {int(sizes.learn.sum())} groups",
        "proven_on": f"{proven:,} rows in {int(sizes.prove.sum())} other groups",
        "tried": len(tried),
        "paper": [best.paper],
    }


def _proof_sentence(judged: AbstractJudged, remedy: Remedy) -> str:
    proof, change = remedy.proof, remedy.proof.difference
    down = "lowers" if change.value < 0 else "raises"
    low, high = sorted((abs(change.low), abs(change.high)))
    range_ = f"{low:.3g} to {high:.3g}" if change.excludes(0.0) else "no surer than chance"
    text = (
        f"{judged.title(remedy)} {down} the {score_words(judged.score)} from "
        f"{proof.before.value:.4g} to "
        f"{proof.after.value:.4g}, by {abs(change.value):.3g} ({range_}). {proof.outcome.sentence}"
    )
    return text[0].upper() + text[1:]


def _pictures(audit: Audit) -> dict:
    drawn = audit.primary.pictures
    if audit.comparisons:
        drawn["models"] = _model_forest(audit)
    return drawn


def _model_forest(audit: Audit) -> dict:
    rows = [
        {
            "label": f"{c.a} minus {c.b}",
            "value": c.difference.value,
            "low": c.difference.low,
            "high": c.difference.high,
            "n": c.difference.n,
            "flagged": c.p_value < 0.05,
        }
        for c in audit.comparisons
    ]
    title = "Models against each other"
    x = f"difference of the {score_words(audit.primary.score)}"
    return {"kind": "forest", "title": title, "x": x, "rows": rows}
