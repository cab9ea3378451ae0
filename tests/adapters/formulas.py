"""Formulas of every correction of the catalogue, and one of every kind of node."""

from __future__ import annotations

import importlib
from functools import cache

import numpy as np

from corrections import correction, number_cases, number_evidence
from trueup.adapters.formula import Formula
from trueup.core import Evidence, Probabilities
from trueup.core.cards import all_cards
from trueup.core.expressions import (
    Choose,
    Input,
    Join,
    Key,
    Linear,
    Lookup,
    Piecewise,
    Scaled,
    Sorted,
    logs_of,
    operate,
    softmax,
)
from trueup.core.fitted import Fitted
from trueup.core.forms import Form
from trueup.worlds import confident_by_factor


CLASSES = {"event": 2, "three": 3, "hundred": 100}
CARDS = [card for card in all_cards() if card.family == "recalibrate"]


def cases() -> list[tuple[str, str]]:
    """Names of corrections and kinds of tables that they suit."""
    return [
        (card.name, kind) for card in CARDS for kind, k in CLASSES.items() if _suits(card, k)
    ]  # fmt: skip


def _settings(name: str):
    card = next(card for card in CARDS if card.name == name)
    kind = getattr(importlib.import_module(card.module), card.name)
    try:
        return kind()
    except TypeError:  # it must be told which column it reads
        return None


def _suits(card, k: int) -> bool:
    settings = _settings(card.name)
    if settings is None or getattr(settings, "reads", ()):
        return False
    heavy = getattr(settings, "effort", None)
    slow = heavy is not None and heavy.name != "LIGHT"
    return settings.least_classes <= k <= (3 if slow else 100)


@cache
def fitted(name: str, kind: str) -> Fitted:
    """A correction fitted on a small over-confident world."""
    k = CLASSES[kind]
    world = confident_by_factor(2.0, rows=400 if k < 100 else 1_000, classes=k).evidence
    probs = world.prediction.probs
    said = Probabilities(probs[:, 1] if kind == "event" else probs)
    return _settings(name).fit(Evidence(said, world.truth))


def formula(name: str, kind: str, *, normalize: bool = False) -> Formula:
    """The whole correction, with columns that need quotes."""
    event, k = kind == "event", CLASSES[kind]
    columns = ("p",) if event else tuple(f'p "{j}"' for j in range(k))
    made = fitted(name, kind).expression(event=event, normalize=normalize)
    classes = tuple(map(str, range(k)))
    return Formula(made, columns, event, classes, name, normalize, {"title": "a\nb"})


def of_every_node(*, event: bool, k: int) -> Formula:
    """Every kind of node at once: two keys of one column, features, a cubic, a lookup."""
    rng = np.random.default_rng(0)
    logs = logs_of(Input("probs", 1 if event else k), event=event)
    one, two = (Key("the group", 1, ("the group",)) for _ in range(2))
    features = Input("features", 2, ("f 1", "class"))
    by_group = Choose(
        one,
        ("a", "it's", "1.0"),
        (Scaled(logs, 0.5), Linear(logs, rng.normal(size=(k, k)), rng.normal(size=k)),
         Scaled(logs, 2.0, 1.0), logs),
    )  # fmt: skip
    looked_up = Lookup(two, ("", "it's"), rng.normal(size=(3, k)))
    beside = Linear(features, rng.normal(size=(k, 2)), np.zeros(k))
    sums = operate("add", operate("add", by_group, looked_up), beside)
    curve = Piecewise(sums[0], np.array([-2.0, 0.1, 3.0]), rng.normal(size=(4, 4)))
    sums = operate("add", sums, Join((curve, *[Scaled(curve, 0.0)] * (k - 1))))
    shares = softmax(sums)
    columns = ("p",) if event else tuple(f"p_{j}" for j in range(k))
    about = {"title": 'x"""\n; DROP TABLE y; --'}
    names = tuple("abcdefgh"[:k])
    return Formula(shares[1] if event else shares, columns, event, names, "made up", about=about)


def number_formulas() -> list[tuple[str, str]]:
    """Names of corrections of forecasts of numbers, and kinds that they take."""
    return [(card.name, kind) for card, kind in number_cases() if not correction(card).reads]


@cache
def number_formula(name: str, kind: str) -> Formula:
    """The whole correction of forecasts of a number, with columns that need quotes."""
    card = next(card for card, _ in number_cases() if card.name == name)
    made = correction(card).fit(number_evidence(kind))
    columns = tuple(f'c "{j}"' for j in range(made.takes.width))
    about = {"title": "a\nb"}
    return Formula(made.made, columns, False, (), name, False, about, made.takes, made.gives)


def of_later_nodes() -> Formula:
    """Nodes and operations that only forecasts of numbers use, after each other."""
    given = Input("values", 3)
    form = Form("quantiles", 3, (0.1, 0.5, 0.9))
    rooted = operate("sqrt", operate("multiply", given, given))
    mixed = operate("greatest", Sorted(rooted), operate("least", given, Scaled(given, 0.5, 1.0)))
    return Formula(Sorted(mixed), ("a", "b", "c"), False, (), "made up", takes=form, gives=form)
