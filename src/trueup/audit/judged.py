"""One model of a table, judged: what the page, the JSON and the history need of every kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trueup.audit.cut import AbstractSlice
from trueup.audit.drift import Drift
from trueup.audit.finding import Finding
from trueup.audit.remedies import Remedy, Trial
from trueup.core.cube import Cube
from trueup.core.estimate import Estimate
from trueup.core.measure import AbstractMeasure
from trueup.core.tables.checks import Check
from trueup.core.tables.kernel import Scan
from trueup.core.tables.plan import Plan


if TYPE_CHECKING:
    from trueup.audit.numbers.against import Against


@dataclass(frozen=True, eq=False)
class AbstractJudged(ABC):
    """One model of the table, judged; a final class for each thing that can be predicted.

    Attributes
    ----------
    model
        Its name, empty where the table holds one model.
    measures
        Name -> estimate.
    findings
        In order of weight.
    slices, drifts, trial
        What they rest on.
    checks
        Health of its data.
    against
        What came of comparing it with a reference; None without one.
    """

    model: str
    scan: Scan
    plan: Plan
    measures: dict[str, Estimate]
    findings: list[Finding]
    slices: Sequence[AbstractSlice]
    drifts: list[Drift]
    trial: Trial
    checks: list[Check] = field(default_factory=list)
    against: Against | None = None

    @property
    def cube(self) -> Cube:
        """Its cube."""
        return self.scan.cube

    @property
    def chosen(self) -> Remedy | None:
        """The proven remedy, or None."""
        return self.trial.chosen

    @property
    @abstractmethod
    def kind(self) -> str:
        """What was predicted, as in the JSON."""

    @property
    @abstractmethod
    def score(self) -> AbstractMeasure:
        """What models are ranked and corrections are proven by."""

    @property
    @abstractmethod
    def shown(self) -> list[tuple[str, str]]:
        """Measures that the command prints, and what stands beside each."""

    @property
    @abstractmethod
    def verdict(self) -> str:
        """What is true of the model, in one sentence."""

    @property
    @abstractmethod
    def action(self) -> str:
        """What to do, in one sentence, and what no overall correction mends."""

    @property
    @abstractmethod
    def advice(self) -> str:
        """What to do, in two words."""

    @property
    @abstractmethod
    def headline(self) -> list[dict]:
        """The three numbers that carry the verdict."""

    @property
    @abstractmethod
    def pictures(self) -> dict[str, dict]:
        """Name -> data of the pictures of this model, in reading order."""

    @property
    @abstractmethod
    def how(self) -> list[tuple[str, str]]:
        """How everything was computed: (label, text)."""

    @property
    def left_out(self) -> list[str]:
        """Why columns of slices got no corrections by their values, in words."""
        return []

    def title(self, remedy: Remedy) -> str:
        """A correction as people would say it."""
        return remedy.title

    @property
    def measures_dict(self) -> dict[str, Any]:
        """Name -> estimate as a dict."""
        return {name: e.to_dict() for name, e in self.measures.items()}


def number(name: str, label: str, estimate: Estimate, unit: str, note: str) -> dict:
    """One of the three numbers of a headline."""
    return {
        "name": name,
        "label": label,
        "estimate": estimate.to_dict(),
        "unit": unit,
        "note": note,
    }


def score_words(score: AbstractMeasure) -> str:
    """The name of a score inside a sentence: ``log loss``, ``CRPS``."""
    return score.label if score.label.isupper() else score.label.lower()
