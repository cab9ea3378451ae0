"""The page of a discovery: what a simulator is missing, and what mending it is worth."""

from __future__ import annotations

from typing import Any

from trueup.report.still import still


def render(document: dict[str, Any]) -> str:
    """Return the report of a discovery as one HTML page that needs nothing from outside.

    Parameters
    ----------
    document
        What ``trueup.audit.simulators.document`` makes. Each string is escaped.

    Raises
    ------
    MissingPackage
        Where altair or vl-convert-python is not installed.
    """
    return still("discovery.html.j2", document, pictures=("errors", "coefficients", "fields"))
