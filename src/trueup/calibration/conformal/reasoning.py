"""COLEP: let what is known of classes correct their probabilities, and carry certificates through.

Examples
--------
>>> knowledge = [[1, 0], [0, 1], [1, 1]]       # three classes, two concepts: which has which
>>> circuit = COLEP(knowledge, strength=4.0)
>>> classes = [[0.5, 0.4, 0.1]]                # a model is unsure
>>> concepts = [[0.1, 0.9]]                    # detectors: the second concept, not the first
>>> circuit.correct(classes, concepts).probs.round(2)
array([[0.02, 0.95, 0.03]])
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.probabilities import EPS, Probabilities


CARD = Card(
    name="COLEP",
    question="calibration",
    family="conformal",
    summary="correct class probabilities by concept detectors and rules; bounds pass through it",
    axes={"score": "conditional of a circuit", "construction": "any", "guarantee": "robust"},
    paper="Kang, Guerel, Li, Li 2024, arXiv:2403.11348, sections 4 and 5",
    mission=(234,),
    claims=("coverage under the worst attack",),
    cost="O(n k c) for k classes and c concepts; bounds O(n k^2 c)",
    not_for="detectors that are wrong more often than chance, or all wrong together",
)
BLOCK = 2**22
"""Numbers of a table of pairs of classes that are made at once."""


@dataclass(frozen=True, eq=False)
class COLEP:
    r"""A circuit of one class variable, concepts, and weighted rules between them.

    Use it where classes are known by their parts: signs by shape and colour, animals by their
    traits, faults by their symptoms; and models exist that detect those. Calibrate sets on what
    comes out, as on any probabilities.

    Rule (y, l) says "class y has concept l" (or has it not), and a world in which it is broken
    weighs :math:`e^{-w}` as much. Class :math:`y` has the weight :math:`\pi_y`, concept :math:`l`
    is on with :math:`\rho_l`. Given the class, concepts are independent, so the sum over all
    :math:`k\,2^c` worlds is a sum of products,

    .. math:: p(y) \propto \pi_y \prod_{l\ \text{ruled by}\ y} \bigl(a_{yl} + e^{-w_{yl}} (1 -
              a_{yl})\bigr), \qquad a_{yl} = \rho_l \text{ or } 1 - \rho_l .

    Each :math:`p(y)` is monotone in each :math:`\pi` and :math:`\rho` alone. With intervals for
    those, from smoothing under an attack, ``bounds`` gives intervals for :math:`p`: of each ratio
    :math:`p(y') / p(y)` the exact range, so of two classes exact, of more somewhat wide.

    The paper's class models are detectors of one class each, with a factor of its own; here exactly
    one class is true. Pass the odds of such detectors in the place of probabilities, and it is the
    paper's circuit with that rule added: only ratios count.

    Parameters
    ----------
    knowledge
        (k, c) of 1 (has), 0 (has not), -1 (not known).
    strength
        :math:`w \ge 0` of all rules, or (k, c); 0 switches rules off, infinity forbids breaking.
    """

    knowledge: np.ndarray
    strength: float | np.ndarray = 3.0

    def __post_init__(self) -> None:
        table = np.asarray(self.knowledge)
        w = np.asarray(self.strength, dtype=np.float64)
        if table.ndim != 2 or not np.isin(table, (-1, 0, 1)).all() or len(table) < 2:
            raise UsageError(
                "COLEP",
                f"knowledge has shape {table.shape}",
                do="Pass (k, c) of 1 (has), 0 (has not) and -1 (not known) for two classes or more",
            )
        if w.shape not in ((), table.shape) or not (w >= 0).all():
            raise UsageError(
                "COLEP",
                f"strength has shape {w.shape} for knowledge {table.shape}, least {w.min():g}",
                do="Pass one number of 0 or more, or one a rule",
            )
        object.__setattr__(self, "knowledge", table)
        object.__setattr__(self, "strength", w)

    def correct(self, classes, concepts) -> Probabilities:
        """Probabilities of the classes, given what the detectors say.

        Parameters
        ----------
        classes
            (n, k) probabilities of the classes, or odds of detectors of one class each.
        concepts
            (n, c) probabilities of the concepts.

        Raises
        ------
        EvidenceError
            Shapes that do not fit the knowledge, or numbers below 0, concepts above 1.
        """
        pi, rho = self._checked("COLEP.correct", classes, concepts)
        logs = np.log(np.maximum(pi, EPS)) + self._rules(rho).sum(axis=2)
        return Probabilities.from_logits(logs - logs.max(axis=1, keepdims=True))

    def concepts(self, classes, concepts) -> np.ndarray:
        """(n, c) probabilities of the concepts, given what the class model says."""
        pi, rho = self._checked("COLEP.concepts", classes, concepts)
        p = self.correct(pi, rho).probs
        broken = np.exp(-self.strength)
        on = np.where(self.knowledge == 0, broken, 1.0) * rho[:, None]
        off = np.where(self.knowledge == 1, broken, 1.0) * (1 - rho[:, None])
        return (p[:, :, None] * on / np.maximum(on + off, EPS)).sum(axis=1)

    def bounds(self, classes, concepts) -> tuple[np.ndarray, np.ndarray]:
        """Least and greatest corrected probability (n, k) of every class.

        Parameters
        ----------
        classes, concepts
            Pairs ``(low, high)`` of arrays as in ``correct``: whatever lies between may be what the
            models say.

        Raises
        ------
        EvidenceError
            As in ``correct``, or a low above its high.
        """
        who = "COLEP.bounds"
        (low_pi, low_rho), (high_pi, high_rho) = (
            self._checked(who, c, r) for c, r in zip(classes, concepts, strict=True)
        )
        if (low_pi > high_pi).any() or (low_rho > high_rho).any():
            raise EvidenceError(who, "a low is above its high", do="Pass pairs (low, high)")
        size = max(BLOCK // (self.knowledge.size * len(self.knowledge)), 1)
        parts = [
            self._block(low_pi[i], high_pi[i], low_rho[i], high_rho[i])
            for i in (slice(start, start + size) for start in range(0, len(low_pi), size))
        ]
        lows, highs = zip(*parts, strict=True) if parts else ([low_pi], [high_pi])
        return np.concatenate(lows), np.concatenate(highs)

    def _block(self, low_pi, high_pi, low_rho, high_rho):
        low, high = np.log(np.maximum(low_pi, EPS)), np.log(np.maximum(high_pi, EPS))
        ends = [self._rules(rho) for rho in (low_rho, high_rho)]
        # Entry (y, z): the ratio of z to y; a rule's share of it is monotone in its concept.
        pairs = [end[:, None] - end[:, :, None] for end in ends]
        least = low[:, None] - high[:, :, None] + np.minimum(*pairs).sum(axis=3)
        most = high[:, None] - low[:, :, None] + np.maximum(*pairs).sum(axis=3)
        own = np.arange(low.shape[1])
        for ratio in (least, most):
            ratio[:, own, own] = 0.0
        with np.errstate(over="ignore"):
            return 1 / np.exp(most).sum(axis=2), 1 / np.exp(least).sum(axis=2)

    def _rules(self, rho: np.ndarray) -> np.ndarray:
        """Logarithm (n, k, c) of what each rule leaves of the weight of its class."""
        agree = np.where(self.knowledge == 0, 1 - rho[:, None], rho[:, None])
        agree = np.where(self.knowledge == -1, 1.0, agree)
        return np.log(np.maximum(agree + np.exp(-self.strength) * (1 - agree), EPS))

    def _checked(self, who: str, classes, concepts) -> tuple[np.ndarray, np.ndarray]:
        pi, rho = np.asarray(classes, np.float64), np.asarray(concepts, np.float64)
        k, c = self.knowledge.shape
        if pi.shape != (len(pi), k) or rho.shape != (len(pi), c):
            raise EvidenceError(
                who,
                f"classes {pi.shape} and concepts {rho.shape} do not fit knowledge ({k}, {c})",
                do="Pass a row a case in both",
            )
        for name, values, most in (("classes", pi, np.finfo(float).max), ("concepts", rho, 1.0)):
            if not ((values >= 0) & (values <= most)).all():  # NaN fails, too
                do = "Pass probabilities; of classes odds are fine, too"
                raise EvidenceError(who, f"{name} are negative, too large or NaN", do=do)
        return pi, rho
