"""Levels of papers, scales of least squares against a fine search, files against memory."""

from __future__ import annotations

import numpy as np
import pytest

from trueup.core.errors import EvidenceError, UsageError
from trueup.core.weights import open_weights, save_weights
from trueup.parameters import Quantise
from trueup.parameters.quantisation.grids import levels_of
from trueup.parameters.quantisation.scales import find_scales


NF4 = [-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
       -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
       0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
       0.7229568362236023, 1.0]  # fmt: skip
"""QLoRA, 2305.14314, appendix E."""


def test_nf4_is_that_of_the_paper():
    np.testing.assert_allclose(levels_of("nf", 4), NF4, atol=1e-6)


@pytest.mark.parametrize("bits", [2, 3, 5, 8])
def test_normal_float_by_the_law_itself(bits):
    """Levels are quantiles whose probabilities are even on either side of 0."""
    from scipy.stats import norm

    levels, half = levels_of("nf", bits), 2 ** (bits - 1)
    assert len(levels) == 2**bits and levels[half - 1] == 0 and levels[-1] == -levels[0] == 1
    end = 1 - 0.5 * (1 / (2 * 2**bits) + 1 / (2 * 2**bits - 2))
    step = norm.cdf(levels * norm.ppf(end))
    np.testing.assert_allclose(np.diff(step[half - 1 :]), (end - 0.5) / half, rtol=1e-3)
    np.testing.assert_allclose(np.diff(step[:half]), (end - 0.5) / (half - 1), rtol=1e-3)


def test_fp4_is_sign_exponent_mantissa():
    every = [(1 + m / 2) * 2.0 ** (e - 1) if e else m / 2 for e in range(4) for m in range(2)]
    np.testing.assert_array_equal(levels_of("fp4", 4), sorted([-v for v in every] + every))


@pytest.mark.parametrize("grid", ["uniform", "nf", "power_of_two", "asymmetric"])
@pytest.mark.parametrize("bits", [2, 3, 4])
def test_clipping_is_never_worse_and_near_a_fine_search(grid, bits):
    rng = np.random.default_rng(bits)
    w = rng.standard_t(3, size=(6, 40)).astype(np.float32)
    weight = rng.random(40).astype(np.float32)
    plain = find_scales(w, grid=grid, bits=bits)
    clipped = find_scales(w, grid=grid, bits=bits, clip=True, weight=weight)

    def errors(scales):
        away = scales.values(scales.codes(w)) - w
        return (away**2 * weight).sum(axis=1)

    assert (errors(clipped) <= errors(plain) * (1 + 1e-3)).all()
    if grid != "asymmetric":
        levels, best = levels_of(grid, bits), np.full(6, np.inf)
        top = np.abs(w).max(axis=1) / levels[-1]
        for part in np.linspace(-1, 1, 2001):
            q = np.abs(w[:, :, None] - (part * top)[:, None, None] * levels).min(axis=2) ** 2
            best = np.minimum(best, (q * weight).sum(axis=1))
        assert errors(clipped).sum() <= 1.03 * best.sum()


def test_a_file_is_small_and_says_the_same(tmp_path):
    rng = np.random.default_rng(0)
    held = {"a.weight": rng.normal(size=(64, 3, 5, 5)).astype(np.float32), "a.bias": np.ones(64),
            "norm.weight": np.ones((3, 3), np.float32), "embed.weight": np.ones((9, 4)),
            "n.weight": np.arange(6).reshape(2, 3)}  # fmt: skip
    for settings in (Quantise(3), Quantise(4, grid="nf", granularity=16),
                     Quantise(4, grid="asymmetric", granularity="tensor")):  # fmt: skip
        small = settings.fit(held, facts={"calibrated_on": "nothing"})
        save_weights(small, tmp_path / "small.safetensors")
        again = open_weights(tmp_path / "small.safetensors")
        assert list(small.tensors) == ["a.weight"] and again.metadata == small.metadata
        assert all((again[name] == small[name]).all() for name in held)
        assert small.tensors["a.weight"].bytes < 64 * 75 * (settings.bits + 2) / 8
        assert small.metadata["calibrated_on"] == "nothing"


def test_extreme_scales_survive():
    for size in (1e-9, 1e30):
        w = (np.random.default_rng(0).normal(size=(3, 50)) * size).astype(np.float32)
        small = Quantise(8).fit({"x.weight": w})["x.weight"]
        assert np.abs(small - w).max() < 0.02 * size


def test_zeros_and_constants_are_exact():
    w = np.zeros((2, 4), np.float32)
    for grid in ("uniform", "nf", "asymmetric", "power_of_two"):
        for clip in (False, True):
            assert (Quantise(4, grid=grid, clip=clip).fit({"x.weight": w})["x.weight"] == 0).all()
    w += 0.25
    assert (Quantise(4, grid="asymmetric").fit({"x.weight": w})["x.weight"] == 0.25).all()


def test_types_are_kept():
    w = {"x.weight": np.ones((2, 4), np.float16)}
    assert Quantise().fit(w)["x.weight"].dtype == np.float16


@pytest.mark.parametrize(
    ("settings", "match"),
    [({"grid": "odd"}, "grid is 'odd'"), ({"bits": 9}, "bits are 9"), ({"bits": 1}, "bits are 1"),
     ({"grid": "fp4", "bits": 3}, "bits are 3"), ({"granularity": "column"}, "granularity is"),
     ({"granularity": 0}, "granularity is")],
)  # fmt: skip
def test_bad_settings_are_refused(settings, match):
    with pytest.raises(UsageError, match=match):
        Quantise(**settings)


def test_a_tensor_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match="there is no matrix 'b'"):
        Quantise().fit({"x.weight": np.ones((2, 2))}, names=["b"])


def test_numbers_that_are_none_are_refused_by_name():
    with pytest.raises(EvidenceError, match=r"the tensor x.weight holds 1 numbers of 4"):
        Quantise().fit({"x.weight": np.float32([[1, np.nan], [0, 2]])})
    torch = pytest.importorskip("torch")
    from trueup.adapters.network import Network
    from trueup.parameters import GPTQ

    net = Network.of(torch.nn.Sequential(torch.nn.Linear(2, 3)))
    with pytest.raises(EvidenceError, match=r"what 0.weight is multiplied with"):
        Quantise(rounding=GPTQ()).fit(net, np.float32([[1, np.inf]]))


def test_half_precision_of_every_kind():
    import ml_dtypes

    held = {"x.weight": np.ones((2, 3), ml_dtypes.bfloat16)}
    small = Quantise(3).fit(held)["x.weight"]
    assert small.dtype == ml_dtypes.bfloat16
    np.testing.assert_allclose(small.astype(np.float32), 1, rtol=0.01)


def test_a_module_stays_in_its_mode_and_the_packed_weights_do_not_follow_it():
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Dropout()).train()
    small = Quantise(4).fit(net)
    before = small["0.bias"].copy()
    with torch.no_grad():
        net[0].bias += 1
    assert net.training and net[1].training and np.array_equal(small["0.bias"], before)
