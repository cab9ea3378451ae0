"""Write the arrays of the calibration benchmark, whose truth is known: ``make_arrays.py``.

An event: 1e6 log-odds z ~ N(0, 1.5^2), it happens with probability sigmoid(z), the model says
sigmoid(2 z + 0.3). A hundred classes: 1e5 rows of logits ~ N(0, 1.5^2), the class is drawn from
their softmax, the model says the softmax of twice the logits in single precision, so the true
temperature is 2. Numbers: 1e6 forecasts f ~ N(0, 2^2) and the truth f + e, e normal of
spread exp(f / 8). NumPy's PCG64 is the same everywhere, so the arrays are, up to the last digit of
the exponential.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np


FOLDER = Path(
    os.environ.get("TRUEUP_BENCH") or Path(__file__).resolve().parents[1] / "build" / "bench"
)
ROWS, WIDE, CLASSES = 1_000_000, 100_000, 100


def event() -> dict[str, np.ndarray]:
    """Probabilities (n,) of an event and what happened."""
    rng = np.random.default_rng(0)
    z = rng.normal(0.0, 1.5, ROWS)
    happened = rng.random(ROWS) < 1 / (1 + np.exp(-z))
    return {"event_p": 1 / (1 + np.exp(-(2 * z + 0.3))), "event_y": happened.astype(np.int64)}


def classes() -> dict[str, np.ndarray]:
    """Probabilities (n, k) float32 of classes and the class that came, drawn with Gumbel noise."""
    rng = np.random.default_rng(1)
    logits = rng.normal(0.0, 1.5, (WIDE, CLASSES))
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    odds = np.exp(2 * (logits - logits.max(axis=1, keepdims=True)))
    said = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
    return {"classes_p": said, "classes_y": y.astype(np.int64)}


def numbers() -> dict[str, np.ndarray]:
    """Forecasts (n,) and what happened: the spread of the error grows with the forecast."""
    rng = np.random.default_rng(2)
    said = rng.normal(0.0, 2.0, ROWS)
    return {"numbers_f": said, "numbers_y": said + np.exp(said / 8) * rng.normal(size=ROWS)}


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, make in (("event", event), ("classes", classes), ("numbers", numbers)):
        if not (FOLDER / f"{name}_y.npy").exists():
            for file, array in make().items():
                np.save(FOLDER / f"{file}.npy", array)
        print(f"arrays of {name} are ready", flush=True)
