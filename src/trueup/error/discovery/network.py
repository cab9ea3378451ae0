"""A plain tanh network as an interpolator: what Fourier features are compared with."""

from __future__ import annotations

import importlib
import importlib.util
from itertools import pairwise
from typing import Any

import numpy as np

from trueup.core.errors import MissingPackage


WIDTH = 100
DEPTH = 4
STEPS = 1_000
RATE = 1e-2


def network(values, places, points, periods, seed: int) -> np.ndarray:
    """Values (states, points) of one network from places to all states, trained by Adam.

    Coordinates are brought to [-1, 1], ends of periods do not meet. Such networks learn long waves
    first and short ones hardly ever (Rahaman et al. 2019, ICML): it is here to be compared with.
    """
    if importlib.util.find_spec("torch") is None:
        raise MissingPackage("interpolate", "torch is not here", do="pip install 'trueup[torch]'")
    torch: Any = importlib.import_module("torch")
    low, high = points.min(axis=0), points.max(axis=0)

    def scaled(where: np.ndarray):
        return torch.as_tensor(2 * (where - low) / (high - low) - 1, dtype=torch.float32)

    x, y = scaled(places), torch.as_tensor(values.T.copy(), dtype=torch.float32)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        sizes = [x.shape[1], *[WIDTH] * DEPTH, y.shape[1]]
        layers: list[Any] = []
        for wide, narrow in pairwise(sizes):
            layers += [torch.nn.Linear(wide, narrow), torch.nn.Tanh()]
        net = torch.nn.Sequential(*layers[:-1])
        steps = torch.optim.Adam(net.parameters(), RATE)
        falling = torch.optim.lr_scheduler.CosineAnnealingLR(steps, STEPS)
        for _ in range(STEPS):
            loss = ((net(x) - y) ** 2).mean()
            steps.zero_grad()
            loss.backward()
            steps.step()
            falling.step()
    with torch.no_grad():
        return net(scaled(points)).double().numpy().T
