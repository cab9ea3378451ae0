"""Held-out rows from arrays and files, and what cannot be such."""

from __future__ import annotations

import numpy as np
import pytest

from trueup.core.errors import EvidenceError, UsageError
from trueup.parameters import Trial, read_trial


def test_a_file_of_one_or_several_inputs(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 3)), np.arange(6)
    np.savez(tmp_path / "one.npz", x=x, y=y, cluster=y // 2)
    made = read_trial(tmp_path / "one.npz", arch="net:build")
    assert np.array_equal(made.inputs, x)
    assert np.array_equal(made.truth, y)
    assert (made.cluster.tolist(), made.arch, len(made)) == ([0, 0, 1, 1, 2, 2], "net:build", 6)
    np.savez(tmp_path / "two.npz", input_ids=y[:, None], mask=x, y=y)
    made = read_trial(tmp_path / "two.npz")
    assert list(made.inputs) == ["input_ids", "mask"]


def test_what_is_no_trial(tmp_path):
    for truth, message in ((["a"], "the truth is <U1"), (np.zeros((2, 2, 2)), "truth is float64"),
                           ([1, 2], "rows are truth 2, inputs 3"), ([], "rows are")):  # fmt: skip
        with pytest.raises(EvidenceError, match=message):
            Trial(np.zeros((3, 1)), truth)
    with pytest.raises(EvidenceError, match="rows are truth 3, input 1 3, input 2 2, cluster 3"):
        Trial((np.zeros(3), np.zeros(2)), [0, 1, 0], cluster=[1, 2, 3])
    with pytest.raises(EvidenceError, match="rows are truth 0, inputs 0"):
        Trial(np.zeros((0, 1)), np.zeros(0, int))


def test_files_that_are_none(tmp_path):
    with pytest.raises(UsageError, match="there is no"):
        read_trial(tmp_path / "no.npz")
    (tmp_path / "a.csv").touch()
    with pytest.raises(UsageError, match=r"'a.csv' is no .npz"):
        read_trial(tmp_path / "a.csv")
    (tmp_path / "a.npz").write_bytes(b"nothing")
    with pytest.raises(EvidenceError, match="cannot be read"):
        read_trial(tmp_path / "a.npz")
    np.savez(tmp_path / "x.npz", x=np.zeros(3))
    with pytest.raises(EvidenceError, match="holds x and no y"):
        read_trial(tmp_path / "x.npz")
    np.savez(tmp_path / "y.npz", y=np.zeros(3))
    with pytest.raises(EvidenceError, match="holds nothing beside y"):
        read_trial(tmp_path / "y.npz")
    np.savez(tmp_path / "o.npz", x=np.array([{}, {}]), y=np.zeros(2))
    with pytest.raises(EvidenceError, match="cannot be read"):
        read_trial(tmp_path / "o.npz")
