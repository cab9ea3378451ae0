"""The largest Lyapunov exponent of a simulator, from pairs of runs that are pulled together."""

from __future__ import annotations

import numpy as np


def largest_exponent(system, states, *, dt: float, steps: int, times: int, tiny: float = 1e-7):
    """(mean, standard error) over members of the growth of small differences, a unit of time.

    After every ``steps`` steps the second run of each pair is put back to the distance ``tiny``;
    the first tenth of ``times`` is left out.
    """
    members = len(states)
    axes = tuple(range(1, states.ndim))
    rng = np.random.default_rng(0)
    off = rng.normal(size=states.shape)
    off -= off.mean(axis=axes, keepdims=True)
    rates = []
    for _ in range(times):
        off *= tiny / np.sqrt((off**2).sum(axis=axes, keepdims=True))
        march = system.march(np.concatenate((states, states + off)), dt)
        march.advance(steps)
        both = march.state()
        states, off = both[:members], both[members:] - both[:members]
        rates.append(np.log(np.sqrt((off**2).sum(axis=axes)) / tiny) / (steps * dt))
    found = np.mean(rates[times // 10 :], axis=0)
    return found.mean(), found.std(ddof=1) / np.sqrt(members)
