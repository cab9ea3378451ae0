"""Texts that an exported Python file is made of: functions, and checks of what it is given."""

from __future__ import annotations

from trueup.adapters.formula import Formula
from trueup.core.validate import SUM_TOLERANCE


PIECEWISE = '''
def piecewise(x, edges, pieces):
    """A polynomial of the distance from the left edge of the piece that x lies in."""
    x = x[:, 0]
    piece = np.searchsorted(edges, x, side="right")
    starts = np.concatenate([edges[:1], edges]) if len(edges) else np.zeros(1)
    value = pieces[piece, -1]
    for power in range(pieces.shape[1] - 2, -1, -1):
        value = value * (x - starts[piece]) + pieces[piece, power]
    return value[:, None]

'''
CHOOSE = '''
def choose(key, names, options):
    """The option of each row's group; a group that is not among ``names`` gets the last."""
    wide = np.broadcast_shapes(*(option.shape for option in options))
    value = np.array(np.broadcast_to(options[-1], (len(key), wide[1])))
    for name, option in zip(names, options):
        value = np.where(key[:, None] == name, option, value)
    return value

'''
LOOKUP = '''
def lookup(key, names, values):
    """The row of values of each row's group; a group that is not among ``names`` gets the last."""
    place = {name: row for row, name in enumerate(names)}
    return values[[place.get(name, len(names)) for name in key.tolist()]]

'''
ABOVE = '''
def above(x, count):
    """For every column the sum, or the count, of all columns that are at least as large."""
    what = np.ones_like(x) if count else x
    return np.stack([np.where(x >= own[:, None], what, 0.0).sum(axis=1) for own in x.T], axis=1)

'''
TEXTS = '''
def texts(key):
    """Names of groups as text; a missing name belongs to no group."""
    key = np.asarray(key)
    if key.dtype.kind == "b":
        return np.where(key, "true", "false")
    return np.array(["\\0missing" if k is None or k != k else str(k) for k in key], dtype=str)

'''

TAKEN = (
    "np",
    "probs",
    "values",
    "correct",
    "shape",
    "good",
    "known",
    "made",
    "texts",
    "above",
    "choose",
    "lookup",
    "piecewise",
)
"""Names that the file uses itself; those of its steps end in a number."""


def checks(formula: Formula) -> list[str]:
    """Lines that refuse what holds no prediction, and let missing ones pass."""
    if formula.numbers:
        return _valid(formula)
    width = len(formula.columns)
    lines = [
        "probs = np.asarray(probs, dtype=np.float64)",
        "shape = probs.shape",
        *(["probs = probs.reshape(-1, 1)"] if formula.event else
          [f"if probs.ndim != 2 or probs.shape[1] != {width}:",
           f'    raise ValueError(f"probs must have shape (n, {width}); got {{shape}}")']),
        "good = ~np.isnan(probs).any(axis=1, keepdims=True)",
        "known = probs[good[:, 0]]",
        "if (known < 0).any()" + (":" if formula.normalize else " or (known > 1).any():"),
        '    raise ValueError("probs outside [0, 1]: pass probabilities, not logits")',
    ]  # fmt: skip
    if formula.normalize:
        lines += ["if not (known.sum(axis=1) > 0).all():",
                  '    raise ValueError("a row of probs sums to 0")']  # fmt: skip
    elif not formula.event:
        lines += [f"if (abs(known.sum(axis=1) - 1) > {SUM_TOLERANCE!r}).any():",
                  '    raise ValueError("rows of probs must sum to one")']  # fmt: skip
    return [*lines, f"probs = np.where(good, probs, {1 / max(width, 2)!r})"]


def _valid(formula: Formula) -> list[str]:
    width = len(formula.columns)
    lines = [
        "values = np.asarray(values, dtype=np.float64)",
        "shape = values.shape",
        *(["values = values.reshape(-1, 1)"] if width == 1 else
          [f"if values.ndim != 2 or values.shape[1] != {width}:",
           f'    raise ValueError(f"values must have shape (n, {width}); got {{shape}}")']),
        "good = ~np.isnan(values).any(axis=1, keepdims=True)",
        "known = values[good[:, 0]]",
        "if not np.isfinite(known).all():",
        '    raise ValueError("values must be finite, or NaN where they are missing")',
    ]  # fmt: skip
    for place in formula.positive:
        lines += [f"if (known[:, {place}] <= 0).any():",
                  f'    raise ValueError("column {place} of values must be above 0")']  # fmt: skip
    for low, high in formula.rising:
        lines += [f"if (known[:, {low}] > known[:, {high}]).any():",
                  f'    raise ValueError("column {low} is above column {high}")']  # fmt: skip
    return [*lines, f"values = np.where(good, values, {formula.harmless!r})"]
