"""Tables of forecasts of numbers, how they are cut, and what the NumPy kernel makes of them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

import trueup as tu
from audit.forecasts import SAID, forecast_table
from audit.tables import scanned
from scale.elsewhere import same, same_words
from trueup.audit.asked import asked_form
from trueup.core.tables.kernel import Scan


ROWS = 3_000
TAKEN = ("id", "y")


@cache
def number_table(kind: str) -> pa.Table:
    """A biased forecast, with weights, clusters, times and slices."""
    rng = np.random.default_rng(5)
    columns: dict[str, Any] = forecast_table(kind, ROWS, bias=0.3, seed=4)
    columns["y"] = np.round(columns["y"], 1)
    if kind == "ensemble":  # truths that equal members, whose places chance decides
        columns |= {name: np.round(v, 1) for name, v in columns.items() if name not in TAKEN}
    columns["id"] = rng.permutation(ROWS) * 37 - 900
    columns["site"] = np.array(["north", "south", "it's", None], object)[rng.integers(0, 4, ROWS)]
    columns["age"] = np.where(rng.random(ROWS) < 0.1, np.nan, rng.normal(size=ROWS))
    columns["w"] = rng.integers(0, 5, ROWS) / 2
    columns["who"] = np.array([f"patient {i}" for i in rng.integers(0, 300, ROWS)])
    hours = np.arange(ROWS) * 3_600_000_000 + 123_456
    columns["when"] = np.datetime64("2024-01-01", "us") + hours.astype("timedelta64[us]")
    return pa.Table.from_pandas(pd.DataFrame(columns), preserve_index=False)


NUMBER_CUTS: dict[str, dict] = {
    "slices": {"key": "id", "by": ("site", "age")},
    "times and weights": {"time": "when", "weight": "w", "key": "id"},
    "text clusters": {"cluster": "who", "key": "id", "by": ("site",), "time": "when"},
}


def number_scan(kind: str, given: Any, **roles: Any) -> Scan:
    """The pass over a table of forecasts."""
    values, form = asked_form(said(kind))
    return scanned(given, probs=(), values=values, form=form, event=False, **roles)


def said(kind: str) -> dict[str, Any]:
    """How ``audit`` is told where the forecast is."""
    names = [name for name in number_table(kind).column_names if name.startswith("q")]
    return SAID[kind] or {"quantiles": {float(name[1:]): name for name in names}}


@cache
def number_oracle(kind: str, cut: str) -> Scan:
    """What the kernel makes of the table that trueup reads itself."""
    return number_scan(kind, number_table(kind), **NUMBER_CUTS[cut])


@cache
def number_audit(kind: str) -> dict:
    """The audit of the table that trueup reads itself."""
    return tu.audit(number_table(kind), **audited(kind)).to_dict()


def audited(kind: str) -> dict[str, Any]:
    """What the audit is told."""
    return {"truth": "y", "key": "id", "by": "site", "time": "when", "guess": False, **said(kind)}


def same_numbers(found: Any, kind: str, cut: str) -> None:
    """A scan of an engine against that of the table that trueup reads itself."""
    same(number_oracle(kind, cut), number_scan(kind, found, **NUMBER_CUTS[cut]))


def same_number_audit(found: Any, kind: str) -> None:
    """An audit by an engine against that of the table that trueup reads itself."""
    made = tu.audit(found, **audited(kind))
    same_words(made, number_audit(kind), places=12)
    assert "where they are; only" in dict(made.how)["Engine"] or "as they came" in made.how[-1][1]
