"""Static pictures made small: the renderer writes for scripts, a page needs a third of it."""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element


_DROPPED = {"class", "role", "pointer-events", "font-family", "aria-hidden", "aria-roledescription"}
_INHERITED = {
    "fill",
    "stroke",
    "stroke-width",
    "font-size",
    "font-weight",
    "text-anchor",
    "stroke-dasharray",
    "fill-opacity",
    "stroke-opacity",
}
_NAMESPACES = re.compile(r' xmlns(?::xlink)?="[^"]*"')
_NUMBER = re.compile(r"-?\d+\.\d{2,}")
_MOVED = re.compile(r"translate\((-?[\d.]+),(-?[\d.]+)\)")
_CIRCLE = re.compile(r"M([\d.]+),0A\1,\1,0,1,1,-\1,0A\1,\1,0,1,1,\1,0Z?")


def compact(svg: str, *, key: str, words: str) -> str:
    """Return the picture with a viewBox, its name for screen readers and nothing superfluous."""
    root = ElementTree.fromstring(_NAMESPACES.sub("", svg))
    for node in root.iter():
        _strip(node)
        _point_to_own(node, key=key)
    _fold(root)
    box = root.attrib.get("viewBox", "0 0 400 300")
    root.attrib.clear()
    root.attrib.update({"viewBox": box, "role": "img", "aria-label": words})
    return ElementTree.tostring(root, encoding="unicode")


def _strip(node: Element) -> None:
    kept = {}
    for name, value in node.attrib.items():
        if name in _DROPPED or (name.endswith("opacity") and value == "1"):
            continue
        if value in ("translate(0,0)", "") or (name, value) in _USUAL:
            continue
        kept[name] = _NUMBER.sub(_short, value)
    node.attrib.clear()
    node.attrib.update(kept)


_USUAL = {("stroke-width", "1"), ("font-weight", "normal"), ("text-anchor", "start")}


def _short(number: re.Match[str]) -> str:
    return f"{round(float(number[0]), 1) + 0.0:g}"


def _point_to_own(node: Element, *, key: str) -> None:
    """Every picture numbers its clip paths from zero; in one page the numbers must differ."""
    if node.tag == "clipPath":
        node.attrib["id"] = f"{key}-{node.attrib['id']}"
    elif "clip-path" in node.attrib:
        node.attrib["clip-path"] = node.attrib["clip-path"].replace("url(#", f"url(#{key}-")


def _fold(parent: Element) -> None:
    """Drop what is not seen, dissolve bare groups, draw the lines of a group as one path."""
    children = []
    for child in parent:
        _fold(child)
        if not _unseen(child):
            children += list(child) if child.tag == "g" and not child.attrib else [child]
    parent[:] = [_circle(child) for child in children]
    if parent.tag != "g" or not children:
        return
    _one_path(parent)
    # An opacity multiplies and a transform adds: neither may move from the children to their group.
    if len({child.tag for child in parent}) == 1 and parent[0].tag != "g":
        _hoist(parent)
    if len(parent) == 1 and parent[0].tag == "g" and not set(parent.attrib) & set(parent[0].attrib):
        only = parent[0]
        parent.attrib.update(only.attrib)
        parent[:] = list(only)


def _unseen(node: Element) -> bool:
    # Invisible targets for tooltips serve the interactive page only.
    if node.attrib.get("display") == "none" or node.attrib.get("opacity") == "0":
        return True
    if node.tag == "path":
        painted = {"fill", "stroke"} & set(node.attrib)
        return not painted or not node.attrib.get("d")
    return node.tag in ("g", "defs") and len(node) == 0


def _circle(node: Element) -> Element:
    match = _CIRCLE.fullmatch(node.attrib.get("d", ""))
    at = _MOVED.fullmatch(node.attrib.get("transform", ""))
    if not match or not at:
        return node
    rest = {k: v for k, v in node.attrib.items() if k not in ("d", "transform")}
    return Element("circle", {"cx": at[1], "cy": at[2], "r": match[1], **rest})


def _one_path(group: Element) -> None:
    lines = list(group)
    looks = {
        tuple(sorted((k, v) for k, v in line.attrib.items() if k not in _PLACE)) for line in lines
    }
    if len(lines) < 2 or len(looks) != 1 or {line.tag for line in lines} != {"line"}:
        return
    steps = []
    for line in lines:
        at = _MOVED.fullmatch(line.attrib.get("transform", "translate(0,0)"))
        if not at:
            return
        steps.append(f"M{at[1]},{at[2]}l{line.attrib.get('x2', 0)},{line.attrib.get('y2', 0)}")
    group[:] = [Element("path", dict(looks.pop()) | {"d": "".join(steps)})]


_PLACE = {"transform", "x2", "y2"}


def _hoist(group: Element) -> None:
    first, *others = list(group)
    if not others:
        return
    for name in _INHERITED & set(first.attrib):
        value = first.attrib[name]
        if name not in group.attrib and all(node.attrib.get(name) == value for node in others):
            group.attrib[name] = value
            for node in group:
                del node.attrib[name]
