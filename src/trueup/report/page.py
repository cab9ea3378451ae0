"""The page: the document is completed, its pictures are placed, the templates are filled."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from trueup.report import named, numbers, terms
from trueup.report.document import (
    clean,
    clip,
    complete_document,
    day,
    finding_unit,
    parameter_text,
    slice_label,
    slice_words,
)
from trueup.report.glossary import Glossary
from trueup.report.orbits import verdict
from trueup.report.pictures import Picture, draw


STATIC_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
# Class by class pictures come last and stop here: a hundred classes must not make a huge file.
CLASS_PICTURES = 12
NUMBER_PICTURES = ("pit", "coverage", "spread")
PICTURE_BYTES = 60_000
INTERACTIVE_BYTES = 178_000
SHOWN_SLICES = 12
FLAGGED_SLICES = 72
OTHER_SLICES = 150


def page(document: dict[str, Any], *, interactive: bool) -> str:
    """Return the whole page as one HTML text."""
    if document.get("kind") == "orbit":
        return _orbit(document, interactive=interactive)
    doc = complete_document(document)
    gallery = Gallery(doc["pictures"], interactive=interactive)
    script = _script() if interactive else ""
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            doc=doc,
            g=Glossary(),
            t=terms,
            n=named,
            script=Markup(script),
            policy=_policy(script),
            css=Markup(text_of("templates/page.css")),
            **_placed(doc, gallery=gallery),
            **_slices(doc),
        )
    )


def _orbit(document: dict[str, Any], *, interactive: bool) -> str:
    """Return the page of one orbit."""
    doc = clean(document)
    script = _script() if interactive else ""
    picture = draw(doc["picture"], key="picture-1", name="orbit", interactive=interactive)
    template = environment().get_template("orbit.html.j2")
    return template.render(
        doc=doc,
        g=Glossary(),
        verdict=verdict(doc),
        picture=picture,
        script=Markup(script),
        policy=_policy(script),
        css=Markup(text_of("templates/page.css")),
    )


class Place(NamedTuple):
    """What stands at one place of the page: a picture, a link to one shown before, or nothing."""

    picture: Picture | None = None
    link: Picture | None = None

    def __bool__(self) -> bool:
        return self.picture is not None or self.link is not None


class Gallery:
    """Draws each picture once, where it is first needed; later places get a link to it."""

    def __init__(self, pictures: dict[str, Any], *, interactive: bool) -> None:
        self.pictures = pictures
        self.interactive = interactive
        self.drawn: dict[str, Picture | None] = {}
        self.bytes = 0

    def place(self, key: str | None, *, small: bool = False) -> Place:
        """Return the picture the first time, a link afterwards, neither for nothing to show."""
        if key is None or key not in self.pictures:
            return Place()
        if key in self.drawn:
            return Place(link=self.drawn[key])
        name = f"picture-{len(self.drawn) + 1}"
        picture = draw(
            self.pictures[key], key=name, name=key, interactive=self.interactive, small=small
        )
        self.drawn[key] = picture
        self.bytes += picture.bytes if picture else 0
        return Place(picture)

    @property
    def full(self) -> bool:
        """Whether more pictures would make the file larger than a mail should be."""
        return self.bytes > (INTERACTIVE_BYTES if self.interactive else PICTURE_BYTES)

    def rest(self, prefix: str) -> Iterator[str]:
        """Yield the keys with this prefix that are not drawn yet."""
        return (key for key in self.pictures if key.startswith(prefix) and key not in self.drawn)


def _placed(doc: dict[str, Any], *, gallery: Gallery) -> dict[str, Any]:
    """Decide where each picture stands, in reading order."""
    wanted = [doc["findings"][0]["picture"]] if doc["findings"] else []
    hero = Place()
    for key in [*wanted, "reliability", "pit", *gallery.pictures]:
        hero = hero if hero.picture else gallery.place(key)
    found = [gallery.place(finding["picture"]) for finding in doc["findings"]]
    named = {key: gallery.place(key) for key in ("reliability", "slices", "models", "remedies")}
    laws = [gallery.place(key) for key in NUMBER_PICTURES]
    profiles = [gallery.place(key) for key in gallery.pictures if key.startswith("score:")]
    drift = [gallery.place(f"drift:{series['series']}") for series in doc["drift"]]
    classes, left = _class_pictures(gallery)
    return {
        "hero": hero,
        "finding_pictures": found,
        "named": named,
        "drift_pictures": drift,
        "number_pictures": [place for place in laws if place.picture],
        "profile_pictures": [place for place in profiles if place.picture],
        "class_pictures": classes,
        "classes_left": left,
    }


def _class_pictures(gallery: Gallery) -> tuple[list[Picture], int]:
    keys = list(gallery.rest("reliability:"))
    shown: list[Picture] = []
    for done, key in enumerate(keys):
        if len(shown) == CLASS_PICTURES or gallery.full:
            return shown, len(keys) - done
        placed = gallery.place(key, small=True)
        if placed.picture:
            shown.append(placed.picture)
    return shown, 0


def _slices(doc: dict[str, Any]) -> dict[str, Any]:
    flagged = [row for row in doc["slices"] if row["flagged"]]
    others = [row for row in doc["slices"] if not row["flagged"]]
    return {
        "flagged": flagged[:SHOWN_SLICES],
        "more_flagged": flagged[SHOWN_SLICES:FLAGGED_SLICES],
        "others": others[:OTHER_SLICES],
        "flagged_total": len(flagged),
        "slices_beyond": max(0, len(flagged) - FLAGGED_SLICES) + max(0, len(others) - OTHER_SLICES),
    }


@cache
def text_of(name: str) -> str:
    """A file of this folder."""
    return files("trueup.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _script() -> str:
    return text_of("vega.min.js")


def _policy(script: str) -> str:
    if not script:
        return STATIC_POLICY
    # The one script is named by its content, so no other can run even if one got into the page.
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return STATIC_POLICY.replace("'none';", f"'none'; script-src 'sha256-{digest}';", 1)


@cache
def environment() -> Environment:
    """The templates, with the filters that they use."""
    made = Environment(
        loader=PackageLoader("trueup.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        count=numbers.count,
        p_value=numbers.p_value,
        percent=numbers.percent,
        loss=numbers.loss,
        value=numbers.value_text,
        interval=numbers.interval_text,
        estimate=numbers.estimate_text,
        clip=clip,
        day=day,
        slice_label=slice_label,
        slice_words=slice_words,
        parameter=parameter_text,
    )
    made.globals.update(measure=terms.measure, finding_unit=finding_unit)
    return made
