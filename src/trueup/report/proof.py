"""The page of a proof: two sets of weights, one score, and whether the change may be used."""

from __future__ import annotations

from typing import Any

from trueup.report.still import still


def render(document: dict[str, Any]) -> str:
    """Return the report of a proof as one HTML page that needs nothing from outside.

    Parameters
    ----------
    document
        What ``trueup.audit.proofs.document`` makes. Each string is escaped.

    Raises
    ------
    MissingPackage
        Where altair or vl-convert-python is not installed.
    """
    return still("proof.html.j2", document)
