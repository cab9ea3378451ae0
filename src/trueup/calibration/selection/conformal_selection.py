"""Conformal selection: which unlabelled rows to take, so that few of those taken are wrong.

Examples
--------
>>> rng = np.random.default_rng(0)
>>> x = rng.normal(size=9_000)                      # what a model says of each row
>>> good = x + rng.normal(size=9_000) > 1           # what is looked for
>>> found = ConformalSelection(fdr=0.2).select(good[:6_000], x[:6_000], candidates=x[6_000:])
>>> len(found), round(float(1 - good[6_000:][found.rows].mean()), 2)
(208, 0.14)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.calibration.selection.pruning import Selection, check_settings, pruned
from trueup.calibration.selection.ranks import SLACK, check_labelled, check_weights, ranks
from trueup.core.cards import Card
from trueup.core.errors import UsageError
from trueup.core.multiple import benjamini_hochberg


CARD = Card(
    name="ConformalSelection",
    question="calibration",
    family="selection",
    summary="take unlabelled rows by a model's scores, with the share of wrong ones held",
    axes={"rank": "plain, or weighted", "model": "one", "test": "BH, or e-BH with pruning"},
    paper="Jin, Candes 2023, JMLR 24(244); under covariate shift: arXiv:2307.09291",
    mission=(25,),
    claims=("false discovery rate at most its level",),
    cost="O((n + m) log (n + m))",
    not_for="a model that was chosen or fitted on the labelled rows: use OptCS",
)


@dataclass(frozen=True)
class ConformalSelection:
    r"""Select candidates whose unknown label is likely what is looked for.

    Use it where acting on a row costs something and a share of wrong actions can be borne:
    molecules to synthesise, answers to send unread, patients to call. The labelled rows must be as
    good as drawn together with the candidates (or differ from them by known weights), and the model
    must not have seen them.

    With scores :math:`s`, higher for more promising rows, the p-value of a candidate counts the
    labelled rows that look as promising and are not what is looked for:

    .. math:: p_j = \frac{w_j + \sum_i w_i 1\{\text{row } i \text{ is not it},\, s_i \ge s_j\}}
                         {w_j + \sum_i w_i}

    which is the p-value of the clipped score of the paper; equal scores count against the
    candidate. Without weights Benjamini-Hochberg at level ``fdr`` on them holds the false discovery
    rate at any size. With weights it does so only for large n; the pruned test on e-values always
    does.

    Parameters
    ----------
    fdr
        Share of wrong rows among the selected, on average at most. In (0, 1).
    pruning
        None: Benjamini-Hochberg without weights, ``"heterogeneous"`` with. ``"heterogeneous"``
        divides every e-value by a uniform number of its own, ``"homogeneous"`` all by the same,
        ``"deterministic"`` none.
    seed
        Seed of those numbers.
    """

    fdr: float = 0.1
    pruning: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_settings("ConformalSelection", self.fdr, self.pruning)

    def select(self, truth, scores, *, candidates, weight=None, candidate_weight=None) -> Selection:
        """Select among ``candidates``.

        Parameters
        ----------
        truth
            (n,) of bool: whether each labelled row is what is looked for.
        scores
            (n,) of the labelled rows, higher where the model finds a row more promising.
        candidates
            (m,) scores of the rows to select from, by the same model.
        weight, candidate_weight
            (n,) and (m,) density of the candidates' law over that of the labelled rows, at each
            row, up to a factor; positive. Both or neither.

        Raises
        ------
        EvidenceError
            Lengths that differ, no labelled row, NaN.
        UsageError
            Weights of one side only.
        """
        who = "ConformalSelection.select"
        truth, scores, candidates = check_labelled(who, truth, scores, candidates)
        if (weight is None) != (candidate_weight is None):
            raise UsageError(who, "weights of one side only", do="Pass both weights or neither")
        w = check_weights(who, weight, scores)
        own = check_weights(who, candidate_weight, candidates)
        ranked = ranks(truth, scores, candidates, weight=w, candidate_weight=own)
        model = np.zeros(len(candidates), dtype=np.int64)
        if self.pruning is None and w is None:
            return _bh(ranked.p_values, model, self.fdr)
        settings = {"fdr": self.fdr, "pruning": self.pruning or "heterogeneous", "seed": self.seed}
        return pruned(ranked.p_values, ranked.sizes(self.fdr), model, **settings)


def _bh(p_values: np.ndarray, model: np.ndarray, fdr: float) -> Selection:
    """Benjamini-Hochberg; its e-values are those of the set that it selects."""
    selected = benjamini_hochberg(p_values) <= fdr * (1 + SLACK)
    e = selected * len(p_values) / (fdr * max(int(selected.sum()), 1))
    return Selection(selected, p_values, e, model, fdr)
