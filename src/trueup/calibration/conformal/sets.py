"""Conformal sets of classes: a score, a construction, a guarantee."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from trueup.calibration.conformal.guarantees import GUARANTEES, WHO, by_group
from trueup.calibration.conformal.scored import SLACK, ScoredSets, scores_of_truth
from trueup.calibration.conformal.scores import RAPS as RAPS
from trueup.calibration.conformal.scores import SAPS as SAPS
from trueup.calibration.conformal.scores import AbstractScore, score_called
from trueup.calibration.conformal.thresholds import check_level
from trueup.calibration.recalibrate.grouping import check_column
from trueup.core.cards import Card
from trueup.core.correction import AbstractCorrection
from trueup.core.effort import Effort
from trueup.core.evidence import Evidence
from trueup.core.fitted import AbstractMap
from trueup.core.forms import Form
from trueup.core.predictions import Probabilities, Sets


CARD = Card(
    name="ConformalSets",
    question="calibration",
    family="conformal",
    summary="sets of classes that hold the truth as often as asked, whatever the model",
    axes={
        "score": "LAC, margin, APS, RAPS, SAPS; with or without chance",
        "construction": "split",
        "guarantee": "over all rows, within classes, within groups",
    },
    paper="Vovk, Gammerman & Shafer 2005; Sadinle, Lei & Wasserman 2019, JASA 114(525); "
    "Romano, Sesia & Candes 2020, arXiv:2006.02544",
    exports=("ConformalSets", "RAPS", "SAPS"),
    cost="O(n k) for the fit; O(m k) for m new rows by LAC, O(m k log k) by the others",
    not_for="fewer rows than level / (1 - level); rows that drift away from those of the fit",
)


@dataclass(frozen=True)
class ConformalSets(AbstractCorrection):
    r"""Give every row the classes that would be usual, so that the truth is among them often enough.

    With scores :math:`s_i` of what happened in n known rows, the threshold t is the score of rank
    :math:`\lceil \mathrm{level}\,(n + 1) \rceil` from above, and the set of a new row holds each
    class whose score is at least t. If the new row is exchangeable with the known ones, its truth
    is in its set with probability ``level`` at least, whatever the model, and less than
    ``level`` + 1 / (n + 1) where no two scores are equal. Given the known rows, coverage follows
    a Beta law around this mean: with 1,000 rows and level 0.9 it is within 0.88 and 0.92 for 96 of
    100 fits.

    =========== ================================================= =====================================
    score       how usual a class is                              its sets
    =========== ================================================= =====================================
    ``lac``     its probability                                   smallest on average; may be empty
    ``margin``  less the probability of its strongest rival       as LAC, small where two classes vie
    ``aps``     less the mass of all classes as probable          long where the model is unsure
    ``raps``    the same, less a penalty by rank                  APS without very long sets
    ``saps``    less the greatest probability, then by rank       trusts the order alone
    =========== ================================================= =====================================

    Without ``seed`` APS, RAPS and SAPS count the class itself in full; with it they take a share of
    it by chance, drawn from the probabilities of the row and the seed, so that the same row gets
    the same set on any day. Both keep the guarantee. Chance spreads the scores and shortens the
    sets; without it the coverage is above ``level`` where the threshold falls on a tie, as with few
    classes it may: the least probable class always has a mass of 1. A row whose best class has a
    score below the threshold gets an empty set: ``empty_sets`` counts them.

    Parameters
    ----------
    score
        One of the table, or ``RAPS(...)``, ``SAPS(...)`` with settings of your own.
    level
        Share of truths inside, in (0, 1).
    per
        For whom the guarantee holds: ``"all"``, on average over all rows; ``"class"``, among the
        rows of every class; or the name of a column of ``Evidence.by``, within every group. A class
        or group with fewer rows than ``level / (1 - level)`` cannot be bounded: that class is
        in every set, rows of that group and of strangers get every class. The ``parameters`` of the
        map count them.
    seed
        Seed of chance for APS, RAPS and SAPS; None for none.

    Raises
    ------
    FitError
        Fewer rows than the level needs: n rows reach n / (n + 1).

    Examples
    --------
    >>> from trueup.calibration import set_coverage
    >>> from trueup.worlds import confident_by_factor
    >>> world = confident_by_factor(2.0, rows=20_000, classes=4)
    >>> learn, new = world.evidence.take(slice(0, 10_000)), world.evidence.take(slice(10_000, None))
    >>> fitted = ConformalSets(level=0.8).fit(learn)
    >>> made = fitted.apply(new.prediction)
    >>> made.names()[:3]
    [(0, 3), (2, 3), (0,)]
    >>> round(set_coverage(new.truth, made).value, 2)
    0.8
    """

    score: str | AbstractScore = "lac"
    level: float = 0.9
    per: str = "all"
    seed: int | None = None
    effort: ClassVar[Effort] = Effort.ASKED

    def __post_init__(self) -> None:
        score_called(WHO, self.score)
        check_level(WHO, self.level)
        check_column(WHO, self.per)

    def gives(self, takes: Form) -> Form:
        return Form(Sets.kind, takes.width, (self.level,))

    def learn_from(self, evidence: Evidence, weight: np.ndarray) -> tuple[AbstractMap, bool]:
        prediction, score = evidence.prediction, score_called(WHO, self.score)
        assert isinstance(prediction, Probabilities)
        own = scores_of_truth(score, prediction.probs, evidence.truth, seed=self.seed)
        own = own if score.exact else own - SLACK
        found = GUARANTEES.get(self.per) or partial(by_group, column=self.per)
        made = found(own, weight, level=self.level, evidence=evidence)
        return ScoredSets(score, self.seed, made), True
