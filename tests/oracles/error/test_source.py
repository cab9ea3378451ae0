"""Source of a corrected simulator: run alone, it gives the numbers of the simulator itself."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from trueup.core.errors import UsageError
from trueup.error import Library, Mesh, functions, polynomials, products
from trueup.error.discovery.corrected import Corrected


RNG = np.random.default_rng(0)


def decay(state, dt):
    """A model with something of its own to do."""
    return state * math.exp(-dt) + dt * 0.1 * np.roll(state, 1, axis=-1)


def smooth(*shape: int) -> np.ndarray:
    """Fields of a few waves on a mesh of the last axes."""
    x = np.arange(shape[-1]) * 2 * np.pi / shape[-1]
    return np.cos(x + RNG.random((*shape[:-1], 1)) * 6) + 0.3 * np.sin(2 * x)


def weighed(library: Library, *names: str, components: int = 1) -> Corrected:
    """A simulator with some terms of ``library``."""
    few = library.only(names)
    weights = RNG.normal(size=(components, len(few))) * 0.1
    return Corrected(decay, few, weights)


FLAT = Mesh((0.2, 0.3))
BOUNDED = Mesh((0.1,), periodic=(False,), method="difference")
CASES = {
    "periodic": (
        weighed(products(Mesh((2 * np.pi / 64,))), "u u_x", "u_xx", "u_xxx", "u^2 u_xx"),
        smooth(3, 64),
    ),
    "periodic, linear alone": (weighed(products(Mesh((0.1,))), "u_xx", "u_x"), smooth(2, 63)),
    "periodic, differences": (
        weighed(products(Mesh((0.1,), method="difference")), "u u_x", "u_xx"),
        smooth(32),
    ),
    "two dimensions": (
        weighed(products(FLAT, powers=1, orders=2), "u u_x", "u_xx", "u_xy", "u_yy"),
        smooth(2, 24, 32),
    ),
    "two components": (
        weighed(products(FLAT, powers=1, orders=2, components=("u", "v")), "v u_x", "u_yy", "v_xx",
                components=2),
        smooth(2, 2, 16, 24),
    ),
    "half bounded": (
        weighed(products(Mesh((0.2, 0.1), periodic=(True, False)), powers=1), "u u_y", "u_xx"),
        smooth(16, 24),
    ),
    "bounded": (weighed(products(BOUNDED, powers=2), "u u_x", "u_xx", "u^2"), smooth(4, 40)),
    "plain": (
        weighed(polynomials(("x", "y", "z"), degree=3), "1", "x y", "z^3", "x", components=3),
        RNG.normal(size=(5, 3)),
    ),
    "strange names": (
        weighed(polynomials(("np", "my wind"), degree=2), "np", "np my wind", components=2),
        RNG.normal(size=2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_the_source_gives_the_same_numbers(name, kind):
    corrected, state = CASES[name]
    alone: dict = {}
    exec(compile(corrected.source(), "corrected.py", "exec"), alone)
    state = state.astype(kind)
    size = np.abs(corrected.tendency(state)).max()
    assert alone["tendency"](state) == pytest.approx(corrected.tendency(state), abs=1e-12 * size)
    ours = theirs = state
    for _ in range(5):
        ours, theirs = corrected.step(ours, 0.01), alone["step"](decay, theirs, 0.01)
    assert theirs.dtype == ours.dtype == kind
    assert theirs == pytest.approx(ours, abs=1e-12 if kind == np.float64 else 1e-6)
    assert not np.allclose(ours, state)


def test_the_source_needs_numpy_only(tmp_path):
    (tmp_path / "corrected.py").write_text(CASES["periodic"][0].source())
    code = ("import sys, corrected; sys.exit(any(m.split('.')[0] in ('scipy', 'trueup') "
            "for m in sys.modules))")  # fmt: skip
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path).returncode == 0


def test_the_source_says_what_was_missing():
    found = Corrected(decay, polynomials(("x",), degree=2).only(["x^2"]), [[-0.5]])
    assert "x' += -0.5 x^2" in found.source()
    assert "found[:, 0] += -0.5 * x * x" in found.source()


def test_states_of_another_mesh_are_refused_by_the_source():
    library = products(Mesh((0.1,), points=(32,))).only(["u u_x"])
    alone: dict = {}
    exec(Corrected(decay, library, [[1.0]]).source(), alone)
    with pytest.raises(ValueError, match=r"the mesh has \(32,\) points, the state \(16,\)"):
        alone["tendency"](np.zeros(16))


def test_functions_of_the_user_cannot_be_written():
    library = functions({"sin(x)": lambda s: np.sin(s[:, 0])}, components=("x",))
    with pytest.raises(UsageError, match=r"source: the term 'sin\(x\)' is a function of yours"):
        Corrected(decay, library, [[1.0]]).source()
