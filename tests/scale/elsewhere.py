"""One table with everything in it, how it is cut, and what two scans of it must agree in."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

import trueup as tu
from audit.tables import scanned
from trueup.core.tables.kernel import Scan
from trueup.worlds import confident_by_factor, planted_table


ROWS = 4_000
CLASSES = ("p_a", "p_b", "p_c")
SEVERAL = {"truth": "label", "probs": CLASSES, "event": False}
HOSTILE = ["it's", "a.b", "", '"', "(missing)", "ü\n;--", None]


@cache
def frame() -> pd.DataFrame:
    """An event, three classes, weights, clusters, times, and slices with names that do harm."""
    rng = np.random.default_rng(0)
    columns: dict[str, Any] = dict(planted_table(ROWS, bad_shift=-1.5, seed=3).columns)
    several = confident_by_factor(2.0, rows=ROWS, classes=3).evidence
    columns["p"][:5] = [0.0, 1.0, 0.5, 1e-17, 0.25]
    columns["w"] = rng.integers(0, 5, ROWS) / 2
    columns["x.y `z\" 'q'"] = np.array(HOSTILE, object)[rng.integers(0, len(HOSTILE), ROWS)]
    number = rng.normal(size=ROWS).astype(np.float32)
    columns["age"] = np.where(rng.random(ROWS) < 0.1, np.nan, number).astype(np.float32)
    columns["flag"] = rng.random(ROWS) < 0.3
    columns["dose"] = rng.integers(0, 4, ROWS) / 2
    columns["who"] = np.array([f"patient {i}" for i in rng.integers(0, 400, ROWS)])
    hours = np.arange(ROWS) * 3_600_000_000 + 123_456
    columns["when"] = np.datetime64("2024-01-01", "us") + hours.astype("timedelta64[us]")
    columns["label"] = np.array(list("abc"))[several.truth]
    columns |= dict(zip(CLASSES, several.prediction.probs.T, strict=True))
    columns["unsure"] = np.where(rng.random(ROWS) < 0.05, np.nan, columns["y"])
    return pd.DataFrame(columns)


@cache
def table() -> pa.Table:
    """The same as an Arrow table, NaN kept apart from null only where Arrow does."""
    return pa.Table.from_pandas(frame(), preserve_index=False)


CUTS: dict[str, dict] = {
    "slices": {"key": "id", "by": ("region", "x.y `z\" 'q'", "flag", "dose")},
    "numbers": {"key": "id", "by": ("age", "day")},
    "days": {"time": "day", "by": ("site",)},
    "times and weights": {"time": "when", "weight": "w"},
    "text clusters": {"cluster": "who", "weight": "w", "by": ("region",), "time": "day"},
    "classes": {**SEVERAL, "key": "id", "by": ("site",)},
    "weighted classes": {**SEVERAL, "cluster": "who", "weight": "w", "time": "when"},
    "unlabelled": {"truth": "unsure", "key": "id", "by": ("region",)},
}


@cache
def oracle(cut: str) -> Scan:
    """What the NumPy kernel makes of it."""
    return scanned(table(), **CUTS[cut])


def same(one: Scan, two: Scan) -> None:
    """Rows and outcomes to the letter, sums of float32 scores too, the rest to 1e-12."""
    assert one.cube.slices.keys() == two.cube.slices.keys()
    pairs = [(one.cube.table, two.cube.table), (one.cube.chunks, two.cube.chunks)]
    pairs += [(one.cube.classes, two.cube.classes), (one.cube.spread, two.cube.spread)]
    for columns, (labels, cells) in one.cube.slices.items():
        assert labels == two.cube.slices[columns][0]
        pairs.append((cells, two.cube.slices[columns][1]))
    exact = ("n", "y", "w", "w2", "p") if one.cube.event else ("n", "y", "w", "w2")
    for a, b in pairs:
        assert (a is None) == (b is None)
        if a is None or b is None:
            continue
        assert a.names == b.names
        for name in a.names:
            if name in exact:
                assert np.array_equal(a[name], b[name]), name
            else:
                np.testing.assert_allclose(a[name], b[name], rtol=1e-12, atol=1e-14)
    assert one.class_counts.tolist() == two.class_counts.tolist()
    assert (one.zeros, one.rows) == (two.zeros, two.rows)
    if one.sample is not None and two.sample is not None:
        a, b = (np.column_stack([s.probs, s.truth, s.group]) for s in (one.sample, two.sample))
        assert np.array_equal(a[np.lexsort(a.T)], b[np.lexsort(b.T)])


AUDITS: dict[str, dict] = {
    "event": {"truth": "y", "prob": "p", "by": ["region", "site"], "key": "id", "time": "day"},
    "classes": {"truth": "label", "probs": CLASSES, "by": "site", "key": "id", "weight": "w"},
}


@cache
def expected(audit: str) -> dict:
    """The audit of the table that trueup reads itself."""
    return tu.audit(table(), **AUDITS[audit]).to_dict()


def same_audit(found: Any, audit: str) -> None:
    """The same words, and the same numbers to nine digits."""
    same_words(found, expected(audit))
    assert dict(found.how)["Engine"].endswith("where they are; only sums came here.")


def same_words(found: Any, said: dict, *, places: int = 300) -> None:
    """The same words, and the same numbers to nine digits, but for what changes by the hour.

    ``places`` after the point are all that a difference of two means of sums can agree in.
    """
    made, said = found.to_dict(), dict(said)
    for changing in ("title", "created", "seconds"):
        made.pop(changing), said.pop(changing, None)
    assert _rounded(made, places) == _rounded(said, places)


def _rounded(value: Any, places: int) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(v, places) for name, v in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(v, places) for v in value]
    return float(f"{round(value, places):.9g}") if isinstance(value, float) else value
