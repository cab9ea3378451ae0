"""The report: one self-contained HTML file made from the plain dict of an audit."""

from __future__ import annotations

from typing import Any


__all__ = ["render"]


def render(document: dict[str, Any], *, interactive: bool = False) -> str:
    """Return the report of an audit as one HTML page that needs nothing from outside.

    The default page holds static SVG pictures and no JavaScript (about 100 KB): it survives mail
    and the strictest content policy. With `interactive=True` the same pictures answer to pointer
    and arrow keys, for about 500 KB more; the one script is bundled and never makes code from text.

    Parameters
    ----------
    document : dict
        What `to_document()` of an audit or an orbit returns: strings, numbers, None, lists and
        dicts. Shares and gaps are fractions (0.137); the page writes them as points or percent.
        Missing keys leave their section out. Strings may be hostile: each one is escaped.
    interactive : bool
        Whether the pictures answer to the reader.

    Raises
    ------
    MissingPackage
        Where altair or vl-convert-python is not installed.
    """
    wanted()
    from trueup.report.page import page

    return page(document, interactive=interactive)


def wanted() -> None:
    """Refuse to draw where the packages for it are missing."""
    try:
        import altair  # noqa: F401
        import vl_convert  # noqa: F401
    except ImportError as error:
        from trueup.core.errors import MissingPackage

        raise MissingPackage(
            "report",
            f"the pictures need a package that is not installed ({error.name})",
            do='Run: pip install "trueup[report]"',
        ) from error
