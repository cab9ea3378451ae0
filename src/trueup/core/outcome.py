"""What came of trying: a value with its sentence, not an exception."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """The six ways in which a proof can end.

    Examples
    --------
    >>> Outcome("proven").sentence
    'Better on rows that it never saw, by more than chance explains.'
    """

    PROVEN = "proven"
    NOT_WORSE = "not_worse"
    NO_IMPROVEMENT = "no_improvement"
    NOT_ENOUGH_EVIDENCE = "not_enough_evidence"
    DIVERGED = "diverged"
    NONFINITE = "nonfinite"

    @property
    def sentence(self) -> str:
        """The outcome in plain words."""
        return _SENTENCES[self.value]


_SENTENCES = {
    "proven": "Better on rows that it never saw, by more than chance explains.",
    "not_worse": "Not worse by more than the margin, on rows that it never saw.",
    "no_improvement": "Not better on rows that it never saw.",
    "not_enough_evidence": "Too few rows to tell.",
    "diverged": "The fit has no minimum: the data do not pin the correction down.",
    "nonfinite": "A prediction or a score is not a finite number.",
}
