"""What every reference simulator promises: batches, types, untouched inputs, clear errors."""

from __future__ import annotations

import numpy as np
import pytest

from trueup.core.errors import DivergedError, EvidenceError, TrueupError, UsageError
from trueup.core.simulator import Simulator
from trueup.worlds.simulators import (
    SIR,
    Burgers,
    Channel,
    KuramotoSivashinsky,
    Line,
    Lorenz63,
    Lorenz84,
    Lorenz96,
    NavierStokes,
    Plane,
    QuasiGeostrophic,
    SwiftHohenberg,
    ThreeBody,
)


LINE = Line(points=64, length=22.0)
SYSTEMS = {
    "ks": KuramotoSivashinsky(grid=LINE),
    "ks cnab2": KuramotoSivashinsky(grid=LINE, integrator="cnab2"),
    "ks with more": KuramotoSivashinsky(
        grid=LINE, extra={"u_xxx": 0.5, "u^2 u_x": 0.2, "u u_xx": 0.01, "u^3": 0.1}
    ),
    "burgers": Burgers(grid=Line(points=64, length=2 * np.pi)),
    "swift-hohenberg": SwiftHohenberg(grid=Line(points=64, length=12 * np.pi)),
    "lorenz63": Lorenz63(),
    "lorenz84": Lorenz84(),
    "lorenz96": Lorenz96(),
    "navier-stokes": NavierStokes(plane=Plane(nx=24, ny=16)),
    "qg": QuasiGeostrophic(channel=Channel(nx=16, ny=32, mountains=(20, 20, 20, 20))),
    "three bodies": ThreeBody(),
    "sir": SIR(),
}
every_system = pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS.keys())


def states_of(system, members=3):
    """States some steps after the start."""
    march = system.march(system.initial(members, seed=1), system.DT)
    march.advance(20)
    return march.state()


@every_system
def test_it_is_a_simulator_whose_states_stay_what_they_are(system):
    state = states_of(system)
    kept = state.copy()
    later = system.step(state, system.DT)
    rate = system.tendency(state)
    assert isinstance(system, Simulator)
    assert state.shape == later.shape == rate.shape == (3, *system.shape)
    np.testing.assert_array_equal(state, kept)
    np.testing.assert_array_equal(system.step(state, system.DT), later)
    assert not np.shares_memory(state, later)


@every_system
def test_a_batch_is_its_members(system):
    state = states_of(system, 4)
    apart = np.stack([system.step(one, system.DT) for one in state])
    close = {"rtol": 1e-9, "atol": 1e-11 * np.abs(state).max()}
    np.testing.assert_allclose(system.step(state, system.DT), apart, **close)
    folded = system.step(state.reshape(2, 2, *system.shape), system.DT)
    np.testing.assert_allclose(folded.reshape(state.shape), apart, **close)


@every_system
def test_single_precision_stays_single_and_close(system):
    state = states_of(system)
    single = state.astype(np.float32)
    found = system.step(single, system.DT)
    assert found.dtype == system.tendency(single).dtype == np.float32
    assert system.run(single, system.DT, steps=2).dtype == np.float32
    np.testing.assert_allclose(
        found, system.step(state, system.DT), atol=3e-5 * np.abs(state).max(), rtol=0
    )


@every_system
def test_torch_says_the_same(system):
    torch = pytest.importorskip("torch")
    state = states_of(system)
    calls = (
        lambda s: system.step(s, system.DT),
        lambda s: system.run(s, system.DT, steps=4, every=2),
        system.tendency,  # in single precision k^4 amplifies what rounding leaves: not compared
    )
    for kind, tolerance in ((torch.float64, 1e-10), (torch.float32, 3e-5)):
        tensor = torch.as_tensor(state).to(kind)
        kept = tensor.clone()
        for call in calls if kind == torch.float64 else calls[:2]:
            found, numbers = call(tensor), call(state)
            assert found.dtype == kind and torch.equal(tensor, kept)
            np.testing.assert_allclose(
                found.numpy(),
                numbers,
                atol=tolerance * max(np.abs(numbers).max(), 1),
                rtol=tolerance,
            )


@every_system
def test_a_tendency_is_the_limit_of_steps(system):
    """(step(dt) - state) / dt, extrapolated to dt = 0 from two steps."""
    state = states_of(system)
    tiny = 1e-4
    slopes = [(system.step(state, dt) - state) / dt for dt in (tiny, tiny / 2)]
    rate = system.tendency(state)
    # In modes, stiff ones aside, the error left is tiny^2 times the square of a rate.
    scale = np.abs(rate).max()
    off = np.abs(2 * slopes[1] - slopes[0] - rate).max() / scale
    assert off < (2e-2 if "KuramotoSivashinsky" in repr(system) else 1e-4), off


@every_system
def test_a_run_keeps_states_in_order(system):
    state = states_of(system, 2)
    found = system.run(state, system.DT, steps=6, every=3)
    assert found.shape == (3, 2, *system.shape)
    np.testing.assert_array_equal(found[0], state)
    np.testing.assert_allclose(
        system.run(state, system.DT, steps=6)[[0, 3, 6]], found, atol=1e-9, rtol=1e-9
    )


@every_system
def test_members_differ_and_seeds_repeat(system):
    one, again, other = (system.initial(3, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one[1] - other[1]).max() > 0 and np.abs(one[1] - one[2]).max() > 0
    assert one.shape == (3, *system.shape) and one.dtype == np.float64
    with pytest.raises(UsageError, match="'members' must be at least 1; got 0"):
        system.initial(0)


@every_system
def test_bad_states_are_refused(system):
    state = states_of(system)
    with pytest.raises(EvidenceError, match=r"a state must have shape \(\.\.\., .*; got"):
        system.step(state[..., :-1], system.DT)
    with pytest.raises(EvidenceError, match="must be float32 or float64; got float16"):
        system.step(state.astype(np.float16), system.DT)
    with pytest.raises(EvidenceError, match="must be float32 or float64; got complex128"):
        system.tendency(state + 0j)
    broken = state.copy()
    broken[1] = np.nan
    with pytest.raises(EvidenceError, match=r"NaN or infinity in member 1 \(1 of 3\)"):
        system.step(broken, system.DT)


@every_system
@pytest.mark.parametrize("dt", [0, -0.1, np.nan, np.inf, None, "soon"])
def test_bad_steps_are_refused(system, dt):
    with pytest.raises(UsageError, match="'dt' must be a finite number above 0"):
        system.step(system.initial(), dt)


def test_members_that_blow_up_are_named():
    system = Lorenz96()
    state = system.initial(6)
    state[[2, 4]] *= 1e3
    with pytest.raises(DivergedError, match=r"members 2, 4 \(2 of 6\) became NaN") as refused:
        system.run(state, 0.05, steps=100, every=100)
    assert refused.value.members == [2, 4] and "usual: 0.05" in str(refused.value)


def test_an_unstable_step_is_told_for_a_line():
    system = KuramotoSivashinsky(grid=Line(points=128, length=22.0), integrator="rk4")
    with pytest.raises(DivergedError, match="the one member became NaN or infinite within 300"):
        system.run(system.initial()[0], 0.05, steps=300, every=300)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: KuramotoSivashinsky(u_xx=np.nan), "'u_xx' must be a finite number"),
        (lambda: KuramotoSivashinsky(extra={"u_y": 1.0}), "no term named 'u_y'"),
        (lambda: KuramotoSivashinsky(extra={"u_xxx": None}), "'u_xxx' must be a finite number"),
        (lambda: KuramotoSivashinsky(integrator="euler"), "none named 'euler'"),
        (lambda: KuramotoSivashinsky(grid=64), "'grid' must be a Line"),
        (lambda: Line(points=63), "'points' must be an even number"),
        (lambda: Line(length=0.0), "'length' must be above 0"),
        (lambda: Lorenz96(variables=3), "'variables' must be at least 4"),
        (lambda: Plane(nx=30), "'nx' must be a multiple of 4"),
        (lambda: Plane(length_x=-1.0), "lengths must be above 0"),
        (lambda: Channel(mountains=(1.0,)), "needs four heights"),
        (lambda: QuasiGeostrophic(beta="big"), "'beta' must be a finite number"),
        (lambda: QuasiGeostrophic(channel=Plane()), "'channel' must be a Channel"),
        (lambda: NavierStokes(plane=LINE), "'plane' must be a Plane"),
        (lambda: ThreeBody(masses=(1, 1)), "needs three finite 'masses'"),
        (lambda: SIR(integrator=None), "none named None"),
    ],
)
def test_bad_settings_are_refused(make, match):
    with pytest.raises(TrueupError, match=match):
        make()


def test_schemes_of_one_step_take_no_previous_state():
    system, state = Lorenz63(), Lorenz63().initial(2)
    with pytest.raises(UsageError, match="'previous' is given, but rk4 is a scheme of one step"):
        system.step(state, 0.01, previous=state)
    two = KuramotoSivashinsky(grid=LINE, integrator="cnab2")
    with pytest.raises(EvidenceError, match="'previous' must be like the state"):
        two.step(two.initial(2), 0.01, previous=two.initial(3))
    with pytest.raises(UsageError, match="'yoshida4' needs positions"):
        Lorenz63(integrator="yoshida4").step(state, 0.01)
