"""Order statistics without a sort: against NumPy's sort, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import trueup.parameters.merging.stack
from trueup.core.weights.opened import open_weights
from trueup.parameters.merging.order import counted, leading, ranked
from trueup.parameters.merging.stack import Stack


def stacked(*tensors: dict[str, np.ndarray]) -> Stack:
    """Models side by side, all tensors together."""
    opened = tuple(open_weights(one) for one in tensors)
    return Stack(opened, tuple(tensors[0]))


NUMBERS = {
    np.float32: st.floats(width=32, allow_nan=False, allow_infinity=False),
    np.float64: st.floats(allow_nan=False, allow_infinity=False),
}


@pytest.mark.parametrize("dtype", NUMBERS)
@given(data=st.data())
def test_any_rank_of_any_numbers(dtype, data):
    rows = data.draw(
        arrays(dtype, st.tuples(st.just(2), st.integers(1, 30)), elements=NUMBERS[dtype])
    )
    n = rows.shape[1]
    ranks = data.draw(st.lists(st.integers(1, n), min_size=1, max_size=3))
    stack = stacked({"w": rows[0]}, {"w": rows[1]})
    places = [rank - 1 for rank in ranks]
    signed = ranked(stack, ranks, of=lambda piece: piece.models)
    assert np.array_equal(signed, np.sort(rows)[:, ::-1][:, places])
    assert np.array_equal(ranked(stack, ranks), np.sort(np.abs(rows))[:, ::-1][:, places])
    assert signed.dtype == dtype


def test_ranks_go_over_all_tensors_and_pieces(monkeypatch):
    rng = np.random.default_rng(0)
    tensors = {"a": rng.normal(size=70).astype("f4"), "b": rng.normal(size=(9, 5)) * 1e-3}
    every = np.sort(np.abs(np.concatenate([tensors["a"].astype(float), tensors["b"].ravel()])))
    wanted = every[::-1][[0, 30, 114]]
    monkeypatch.setattr(trueup.parameters.merging.stack, "PIECE", 16)
    assert np.array_equal(ranked(stacked(tensors), (1, 31, 115))[0], wanted)


def test_counts_are_of_numbers_that_share_their_leading_bits():
    values = np.float32([1.0, 1.001, 1.5, -1.0, 0.0, 3e-39])
    counts = counted(stacked({"w": values}))[0]
    assert counts.sum() == 6
    assert counts[leading(np.float32([1, 1.5, 0]))].tolist() == [3, 1, 1]
