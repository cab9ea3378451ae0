"""``trueup discover``: from a step and a file to a proven correction, or an error that helps."""

from __future__ import annotations

import importlib.util
import json
import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from cli.shell import quick, run
from trueup.core.simulator import run as simulate
from trueup.error.discovery.corrected import Corrected
from trueup.worlds.simulators import KuramotoSivashinsky, Line, Lorenz63


GRID = Line(points=64, length=32.0)
MODEL = """
import numpy as np
from trueup.worlds.simulators import KuramotoSivashinsky, Line, Lorenz63
model = KuramotoSivashinsky(u_ux=0.5, grid=Line(points=64, length=32.0))
lorenz = Lorenz63(beta=2.0)
number = 3
calls = 0
def step(state, dt):
    return model.step(state, dt)
def still(state, dt):
    return state.copy()
def lost(state, dt):
    return np.full_like(state, np.nan)
def longer(state, dt):
    return np.concatenate([state, state], axis=-1)
def single(state, dt):
    return state.astype(np.float32)
def greedy(state, dt):
    state += 1.0
    return state
def rigid(state, dt):
    return state + dt * np.ones(64)
def raises(state, dt):
    return {}["wind"]
def lonely(state):
    return state
"""
FLAT = """
import numpy as np
k = np.fft.fftfreq(24, 1 / 24)
def step(state, dt):
    modes = np.fft.fft2(state) * np.exp(-0.02 * dt * (k[:, None] ** 2 + k**2))
    return np.fft.ifft2(modes).real
"""
WALL = """
import numpy as np
x = np.linspace(0, 1, 81)
def step(state, dt, growth=0.0):
    for _ in range(40):
        bent = np.zeros_like(state)
        bent[..., 1:-1] = (state[..., 2:] - 2 * state[..., 1:-1] + state[..., :-2]) / x[1] ** 2
        inner = (x > 0) & (x < 1)
        state = state + dt / 40 * (0.05 * bent + growth * state * (1 - state) * inner)
    return state
"""


@pytest.fixture(scope="module")
def waves() -> np.ndarray:
    """(401, 64) states of Kuramoto-Sivashinsky, .05 apart."""
    system = KuramotoSivashinsky(grid=GRID)
    start = simulate(system, system.initial(1), dt=0.05, steps=2_000, every=2_000)[-1]
    return simulate(system, start, dt=0.01, steps=2_000, every=5)[:, 0]


@pytest.fixture(scope="module")
def place(tmp_path_factory, waves):
    """A folder with models and observations."""
    folder = tmp_path_factory.mktemp("discover")
    (folder / "models.py").write_text(MODEL)
    (folder / "broken.py").write_text("import nowhere_at_all\n")
    (folder / "failing.py").write_text("1 / 0\n")
    times = np.arange(len(waves)) * 0.05
    field = xr.DataArray(waves, {"time": times, "x": GRID.x}, ("time", "x"), name="u")
    field.to_netcdf(folder / "waves.nc", engine="h5netcdf")
    np.savez(folder / "waves.npz", states=waves, times=times)
    system = Lorenz63()
    path = simulate(system, system.initial(1)[0], dt=0.01, steps=4_000)[1_000:]
    noisy = path + 0.002 * path.std(axis=0) * np.random.default_rng(0).normal(size=path.shape)
    frame = pd.DataFrame(noisy, columns=list("xyz")).assign(time=np.arange(len(path)) * 0.01)
    frame.to_csv(folder / "lorenz.csv", index=False)
    return folder


@pytest.fixture(autouse=True)
def forgotten():
    """Modules of one test are not those of the next."""
    yield
    for name in ("models", "broken", "failing"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def done(place):
    """The whole command, from the shell."""
    return run(
        place, "discover", "models:step", "waves.nc", "--out", "corrected", "--json", "d.json"
    )


def test_a_field_from_the_shell(done, place):
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("models:step is missing u u_x.")
    assert "u'  u u_x" in done.out and "-0.500 " in done.out.replace("-0.499", "-0.500 ")
    assert "held-out windows: proven" in done.out and "x every 0.5, periodic" in done.out
    here = {path.name for path in (place / "corrected").iterdir()}
    assert here == {"corrected.json", "corrected.py", "discovery.json", "report.html"}


def test_what_is_written_says_the_same(done, place, waves):
    saved = json.loads((place / "corrected/discovery.json").read_text())
    assert saved == json.loads((place / "d.json").read_text())
    (term,) = saved["terms"]
    assert term["name"] == "u u_x" and term["value"] == pytest.approx(-0.5, rel=1e-3)
    assert saved["proof"]["outcome"] == "proven"
    errors = saved["forecast_error"]
    assert errors["after"][-1] < 0.1 * errors["before"][-1]
    spec = importlib.util.spec_from_file_location("alone", place / "corrected/corrected.py")
    alone = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(alone)
    model = KuramotoSivashinsky(u_ux=0.5, grid=GRID)
    loaded = Corrected.load(place / "corrected/corrected.json", model)
    ours, theirs = loaded.step(waves[0], 0.05), alone.step(model.step, waves[0], 0.05)
    assert theirs == pytest.approx(ours, abs=1e-12)


def test_the_page_is_whole(done, place):
    page = (place / "corrected/report.html").read_text()
    assert (
        page.count("<svg") == 3 and "<script" not in page and "default-src &#39;none&#39;" in page
    )
    assert "is missing u u_x." in page and "\N{MINUS SIGN} 0." in page
    for word in ("What it looks like", "What was left out", "What the found terms explain of it"):
        assert word in page


def test_a_table_of_a_plain_state(place):
    done = quick(place, "discover", "models:lorenz", "lorenz.csv", "--noise", "0.002",
                 "--length", "8", "--out", "lorenz")  # fmt: skip
    assert done.code == 0, done.err
    assert "models:lorenz is missing z." in done.out and "windows: proven" in done.out
    assert "What is seen" in (place / "lorenz/report.html").read_text()


def test_whole_equations_from_a_model_that_stands_still(place):
    terms = ("--terms", "u u_x", "--terms", "u_xx", "--terms", "u_xxxx")
    done = quick(place, "discover", "models:still", "waves.npz", "--spacing", "0.5", *terms)
    assert done.code == 0, done.err
    assert "is missing u u_x, u_xx and u_xxxx." in done.out


def test_windows_of_an_archive_and_an_array(place, waves):
    np.savez(place / "cut.npz", windows=np.stack([waves[i : i + 3] for i in range(0, 399, 3)]),
             dt=0.05)  # fmt: skip
    np.save(place / "waves.npy", waves)
    words = ("--spacing", "0.5", "--periodic", "--powers", "1", "--orders", "2")
    for file, more in (("cut.npz", ()), ("waves.npy", ("--dt", "0.05"))):
        done = quick(place, "discover", "models:step", file, *words, *more)
        assert done.code == 0 and "is missing u u_x." in done.out, done.err


def test_two_dimensions_have_maps(tmp_path):
    """Waves that decay and travel at speeds 1 and -.3, to a model that only lets them decay."""
    (tmp_path / "flat.py").write_text(FLAT)
    k = np.fft.fftfreq(24, 1 / 24) * 1j
    kx, ky = k[:, None], k[None, :]
    modes = np.fft.fft2(np.random.default_rng(0).normal(size=(24, 24)))
    modes *= np.exp(-(abs(kx) ** 2 + abs(ky) ** 2) / 8)
    rate = 0.02 * (kx**2 + ky**2) - kx + 0.3 * ky
    states = [np.fft.ifft2(modes * np.exp(i * 0.02 * rate)).real for i in range(200)]
    x = np.arange(24) * 2 * np.pi / 24
    times = np.datetime64("2024-01-01", "ns") + np.arange(200) * np.timedelta64(20, "ms")
    field = xr.DataArray(np.array(states), {"time": times, "lon": x, "lat": x},
                         ("time", "lon", "lat"), name="wind")  # fmt: skip
    field.transpose("lon", "time", "lat").to_netcdf(tmp_path / "flat.nc", engine="h5netcdf")
    done = quick(tmp_path, "discover", "flat:step", "flat.nc", "--components", "u", "--out", "o")
    assert done.code == 0, done.err
    assert "flat:step is missing u_lon and u_lat." in done.out
    (first, second) = json.loads((tmp_path / "o/discovery.json").read_text())["terms"]
    assert (first["value"], second["value"]) == pytest.approx((-1.0, 0.3), rel=1e-4)
    assert "above 0" in (tmp_path / "o/report.html").read_text()


def between_walls(folder) -> tuple[np.ndarray, np.ndarray]:
    """Places, and heat at 401 times that grows by u (1 - u); its model does not in wall.py."""
    (folder / "wall.py").write_text(WALL)
    names: dict = {}
    exec(WALL, names)
    x = np.linspace(0, 1, 81)
    states = [0.3 + 0.2 * np.sin(3 * x) + 0.1 * np.cos(9 * x)]
    for _ in range(400):
        states.append(names["step"](states[-1], 0.01, growth=1.0))
    return x, np.array(states)


def test_ends_that_do_not_meet(tmp_path):
    """Heat between walls that grows by u (1 - u), which the model does not know."""
    x, states = between_walls(tmp_path)
    field = xr.DataArray(states, {"time": np.arange(401) * 0.01, "x": x}, ("time", "x"))
    field.to_netcdf(tmp_path / "wall.nc", engine="h5netcdf")
    few = ("--powers", "3", "--orders", "1", "--components", "u")
    done = quick(tmp_path, "discover", "wall:step", "wall.nc", *few, "--out", "o")
    assert done.code == 0, done.err
    assert "wall:step is missing u and u^2." in done.out and "not periodic" in done.out
    first, second = json.loads((tmp_path / "o/discovery.json").read_text())["terms"]
    assert (first["value"], second["value"]) == pytest.approx((1.0, -1.0), rel=1e-3)
    near = quick(tmp_path, "discover", "wall:step", "wall.nc", *few, "--edge", "4", "--out", "near")
    assert "doubtful    u_x, u u_x" in near.out and "left out of the correction" in near.out
    assert near.out.startswith("wall:step is missing u and u^2.")
    listed = json.loads((tmp_path / "near/discovery.json").read_text())["terms"]
    assert {f["name"] for f in listed} > {"u", "u^2", "u_x"}
    made = {f["name"]: f["used"] for f in listed if f["used"]}
    alone = quick(tmp_path, "discover", "wall:step", "wall.nc", *few, "--edge", "4", "--terms", "u",
                  "--terms", "u^2", "--json", "alone.json")  # fmt: skip
    assert alone.code == 0, alone.err
    only = json.loads((tmp_path / "alone.json").read_text())["terms"]
    assert made == pytest.approx({f["name"]: f["value"] for f in only})
    saved = (tmp_path / "near/corrected.json").read_text()
    assert json.loads(saved)["coefficients"][0] == pytest.approx(list(made.values()))
    asked = quick(tmp_path, "discover", "wall:step", "wall.nc", *few, "--edge", "4", "--doubtful",
                  "--out", "asked")  # fmt: skip
    assert "doubtful    u_x, u u_x" in asked.out and "left out of the" not in asked.out
    saved = json.loads((tmp_path / "asked/corrected.json").read_text())["coefficients"][0]
    assert saved == pytest.approx([f["value"] for f in listed])


def swings(folder, name: str) -> None:
    """A pendulum that loses little, with 1 % of noise, and a spring in its place."""
    (folder / "spring.py").write_text(SPRING)
    names: dict = {}
    exec(SPRING, names)
    states = [np.array([2.0, 0.0])]
    for _ in range(2_000):
        now = states[-1]
        for _ in range(5):
            now = names["step"](now, 0.01, hard=1 / 6)
        states.append(now)
    rng = np.random.default_rng(0)
    seen = np.array(states) + 0.01 * np.std(states, axis=0) * rng.normal(size=(2_001, 2))
    pd.DataFrame({"time": 0.05 * np.arange(2_001), "x": seen[:, 0], "v": seen[:, 1]}).to_csv(
        folder / name, index=False
    )


SPRING = """
import numpy as np

def step(state, dt, hard=0.0):
    def slope(s):
        return np.stack([s[..., 1], -s[..., 0] + hard * s[..., 0] ** 3], -1)
    half = state + dt / 2 * slope(state)
    return state + dt * slope(half)
"""


def test_windows_are_as_long_as_noise_asks_for(tmp_path):
    swings(tmp_path, "swings.csv")
    done = quick(
        tmp_path, "discover", "spring:step", "swings.csv", "--noise", "0.01", "--json", "j"
    )
    assert done.code == 0, done.err
    assert "spring:step is missing x^3." in done.out and " of 12 intervals of 0.05" in done.out
    (term,) = json.loads((tmp_path / "j").read_text())["terms"]
    assert term["component"] == "v" and term["low"] < 1 / 6 < term["high"]
    short = quick(tmp_path, "discover", "spring:step", "swings.csv")
    assert " of 2 intervals of 0.05" in short.out


def test_what_no_term_explains_is_said(tmp_path):
    swings(tmp_path, "swings.csv")
    words = ("--noise", "0.01", "--degree", "0")
    done = quick(tmp_path, "discover", "spring:step", "swings.csv", *words)
    assert done.code == 0, done.err
    assert "times what noise explains, is none of these terms." in done.out


def test_noise_between_ends_that_do_not_meet_is_looked_through(tmp_path):
    _, states = between_walls(tmp_path)
    noise = np.random.default_rng(0).normal(size=states.shape)
    seen = states + 0.01 * states.std() * noise
    np.savez(tmp_path / "noisy.npz", states=seen, dt=0.01)
    words = ("--spacing", "0.0125", "--noise", "0.01", "--length", "12", "--powers", "2")
    done = quick(tmp_path, "discover", "wall:step", "noisy.npz", *words, "--orders", "2", "--json",
                 "j")  # fmt: skip
    assert done.code == 0, done.err
    found = {f["name"]: f["value"] for f in json.loads((tmp_path / "j").read_text())["terms"]}
    assert found == pytest.approx({"u": 1.0, "u^2": -1.0}, rel=0.03)
    assert "x every 0.0125, not periodic" in done.out and "weak form" in done.out


def test_terms_that_one_wave_cannot_tell_apart(place):
    x, t = np.arange(64) * 0.5, np.arange(1_200)[:, None] * 0.05
    wave = np.exp(-0.01 * t) * np.cos(2 * np.pi * x / 32)
    wave += 0.01 * wave.std() * np.random.default_rng(0).normal(size=wave.shape)
    np.savez(place / "alike.npz", states=wave, dt=0.05)
    words = ("--spacing", "0.5", "--noise", "0.01", "--length", "12", "--terms", "u", "--terms",
             "u_xx", "--terms", "u u_x", "--out", "alike")  # fmt: skip
    done = quick(place, "discover", "models:still", "alike.npz", *words)
    assert done.code == 0, done.err
    saved = json.loads((place / "alike/discovery.json").read_text())
    mine = saved["terms"][0]["name"]
    other = {"u": "u_xx", "u_xx": "u"}[mine]
    assert saved["rivals"] == [{"terms": [["u", mine]], "instead": [["u", other]]}]
    said = f"{mine} could as well be {other}: these states cannot tell them apart, observe a richer"
    assert f"  beware      {said} flow" in done.out
    page = (place / "alike/report.html").read_text()
    assert page.count(said) == 2 and f"Beware: {said}" in page


PAIR = """
import numpy as np

def slope(state, lost):
    a, b = state[..., 0, :, :], state[..., 1, :, :]
    spread = sum(np.roll(state, n, axis) - state for n in (1, -1) for axis in (-1, -2))
    rate = np.stack([a - a**3 / 3 - b, 0.5 * (a + 0.3 - 0.8 * b) - lost * a * b], -3)
    return rate + 0.4 * spread

def step(state, dt, lost=0.0):
    half = state + dt / 2 * slope(state, lost)
    return state + dt * slope(half, lost)
"""
"""Two substances on a square that react and spread."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Observations of a pair that also consume each other, their components without names."""
    folder = tmp_path_factory.mktemp("pair")
    (folder / "pair.py").write_text(PAIR)
    names: dict = {}
    exec(PAIR, names)
    waves = np.random.default_rng(0).normal(size=(2, 16, 16))
    smooth = np.exp(-sum(np.meshgrid(*[np.fft.fftfreq(16, 1 / 16) ** 2] * 2)) / 8)
    states = [6 * np.fft.ifft2(np.fft.fft2(waves) * smooth).real]
    for _ in range(240):
        now = states[-1]
        for _ in range(10):
            now = names["step"](now, 0.005, lost=0.2)
        states.append(now)
    at = {"time": np.arange(241) * 0.05, "y": np.arange(16.0), "x": np.arange(16.0)}
    field = xr.DataArray(np.array(states), at, ("time", "field", "y", "x"), name="state")
    field.to_netcdf(folder / "pair.nc", engine="h5netcdf")
    return folder


def test_reactions_of_two_fields_are_tried(pair):
    done = quick(pair, "discover", "pair:step", "pair.nc", "--components", "a,b", "--json", "j")
    assert done.code == 0, done.err
    assert "pair:step is missing a b." in done.out and "in a' (" in done.out
    (term,) = json.loads((pair / "j").read_text())["terms"]
    assert term["component"] == "b" and term["value"] == pytest.approx(-0.2, rel=1e-3)


def test_terms_that_explain_little_are_not_called_missing(pair):
    done = quick(pair, "discover", "pair:step", "pair.nc", "--terms", "v_xx", "--terms", "u_xx")
    assert done.code == 0, done.err
    assert "Most of what pair:step is missing is none of these terms: " in done.out
    assert "pair:step is missing u" not in done.out


def test_nothing_is_missing(place):
    (place / "right.py").write_text("from models import *\nmodel = lorenz = Lorenz63()\n")
    done = quick(place, "discover", "right:lorenz", "lorenz.csv", "--noise", "0.002", "--length",
                 "8", "--out", "nothing")  # fmt: skip
    assert done.code == 0, done.err
    assert "Nothing is missing from right:lorenz" in done.out
    assert not (place / "nothing/corrected.json").exists()
    assert "<svg" in (place / "nothing/report.html").read_text()


@pytest.mark.parametrize(("step", "code", "message"), [
    ("models", 2, "cannot read the step 'models'. Write module:function"),
    ("nothere:step", 2, "there is no module 'nothere'. Work in the folder of nothere.py"),
    ("broken:step", 2, "importing 'broken' raised ModuleNotFoundError: No module named 'nowhere"),
    ("failing:step", 2, "importing 'failing' raised ZeroDivisionError: division by zero"),
    ("models:stop", 2, "there is no 'stop' in module 'models'. It has: KuramotoSivashinsky"),
    ("models:number", 2, "'models:number' is a int, which cannot be called"),
    ("models:Lorenz63", 2, "'models:Lorenz63' is a class. Name an object of it"),
    ("models:lost", 3, "states became NaN or infinite within 0.05"),
    ("models:longer", 3, "it turned a state of float64 (64,) into float64 (128,)"),
    ("models:single", 3, "it turned a state of float64 (64,) into float32 (64,)"),
    ("models:greedy", 3, "it changed the state that it was given"),
    ("models:lonely", 3, "it takes (state); it is called as step(state, dt)"),
    ("models:raises", 3, "models:raises: it raised KeyError: 'wind' (line 24 of models.py)"),
])  # fmt: skip
def test_steps_that_cannot_be(place, step, code, message):
    done = quick(place, "discover", step, "waves.nc")
    assert (done.code, done.out) == (code, "")
    assert message in done.err and done.err.count("\n") == 1


def files(folder, waves):
    """Observations with one fault each."""
    times = np.arange(len(waves)) * 0.05
    field = xr.DataArray(waves, {"time": times, "x": GRID.x}, ("time", "x"), name="u")
    field[:24].to_netcdf(folder / "short.nc", engine="h5netcdf")
    field[:5].to_netcdf(folder / "five.nc", engine="h5netcdf")
    field[::-1].to_netcdf(folder / "back.nc", engine="h5netcdf")
    np.savez(folder / "dt.npz", states=waves, dt=0.05)
    np.savez(folder / "last.npz", states=np.stack([waves, waves], -1), dt=0.05)
    path = pd.read_csv(folder / "lorenz.csv").drop(columns="time")
    path.assign(w=2 * path.x).to_csv(folder / "twice.csv", index=False)
    path.assign(w=3.0).to_csv(folder / "still.csv", index=False)
    gap = np.where(times > 5, times + 1, times)
    field.assign_coords(time=gap).to_netcdf(folder / "gap.nc", engine="h5netcdf")
    field[:, ::2].to_netcdf(folder / "coarse.nc", engine="h5netcdf")
    bent = field.assign_coords(x=np.sinh(np.linspace(0, 2, 64)))
    bent.to_netcdf(folder / "bent.nc", engine="h5netcdf")
    field.rename(time="t").to_netcdf(folder / "t.nc", engine="h5netcdf")
    np.savez(folder / "turned.npz", states=waves.T, times=times)
    np.savez(folder / "other.npz", wind=waves)
    hole = waves.copy()
    hole[7] = np.nan
    np.savez(folder / "hole.npz", states=hole, dt=0.05)
    noise = np.random.default_rng(0).normal(size=waves.shape)
    np.savez(folder / "noise.npz", states=noise, dt=0.05)
    pd.DataFrame(noise[:, :3], columns=list("xyz")).to_csv(folder / "noise.csv", index=False)
    wave = np.cos(GRID.x * 2 * np.pi / 32.0) * np.exp(-0.1 * times)[:, None]
    np.savez(folder / "wave.npz", states=wave, dt=0.05)
    (folder / "words.csv").write_text("time,x,name\n0,1,a\n1,2,b\n")
    (folder / "text.txt").write_text("1\n")


SPACED = ("--spacing", "0.5")


@pytest.mark.parametrize(("file", "words", "code", "message"), [
    ("five.nc", (), 3, "5 states, of which 2 are held out, cannot be cut into windows"),
    ("back.nc", (), 3, "times do not rise: -0.05 from one state to the next"),
    ("dt.npz", (*SPACED, "--dt", "0.07"), 3, "--dt is 0.07, but the file says 0.05"),
    ("last.npz", SPACED, 3, "a state of shape (64, 2) would be 64 fields; components stand before"),
    ("waves.npz", (*SPACED, "--length", "0"), 2, "--length: 0 intervals"),
    ("waves.npz", (*SPACED, "--level", "2"), 2, "level is 2.0"),
    ("waves.npz", (*SPACED, "--noise", "0.9"), 3, "noise is 0.9 of the states' standard deviation, "
                                                   "which leaves 0.44 of it to the signal"),
    ("twice.csv", ("--dt", "0.01"), 3, "x (in x), w (in x) are linearly dependent"),
    ("still.csv", ("--dt", "0.01"), 3, "1 (in x), w (in x) are linearly dependent"),
    ("short.nc", (), 3, "8 windows of 64 points for 24 terms; the windows must outnumber"),
    ("gap.nc", (), 3, "not evenly spaced: 0.05 between most states, 1.05 after state 100"),
    ("waves.nc", ("--dt", "0.1"), 3, "dt is 0.1, but the times of the states are 0.05 apart"),
    ("turned.npz", SPACED, 3, "holds 401 times, but states of shape (64, 401); time must be the "
                              "first axis"),
    ("bent.nc", (), 3, "coordinates of 'x' are not even and rising"),
    ("t.nc", (), 3, "dimensions are ('t', 'x'); one of them must be 'time'"),
    ("t.nc", ("--time", "when"), 3, "t.nc has no 'when'. Use names of: t, x"),
    ("waves.nc", ("--variable", "v"), 3, "waves.nc has no 'v'. Use names of: u"),
    ("other.npz", (), 3, "other.npz holds wind; an archive must hold 'states'"),
    ("hole.npz", SPACED, 3, "windows hold NaN or infinite values"),
    ("noise.npz", (*SPACED, "--noise", "auto"), 3, "noise is estimated at 1, the spread of the"),
    ("noise.csv", ("--noise", "auto", "--dt", "0.1"), 3, "the observations are noise, or lie too"),
    ("waves.nc", ("--noise", "1.5"), 3, "noise is 1.5; it is a share"),
    ("waves.nc", ("--noise", "much"), 2, "--noise: cannot read 'much'"),
    ("wave.npz", (*SPACED, "--terms", "u", "--terms", "u_xx"), 3,
     "u, u_xx are linearly dependent on these states"),
    ("waves.npz", (), 3, "a state has shape (64,) and the file does not say how far points lie"),
    ("waves.npz", (*SPACED, "--terms", "u u_y"), 2, "there is no term 'u u_y'"),
    ("waves.npz", (*SPACED, "--components", "u,v"), 2, "2 names ('u', 'v') for 1 components"),
    ("lorenz.csv", ("--orders", "2"), 2, "--orders: it is for a field; name its --spacing"),
    ("waves.npz", (*SPACED, "--hold-out", "1"), 2, "--hold-out: 1.0 is no share"),
    ("words.csv", (), 3, "column 'name' of words.csv holds object, not numbers"),
    ("text.txt", (), 2, "cannot read 'text.txt'. Use a file of .nc"),
    ("nowhere.nc", (), 3, "there is no file nowhere.nc"),
    ("waves.npz", (*SPACED, "--length", "999"), 3, "cannot be cut into windows of 999"),
    ("waves.nc", ("--out", "models.py"), 2, "--out: models.py is a file"),
])  # fmt: skip
def test_observations_that_cannot_be(place, waves, file, words, code, message):
    if not (place / "text.txt").exists():
        files(place, waves)
    step = "models:still" if file in ("twice.csv", "still.csv") else "models:step"
    done = quick(place, "discover", step, file, *words)
    assert message in done.err
    assert (done.code, done.out) == (code, "") and done.err.count("\n") == 1


def test_observations_of_another_grid(place, waves):
    if not (place / "text.txt").exists():
        files(place, waves)
    done = quick(place, "discover", "models:rigid", "coarse.nc")
    assert done.code == 3
    assert "models:rigid: it raised ValueError: operands could not be broadcast" in done.err
    assert "states may be of another grid than the model's" in done.err


def test_netcdf_needs_xarray(place, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr("trueup.adapters.observations.find_spec",
                        lambda name: None if name == "xarray" else found(name))  # fmt: skip
    done = quick(place, "discover", "models:step", "waves.nc")
    assert done.code == 3 and "pip install 'trueup[xarray]'" in done.err


def test_without_the_packages_of_charts_the_rest_is_written(place, monkeypatch):
    monkeypatch.setitem(sys.modules, "altair", None)
    done = quick(place, "discover", "models:lorenz", "lorenz.csv", "--noise", "0.002",
                 "--length", "8", "--out", "plain")  # fmt: skip
    assert done.code == 0 and "No report: report: the pictures need" in done.out
    assert (place / "plain/corrected.py").exists() and not (place / "plain/report.html").exists()


CARRIED = """
import numpy as np

def step(state, dt, spread=0.0):  # of one state: neighbours of a batch would be mixed up
    for _ in range(8):
        slope = lambda u: (
            -u * (np.roll(u, -1) - np.roll(u, 1)) / 0.2
            + spread * (np.roll(u, -1) - 2 * u + np.roll(u, 1)) / 0.01
        )
        half = state + dt / 16 * slope(state)
        state = state + dt / 8 * slope(half)
    return state
"""
"""A steepening wave, which really spreads as well."""


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_runs_that_set_out_from_a_few_smooth_waves(tmp_path, kind):
    """Waves that the first states do not hold, and the model makes on its way, are not lost."""
    (tmp_path / "carried.py").write_text(CARRIED)
    names: dict = {}
    exec(CARRIED, names)
    rng, x = np.random.default_rng(0), np.arange(64) * 0.1
    windows = []
    for _ in range(110):
        parts = [rng.normal() / k * np.sin(2 * np.pi * k * x / 6.4 + 6 * rng.random())
                 for k in (1, 2, 3)]  # fmt: skip
        run_ = [sum(parts)]
        for _ in range(4):
            run_.append(names["step"](run_[-1], 0.02, spread=0.05))
        windows.append(run_)
    np.savez(tmp_path / "runs.npz", windows=np.array(windows, dtype=kind), dt=0.02)
    words = ("--spacing", "0.1", "--powers", "2", "--orders", "2", "--json", "j")
    done = quick(tmp_path, "discover", "carried:step", "runs.npz", *words)
    assert done.code == 0, done.err
    assert "carried:step is missing u_xx." in done.out
    (term,) = json.loads((tmp_path / "j").read_text())["terms"]
    # Differences of second order make waves of 1 to 3 turns spread by up to .7 % less.
    assert 0.0496 < term["value"] < 0.05
