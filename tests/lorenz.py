"""Twin experiments with the model of Lorenz 1996, and exact filters of linear ones."""

from __future__ import annotations

import numpy as np

from trueup.worlds.simulators import Lorenz96


step = Lorenz96().step


def twins(experiments: int, times: int, members: int, *, seed: int = 0, every: int = 1):
    """Ensembles (e, n, 40) at the start, truths (t, e, 40) and observations with an error of 1."""
    rng = np.random.default_rng(seed)
    x = 8 + rng.normal(size=(experiments, 40))
    for _ in range(400):
        x = step(x, 0.05)
    ensemble = x[:, None] + 0.3 * rng.normal(size=(experiments, members, 40))
    truth = np.empty((times, experiments, 40))
    for k in range(times):
        for _ in range(every):
            x = step(x, 0.05)
        truth[k] = x
    return ensemble, truth, truth + rng.normal(size=truth.shape)


def kalman(mean, P, H, R, y):
    """Mean and covariance after an observation."""
    K = P @ H.T @ np.linalg.inv(H @ P @ H.T + R)
    return mean + K @ (y - H @ mean), P - K @ H @ P


def kalman_filter(mean, P, M, H, R, ys):
    """Lists of forecast and analysis (mean, P) of a linear model without noise."""
    forecasts, analyses = [], []
    for y in ys:
        mean, P = M @ mean, M @ P @ M.T
        forecasts.append((mean, P))
        mean, P = kalman(mean, P, H, R, y)
        analyses.append((mean, P))
    return forecasts, analyses


def rauch_tung_striebel(forecasts, analyses, M):
    """Smoothed (mean, P) of every time."""
    made = [analyses[-1]]
    for (ma, Pa), (mf, Pf) in zip(analyses[-2::-1], forecasts[:0:-1], strict=True):
        G = Pa @ M.T @ np.linalg.pinv(Pf, rcond=1e-10)
        m, P = made[0]
        made.insert(0, (ma + G @ (m - mf), Pa + G @ (P - Pf) @ G.T))
    return made


def linear(times=12, seed=0):
    """Model (4, 4), operator (2, 4), error (2, 2), members (7, 4) and observations (t, 2)."""
    rng = np.random.default_rng(seed)
    M = np.linalg.qr(rng.normal(size=(4, 4)))[0] * 1.05
    H, E, ys = (rng.normal(size=shape) for shape in ((2, 4), (7, 4), (times, 2)))
    return M, H, np.diag([0.5, 1.5]), E, ys
