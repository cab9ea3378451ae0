"""The verbs: measure, correct, prove. Names of measures and corrections are looked up on cards."""

from __future__ import annotations

import importlib
from typing import Any

from trueup.core.cards import Card, all_cards
from trueup.core.errors import UsageError
from trueup.core.estimate import Estimate
from trueup.core.evidence import Evidence
from trueup.core.fitted import Fitted
from trueup.core.measure import AbstractMeasure, AbstractStatistic
from trueup.core.proof import Proof
from trueup.core.proof import prove as prove_by


USUAL_SCORE = {"probabilities": "log_loss", "points": "mae"}


def measure(evidence: Evidence, name: str, *, level: float = 0.95) -> Estimate:
    """Estimate of the measure called ``name`` on ``evidence``, with its interval.

    Examples
    --------
    >>> from trueup.worlds import calibrated
    >>> measure(calibrated(1_000).evidence, "accuracy").n
    1000
    """
    statistic = named("measure", name, AbstractStatistic)
    return statistic.estimate(statistic.cube(evidence), level=level)


def correct(evidence: Evidence, name: str, **settings: Any) -> Fitted:
    """Fit the correction called ``name`` on ``evidence``; ``settings`` are its own.

    Examples
    --------
    >>> from trueup.worlds import confident_by_factor
    >>> evidence = confident_by_factor(2.0, rows=1_000).evidence
    >>> correct(evidence, "TemperatureScaling").method
    'TemperatureScaling'
    """
    card = _card("correct", name, family="recalibrate")
    return getattr(importlib.import_module(card.module), card.name)(**settings).fit(evidence)


def prove(before, after, *, on: Evidence, score: str = "", level: float = 0.95) -> Proof:
    """Compare two predictions on rows that no fit has seen; see ``trueup.core.proof.prove``.

    ``score`` is the name of a measure; empty means the log loss of probabilities, the mean
    absolute error of points.
    """
    name = score or USUAL_SCORE.get(on.prediction.kind, "")
    if not name:
        raise UsageError(
            "prove",
            f"there is no usual score of '{on.prediction.kind}'",
            do="Pass the name of a measure as score",
        )
    found = named("prove", name, AbstractMeasure)
    return prove_by(before, after, on=on, score=found, level=level)


def named(who: str, name: str, kind: type) -> Any:
    """The public object called ``name``, if it is of ``kind``."""
    for card in all_cards():
        if name in card.public:
            found = getattr(importlib.import_module(card.module), name)
            if isinstance(found, kind):
                return found
    families = ("measures", "points")
    names = [n for c in all_cards() if c.family in families for n in c.public if n.islower()]
    raise UsageError(who, f"there is no measure '{name}'", do=f"Use one of {', '.join(names)}")


def _card(who: str, name: str, *, family: str) -> Card:
    cards = {card.name: card for card in all_cards() if card.family == family}
    if name not in cards:
        raise UsageError(who, f"there is no '{name}'", do=f"Use one of {', '.join(cards)}")
    return cards[name]
