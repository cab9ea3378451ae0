"""What does it cost to find what a simulator is missing, and how far off is what is found?"""

from __future__ import annotations

from bench import main, write
from beside import Beside


LIMIT = 300
"""Seconds on the clock after which a system is stopped."""

TASKS = {
    "ks": "Kuramoto-Sivashinsky, 100 samples of 3 states, 24 terms",
    "ks_noise": "the same with 1 % noise",
    "many": "the same without noise, 1e7 rows in single precision",
    "lorenz": "Lorenz-63, 5,000 states .002 apart, 5 % noise, 8 draws",
}
TARGETS = {"ks": [("cpu", 0.5)], "many": [("rss", 1024.0)]}
PEERS = {"pysindy": ("pysindy", "pysindy")}
HAVE = {"pysindy": "ks ks_noise lorenz", "plain": ""}
NOTES = (
    "One thread; CPU seconds of the call. error: |c - c_true| / |c_true| over the coefficients of "
    "the equation, of several draws of noise the median and the mean; terms: how many were found, "
    "at most. Memory is the rise of the peak during the first "
    "call; its target is the peak of the whole process, imports and data included.",
    "trueup: of Kuramoto-Sivashinsky the model lacks u u_x and is CNAB2 with steps of .005; of "
    "Lorenz-63 it stands still, so that all seven terms are missing, windows of 40 intervals. "
    "Every coefficient comes with its interval.",
    "pysindy: of Kuramoto-Sivashinsky u_t by central differences, spectral derivatives, STLSQ "
    "thresholded at .1; it knows no model, so all three terms must be found. Of Lorenz-63 the weak "
    "form, 500 domains, STLSQ thresholded at .2.",
)


def measure() -> None:
    """Measure and write."""
    limits = dict.fromkeys(TASKS, float(LIMIT))
    rows = Beside("discovery", TASKS, PEERS, HAVE, TARGETS, limits).rows()
    write("discovery", "Discovery beside peers", rows, notes=NOTES, layout="systems")


if __name__ == "__main__":
    main(measure)
