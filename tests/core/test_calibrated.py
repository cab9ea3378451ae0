"""Weights remember rows by their contents, whatever type or order these come in."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from trueup.core.errors import EvidenceError
from trueup.core.weights import Held, calibrated_on, open_weights, save_weights
from trueup.core.weights.calibrated import KEY, hashes_of, joined, row_hashes, shared_rows


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(500, 3, 4)).astype(np.float32)


def test_rows_are_known_again(rows):
    told = calibrated_on(rows[:200])
    assert shared_rows(rows, told) == 200
    assert shared_rows(rows[150:], told) == 50
    assert shared_rows(rows[200:], told) == 0
    assert shared_rows(rows[:200][::-1].astype(np.float64), told) == 200
    assert shared_rows(rows[:200].reshape(200, 12), told) == 200
    assert shared_rows(rows, {}) == 0
    assert len(base64.b64decode(told[KEY])) == 8 * 200


def test_arguments_are_known_by_their_names(rows):
    ids = np.arange(500 * 3).reshape(500, 3)
    told = calibrated_on({"x": rows[:90], "ids": ids[:90]})
    assert shared_rows({"ids": ids, "x": rows}, told) == 90
    assert shared_rows((ids, rows), told) == 90
    assert shared_rows({"x": rows}, told) == 0


def test_tokens_of_any_whole_type():
    ids = np.random.default_rng(0).integers(0, 30_000, size=(100, 20))
    told = calibrated_on(ids[:50].astype(np.int32))
    assert shared_rows(ids, told) == 50


def test_rows_that_meet_by_chance_are_no_leak():
    """Two samples of few values share many of them."""
    rng = np.random.default_rng(0)
    one, two = rng.integers(0, 2, size=(2, 1_000, 6))
    assert shared_rows(one, calibrated_on(two)) == 0


def test_metadata_stay_and_rows_add_up(rows):
    first = calibrated_on(rows[:10], metadata={"format": "pt"})
    both = calibrated_on(rows[5:30], metadata=first)
    assert both["format"] == "pt"
    assert np.array_equal(hashes_of(both), np.unique(row_hashes(rows[:30])))
    assert hashes_of(joined([{"a": "1"}, first, both])).size == 30
    assert joined([{"a": "1"}, {"b": "2"}]) == {"a": "1"}
    assert joined([]) == {}


def test_a_file_remembers(tmp_path, rows):
    told = calibrated_on(rows)
    save_weights(Held({"w": np.ones(2)}, metadata=told), tmp_path / "a.safetensors")
    assert shared_rows(rows, open_weights(tmp_path / "a.safetensors").metadata) == 500


@pytest.mark.parametrize("text", ["?", "abc", base64.b64encode(b"12345").decode()])
def test_what_is_no_memory(rows, text):
    with pytest.raises(EvidenceError, match="metadata 'calibrated_on' are no numbers of rows"):
        shared_rows(rows, {KEY: text})
