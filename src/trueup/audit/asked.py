"""Which columns hold the prediction, as the caller of ``audit`` said it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trueup.core.errors import UsageError
from trueup.core.forms import Form
from trueup.core.tables.number_names import quantile_columns


NUMBERS = ("mean", "sd", "quantiles", "members", "low", "high", "nominal", "point")
"""Arguments that name the columns of a forecast of a number."""

WAYS = {
    "normal": ("mean", "sd"),
    "quantiles": ("quantiles",),
    "ensemble": ("members",),
    "intervals": ("low", "high"),
    "points": ("point",),
}
NEED = "mean and sd, quantiles, members, low and high with nominal, or point"


def asked_form(given: Mapping[str, Any]) -> tuple[tuple[str, ...], Form | None]:
    """Columns and form of the forecast that is named; empty and None where none is.

    Raises
    ------
    UsageError
        Two kinds of forecast are named, or half of one.

    Examples
    --------
    >>> asked_form({"quantiles": {0.9: "q90", 0.1: "q10"}})
    (('q10', 'q90'), Form(kind='quantiles', width=2, levels=(0.1, 0.9)))
    """
    said = {name: value for name, value in given.items() if name in NUMBERS and _some(value)}
    kinds = [kind for kind, names in WAYS.items() if any(name in said for name in names)]
    if not kinds and not said:
        return (), None
    if len(kinds) != 1:
        raise UsageError("audit", f"{' and '.join(said)} were given", do=f"Name one of: {NEED}")
    kind = kinds[0]
    missing = [name for name in WAYS[kind] if name not in said]
    if missing:
        raise UsageError(
            "audit", f"{missing[0]} is not named", do=f"Name {' and '.join(WAYS[kind])}"
        )
    if "nominal" in said and kind != "intervals":
        raise UsageError("audit", "nominal belongs to low and high", do="Leave it out")
    return _MAKERS[kind](said)


def _some(value: Any) -> bool:
    return value is not None and value != "" and value != () and value != {}


def _quantiles(said: Mapping[str, Any]) -> tuple[tuple[str, ...], Form]:
    named = said["quantiles"]
    if not isinstance(named, Mapping):
        raise UsageError(
            "audit", f"quantiles is {named!r}", do="Pass a dict of levels, such as {0.1: 'q10'}"
        )
    named = {float(level): str(name) for level, name in named.items()}
    strange = [level for level in named if not 0 < level < 1]
    if strange:
        raise UsageError(
            "audit", f"a quantile has the level {strange[0]:g}", do="Pass shares such as 0.1"
        )
    return quantile_columns(named)


def _members(said: Mapping[str, Any]) -> tuple[tuple[str, ...], Form]:
    named = said["members"]
    names = (named,) if isinstance(named, str) else tuple(named)
    return names, Form("ensemble", len(names))


def _intervals(said: Mapping[str, Any]) -> tuple[tuple[str, ...], Form]:
    if "nominal" not in said:
        raise UsageError(
            "audit",
            f"which share of truths should lie between {said['low']!r} and {said['high']!r}?",
            do="Say --nominal 0.9 (in Python nominal=0.9)",
        )
    nominal = float(said["nominal"])
    if not 0 < nominal < 1:
        raise UsageError("audit", f"nominal is {nominal:g}", do="Pass a share such as 0.9")
    return (said["low"], said["high"]), Form("intervals", 2, (nominal,))


_MAKERS = {
    "normal": lambda said: ((said["mean"], said["sd"]), Form("normal", 2)),
    "points": lambda said: ((said["point"],), Form("points", 1)),
    "quantiles": _quantiles,
    "ensemble": _members,
    "intervals": _intervals,
}


def level_and_name(text: str) -> tuple[float, str]:
    """``0.1=q10`` as a level and a name; a bare name such as ``q10`` says its own level.

    Examples
    --------
    >>> level_and_name("0.1=low"), level_and_name("q10")
    ((0.1, 'low'), (0.1, 'q10'))
    """
    from trueup.core.tables.number_names import level_in

    head, _, name = text.partition("=")
    if not name and (level := level_in(text)) is not None:
        return level, text
    try:
        return float(head), name
    except ValueError:
        raise UsageError("--quantile", f"cannot read {text!r}", do="Write LEVEL=NAME") from None


def names_of(texts: Sequence[str]) -> tuple[str, ...]:
    """Names in options that repeat or list them with commas."""
    return tuple(part.strip() for text in texts for part in text.split(",") if part.strip())
