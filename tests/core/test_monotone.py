"""Two ways to put quantiles in order, arrays and expressions, say the same."""

import numpy as np
import pytest

from trueup.core.expressions import Input, evaluate
from trueup.core.monotone import HOWS, ordered, rising


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("wide", (1, 2, 7, 23))
def test_arrays_and_expressions_agree(how, wide):
    values = np.random.default_rng(wide).normal(size=(200, wide)).round(1)
    made = evaluate(ordered(Input("values", wide), how=how), {"values": values})
    assert rising(values, how=how) == pytest.approx(made, abs=1e-12)
