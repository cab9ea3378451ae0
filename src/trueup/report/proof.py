"""The page of a proof: two sets of weights, one score, and whether the change may be used."""

from __future__ import annotations

from typing import Any

from trueup.report import wanted


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
    wanted()
    from markupsafe import Markup

    from trueup.report import named
    from trueup.report.document import clean
    from trueup.report.glossary import Glossary
    from trueup.report.page import STATIC_POLICY, environment, text_of
    from trueup.report.pictures import draw

    doc = clean(document)
    drawn = {
        key: draw(picture, key=f"picture-{i}", name=key, interactive=False)
        for i, (key, picture) in enumerate(doc["pictures"].items())
    }
    template = environment().get_template("proof.html.j2")
    css = Markup(text_of("templates/page.css"))
    return template.render(doc=doc, g=Glossary(), n=named, drawn=drawn, css=css,
                           policy=STATIC_POLICY)  # fmt: skip
