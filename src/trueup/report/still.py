"""Pages with still pictures, each of a template of its own: a discovery, a proof."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from trueup.report import wanted


def still(template: str, document: dict[str, Any], *, pictures: Iterable[str] = ()) -> str:
    """The page of ``template`` with the pictures of ``document``, as one HTML text.

    ``pictures`` are those that the template knows and the document may lack. Each string is
    escaped.

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
    drawn = dict.fromkeys(pictures) | {
        key: draw(picture, key=f"picture-{i}", name=key, interactive=False)
        for i, (key, picture) in enumerate(doc["pictures"].items())
    }
    css = Markup(text_of("templates/page.css"))
    return environment().get_template(template).render(
        doc=doc, g=Glossary(), n=named, drawn=drawn, css=css, policy=STATIC_POLICY
    )  # fmt: skip
