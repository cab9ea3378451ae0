"""Codes against a loop over all levels of every weight, and bits against strings of 0 and 1."""

from __future__ import annotations

import numpy as np
import pytest

from trueup.core.weights.packings.bits import packed_bits, unpacked_bits
from trueup.parameters import Nearest, Quantise
from trueup.parameters.quantisation.grids import GRIDS, levels_of
from trueup.parameters.quantisation.scales import find_scales


CASES = [
    (grid, bits) for grid, (few, most) in GRIDS.items() for bits in range(few, min(most, 5) + 1)
]


@pytest.fixture
def matrix():
    return np.random.default_rng(0).standard_t(4, size=(5, 23)).astype(np.float32)


@pytest.mark.parametrize(("grid", "bits"), CASES)
@pytest.mark.parametrize("granularity", ["tensor", "row", 4, 100])
def test_codes_are_those_of_a_loop(matrix, grid, bits, granularity):
    scales = find_scales(matrix, grid=grid, bits=bits, granularity=granularity)
    codes, _ = Nearest()(matrix, scales, None)
    found, levels = scales.values(codes), levels_of(grid, bits)
    for (i, j), w in np.ndenumerate(matrix):
        row = 0 if granularity == "tensor" else i
        group = j // granularity if isinstance(granularity, int) else 0
        offset = 0 if scales.offset is None else scales.offset[row, group]
        all_of_them = scales.scale[row, group] * levels.astype(np.float64) + offset
        assert abs(found[i, j] - w) <= np.abs(all_of_them - w).min() + 1e-6
        assert found[i, j] == pytest.approx(all_of_them[codes[i, j]], abs=1e-5)


@pytest.mark.parametrize(("grid", "bits"), CASES)
def test_scales_by_a_loop_are_those_of_the_largest_weight(matrix, grid, bits):
    scales = find_scales(matrix, grid=grid, bits=bits, granularity=5)
    top = levels_of(grid, bits)[-1]
    for i in range(len(matrix)):
        for g, at in enumerate(range(0, 23, 5)):
            part = matrix[i, at : at + 5].astype(np.float64)
            size = part.max() - part.min() if grid == "asymmetric" else np.abs(part).max()
            assert scales.scale[i, g] == pytest.approx(size / top, rel=1e-3)


@pytest.mark.parametrize("bits", range(1, 9))
def test_packed_bits_are_those_of_a_string(bits):
    codes = np.random.default_rng(bits).integers(0, 2**bits, 77).astype(np.uint8)
    text = "".join(format(code, f"0{bits}b")[::-1] for code in codes)
    text += "0" * (-len(text) % 8)
    by_hand = [int(text[at : at + 8][::-1], 2) for at in range(0, len(text), 8)]
    assert packed_bits(codes, bits).tolist() == by_hand
    assert (unpacked_bits(packed_bits(codes, bits), bits, 77) == codes).all()


def test_rows_by_their_largest_weight_as_glm_130b():
    """GLM-130B, section 3: INT4, absmax by row, symmetric, -7 to 7."""
    w = np.float32([[0.7, -0.31, 0.04], [14, -14, 3]])
    small = Quantise(bits=4).fit({"x.weight": w})["x.weight"]
    np.testing.assert_allclose(small, [[0.7, -0.3, 0.0], [14, -14, 4]], atol=2e-3)
