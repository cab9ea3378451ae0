"""Terms that the data cannot tell apart are named, where closed forms say which these are."""

from __future__ import annotations

import numpy as np
import pytest

from trueup.core.simulator import run
from trueup.core.windows import Windows
from trueup.error import Discovery, Mesh, polynomials, products
from trueup.error.discovery.grams import Grams
from trueup.error.discovery.rivals import Rival, rivals
from trueup.error.discovery.select import choose
from trueup.worlds.simulators import KuramotoSivashinsky, Line, Lorenz63


X = np.arange(64) * 2 * np.pi / 64
LINE = Line(points=128, length=32.0)


def still(state, dt):
    return state


def noisy(states: np.ndarray, noise: float) -> np.ndarray:
    return states + noise * states.std() * np.random.default_rng(1).normal(size=states.shape)


def one_wave(noise: float) -> Windows:
    """u = exp(-nu t) cos x, of u_t = nu u_xx or u_t = -nu u alike."""
    t = np.arange(1_500)[:, None] * 0.01
    return Windows.of(noisy(np.exp(-0.03 * t) * np.cos(X), noise), dt=0.01, length=12)


@pytest.mark.parametrize("noise", (1e-3, 1e-2))
def test_on_one_wave_the_second_derivative_could_as_well_be_the_field(noise):
    library = products(Mesh((X[1],)), powers=2, orders=3).only(["u", "u_xx", "u u_x"])
    found = Discovery(library, noise=noise).fit(still, one_wave(noise))
    (term,) = found.terms
    (rival,) = found.rivals
    assert {*rival.terms, *rival.instead} == {("u", "u"), ("u", "u_xx")}
    other = "u" if term.name == "u_xx" else "u_xx"
    said = f"{term.name} could as well be {other}: these states cannot tell them apart"
    assert said in str(found) and said in found.warnings[0]
    assert found.to_dict()["rivals"][0]["instead"] == [["u", other]]


def test_a_rival_of_a_sign_that_cannot_be_is_none():
    library = products(Mesh((X[1],)), powers=1, orders=2).only(["u", "u_xx"])
    found = Discovery(library, noise=1e-3, signs={"u": 1}).fit(still, one_wave(1e-3))
    assert [f.name for f in found.terms] == ["u_xx"] and not found.rivals


@pytest.mark.parametrize("noise", (1e-3, 1e-2, 5e-2))
def test_a_solitary_wave_solves_two_equations(noise):
    """u = sech^2((x - t) / 2) / 2 solves u_t = -u_x and u_t = -6 u u_x - u_xxx."""
    x, t = np.arange(128) * 40 / 128 - 20, np.arange(1_500)[:, None] * 0.02
    wave = 0.5 / np.cosh(((x - t + 20) % 40 - 20) / 2) ** 2
    library = products(Mesh((40 / 128,)), powers=2, orders=3)
    windows = Windows.of(noisy(wave, noise), dt=0.02, length=12)
    found = Discovery(library, noise=noise).fit(still, windows)
    assert [f.name for f in found.terms] == ["u_x"]
    assert found.rivals == (Rival((("u", "u_x"),), (("u", "u_xxx"), ("u", "u u_x"))),)
    assert "u_x could as well be u_xxx and u u_x together" in str(found)


@pytest.fixture(scope="module")
def waves() -> np.ndarray:
    system = KuramotoSivashinsky(grid=LINE)
    start = run(system, system.initial(60, seed=1), dt=0.05, steps=2_000, every=2_000)[-1]
    return run(system, start, dt=0.0025, steps=4, every=2).transpose(1, 0, 2)


@pytest.mark.parametrize(("known", "noise"), [
    *((known, noise) for noise in (0.0, 0.01) for known in
      ({"u_ux": 0.0}, {"u_xx": 0.5}, {"u_xxxx": 0.0}, {"u_xx": 0.0, "u_xxxx": 0.0})),
    ({"u_ux": 2.0, "u_xx": 2.0, "u_xxxx": 2.0}, 0.0)])  # fmt: skip
def test_chaos_tells_terms_apart(waves, known, noise):
    model = KuramotoSivashinsky(**known, grid=LINE)
    found = Discovery(products(Mesh((0.25,))), noise=noise).fit(
        model, Windows(noisy(waves, noise), 0.005)
    )
    assert found.terms and not found.rivals and not found.warnings


@pytest.mark.parametrize("noise", (0.001, 0.005))
def test_a_chaotic_path_tells_terms_apart(noise):
    """1 and z^2 come within 6 % of z: neither quick columns nor noise may make that nothing."""
    system = Lorenz63()
    states = run(system, system.initial(1)[0], dt=0.01, steps=4_000)[1_000:]
    for seed in range(8):
        rng = np.random.default_rng(seed)
        seen = states + noise * states.std(axis=0) * rng.normal(size=states.shape)
        found = Discovery(polynomials(("x", "y", "z"), degree=2), noise=noise).fit(
            Lorenz63(beta=2.0), Windows.of(seen, dt=0.01, length=10)
        )
        assert [f.name for f in found.terms] == ["z"] and not found.rivals, seed


@pytest.mark.parametrize("noise", (0.01, 0.05))
def test_a_swap_that_needs_fewer_terms_is_taken(noise):
    """Elimination goes from all terms to 1 and z^2, which z alone explains as well."""
    system = Lorenz63()
    states = run(system, system.initial(1)[0], dt=0.01, steps=5_000)[1_000:]
    rng = np.random.default_rng(1)
    seen = states + noise * states.std(axis=0) * rng.normal(size=states.shape)
    found = Discovery(polynomials(("x", "y", "z"), degree=2), noise=noise).fit(
        Lorenz63(beta=2.0), Windows.of(seen, dt=0.01, length=12)
    )
    assert [(f.component, f.name) for f in found.terms] == [("z", "z")]
    assert found.terms[0].low < 2 - 8 / 3 < found.terms[0].high


def test_of_equally_few_terms_the_shorter_are_taken():
    """Two columns differ by less than the noise can show; a third is far worse, and shortest."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 40, 30))
    x[1] = x[0] + 1e-3 * x[1]
    grams = Grams.of(x, x[1] + rng.normal(size=x.shape[1:]), np.zeros(30, dtype=int))
    tries = np.eye(3, dtype=bool)
    for symbols, wanted in (([1, 2, 1], 0), ([2, 1, 1], 1), ([3, 2, 1], 1)):
        chosen = choose(grams, tries, least=1e-3, symbols=np.array(symbols))
        assert np.flatnonzero(chosen) == wanted


def test_symbols_are_those_that_are_written():
    mesh = Mesh((0.1,))
    library = products(mesh, powers=2, orders=2) + polynomials(("u",), mesh=mesh).only(["1"])
    wanted = {"1": 1, "u": 1, "u_x": 2, "u_xx": 3, "u^2": 2, "u u_x": 3, "u^2 u_xx": 5}
    found = {name: t.symbols for name, t in zip(library.names, library.terms, strict=True)}
    assert wanted.items() <= found.items()


def test_rivals_are_those_of_a_slow_loop_over_all_swaps():
    """Of 6 columns one is nearly twice another, and one nearly the sum of two."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(7, 40, 30))
    x[1] = 2 * x[0] + 1e-3 * x[5]
    x[4] = x[2] + x[3] + 1e-3 * x[6]
    y = x[0] + x[4] + 1e-2 * rng.normal(size=x.shape[1:])
    grams = Grams.of(x, y, np.zeros(30, dtype=int))
    chosen = np.zeros(7, dtype=bool)
    chosen[[0, 4]] = True
    found = rivals(grams, chosen, allowed=lambda tries: tries)
    assert {tuple(np.flatnonzero(one).tolist()) for one in found} == {(1, 4), (0, 2, 3)}

    def left(columns) -> float:
        a = x[list(columns)].reshape(len(columns), -1).T
        return float(np.linalg.lstsq(a, y.ravel(), rcond=None)[1][0])

    swaps = [(a, b) for a in (0, 4) for b in range(7) if b not in (0, 4)]
    equal = [s for s in swaps if left((4 - s[0], s[1])) < left((0, 4)) + 0.0025 * left((4 - s[0],))]
    assert equal == [(0, 1)]
