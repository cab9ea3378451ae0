"""Which columns hold the prediction of a number, and what each is; guessed only where sure."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from trueup.core.errors import UsageError
from trueup.core.forms import Form


if TYPE_CHECKING:
    from trueup.core.tables.roles import Roles
    from trueup.core.tables.source import Table


MEAN = ("mean", "mu", "pred_mean", "forecast_mean", "y_mean")
SD = ("sd", "std", "sigma", "stddev", "stdev", "pred_sd", "pred_std", "forecast_sd", "y_std")
POINT = ("prediction", "y_pred", "predicted", "forecast", "pred", "point", "y_hat", "yhat")
QUANTILE = re.compile(r"(?:q|quantile|pred_q|y_q)_?(\d*\.?\d+)", re.IGNORECASE)
MEMBER = re.compile(r"(m|mem|member|ens|ensemble|sample)_?\d+", re.IGNORECASE)
ENDS = re.compile(r"(?:low|lower|lo)_?(\d\d(?:\.\d+)?)", re.IGNORECASE)


def with_members(table: Table, given: Roles) -> Roles:
    """``given`` with patterns such as ``m*`` in the place of members replaced by columns."""
    if given.form is None or given.form.kind != "ensemble":
        return given
    taken = {given.truth, given.time, given.cluster, given.weight, given.model, given.key}
    taken.add(given.against)
    names: list[str] = []
    for asked in given.values:
        names += _matching(table, asked, taken) if set(asked) & set("*?[") else [asked]
    names = list(dict.fromkeys(names))
    if len(names) < 2:
        raise UsageError(
            "trueup", f"--members needs two columns or more; got {names}", do="Use --point for one"
        )
    return replace(given, values=tuple(names), form=Form("ensemble", len(names)))


def _matching(table: Table, pattern: str, taken: set[str]) -> list[str]:
    found = [name for name in table.columns if fnmatch.fnmatchcase(name, pattern)]
    found = [name for name in found if name not in taken and _number(table, name)]
    if not found:
        raise UsageError(
            "trueup",
            f"no column of numbers is like {pattern!r}; {table.name} has "
            f"{list(table.columns)[:20]}",
            do="Name the columns of the members",
        )
    return found


def guess_numbers(table: Table, free: list[str]) -> dict:
    """``values`` and ``form`` where the names of ``free`` columns leave one reading; else empty."""
    numbers = [name for name in free if _number(table, name)]
    found = [r for r in (_quantiles(numbers), _members(numbers), _normal(numbers)) if r]
    found = found or [r for r in (_intervals(numbers),) if r] or _point(numbers)
    if len(found) != 1:
        return {}
    values, form = found[0]
    return {"values": values, "form": form}


def level_in(name: str) -> float | None:
    """The level that the name of a column says: ``q10``, ``q0.1``, ``quantile_0.1``, ``q2.5``.

    Examples
    --------
    >>> [level_in(name) for name in ("q10", "q0.1", "q2.5", "q025", "q975", "quality")]
    [0.1, 0.1, 0.025, 0.025, 0.975, None]
    """
    match = QUANTILE.fullmatch(name)
    if not match:
        return None
    text = match[1]
    value = float(text)
    if "." in text:
        level = value if value < 1 else value / 100
    elif text.startswith("0"):
        level = value / 10 ** len(text)
    else:
        level = value / 100 if value < 100 else value / 10 ** len(text)
    return round(level, 9) if 0 < level < 1 else None


def _quantiles(names: list[str]):
    levels = {name: level for name in names if (level := level_in(name)) is not None}
    if len(levels) < 2 or len(set(levels.values())) < len(levels):
        return None
    return quantile_columns({level: name for name, level in levels.items()})


def quantile_columns(named: dict[float, str]) -> tuple[tuple[str, ...], Form]:
    """Columns in rising order of their levels, and their form."""
    levels = sorted(named)
    return tuple(named[level] for level in levels), Form("quantiles", len(levels), tuple(levels))


def _members(names: list[str]):
    found = {name: match[1].lower() for name in names if (match := MEMBER.fullmatch(name))}
    if len(found) < 3 or len(set(found.values())) > 1:
        return None
    return tuple(found), Form("ensemble", len(found))


def _normal(names: list[str]):
    mean, sd = ([n for n in names if n in known] for known in (MEAN, SD))
    if len(mean) != 1 or len(sd) != 1:
        return None
    return (mean[0], sd[0]), Form("normal", 2)


def _intervals(names: list[str]):
    """Ends whose names say their level: ``lower_90`` and ``upper_90``."""
    lows = [name for name in names if ENDS.fullmatch(name)]
    if len(lows) != 1:
        return None
    ends = lows[0][-len(ENDS.fullmatch(lows[0])[1]) :]  # type: ignore[index]
    heads = ("high", "upper", "hi")
    highs = [n for n in names if n.endswith(ends) and n[: -len(ends)].rstrip("_").lower() in heads]
    level = round(float(ends) / 100, 9)
    if len(highs) != 1 or not 0 < level < 1:
        return None
    return (lows[0], highs[0]), Form("intervals", 2, (level,))


def _point(names: list[str]) -> list:
    found = [name for name in names if name in POINT]
    return [((found[0],), Form("points", 1))] if len(found) == 1 else []


def _number(table: Table, name: str) -> bool:
    return table.kind(name) in ("number", "integer")
