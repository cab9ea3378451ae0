"""Missing terms against worlds where they are known, and parts against closed forms."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.stats import binom

import trueup as tu
from trueup.core.black_box import BlackBox
from trueup.core.errors import EvidenceError, LeakageError, UsageError
from trueup.core.simulator import run
from trueup.core.windows import Windows
from trueup.error import Discovery, Factor, Mesh, Term, discover, functions, polynomials, products
from trueup.error.discovery.corrected import Corrected
from trueup.error.discovery.estimate import resamples
from trueup.error.discovery.grams import Grams
from trueup.error.discovery.increments import Increments, weighed
from trueup.error.discovery.regressions import REGRESSIONS, elimination
from trueup.worlds.simulators import KuramotoSivashinsky, Line, Lorenz63


LINE = Line(points=128, length=32.0)
MESH = Mesh((LINE.length / LINE.points,))
TRUE = {"u u_x": -1.0, "u_xx": -1.0, "u_xxxx": -1.0}


@pytest.fixture(scope="module")
def waves() -> np.ndarray:
    """States of Kuramoto-Sivashinsky (60 samples, 81 times .005 apart)."""
    system = KuramotoSivashinsky(grid=LINE)
    start = run(system, system.initial(60, seed=1), dt=0.05, steps=2_000, every=2_000)[-1]
    return run(system, start, dt=0.0025, steps=160, every=2).transpose(1, 0, 2)


def missing(**known: float) -> dict[str, float]:
    """What a model with these coefficients lacks."""
    names = {"u_ux": "u u_x", "u_xx": "u_xx", "u_xxxx": "u_xxxx"}
    found = {names[k]: TRUE[names[k]] * (1 - v) for k, v in known.items()}
    return {name: value for name, value in found.items() if value}


@pytest.mark.parametrize(
    "known",
    [{"u_ux": 0.0}, {"u_xx": 0.0}, {"u_xxxx": 0.0}, {"u_xx": 0.0, "u_xxxx": 0.0},
     {"u_ux": 0.5}, {"u_ux": 2.0, "u_xx": 2.0, "u_xxxx": 2.0}],
)  # fmt: skip
def test_missing_terms_of_kuramoto_sivashinsky_are_found_to_five_digits(waves, known):
    model = KuramotoSivashinsky(**known, grid=LINE)
    found = Discovery(products(MESH)).fit(model, Windows(waves[:, :3], 0.005))
    wanted = missing(**known)
    assert {f.name: f.value for f in found.terms} == pytest.approx(wanted, abs=1e-5)


def test_a_mean_that_stays_zero_does_not_hide_the_waves_of_single_precision(waves):
    """The mean of a wave is rounding, which moves by more than itself and says nothing."""
    model = KuramotoSivashinsky(u_ux=0.0, grid=LINE, integrator="cnab2")
    found = Discovery(products(MESH)).fit(model, Windows(waves[:, :3].astype(np.float32), 0.005))
    assert [f.name for f in found.terms] == ["u u_x"]
    assert found.value("u u_x") == pytest.approx(-1, abs=1e-3)


@pytest.mark.parametrize("regression", REGRESSIONS)
def test_every_regression_finds_the_term(waves, regression):
    model = KuramotoSivashinsky(u_ux=0.5, grid=LINE)
    settings = Discovery(products(MESH), regression=regression)
    found = settings.fit(model, Windows(waves[:, :3], 0.005))
    assert [f.name for f in found.terms] == ["u u_x"]


def test_through_the_step_beats_the_plain_target(waves):
    model = KuramotoSivashinsky(u_xxxx=0.5, grid=LINE)
    windows = Windows(waves[:, :3], 0.005)
    off = [abs(Discovery(products(MESH).only(["u_xxxx"]), target=t).fit(model, windows)
               .value("u_xxxx") + 0.5) for t in ("through the step", "plain")]  # fmt: skip
    assert off[0] < 0.02 * off[1]


def test_five_percent_of_noise_is_averaged_over_long_windows(waves):
    model = KuramotoSivashinsky(u_ux=0.0, grid=LINE)
    rng = np.random.default_rng(0)
    noisy = waves[:, :41] + 0.05 * waves.std() * rng.normal(size=waves[:, :41].shape)
    found = Discovery(products(MESH, powers=2), noise=0.05).fit(model, Windows(noisy, 0.005))
    assert [f.name for f in found.terms] == ["u u_x"]
    assert found.value("u u_x") == pytest.approx(-1, abs=0.05)


def test_nothing_is_found_where_nothing_is_missing():
    system = Lorenz63()
    rng = np.random.default_rng(2)
    states = run(system, system.initial(1)[0], dt=0.01, steps=4_000)[1_000:]
    noisy = states + 0.01 * states.std(axis=0) * rng.normal(size=states.shape)
    library = polynomials(("x", "y", "z"), degree=2)
    found = discover(system, noisy, dt=0.01, length=10, library=library, noise=0.01)
    assert not found.terms and "nothing is missing" in str(found)


def test_whole_equations_are_found_with_a_model_that_stands_still():
    system = Lorenz63()
    states = run(system, system.initial(1)[0], dt=0.002, steps=6_000)[1_000:]
    library = polynomials(("x", "y", "z"), degree=2)
    found = discover(lambda s, dt: s, states, dt=0.002, library=library)
    wanted = {("x", "x"): -10, ("x", "y"): 10, ("y", "x"): 28, ("y", "y"): -1, ("y", "x z"): -1,
              ("z", "z"): -8 / 3, ("z", "x y"): 1}  # fmt: skip
    assert {(f.component, f.name): f.value for f in found.terms} == pytest.approx(wanted, rel=1e-4)


def test_intervals_cover_the_missing_coefficient():
    """95 % intervals of 60 samples of noise: fewer than 51 of 60 hits once in 1e4 suites."""
    system, model = Lorenz63(), Lorenz63(beta=2.0)
    states = run(system, system.initial(1)[0], dt=0.01, steps=5_000)[1_000:]
    library = polynomials(("x", "y", "z"), degree=1)
    hits = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        noisy = states + 0.01 * states.std(axis=0) * rng.normal(size=states.shape)
        found = discover(model, noisy, dt=0.01, length=8, library=library, noise=0.01)
        mine = [f for f in found.terms if (f.component, f.name) == ("z", "z")]
        hits += bool(mine) and mine[0].low <= 2 - 8 / 3 <= mine[0].high
    assert hits >= binom.ppf(1e-4, 60, 0.95)


def test_columns_of_a_linear_model_are_the_integral_of_variation_of_constants():
    rng = np.random.default_rng(3)
    model, lacks = rng.normal(size=(2, 3, 3))
    starts = rng.normal(size=(5, 3))
    terms = functions(
        {str(i): lambda s, i=i: (s @ lacks.T)[:, i] for i in range(3)}, components=("a", "b", "c")
    )

    def off(h: float) -> float:
        states = np.stack([starts @ expm((model + lacks) * t).T for t in (0, h / 2, h)], axis=1)
        box = BlackBox(lambda s, dt: s @ expm(model * dt).T, trial=states[:, 0], dt=h / 2)
        parts = Increments(box, terms, h / 2)
        miss = (states[:, 2] - starts @ expm(model * h).T) / h
        assert parts.misses(states) == pytest.approx(miss, abs=1e-12)
        whole = sum(parts.columns(states, [(i, i) for i in range(3)]))
        return float(np.abs(whole - miss).max())

    assert np.log2(off(0.1) / off(0.05)) == pytest.approx(4, abs=0.3)


def test_weights_of_a_window_are_a_mean_that_vanishes_beyond_the_ends():
    assert weighed(np.ones((1, 9, 2))) == pytest.approx(1.0)
    shown = np.array([float(weighed(np.eye(9)[:, :, None][i : i + 1])[0, 0]) for i in range(9)])
    assert shown == pytest.approx(shown[::-1])
    bend = np.polyfit(np.arange(9), shown, 2)
    assert np.polyval(bend, np.arange(9)) == pytest.approx(shown)
    assert np.polyval(bend, [-1, 9]) == pytest.approx(0.0, abs=1e-12)


def test_differences_with_these_weights_are_the_line_of_least_squares():
    """Of all unbiased slopes from noisy states the one of least variance (Gauss and Markov)."""
    seen = np.random.default_rng(3).normal(size=(5, 21, 1))
    slopes = np.polyfit(np.arange(21), seen[..., 0].T, 1)[0]
    assert weighed(np.diff(seen, axis=1))[:, 0] == pytest.approx(slopes)
    assert weighed((seen[:, 2:] - seen[:, :-2]) / 2, 2)[:, 0] == pytest.approx(slopes)


def test_elimination_is_best_subset_where_columns_are_orthogonal():
    rng = np.random.default_rng(4)
    x = np.linalg.qr(rng.normal(size=(50, 6)))[0]
    y = x @ np.array([3, 0, -2, 0, 1, 0.1]) + 0.01 * rng.normal(size=50)
    path = elimination(x.T @ x, x.T @ y / np.linalg.norm(y), 50, np.array([]))
    for alive in path:
        k = int(alive.sum())
        best = max(itertools.combinations(range(6), k), key=lambda s: np.sum((x[:, s].T @ y) ** 2))
        assert set(np.flatnonzero(alive)) == set(best)


def test_sums_are_those_of_the_rows_and_add_up():
    rng = np.random.default_rng(5)
    columns, target = rng.normal(size=(3, 7, 10)), rng.normal(size=(7, 10))
    bands = np.repeat([0, 1], 5)
    parts = [Grams.of(columns[:, s], target[s], bands) for s in (slice(0, 3), slice(3, 7))]
    xx, xy, yy = Grams.joined(parts).total()
    flat = columns.reshape(3, -1)
    assert xx == pytest.approx(flat @ flat.T) and yy == pytest.approx((target**2).sum())
    assert xy == pytest.approx(flat @ target.ravel())
    beta = rng.normal(size=3)
    left = Grams.joined(parts).left(beta).sum()
    assert left == pytest.approx(((target - np.tensordot(beta, columns, 1)) ** 2).sum())
    assert resamples(7, seed=0, run=2).sum(axis=1) == pytest.approx(7)


def test_derivatives_are_exact_where_they_can_be():
    x = np.arange(64) * 2 * np.pi / 64
    y = np.arange(32) * 2 * np.pi / 32
    field = np.sin(3 * x)[:, None] * np.cos(2 * y)
    mesh = Mesh((x[1], y[1]))
    wanted = 18 * np.sin(3 * x)[:, None] * np.sin(2 * y)
    assert mesh.derivative(field, (2, 1)) == pytest.approx(wanted, abs=1e-10)
    line = np.linspace(0, 1, 41)
    plain = Mesh((line[1],), periodic=(False,))
    assert plain.derivative(line**4, (2,)) == pytest.approx(12 * line**2, abs=1e-8)


@pytest.mark.parametrize("order", (1, 2, 3, 4))
def test_differences_converge_at_their_order(order):
    def off(n: int) -> float:
        x = np.arange(n) * 2 * np.pi / n
        found = Mesh((x[1],), method="difference").derivative(np.sin(x), (order,))
        return float(np.abs(found - np.sin(x + order * np.pi / 2)).max())

    assert np.log2(off(32) / off(64)) == pytest.approx(4, abs=0.3)


def test_corrected_simulator_converges_at_order_two_and_is_exact_for_linear_terms(waves):
    system, model = KuramotoSivashinsky(grid=LINE), KuramotoSivashinsky(u_ux=0.4, grid=LINE)
    library = products(MESH).only(["u u_x"])
    made = Corrected(model, library, [[-0.6]])
    start = waves[:4, 0]
    fine = run(system, start, dt=0.001, steps=200, every=200)[-1]
    off = [np.abs(run(made, start, dt=dt, steps=n, every=n)[-1] - fine).max()
           for dt, n in ((0.02, 10), (0.01, 20))]  # fmt: skip
    assert np.log2(off[0] / off[1]) == pytest.approx(2, abs=0.2)
    still = Corrected(lambda s, dt: s, products(MESH).only(["u_xx"]), [[0.3]])
    k = 2 * np.pi / LINE.length * 3
    wave = np.sin(k * np.arange(128) * MESH.spacing[0])[None]
    assert still.step(wave, 0.5) == pytest.approx(wave * np.exp(-0.3 * k**2 * 0.5), abs=1e-12)


def test_corrected_simulator_leaves_state_and_model_alone_and_keeps_the_type(waves):
    made = Corrected(lambda s, dt: s, products(MESH).only(["u_xx"]), [[0.3]])
    state = waves[0, 0].astype(np.float32)
    before = state.copy()
    assert made.step(state, 0.1).dtype == np.float32 and np.array_equal(state, before)
    assert made.tendency(waves[0, :2]).shape == (2, 128)


def test_corrected_simulator_is_written_and_read(tmp_path, waves):
    model = KuramotoSivashinsky(u_ux=0.4, grid=LINE)
    made = Corrected(model, products(MESH).only(["u u_x"]), [[-0.6]])
    again = Corrected.load(made.save(tmp_path / "c" / "corrected.json"), model)
    assert np.array_equal(again.step(waves[:2, 0], 0.01), made.step(waves[:2, 0], 0.01))
    assert "u' += -0.6 u u_x" in (tmp_path / "c" / "corrected.json").read_text()
    row = json.loads((tmp_path / "c" / "corrected.json").read_text()) | {"schema": 9}
    (tmp_path / "new.json").write_text(json.dumps(row))
    with pytest.raises(EvidenceError, match="schema 9"):
        Corrected.load(tmp_path / "new.json", model)


def test_proof_is_on_windows_that_were_held_out(waves):
    model = KuramotoSivashinsky(u_ux=0.5, grid=LINE)
    seen, held = Windows(waves[:30, :3], 0.005), Windows(waves[30:, ::4], 0.02)
    found = Discovery(products(MESH)).fit(model, seen)
    proof = tu.prove(found.corrected, against=model, on=held)
    assert proof.outcome.value == "proven" and proof.after.value < 0.05 * proof.before.value
    assert "lead 0.4" in proof.score
    with pytest.raises(LeakageError, match="held out"):
        tu.prove(found.corrected, against=model, on=seen)


def test_a_model_that_blows_up_is_lost_not_an_error(waves):
    held = Windows(waves[:40, ::20], 0.1)
    wild = lambda s, dt: s + dt * 1e6 * s**3  # noqa: E731
    proof = tu.prove(lambda s, dt: s, against=wild, on=held)
    assert proof.before.value == 10.0 and proof.outcome.value == "proven"


def test_terms_speak_sympy():
    import sympy

    grown = np.exp(0.5 * np.arange(100) * 0.1)[:, None]
    found = discover(lambda s, dt: s, grown, dt=0.1, library=polynomials(("x",), degree=2))
    assert found.sympy["x"].subs("x", 2) == pytest.approx(1.0, abs=1e-4)
    assert "0.5" in found.latex and "\\dot{x}" in found.latex
    term = Term((Factor(0, (1,), 2), Factor(0, (2,))))
    assert term.code(("u",), ("x",)) == "Derivative(u, x)**2*Derivative(u, x, x)"
    assert isinstance(sympy.sympify(term.code(("u",), ("x",))), sympy.Mul)


SERIES = np.exp(0.5 * np.arange(100) * 0.1)[:, None]
LINES = polynomials(("x",), degree=2)


def nan_step(s, dt):
    return s * np.nan


def touching(s, dt):
    s += 1
    return s


@pytest.mark.parametrize(
    ("step", "states", "settings", "says"),
    [
        (nan_step, SERIES, {}, "became NaN"),
        (lambda s, dt: s[..., :0], SERIES, {}, "turned a state"),
        (lambda s, dt: s.astype(np.float32), SERIES, {}, "into float32"),
        (touching, SERIES, {}, "changed the state"),
        (lambda s, dt: s, SERIES[:12], {}, "windows of 1 points for 3 terms"),
        (lambda s, dt: s, SERIES, {"noise": 1.5}, "noise is 1.5"),
        (lambda s, dt: s, np.tile(SERIES, 3), {}, "components are"),
        (lambda s, dt: s * np.exp(0.5 * dt), SERIES, {"library": LINES + polynomials(("x",))},
         None),
        (lambda s, dt: s, SERIES, {"library": functions(
            {"a": lambda s: s[:, 0], "b": lambda s: 2 * s[:, 0]}, components=("x",))},
         "a, b are linearly dependent"),
        (lambda s, dt: s, np.where(np.arange(100)[:, None] == 7, np.nan, SERIES), {}, "hold NaN"),
        (3, SERIES, {}, "the step is a int"),
    ],
)  # fmt: skip
def test_bad_input_is_named(step, states, settings, says):
    settings = {"library": LINES, "dt": 0.1} | settings
    if says is None:
        assert len(settings["library"]) == 3
        return
    with pytest.raises((EvidenceError, UsageError), match=says):
        discover(step, states, **settings)


def test_times_must_be_even():
    xarray = pytest.importorskip("xarray")
    times = np.arange(100) * 0.1
    times[50:] += 0.03
    run_ = xarray.DataArray(SERIES, dims=("time", "c"), coords={"time": times})
    with pytest.raises(EvidenceError, match=r"not evenly spaced.*after state 49"):
        discover(lambda s, dt: s, run_, library=LINES)
    even = run_.assign_coords(time=np.arange(100) * 0.1)
    assert discover(lambda s, dt: s, even, library=LINES).value("x") == pytest.approx(0.5, abs=1e-4)
    with pytest.raises(EvidenceError, match=r"dt is 0\.2"):
        discover(lambda s, dt: s, even, library=LINES, dt=0.2)
    with pytest.raises(EvidenceError, match="one of them must be 'time'"):
        discover(lambda s, dt: s, even.rename(time="t"), library=LINES)


def test_states_of_another_mesh_are_refused(waves):
    library = products(Mesh(MESH.spacing, points=(64,)))
    with pytest.raises(UsageError, match="another mesh"):
        Discovery(library).fit(lambda s, dt: s, Windows(waves[:, :3], 0.005))
