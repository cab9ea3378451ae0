"""Model collapse: data of the last model replace the old ones, or are added to them.

A model is fitted on T real rows; it labels T rows, from which the next model is fitted, and so on.
*Linear*, least squares in d normal features, noise sigma, w the true weights, G = X'X:

* Replaced: w_n = w_{n-1} + G_n^-1 X_n' e_n. The steps are independent, E tr G^-1 = d / (T - d - 1)
  by the mean of an inverse Wishart matrix, and so the error is n times that of the first model.
* Added, with A_n = G_1 + .. + G_n: A_n w_n = A_{n-1} w_{n-1} + G_n w_{n-1} + X_n' e_n, so that
  w_n = w_{n-1} + A_n^-1 X_n' e_n. Again steps are independent, each of sigma^2 E tr A_n^-1 G_n
  A_n^-1. Where all rows stay the same, A_n = n G and a step has 1 / n^2 of the first: the sum is
  below pi^2 / 6. Where rows are new, the n terms G_i of A_n are alike, and the mean is that of
  tr A_n^-1 / n, hence d / (n (n T - d - 1)): less still.

*Nonlinear*: the same with a small network that learns a wave; a normal law drawn from the last one;
a kernel density drawn from the last one, with a bandwidth that stays or that follows the rows.
"""

from __future__ import annotations

import numpy as np
from scipy.special import digamma
from sklearn.neural_network import MLPRegressor

from reproductions.ledger import Claim, Reproduction
from trueup.core import Estimate, Evidence, Points
from trueup.core.proof import Proof, prove
from trueup.error import rmse


REPRODUCTION = Reproduction(
    mission=126,
    system="Model collapse",
    question="error",
    paper="Gerstgrasser, Schaeffer, Dey et al. 2024, Is Model Collapse Inevitable? Breaking the "
    "Curse of Recursion by Accumulating Real and Synthetic Data, 2404.01413",
    claims=(
        Claim("linear, replaced: error of generation 50 over that of theory", "between 0.97 1.03"),
        Claim("linear, replaced: exponent of its growth with generations", "between 0.95 1.05"),
        Claim("linear, added, the same rows: error of generation 50 over that of theory",
              "between 0.97 1.03"),
        Claim("linear, added, the same rows: error of generation 50 over that of the first, "
              "below pi^2 / 6", "< 1.6449"),
        Claim("linear, added, new rows: error of generation 50 over that of theory",
              "between 0.97 1.03"),
        Claim("linear, added, new rows: error of generation 50 over that of the first",
              "< 1.6449"),
        Claim("network, replaced: doublings of the squared error in 12 generations", "> 1"),
        Claim("network, added: the same, below those of the linear bound", "< 0.718"),
        Claim("network: error of generation 12 with data added, less with data replaced", "< 0"),
        Claim("normal law, replaced: fall of the log variance a generation over that of theory",
              "between 0.95 1.05"),
        Claim("normal law, added: log variance of generation 50 less that of the first",
              "between -0.1 0.1"),
        Claim("kernel density, replaced: variance gained in 50 generations over that of theory",
              "between 0.95 1.05"),
        Claim("kernel density, added: the same", "between 0.95 1.05"),
        Claim("kernel density, added, the same bandwidth: it has stopped gaining: gain from "
              "generation 25 to 50 over the squared bandwidth", "< 0.1"),
        Claim("kernel density, added, a bandwidth that follows the rows: gain over its bound",
              "< 1"),
    ),
    differs="the linear theory is exact; the network, the normal law and the kernel density stand "
    "for language models, diffusion and autoencoders",
    seeds=20,
)  # fmt: skip

GENERATIONS = 50


def run(scale: str = "small", seed: int = 0) -> list[Estimate | Proof]:
    """The numbers of the claims, in order."""
    rng, small = np.random.default_rng(seed), scale == "small"
    worlds, few = (2000, 400) if small else (40, 40)
    errors = {how: linear(how, worlds, rng) for how in ("replaced", "same rows", "new rows")}
    theory = {how: collapse_error(how) for how in errors}
    last = {how: errors[how][-1] / theory[how][-1] for how in errors}
    grown = {how: errors[how][-1] / theory[how][0] for how in errors}
    numbers = [
        last["replaced"], exponent(errors["replaced"]),
        last["same rows"], grown["same rows"], last["new rows"], grown["new rows"],
    ]  # fmt: skip
    return [
        *map(Estimate, map(float, numbers)),
        *network(12 if small else 3, rng, seed),
        *map(Estimate, map(float, [*normal_law(few, rng), *kernel_density(few, rng)])),
    ]


def collapse_error(how: str, *, d: int = 10, rows: int = 50, sigma: float = 1.0) -> np.ndarray:
    """Expected squared error of the weights in generations 1 to 50, exactly."""
    n = np.arange(1, GENERATIONS + 1)
    first = sigma**2 * d / (rows - d - 1)
    if how == "replaced":
        return first * n
    steps = first / n**2 if how == "same rows" else sigma**2 * d / (n * (n * rows - d - 1))
    return np.cumsum(steps)


def linear(how: str, worlds: int, rng, *, d: int = 10, rows: int = 50) -> np.ndarray:
    """Mean squared error of the weights in each generation, over worlds; the truth is 0."""
    w, errors = np.zeros((worlds, d)), []
    x = rng.normal(size=(worlds, rows, d))
    gram = total = np.swapaxes(x, 1, 2) @ x
    moments = np.zeros((worlds, d))
    for n in range(GENERATIONS):
        if n and how != "same rows":
            x = rng.normal(size=(worlds, rows, d))
            gram = np.swapaxes(x, 1, 2) @ x
        y = np.einsum("wtd,wd->wt", x, w) + rng.normal(size=(worlds, rows))
        now = np.einsum("wtd,wt->wd", x, y)
        moments = now if how == "replaced" else moments + now
        total = gram if how == "replaced" or not n else total + gram
        w = np.linalg.solve(total, moments[:, :, None])[:, :, 0]
        errors.append((w**2).sum(axis=1).mean())
    return np.array(errors)


def exponent(errors: np.ndarray) -> float:
    """Slope of the log error in the log generation."""
    return float(np.polyfit(np.log(np.arange(1, len(errors) + 1)), np.log(errors), 1)[0])


def network(generations: int, rng, seed: int, *, chains: int = 3) -> list[Estimate | Proof]:
    """Doublings of the squared error, and the two last networks of a chain side by side."""
    at = np.linspace(-1.0, 1.0, 400)
    truth = np.sin(2 * np.pi * at)
    said = [
        [waves(added, generations, rng, seed, at) for _ in range(chains)]
        for added in (False, True)
    ]  # fmt: skip
    errors = ((np.array(said) - truth) ** 2).mean(axis=(1, 3))
    doublings = np.log2(errors[:, -1] / errors[:, 0])
    on = Evidence(Points(said[0][0][-1]), truth)
    gain = prove(None, Points(said[1][0][-1]), on=on, score=rmse)
    return [*map(Estimate, map(float, doublings)), gain]


def waves(added: bool, generations: int, rng, seed: int, at: np.ndarray) -> list[np.ndarray]:
    """What every generation of networks says at places ``at``."""
    said, net = [], None
    inputs, targets = np.zeros(0), np.zeros(0)
    for generation in range(generations):
        x = rng.uniform(-1, 1, 100)
        mean = np.sin(2 * np.pi * x) if net is None else net.predict(x[:, None])
        y = mean + rng.normal(size=100) * 0.3
        inputs, targets = (np.append(inputs, x), np.append(targets, y)) if added else (x, y)
        net = MLPRegressor(hidden_layer_sizes=(16,), activation="tanh", solver="lbfgs", alpha=1e-2,
                           max_iter=2000, random_state=seed * 100 + generation)  # fmt: skip
        said.append(net.fit(inputs[:, None], targets).predict(at[:, None]))
    return said


def normal_law(worlds: int, rng, *, rows: int = 20) -> tuple[float, float]:
    """Fall of the log variance with data replaced, over theory; its change with data added.

    A variance of T draws is sigma^2 chi^2 / (T - 1): its log falls by log((T - 1) / 2) less
    digamma((T - 1) / 2) a generation on average.
    """
    logs = {}
    for added in (False, True):
        data, log = rng.normal(size=(worlds, rows)), []
        for _ in range(GENERATIONS):
            mean, sd = data.mean(axis=1, keepdims=True), data.std(axis=1, ddof=1, keepdims=True)
            log.append(2 * np.log(sd).mean())
            new = mean + sd * rng.normal(size=(worlds, rows))
            data = np.concatenate([data, new], axis=1) if added else new
        logs[added] = np.array(log)
    fall = digamma((rows - 1) / 2) - np.log((rows - 1) / 2)
    replaced, kept = (logs[added][-1] - logs[added][0] for added in (False, True))
    return replaced / (GENERATIONS - 1) / fall, kept


def kernel_density(worlds: int, rng) -> list[float]:
    """Variance gained: over theory, over half of the generations, and over its bound."""
    replaced, added = (densities(worlds, rng, added=a, follows=False) for a in (False, True))
    follows = densities(worlds, rng, added=True, follows=True)
    theory = [expected(added=a)[-1] - expected(added=a)[0] for a in (False, True)]
    # The sum of n^-.4 / (n + 1): a million terms, and the integral of the rest.
    n = np.arange(1, 1_000_001)
    bound = (n**-0.4 / (n + 1)).sum() + n[-1] ** -0.4 / 0.4
    return [
        (replaced[-1] - replaced[0]) / theory[0], (added[-1] - added[0]) / theory[1],
        added[-1] - added[GENERATIONS // 2 - 1], (follows[-1] - follows[0]) / bound,
    ]  # fmt: skip


def expected(*, added: bool, rows: int = 100) -> np.ndarray:
    """Expected variance of the data over the squared bandwidth, by generation.

    A row drawn has the variance b of the rows at hand and that of the kernel. Of n T rows, T new
    ones make b + 1 / (n + 1), less what their mean moves: (b + 1) / ((n + 1)^2 T).
    """
    b, found = (1 - 1 / rows) / (0.9 * rows**-0.2) ** 2, []
    for n in range(1, GENERATIONS + 1):
        found.append(b * n * rows / (n * rows - 1) if added else b * rows / (rows - 1))
        if added:
            b += 1 / (n + 1) - (b + 1) / ((n + 1) ** 2 * rows)
        else:
            b = (b + 1) * (1 - 1 / rows)
    return np.array(found)


def densities(worlds: int, rng, *, added: bool, follows: bool, rows: int = 100) -> np.ndarray:
    """Variance of the data of each generation over the squared first bandwidth, mean of worlds."""
    data, found, first = rng.normal(size=(worlds, rows)), [], 0.9 * rows**-0.2
    for _ in range(GENERATIONS):
        found.append(data.var(axis=1, ddof=1).mean() / first**2)
        wide = 0.9 * data.shape[1] ** -0.2 if follows else first
        chosen = np.take_along_axis(data, rng.integers(data.shape[1], size=(worlds, rows)), axis=1)
        new = chosen + wide * rng.normal(size=(worlds, rows))
        data = np.concatenate([data, new], axis=1) if added else new
    return np.array(found)
