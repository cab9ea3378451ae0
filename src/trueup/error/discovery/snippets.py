"""Pieces of the source that ``Corrected.source`` writes."""

HEAD = '''
"""A simulator with what it missed. Written by trueup; needs NumPy only.

{words}

A state is an array ({shape}); of one component it may be left out. Any
axes in front count members of a batch.
"""

import numpy as np

COMPONENTS = {components}
SUBSTEPS = {substeps}  # steps of the missing terms within half a step of the model
'''

BODY = '''
def tendency(state):
    """The rate of change that the model misses, like ``state``."""
    state = np.asarray(state, dtype=np.float64)
    return _all(_parted(state)).reshape(state.shape)


def step(model_step, state, dt):
    """The state a time ``dt`` later; ``model_step(state, dt)`` is the model's own step."""
    return _half(np.asarray(model_step(_half(state, dt), dt)), dt)


def _half(state, dt):
    now = _parted(state.astype(np.float64))
    for _ in range(SUBSTEPS):
        now = _flow(now, dt / 2 / SUBSTEPS)
    return now.reshape(state.shape).astype(state.dtype)


def _parted(state):
    return state.reshape(-1, COMPONENTS, *state.shape[state.ndim - DIMENSIONS :])


def _runge_kutta(rate, states, dt, carried):
    first = rate(states)
    middle = carried(states)
    second = rate(middle + dt / 2 * carried(first))
    third = rate(middle + dt / 2 * second)
    end = carried(middle)
    last = rate(end + dt * carried(third))
    return end + dt / 6 * (carried(carried(first)) + 2 * carried(second + third) + last)
'''

PLAIN = """
def _flow(states, dt):
    return _runge_kutta(_all, states, dt, lambda s: s)
"""

WAVES = '''
def _flow(states, dt):
    """Linear terms wave by wave, the rest by Runge-Kutta in the frame that moves with them."""
    if not LINEAR:
        return _runge_kutta(_all, states, dt, lambda s: s)
    space = states.shape[2:]
    axes = tuple(range(-DIMENSIONS, 0))
    symbol = _symbol(space)
    # Waves that the terms would blow up within a step, or that were never seen to grow, are left
    # to the model alone.
    growth = symbol.real * dt * 2 * SUBSTEPS
    tame = (growth > 1.0) | ((_lengths(space) > CUTOFF) & (growth > 0))
    half = np.exp(np.where(tame, 0.0, symbol) * dt / 2)

    def carried(s):
        return np.fft.irfftn(half * np.fft.rfftn(s, axes=axes), s=space, axes=axes)

    return _runge_kutta(_rest, states, dt, carried)


def _waves(space):
    waves = []
    for place, n in enumerate(space):
        make = np.fft.rfftfreq if place == len(space) - 1 else np.fft.fftfreq
        waves.append(2 * np.pi * make(n, SPACING[place]))
    return np.meshgrid(*waves, indexing="ij", sparse=True)


def _lengths(space):
    return np.sqrt(sum(k**2 for k in _waves(space)))


def _symbol(space):
    waves = _waves(space)
    found = np.zeros((COMPONENTS, *np.broadcast_shapes(*(w.shape for w in waves))), complex)
    for component, orders, coefficient in LINEAR:
        rate = coefficient
        for k, order in zip(waves, orders):
            rate = rate * (1j * k) ** order
        found[component] += rate
    return found
'''

DERIVATIVES = '''
def derivative(field, orders):
    """The derivative of ``field`` (n, *mesh), ``orders`` times along each dimension."""
    if POINTS and field.shape[1:] != POINTS:
        raise ValueError(f"the mesh has {POINTS} points, the state {field.shape[1:]}")
    for place, order in enumerate(orders):
        axis = place - DIMENSIONS
        if order and SPECTRAL and PERIODIC[place]:
            field = _by_waves(field, order, axis, SPACING[place])
        elif order:
            field = _by_differences(field, order, axis, PERIODIC[place]) / SPACING[place] ** order
    return field


def _by_waves(field, order, axis, spacing):
    n = field.shape[axis]
    symbol = (2j * np.pi * np.fft.rfftfreq(n, spacing)) ** order
    if n % 2 == 0 and order % 2:
        symbol[-1] = 0  # an odd derivative of the fastest wave is not on the mesh
    modes = np.fft.rfft(field, axis=axis) * symbol.reshape(-1, *[1] * (-axis - 1))
    return np.fft.irfft(modes, n=n, axis=axis)


def _by_differences(field, order, axis, periodic):
    moved = np.moveaxis(field, axis, 0)
    n = len(moved)
    half = (order + 1) // 2 - 1 + ACCURACY // 2
    at = np.arange(n)[:, None] + np.arange(-half, half + 2)
    weights = np.zeros(at.shape)
    for i in range(n):
        inner = periodic or half <= i < n - half
        if not inner:  # one more point at an end makes up for being one-sided
            at[i] += min(max(i - half, 0), n - 2 * half - 2) - at[i, 0]
        wide = 2 * half + (1 if inner else 2)
        weights[i, :wide] = _weights(at[i, :wide] - i, order)
    found = np.zeros_like(moved)
    for j in range(at.shape[1]):
        column = weights[:, j].reshape(-1, *[1] * (moved.ndim - 1))
        found += column * moved[at[:, j] % n]
    return np.moveaxis(found, 0, axis)


def _weights(points, order):
    powers = np.vander(points.astype(float), increasing=True).T
    wanted = np.zeros(len(points))
    wanted[order] = np.prod(np.arange(1.0, order + 1))
    return np.linalg.solve(powers, wanted)
'''
