"""The verbs: measure, correct, prove. Names of measures and corrections are looked up on cards."""

from __future__ import annotations

import dataclasses
import importlib
import math
from typing import Any, overload

import numpy as np

from trueup.core.cards import Card, all_cards
from trueup.core.cube import Cube
from trueup.core.errors import UsageError
from trueup.core.estimate import Estimate
from trueup.core.evidence import Evidence
from trueup.core.fitted import Fitted
from trueup.core.laws import common_kind
from trueup.core.measure import AbstractMeasure, AbstractStatistic
from trueup.core.named import USUAL_SCORE, named, nearest
from trueup.core.parted import parted
from trueup.core.proof import Proof
from trueup.core.proof import prove as prove_by
from trueup.core.windows import Windows
from trueup.error.discovery.proof import prove_simulator
from trueup.parameters.proving.trial import Trial
from trueup.parameters.proving.weights import prove_weights


UNSAID = object()
"""What an argument is that was not passed, where None means something."""

CORRECTIONS = ("recalibrate", "distributions", "conformal")
"""Families whose methods are fitted on evidence and correct a prediction."""


@overload
def measure(
    evidence: Evidence | Cube, name: str, *, level: float = 0.95, **settings: Any
) -> Estimate: ...


@overload
def measure(
    evidence: Evidence | Cube, name: str, *, by: str, level: float = 0.95, **settings: Any
) -> dict[Any, Estimate]: ...


def measure(
    evidence: Evidence | Cube, name: str, *, by: str = "", level: float = 0.95, **settings: Any
) -> Any:
    """Estimate of the measure called ``name`` on ``evidence``, with its interval.

    Parameters
    ----------
    evidence
        Predictions and truth, or a ready ``Cube`` of them.
    name
        Name of a measure, as in ``trueup methods``.
    by
        Empty for one ``Estimate`` of all rows. Else a dict, one ``Estimate`` a value, of

        * a column of ``evidence.by``: the rows with that value;
        * ``"predicted class"``: the rows where that class wins;
        * ``"class"``: that class against the rest, as an event, on all rows; of sets the rows whose
          truth it is;
        * ``"set size"``: the rows whose set has so many classes.

        Values come in sorted order, classes in theirs; a small group has a wide interval, or NaN
        where it has too few rows for one. Looking at many groups finds some that stand out by
        chance: ``trueup audit`` allows for that.
    level
        Level of the interval, in (0, 1).
    settings
        Settings of the measure, such as ``bins=500``.

    Examples
    --------
    >>> from trueup.worlds import calibrated, confident_by_factor
    >>> measure(calibrated(1_000).evidence, "accuracy").n
    1000
    >>> three = confident_by_factor(2.0, rows=1_000, classes=3).evidence
    >>> list(measure(three, "ece", by="predicted class", bins=5))
    [0, 1, 2]
    """
    statistic = set_up("measure", named("measure", name, AbstractStatistic), settings)
    if not by:
        cube = evidence if isinstance(evidence, Cube) else statistic.cube(evidence)
        return statistic.estimate(cube, level=level)
    if isinstance(evidence, Cube):
        raise UsageError("measure", f"a cube has no rows to part by '{by}'", do="Pass evidence")
    parts = parted("measure", evidence, by)
    return {value: _of_few(statistic, e, level=level) for value, e in parts}


LEAST_GROUPS = 8
"""Groups of rows below which a standard error is hardly known itself."""


def _of_few(statistic: AbstractStatistic, evidence: Evidence, *, level: float) -> Estimate:
    """The estimate, without an interval where too few groups of rows stand behind it."""
    made = statistic.estimate(statistic.cube(evidence), level=level)
    if math.isnan(made.low) or "Wilson" in made.how:
        return made
    groups = len(np.unique(evidence.groups()))
    if groups >= LEAST_GROUPS:
        return made
    how = f"no interval: {groups} groups of rows, fewer than {LEAST_GROUPS}"
    return dataclasses.replace(made, low=math.nan, high=math.nan, how=how)


def set_up(who: str, statistic: AbstractStatistic, settings: dict[str, Any]) -> Any:
    """The measure with other ``settings``."""
    known = [f.name for f in dataclasses.fields(statistic)]  # type: ignore[arg-type]
    strange = [key for key in settings if key not in known]
    if strange:
        raise UsageError(
            who,
            f"{statistic.name} has no setting '{strange[0]}'",
            do=f"Use {', '.join(known)}" if known else "It has none",
        )
    return dataclasses.replace(statistic, **settings) if settings else statistic  # type: ignore


def correct(evidence: Evidence, name: str, **settings: Any) -> Fitted:
    """Fit the correction called ``name`` on ``evidence``; ``settings`` are its own.

    Examples
    --------
    >>> from trueup.worlds import confident_by_factor
    >>> evidence = confident_by_factor(2.0, rows=1_000).evidence
    >>> correct(evidence, "TemperatureScaling").method
    'TemperatureScaling'
    """
    card = correction_card("correct", name)
    return getattr(importlib.import_module(card.module), card.name)(**settings).fit(evidence)


def prove(
    before,
    after=None,
    *,
    on: Evidence | Windows | Trial,
    against: Any = UNSAID,
    score: str = "",
    level: float = 0.95,
    margin: float = 0.0,
) -> Proof:
    """Compare two predictions on rows that no fit has seen; see ``trueup.core.proof.prove``.

    ``prove(b, against=a, on=...)`` is ``prove(a, b, on=...)``. On ``Windows`` two simulators are
    compared by their forecasts from the first state of every window to its last. On a ``Trial``
    weights are compared by what a network with them predicts.

    ``score`` is the name of a measure; empty means the log loss of probabilities, the CRPS of
    normal laws and ensembles, the WIS of quantiles, the interval score of intervals, the mean
    absolute error of points. Where a law becomes quantiles or intervals, both are compared by the
    score of these.

    ``margin`` is a loss, in the unit of the score, that is worth what the change saves: where the
    interval of the difference lies below it the outcome is ``not_worse``. Set it before you look.
    """
    if against is not UNSAID:
        before, after = against, before
    if isinstance(on, Windows):
        if margin:
            raise UsageError("prove", "simulators have no margin", do="Leave it out")
        return prove_simulator(after, against=before, on=on, level=level)
    if isinstance(on, Trial):
        return prove_weights(before, after, on=on, score=score, level=level, margin=margin)
    first, kind = (_kind_of(side, on) for side in (before, after))
    name = score or USUAL_SCORE.get(common_kind(first, kind) or on.prediction.kind, "")
    if not name:
        raise UsageError(
            "prove",
            f"there is no usual score of '{on.prediction.kind}'",
            do="Pass the name of a measure as score",
        )
    found = named("prove", name, AbstractMeasure)
    return prove_by(before, after, on=on, score=found, level=level, margin=margin)


def _kind_of(side: Any, on: Evidence) -> str:
    """Kind of the prediction that a side of a proof makes."""
    prediction = on.prediction if side is None else side
    return side.gives.kind if isinstance(side, Fitted) else getattr(prediction, "kind", "")


def correction_card(who: str, name: str) -> Card:
    """The card of the correction called ``name``."""
    cards = {card.name: card for card in all_cards() if card.family in CORRECTIONS}
    if name not in cards:
        raise UsageError(who, f"there is no '{name}'", do=f"Use {nearest(name, list(cards))}")
    return cards[name]
