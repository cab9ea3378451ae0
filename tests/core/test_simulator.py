"""Running any simulator, also one that only steps."""

from __future__ import annotations

import numpy as np
import pytest

from trueup.core.errors import DivergedError, EvidenceError, UsageError
from trueup.core.simulator import Simulator, run


class Decay:
    """Halves the state in every step of 1."""

    def step(self, state, dt):
        return state * 0.5**dt


def test_states_are_kept_at_the_times_asked_for():
    assert isinstance(Decay(), Simulator) and not isinstance(object(), Simulator)
    found = run(Decay(), np.ones((2, 3), np.float32), dt=1, steps=4, every=2)
    assert found.shape == (3, 2, 3) and found.dtype == np.float32
    np.testing.assert_array_equal(found[:, 0, 0], [1, 0.25, 0.0625])
    assert run(Decay(), np.ones(2), dt=1, steps=0).shape == (1, 2)


def test_tensors_stay_tensors():
    torch = pytest.importorskip("torch")
    found = run(Decay(), torch.ones(2), dt=1, steps=1)
    assert torch.equal(found, torch.tensor([[1.0, 1.0], [0.5, 0.5]]))


@pytest.mark.parametrize("counts", [(-1, 1), (3, 2), (2, 0), (1.5, 1), (4, 2.0)])
def test_counts_that_make_no_sense_are_refused(counts):
    with pytest.raises(UsageError, match="'steps' must be a whole number, at least 0"):
        run(Decay(), np.ones(2), dt=1, steps=counts[0], every=counts[1])


def test_other_misuse_is_refused():
    with pytest.raises(UsageError, match="'dt' must be a finite number above 0; got -1"):
        run(Decay(), np.ones(2), dt=-1, steps=1)
    with pytest.raises(EvidenceError, match="must be an array of NumPy or torch; got list"):
        run(Decay(), [1.0], dt=1, steps=1)


def test_a_divergence_travels_between_processes():
    import pickle

    error = pickle.loads(pickle.dumps(DivergedError("a", "b", do="c", members=[3])))
    assert error.members == [3] and str(error) == "a: b. c."
