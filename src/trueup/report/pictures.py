"""Pictures of the page: a specification becomes static SVG and, where asked, compiled Vega."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import vl_convert
from markupsafe import Markup

from trueup.report.canvas import Row, complete
from trueup.report.charts import specification
from trueup.report.spoken import HEADS, picture_table, text_alternative
from trueup.report.svg import compact


@dataclass(frozen=True)
class Picture:
    """One drawn picture: its SVG, its words, its numbers and, in an interactive page, its chart."""

    id: str
    name: str
    kind: str
    title: str
    svg: Markup
    spec: Markup | None
    table: list[list[Any]]
    heads: list[str]
    has_band: bool
    has_after: bool
    has_curve: bool
    has_change: bool

    @property
    def bytes(self) -> int:
        """What the picture adds to the file, nearly: its text is almost all ASCII."""
        return len(self.svg) + len(self.spec or "")


def draw(
    picture: Row, *, key: str, name: str, interactive: bool, small: bool = False
) -> Picture | None:
    """Draw one picture of the document, or return None where it has nothing to show."""
    spec = specification(picture, small=small)
    if spec is None:
        return None
    drift = picture.get("kind") == "drift"
    return Picture(
        id=key,
        name=name,
        kind=str(picture["kind"]),
        title=str(picture.get("title") or ""),
        svg=_static(spec, key=key, words=text_alternative(picture)),
        spec=_compiled(spec) if interactive else None,
        table=[] if small else picture_table(picture),
        heads=HEADS.get(str(picture["kind"]), []),
        has_band=len(complete(picture.get("bins"), "band_low", "band_high")) > 1,
        has_after=bool(complete(picture.get("after"), "score", "observed")),
        has_curve=len(complete(picture.get("curve"), "score", "observed")) > 1,
        has_change=drift and picture.get("change_at") is not None,
    )


def json_for_script(value: Any) -> Markup:
    """Write JSON that cannot end its script: the characters that could are escaped."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _compiled(spec: Row) -> Markup:
    return json_for_script(_rounded(vl_convert.vegalite_to_vega(spec)))


def _rounded(value: Any) -> Any:
    """Six significant digits are more than a screen can show and half the bytes."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items() if key != "$schema"}
    return [_rounded(item) for item in value] if isinstance(value, list) else value


def _static(spec: Row, *, key: str, words: str) -> Markup:
    # Nothing may be fetched while drawing either: a report is made from its document alone.
    svg = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    # Safe: the renderer's text is parsed as XML and written again, with every text escaped.
    return Markup(compact(svg, key=key, words=words))
