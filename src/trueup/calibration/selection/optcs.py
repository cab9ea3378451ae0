"""OptCS: conformal selection by the model that the data prefer, or by models fitted on all rows.

Examples
--------
>>> rng = np.random.default_rng(0)
>>> x, noise = rng.normal(size=1_500), rng.normal(size=(3, 1_500))
>>> good = x + rng.normal(size=1_500) > 1
>>> models = x + np.array([[3.0], [0.1], [1.0]]) * noise       # the second is the best of three
>>> label, rest = slice(500), slice(500, None)
>>> found = OptCS(fdr=0.3).select(good[label], models[:, label], candidates=models[:, rest])
>>> len(found), np.unique(found.model).tolist()
(100, [1])
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from trueup.calibration.selection.pruning import Selection, check_settings, pruned
from trueup.calibration.selection.ranks import Ranks, check_labelled, ranks
from trueup.core.cards import Card
from trueup.core.errors import EvidenceError, UsageError


CARD = Card(
    name="OptCS",
    question="calibration",
    family="selection",
    summary="conformal selection by the best of many models, or by models fitted on every row",
    axes={"rank": "plain", "model": "best of K, or refitted", "test": "e-BH with pruning"},
    paper="Bai, Jin 2024, arXiv:2411.17983, sections 3 and 4",
    mission=(25,),
    claims=("false discovery rate at most its level",),
    cost="O(K (n + m) log (n + m)); refitted: m times that, and the fits",
    not_for="one model that was fitted elsewhere: ConformalSelection needs no pruning",
)


@dataclass(frozen=True)
class OptCS:
    r"""Select candidates by a model that may depend on the labelled rows.

    Choosing among models by the labelled rows, or fitting on them, breaks the balance between
    labelled rows and candidates. It is kept when for candidate :math:`j` the choice treats
    :math:`j`, taken as not what is looked for, as one more labelled row. With the model so chosen:

    * :math:`p_j` is the conformal p-value of ``ConformalSelection``;
    * :math:`R_j` is how many candidates Benjamini-Hochberg selects when :math:`p_j = 0` and the
      others are ranked among the labelled rows and :math:`j`; of many models the one with the
      largest :math:`R_j` is taken, the first where some are equal;
    * :math:`e_j = 1\{p_j \le q R_j / m\} \, m / (q R_j)` has mean at most 1 where :math:`j` is
      wrong, and Benjamini-Hochberg on :math:`e_j / \xi_j` holds the false discovery rate at
      :math:`q`.

    Parameters
    ----------
    fdr
        Share :math:`q` of wrong rows among the selected, on average at most. In (0, 1).
    pruning
        Law of :math:`\xi`: ``"heterogeneous"`` (uniform, each candidate its own),
        ``"homogeneous"`` (uniform, one for all: all or nothing more often), ``"deterministic"`` (1,
        selects least).
    seed
        Seed of :math:`\xi`.
    """

    fdr: float = 0.1
    pruning: str = "heterogeneous"
    seed: int = 0

    def __post_init__(self) -> None:
        check_settings("OptCS", self.fdr, self.pruning)
        if self.pruning is None:
            raise UsageError("OptCS", "pruning is None", do="Pass 'heterogeneous', for example")

    def select(self, truth, scores, *, candidates) -> Selection:
        """Select by the best of ``k`` models that were fitted on other rows.

        Parameters
        ----------
        truth
            (n,) of bool: whether each labelled row is what is looked for.
        scores
            (k, n) of the labelled rows, a row a model; higher is more promising.
        candidates
            (k, m) scores of the rows to select from.

        Raises
        ------
        EvidenceError
            Shapes that do not fit, no labelled row, NaN.
        """
        who = "OptCS.select"
        truth, scores, candidates = check_labelled(who, truth, scores, candidates)
        _check_models(who, scores, 2, "(k, n): one row a model")
        models = [ranks(truth, s, c) for s, c in zip(scores, candidates, strict=True)]
        sizes = np.stack([model.sizes(self.fdr) for model in models])
        p_values = np.stack([model.p_values for model in models])
        return self._prune(p_values, sizes)

    def select_refitted(self, truth, fits: Iterable) -> Selection:
        """Select by models that were fitted on every labelled row.

        Parameters
        ----------
        truth
            (n,) of bool: whether each labelled row is what is looked for.
        fits
            For candidate j = 0 .. m - 1, in order, a pair of arrays: scores (n,) of the labelled
            rows and (m,) of the candidates, or (k, n) and (k, m) for k models. They may come from
            anything that saw the labelled rows and candidate j *as one more of them that is not
            what is looked for*, and treats these n + 1 rows alike: score each by a fit that leaves
            it out, and the other candidates by a fit of all n + 1. The other candidates' features
            may be used freely. A generator needs memory for one pair only.

        Raises
        ------
        EvidenceError
            Shapes that do not fit, as many pairs as candidates missing, NaN.
        """
        who, p_values, sizes, m = "OptCS.select_refitted", [], [], 0
        for j, (scores, candidates) in enumerate(fits):
            labels, scores, candidates = check_labelled(who, truth, scores, candidates)
            _check_models(who, np.atleast_2d(scores), 2, "(n,) or (k, n)")
            m = candidates.shape[-1]
            if j >= m:
                break
            pairs = zip(np.atleast_2d(scores), np.atleast_2d(candidates), strict=True)
            models = [ranks(labels, s, c) for s, c in pairs]
            sizes.append([_size(model, j, self.fdr) for model in models])
            p_values.append([model.p_values[j] for model in models])
        if len(sizes) != m or not m:
            raise EvidenceError(
                who, f"{len(sizes)} fits for {m} candidates", do="Pass one pair a candidate"
            )
        return self._prune(np.transpose(p_values), np.transpose(sizes))

    def _prune(self, p_values: np.ndarray, sizes: np.ndarray) -> Selection:
        best, each = sizes.argmax(axis=0), np.arange(sizes.shape[1])
        settings = {"fdr": self.fdr, "pruning": self.pruning, "seed": self.seed}
        return pruned(p_values[best, each], sizes[best, each], best, **settings)


def _size(model: Ranks, j: int, fdr: float) -> int:
    """``R_j`` of one candidate, by sorting once."""
    same = model.scores[j] >= model.scores
    p = np.sort(np.delete((model.above + same) / (model.total + 1.0), j))
    share = fdr * np.arange(2, len(p) + 2) / (len(p) + 1)
    reached = np.flatnonzero(p <= share * (1 + 1e-10))
    return int(reached[-1]) + 2 if len(reached) else 1


def _check_models(who: str, scores: np.ndarray, dimensions: int, shape: str) -> None:
    if scores.ndim != dimensions or not len(scores):
        raise EvidenceError(
            who, f"scores have shape {scores.shape}", do=f"Pass scores of shape {shape}"
        )
