"""The floor: each task as a short NumPy and SciPy script without checks: ``... TASK FOLDER``."""

from __future__ import annotations

import numpy as np
from calibration_task import Task, log_loss, run
from scipy.fft import dct
from scipy.optimize import isotonic_regression, minimize
from scipy.special import expit, log_softmax


BINS, FINE, RESAMPLES, TINY = 15, 2_000, 1_000, 1e-12


def bins_of(p: np.ndarray, count: int = BINS) -> np.ndarray:
    """Equal-width bin of every probability."""
    return np.minimum((p * count).astype(np.int64), count - 1)


def gaps(p, happened, bins=None, count: int = BINS) -> np.ndarray:
    """Sum of outcome minus score in every bin."""
    return np.bincount(bins_of(p) if bins is None else bins, happened - p, minlength=count)


def ece(p, y) -> float:
    """ECE of an event."""
    return np.abs(gaps(p, y)).sum() / len(p)


def top(p, y) -> float:
    """ECE of the class that wins."""
    winner = p.argmax(axis=1)
    confidence = p[np.arange(len(p)), winner].astype(np.float64)
    return ece(confidence, winner == y)


def interval(p, y) -> tuple[float, float]:
    """Percentile interval of the ECE: rows resampled through the sums of their bins."""
    bins, rng = bins_of(p), np.random.default_rng(0)
    n = np.bincount(bins, minlength=BINS)
    said, came = (np.bincount(bins, v, minlength=BINS) for v in (p, y))
    counts = rng.multinomial(len(p), n / len(p), size=RESAMPLES)
    share = np.divide(came, n, out=np.zeros(BINS), where=n > 0)
    drawn = rng.binomial(counts, share)
    values = np.abs(drawn - counts * said / np.maximum(n, 1)).sum(axis=1) / len(p)
    return tuple(np.quantile(values, [0.025, 0.975]))


def smooth(p, y) -> float:
    """Smooth ECE: residuals smoothed by a reflected Gaussian whose width is the error itself."""
    waves = dct(gaps(p, y, bins_of(p, FINE), FINE) / len(p))
    steps = np.arange(FINE) * np.pi

    def error(width: float) -> float:
        return np.abs(dct(waves * np.exp(-((steps * width) ** 2) / 2), type=3)).sum() / (2 * FINE)

    low, high = 0.0, 1.0
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if error(middle) > middle else (low, middle)
    return error(high)


def corp(p, y) -> dict[str, float]:
    """Brier score taken apart through isotonic regression, ties pooled."""
    order = np.argsort(p)
    p, y = p[order], y[order]
    starts = np.r_[0, np.flatnonzero(np.diff(p)) + 1]
    n = np.diff(np.r_[starts, len(p)])
    fitted = isotonic_regression(np.add.reduceat(y, starts) / n, weights=n).x.repeat(n)
    base, best = y.mean(), ((fitted - y) ** 2).mean()
    unc = base * (1 - base)
    return {"MCB": ((p - y) ** 2).mean() - best, "DSC": unc - best, "UNC": unc}


def classwise(p, y) -> float:
    """ECE of every class against the rest, averaged."""
    total = 0.0
    for j in range(p.shape[1]):
        total += ece(p[:, j].astype(np.float64), y == j)
    return total / p.shape[1]


def temperature_event(p, y) -> float:
    """Newton on the inverse temperature of log-odds."""
    x, beta = np.log(p) - np.log1p(-p), 1.0
    for _ in range(50):
        q = expit(beta * x)
        step = ((q - y) @ x) / ((q * (1 - q)) @ x**2)
        beta -= step
        if abs(step) < 1e-10:
            return 1 / beta
    return np.nan


def temperature(p, y) -> float:
    """Newton on the inverse temperature, halved where it overshoots."""
    z = np.log(np.maximum(p, TINY).astype(np.float64))
    truth, beta = z[np.arange(len(y)), y].mean(), 1.0
    for _ in range(50):
        e = np.exp(beta * z)
        total = e.sum(axis=1)
        mean = np.einsum("nk,nk->n", e, z) / total
        square = np.einsum("nk,nk,nk->n", e, z, z) / total
        step = (mean.mean() - truth) / (square - mean**2).mean()
        while step >= beta:
            step /= 2
        beta -= step
        if abs(step) < 1e-10 * beta:
            return 1 / beta
    return np.nan


def logistic(features: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Coefficients of a logistic regression by Newton from 0."""
    theta = np.zeros(features.shape[1])
    for _ in range(50):
        q = expit(features @ theta)
        curvature = (features * (q * (1 - q))[:, None]).T @ features
        step = np.linalg.solve(curvature, features.T @ (q - y))
        theta -= step
        if np.abs(step).max() < 1e-9:
            break
    return theta


def odds(p) -> np.ndarray:
    """Log-odds."""
    return np.log(p) - np.log1p(-p)


def platt(p, y) -> np.ndarray:
    """A line in log-odds on Platt's softened targets."""
    ones = y.sum()
    soft = np.where(y == 1, (ones + 1) / (ones + 2), 1 / (len(y) - ones + 2))
    return logistic(line(p), soft)


def beta_features(p) -> np.ndarray:
    """Columns of beta calibration."""
    return np.column_stack([np.log(p), -np.log1p(-p), np.ones(len(p))])


def quadratic_features(p) -> np.ndarray:
    """Columns of a parabola in log-odds."""
    x = odds(p)
    return np.column_stack([np.ones(len(p)), x, x**2])


def scaling(p, y, *, penalty: bool = False, matrix: bool = False):
    """Scales and shifts, or a matrix, by L-BFGS; with the penalties of structured scaling."""
    k, n = p.shape[1], len(p)
    cool = temperature(p, y) if penalty else 1.0
    z, rows = np.log(np.maximum(p, TINY)) / cool, np.arange(n)
    shape = (k + 1, k) if matrix else (2, k)
    centre, weight = np.zeros(shape), np.zeros(shape)
    centre[:k] += np.eye(k) if matrix else 0.0
    centre[0] += 0.0 if matrix else 1.0
    if penalty:
        weight[:] = k / n
        if matrix:
            weight[:k][~np.eye(k, dtype=bool)] = k * (k - 1) / n

    def loss(flat):
        theta = flat.reshape(shape)
        said = log_softmax(z @ theta[:k] + theta[k] if matrix else z * theta[0] + theta[1], axis=1)
        residual = np.exp(said)
        residual[rows, y] -= 1.0
        slope = np.empty(shape)
        slope[:-1] = z.T @ residual if matrix else (residual * z).sum(axis=0)
        slope[-1] = residual.sum(axis=0)
        away = theta - centre
        value = -said[rows, y].mean() + (weight * away**2).sum()
        return value, (slope / n + 2 * weight * away).ravel()

    found = minimize(loss, centre.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    theta = found.x.reshape(shape)

    def apply(q):
        x = np.log(np.maximum(q, TINY)) / cool
        x = x @ theta[:k] + theta[k] if matrix else x * theta[0] + theta[1]
        return np.exp(log_softmax(x, axis=1))

    return apply


def isotonic(p, y) -> tuple[np.ndarray, np.ndarray]:
    """Scores in rising order and their fitted shares."""
    order = np.argsort(p)
    return order, isotonic_regression(y[order].astype(np.float64))


def isotonic_classes(p, y) -> list:
    """The same for every class against the rest."""
    return [isotonic(p[:, j], y == j) for j in range(p.shape[1])]


def venn_abers(p, y, new, _) -> np.ndarray:
    """Isotonic fits with the new row taken as one that happens and as one that does not, merged."""
    x, inverse = np.unique(p, return_inverse=True)
    n = np.bincount(inverse)
    came = np.bincount(inverse, y)
    ones = np.r_[with_a_one(n, came), 1.0]  # at the least score that is not below
    zeros = np.r_[0.0, 1.0 - with_a_one(n[::-1], (n - came)[::-1])[::-1]]  # the greatest not above
    high, low = ones[np.searchsorted(x, new)], zeros[np.searchsorted(x, new, side="right")]
    return high / (1 - low + high)


def with_a_one(n: np.ndarray, came: np.ndarray) -> np.ndarray:
    """Fit at each score if one more row with that score happened (Vovk et al. 2015, section 3).

    The least slopes of the sums, in which the step of the new row moves up one score at a time.
    """
    xs = np.r_[-1, 0, np.cumsum(n)].tolist()
    ys = np.r_[-1, 0, np.cumsum(came)].tolist()
    points, stack = list(zip(xs, ys, strict=True)), []
    for point in points:
        while len(stack) > 1 and turn(stack[-2], stack[-1], point) <= 0:
            stack.pop()
        stack.append(point)
    stack.reverse()
    fits = []
    for i in range(2, len(points)):
        a, b = stack[-1], stack[-2]
        fits.append((b[1] - a[1]) / (b[0] - a[0]))
        (u, v), (x0, y0), (x1, y1) = points[i - 2 : i + 1]
        moved = points[i - 1] = (u + x1 - x0, v + y1 - y0)
        if turn(a, b, moved) < 0:
            stack.pop()
            while len(stack) > 1 and turn(moved, stack[-1], stack[-2]) <= 0:
                stack.pop()
            stack.append(moved)
    return np.array(fits)


def turn(a, b, c) -> float:
    """Above 0 where a, b, c turn left."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def number(name: str):
    """A judge of a result that is one number."""
    return lambda result, *_: {name: float(result)}


def corrected(features):
    """A judge of coefficients: the log loss of what they make of the scores."""
    return lambda theta, p, y: {"log loss": log_loss(expit(features(p) @ theta), y)}


def rescaled(apply, p, y, new, then) -> dict[str, float]:
    """Log loss after a map of classes, on its rows and on new ones."""
    return {"log loss": log_loss(apply(p), y), "log loss, new rows": log_loss(apply(new), then)}


def stepped(result, p, y) -> dict[str, float]:
    """Log loss and steps of an isotonic fit; shares of 0 and 1 are cut as logarithms are."""
    order, fit = result
    after = log_loss(fit.x, y[order])
    return {"log loss": after, "steps": float(len(fit.blocks) - 1)}


def stepped_classes(results, p, y) -> dict[str, float]:
    """Log loss of isotonic fits of the classes, brought to sum to one."""
    q = np.empty(p.shape)
    for j, (order, fit) in enumerate(results):
        q[order, j] = fit.x
    return {"log loss": log_loss(q / q.sum(axis=1, keepdims=True), y)}


def line(p):
    """Columns of Platt scaling."""
    return np.column_stack([np.ones(len(p)), odds(p)])


TASKS = {
    "ece": Task(ece, number("ECE")),
    "ece_interval": Task(interval, lambda ends, *_: {"low": ends[0], "high": ends[1]}),
    "smooth_ece": Task(smooth, number("smECE")),
    "corp": Task(corp, lambda found, *_: {k: float(v) for k, v in found.items()}),
    "ece_top": Task(top, number("ECE")),
    "classwise": Task(classwise, number("classwise ECE")),
    "temperature_event": Task(temperature_event, number("T")),
    "temperature": Task(temperature, number("T")),
    "temperature_double": Task(temperature, number("T")),
    "platt": Task(platt, corrected(line)),
    "beta": Task(lambda p, y: logistic(beta_features(p), y), corrected(beta_features)),
    "quadratic": Task(
        lambda p, y: logistic(quadratic_features(p), y), corrected(quadratic_features)
    ),
    "vector": Task(lambda p, y, *_: scaling(p, y), rescaled),
    "svs": Task(lambda p, y, *_: scaling(p, y, penalty=True), rescaled),
    "sms": Task(lambda p, y, *_: scaling(p, y, penalty=True, matrix=True), rescaled),
    "isotonic": Task(isotonic, stepped),
    "isotonic_classes": Task(isotonic_classes, stepped_classes),
    "venn_abers": Task(
        venn_abers, lambda q, p, y, new, then: {"log loss, new rows": log_loss(q, then)}
    ),
}


if __name__ == "__main__":
    run(TASKS)
