"""Rotations are orthogonal, change nothing, and even out what layers are given."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import hadamard

from trueup.core.weights import open_weights, save_weights
from trueup.core.weights.packings.hadamard import hartley, mixed, odd_part
from trueup.parameters import GPTQ, KLT, Hadamard, Quantise


@pytest.mark.parametrize("d", [1, 2, 3, 6, 7, 16, 27, 96, 100, 384])
def test_the_mix_is_orthogonal_symmetric_and_flat(d):
    q = mixed(np.eye(d))
    np.testing.assert_allclose(q @ q.T, np.eye(d), atol=1e-12)
    np.testing.assert_allclose(q, q.T, atol=1e-12)
    m = odd_part(d)
    np.testing.assert_allclose(
        q, np.kron(hartley(m), hadamard(d // m) / np.sqrt(d // m)), atol=1e-12
    )
    assert np.abs(q).max() <= np.sqrt((2 if m > 1 else 1) / d) + 1e-12


@pytest.mark.parametrize("rotation", [Hadamard(1), KLT(2)])
@pytest.mark.parametrize("d", [8, 12, 15])
def test_turned_weights_on_turned_inputs_give_the_same(rotation, d):
    rng = np.random.default_rng(d)
    w, x = rng.normal(size=(5, d)), rng.normal(size=(60, d)) * np.exp(rng.normal(size=d))
    gram = x.T @ x / 60
    turn = rotation.fit(d, gram[None])
    np.testing.assert_allclose(turn.apply(x) @ turn.apply(w).T, x @ w.T, atol=1e-4)
    np.testing.assert_allclose(turn.undo(turn.apply(w)), w, atol=1e-5)
    np.testing.assert_allclose(turn.of_gram(gram), turn.apply(x).T @ turn.apply(x) / 60, atol=1e-4)


@pytest.mark.parametrize("d", [8, 32])
def test_klt_gives_all_columns_one_mean_square(d):
    """Of d = 2^k numbers of the mix all are 1 / sqrt(d), so the mean of eigenvalues is left."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, d)) * np.exp(2 * rng.normal(size=d))
    gram = x.T @ x / 500
    even = np.diag(KLT().fit(d, gram[None]).of_gram(gram))
    np.testing.assert_allclose(even, np.trace(gram) / d, rtol=1e-4)
    plain = np.diag(Hadamard().fit(d).of_gram(gram))
    assert np.ptp(even) < 0.01 * np.ptp(plain)


def test_a_file_of_turned_codes_reads_like_any_other(tmp_path):
    torch = pytest.importorskip("torch")
    from trueup.adapters.network import Network

    torch.manual_seed(0)
    net = Network.of(torch.nn.Sequential(torch.nn.Conv2d(4, 6, 3), torch.nn.Flatten(),
                                         torch.nn.Linear(96, 5)))  # fmt: skip
    x = np.random.default_rng(0).normal(size=(80, 4, 6, 6)).astype(np.float32)
    for rotation in (Hadamard(), KLT()):
        for rounding in ({}, {"rounding": GPTQ()}):
            small = Quantise(8, rotation=rotation, **rounding).fit(net, x)
            save_weights(small, tmp_path / "a.safetensors")
            again = open_weights(tmp_path / "a.safetensors")
            assert all((again[name] == small[name]).all() for name in again)
            away = np.abs(Network.of(net.module, again).run(x) - net.run(x)).max()
            assert away < 0.02 * np.abs(net.run(x)).max()


def test_an_outlying_weight_no_longer_rules_its_row():
    rng = np.random.default_rng(0)
    w = rng.normal(size=(20, 128)).astype(np.float32)
    w[:, 5] *= 30
    lost = [((Quantise(4, rotation=r).fit({"x.weight": w})["x.weight"] - w) ** 2).mean()
            for r in (None, Hadamard())]  # fmt: skip
    assert lost[1] < 0.2 * lost[0]


def test_the_seed_says_the_signs():
    one, two, other = (Hadamard(seed).fit(64).signs for seed in (1, 1, 2))
    assert (one == two).all() and (one != other).any()
