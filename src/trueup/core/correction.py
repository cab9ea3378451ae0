"""Settings of a correction: what ``fit`` needs and learns."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

import numpy as np

from trueup.core.effort import Effort
from trueup.core.errors import FitError
from trueup.core.evidence import Evidence
from trueup.core.fitted import AbstractMap, Fitted
from trueup.core.forms import Form, columns_of, form_of
from trueup.core.probabilities import Probabilities


class AbstractCorrection(ABC):  # noqa: B024  a correction writes learn or learn_from
    """Settings of a correction; ``fit`` learns, ``Fitted`` applies."""

    kinds: ClassVar[tuple[str, ...]] = (Probabilities.kind,)
    """Kinds of prediction that it corrects."""

    least_classes: ClassVar[int] = 2
    effort: ClassVar[Effort] = Effort.LIGHT
    reads: ClassVar[tuple[str, ...]] = ()
    """Roles of the evidence that a fit needs beside the probabilities: ``"by"``, ``"features"``."""

    def learn(
        self, logs: np.ndarray, truth: np.ndarray, weight: np.ndarray
    ) -> tuple[AbstractMap, bool]:
        """The map and whether the fit converged, from log-probabilities (n, k)."""
        raise FitError(
            f"{type(self).__name__}.learn",
            f"it reads {' and '.join(self.reads)} beside the probabilities",
            do="Call fit with the whole evidence",
        )

    def learn_from(self, evidence: Evidence, weight: np.ndarray) -> tuple[AbstractMap, bool]:
        """As ``learn``, with every role of the evidence at hand."""
        return self.learn(columns_of(evidence.prediction), evidence.truth, weight)

    def gives(self, takes: Form) -> Form:
        """Form of what comes out for predictions of the form ``takes``."""
        return takes

    def fit(self, evidence: Evidence) -> Fitted:
        """Learn the map from evidence.

        Parameters
        ----------
        evidence
            n >= 1 rows of a prediction of one of ``kinds``, and the truth. A weight counts its
            row so many times; weights below 1 on average are taken for shares and brought to it.

        Raises
        ------
        FitError
            No rows, or another kind of prediction.
        """
        name, prediction = type(self).__name__, evidence.prediction
        if prediction.kind not in self.kinds:
            raise FitError(
                f"{name}.fit",
                f"the prediction is of kind '{prediction.kind}'",
                do=f"Pass {' or '.join(self.kinds).capitalize()}",
            )
        if len(evidence) == 0:
            raise FitError(
                f"{name}.fit", "there are no rows", do="Pass evidence with at least one row"
            )
        weight = _counts(evidence.weight, len(evidence))
        learned, converged = self.learn_from(evidence, weight)
        takes = form_of(prediction)
        return Fitted(name, learned, takes, evidence.rows, converged, self.gives(takes))


def _counts(weight: np.ndarray | None, n: int) -> np.ndarray:
    """Weights that can stand for counts of rows, as the guards against 0 and 1 need them."""
    if weight is None or (weight[0] <= 1 and (weight == weight[0]).all()):
        return np.ones(n)
    return weight / min(1.0, float(weight[weight > 0].mean()))
