r"""Kuiper test of calibration: as ``ks_test``, for errors that change sign.

The statistic is the range ``max C - min C`` of the cumulative residuals, in units of their standard
deviation; for a calibrated model it is that of Brownian motion (Feller 1951). It sees a stretch of
over-confidence followed by one of under-confidence, which cancel in the end point.

Examples
--------
>>> import numpy as np
>>> said, happened = np.full(400, 0.9), np.arange(400) % 2
>>> kuiper_test(happened, said).value < 1e-6
True
"""

from __future__ import annotations

from dataclasses import dataclass

from trueup.calibration.measures.ks_error import kuiper_error
from trueup.calibration.measures.ks_test import AbstractWalkTest
from trueup.calibration.measures.walks import survival_of_range
from trueup.core.cards import Card


CARD = Card(
    name="kuiper_test",
    question="calibration",
    family="measures",
    summary="p-value of the range of the cumulative gap: errors that change sign (Kuiper)",
    paper="Arrieta-Ibarra et al. 2022, JMLR 23(351); Feller 1951, Ann. Math. Stat. 22(3)",
    claims=("holds its false-alarm rate",),
    cost="milliseconds from the cube",
    not_for="how much is wrong: with a million rows a harmless error is significant",
    excused={
        "interval": "a p-value has none",
        "weights equal repeats": "a repeated row brings no news, so it counts for less",
    },
)


@dataclass(frozen=True)
class KuiperTest(AbstractWalkTest):
    """p-value of the range of the cumulative residuals."""

    name = "kuiper_p_value"
    label = "Kuiper test (p-value)"
    extent = staticmethod(kuiper_error.extent)
    survival = staticmethod(survival_of_range)


kuiper_test = KuiperTest()
