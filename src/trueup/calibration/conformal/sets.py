"""Conformal sets of classes: a score, a construction, a guarantee."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.calibration.conformal.guarantees import GUARANTEES, WHO, Known, by_group, by_ratio
from trueup.calibration.conformal.ratio import LikelihoodRatio as LikelihoodRatio
from trueup.calibration.conformal.scored import SLACK, ScoredSets, scores_of_truth
from trueup.calibration.conformal.scores import RAPS as RAPS
from trueup.calibration.conformal.scores import SAPS as SAPS
from trueup.calibration.conformal.scores import AbstractScore, score_called
from trueup.calibration.conformal.thresholds import AbstractThreshold, check_level
from trueup.calibration.recalibrate.grouping import check_column
from trueup.core.cards import Card
from trueup.core.correction import AbstractCorrection
from trueup.core.effort import Effort
from trueup.core.errors import UsageError
from trueup.core.evidence import Evidence
from trueup.core.fitted import AbstractMap
from trueup.core.forms import Form
from trueup.core.predictions import Sets
from trueup.core.probabilities import Probabilities


CARD = Card(
    name="ConformalSets",
    question="calibration",
    family="conformal",
    summary="sets of classes that hold the truth as often as asked, whatever the model",
    axes={
        "score": "LAC, margin, APS, RAPS, SAPS; with or without chance",
        "construction": "split",
        "guarantee": "over all rows, within classes, clusters of classes, groups; shifted features",
    },
    paper="Vovk, Gammerman & Shafer 2005; Sadinle, Lei & Wasserman 2019, JASA 114(525); "
    "Romano, Sesia & Candes 2020, arXiv:2006.02544; by cluster: Ding et al. 2023, "
    "arXiv:2306.09335; ratios: Tibshirani et al. 2019, arXiv:1904.06019",
    claims=(
        "finite-sample marginal coverage",
        "class-conditional coverage",
        "coverage in every group",
        "coverage under a known covariate shift",
    ),
    exports=("ConformalSets", "LikelihoodRatio", "RAPS", "SAPS"),
    cost="O(n k) for the fit; O(m k) for m new rows by LAC, O(m k log k) by the others",
    not_for="fewer rows than level / (1 - level); rows that drift away from those of the fit",
)


@dataclass(frozen=True)
class ConformalSets(AbstractCorrection):
    r"""Give every row the classes that would be usual, so that its truth is mostly among them.

    With scores :math:`s_i` of what happened in n known rows, the threshold t is the score of rank
    :math:`\lceil \mathrm{level}\,(n + 1) \rceil` from above, and the set of a new row holds each
    class whose score is at least t. If the new row is exchangeable with the known ones, its truth
    is in its set with probability ``level`` at least, whatever the model, and at most
    ``level`` + 1 / (n + 1) where no two scores are equal. Given the known rows, the coverage
    follows a Beta law around this mean: with 1,000 rows and level 0.9 it lies between 0.88 and 0.92
    for 96 of 100 fits.

    =========== ============================================== ==================================
    score       how usual a class is                           its sets
    =========== ============================================== ==================================
    ``lac``     its probability                                the smallest on average
    ``margin``  less the probability of its strongest rival    small where two classes vie
    ``aps``     less the mass of all classes as probable       long where the model is unsure
    ``raps``    the same, less a penalty by rank               APS without very long sets
    ``saps``    less the greatest probability, then by rank    trust the order alone
    =========== ============================================== ==================================

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
        rows of every class; ``"cluster"``, among classes whose scores are alike, for many classes
        of few rows each; or the name of a column of ``Evidence.by``, within every group. A class
        or group with fewer rows than ``level / (1 - level)`` cannot be bounded: such a class is
        in every set, rows of such a group and of strangers get every class. The ``parameters`` of
        the map count them. Clusters are found on rows that the thresholds do not use.
    ratio
        Where features of new rows have another law (and the truth given them has not): the name of
        a column of ``Evidence.by`` with likelihood ratios, how much more often such a row occurs
        among new ones, up to a factor; or a ``LikelihoodRatio``, which reads
        ``Evidence.features``. New rows bring theirs: ``apply(prediction, column=ratios)``. Coverage
        is ``level`` at least if the ratios are right; a row of a very large ratio, or of one
        that is missing, gets every class. Not the same as ``Evidence.weight``, which counts rows.
    seed
        Seed of chance for APS, RAPS and SAPS; None for none.

    Raises
    ------
    FitError
        Fewer rows than the level needs: n rows reach n / (n + 1).

    Examples
    --------
    >>> from trueup.calibration import coverage
    >>> from trueup.worlds import confident_by_factor
    >>> world = confident_by_factor(2.0, rows=20_000, classes=4)
    >>> learn, new = world.evidence.take(slice(0, 10_000)), world.evidence.take(slice(10_000, None))
    >>> fitted = ConformalSets(level=0.9).fit(learn)
    >>> made = fitted.apply(new.prediction)
    >>> made.names()[:3]
    [(0, 3), (0, 2), (0,)]
    >>> print(coverage(new.truth, made))
    0.8966 (0.8903 to 0.9029)
    """

    score: str | AbstractScore = "lac"
    level: float = 0.9
    per: str = "all"
    ratio: str | LikelihoodRatio = ""
    seed: int | None = None
    effort: ClassVar[Effort] = Effort.ASKED

    def __post_init__(self) -> None:
        score_called(WHO, self.score)
        check_level(WHO, self.level)
        check_column(WHO, self.per)
        if self.ratio and self.per != "all":
            raise UsageError(
                WHO,
                f"ratio goes with per='all' only; got per={self.per!r}",
                do="Leave one of the two",
            )

    def gives(self, takes: Form) -> Form:
        return Form(Sets.kind, takes.width, (self.level,))

    def learn_from(self, evidence: Evidence, weight: np.ndarray) -> tuple[AbstractMap, bool]:
        prediction, score = evidence.prediction, score_called(WHO, self.score)
        assert isinstance(prediction, Probabilities)
        own = scores_of_truth(score, prediction.probs, evidence.truth, seed=self.seed)
        own = own if score.exact else own - SLACK
        known = Known(own, weight, evidence, self.level)
        return ScoredSets(score, self.seed, self._threshold(known)), True

    def _threshold(self, known: Known) -> AbstractThreshold:
        if self.ratio:
            return by_ratio(known, self.ratio)
        if self.per in GUARANTEES:
            return GUARANTEES[self.per](known, seed=self.seed)
        return by_group(known, self.per)
