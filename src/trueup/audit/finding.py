"""A finding: what is wrong, how sure, in one sentence."""

from __future__ import annotations

from dataclasses import dataclass

from trueup.core.estimate import Estimate


WEIGHT = {"high": 0, "medium": 1, "low": 2}


@dataclass(frozen=True)
class Finding:
    """Something that the owner of the model should know.

    Attributes
    ----------
    id
        Stable name, such as ``"overconfident"`` or ``"bad_slice:region=N"``.
    severity
        ``"high"``, ``"medium"`` or ``"low"``.
    sentence
        One plain sentence.
    estimate
        The number behind it.
    picture
        Name of the picture that shows it, empty for none.
    size
        How large it is, in probability: orders findings of one severity.
    unit
        Of the estimate: ``"points"`` (a probability), ``"ratio"``, ``"nat"`` or ``"count"``.
    """

    id: str
    severity: str
    sentence: str
    estimate: Estimate
    picture: str = ""
    size: float = 0.0
    unit: str = "points"

    def to_dict(self) -> dict:
        """A dict for JSON."""
        return {
            "id": self.id,
            "severity": self.severity,
            "sentence": self.sentence,
            "estimate": self.estimate.to_dict(),
            "picture": self.picture or None,
            "unit": self.unit,
        }


def in_order(findings: list[Finding]) -> list[Finding]:
    """Findings by severity, the largest first."""
    return sorted(findings, key=lambda f: (WEIGHT[f.severity], -f.size, f.id))


def severity(size: float, *, high: float = 0.05, medium: float = 0.02) -> str:
    """How grave an error of ``size`` in probability is."""
    return "high" if size >= high else "medium" if size >= medium else "low"


def points(x: float, *, digits: int = 1) -> str:
    """A probability in percentage points: ``0.137`` -> ``13.7 points``."""
    return f"{abs(x) * 100:.{digits}f} points"


def percent(x: float, *, digits: int = 1) -> str:
    """A probability in per cent."""
    return f"{x * 100:.{digits}f}%"
