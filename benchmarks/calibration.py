"""What do calibration measures and fits cost and find, beside peers and beside plain scripts?"""

from __future__ import annotations

from bench import case, main, run, write
from beside import Beside


LIMITS = {"vector": 120}
"""Seconds on the clock after which a system is stopped: one of the peers would take hours."""

TASKS = {
    "ece": "ECE, 15 bins, event",
    "ece_interval": "95 % interval of the ECE, event",
    "smooth_ece": "smooth ECE, event",
    "corp": "CORP decomposition of the Brier score, event",
    "ece_top": "ECE of the top label, 15 bins, 100 classes",
    "classwise": "classwise ECE, 15 bins, 100 classes",
    "temperature_event": "temperature, event",
    "temperature": "temperature, 100 classes, float32",
    "temperature_double": "temperature, 100 classes, float64",
    "platt": "Platt scaling, event",
    "beta": "beta calibration, event",
    "quadratic": "quadratic logistic calibration, event",
    "vector": "vector scaling, 2e4 rows of 100 classes",
    "svs": "structured vector scaling (SVS), 2e4 rows of 100 classes",
    "sms": "structured matrix scaling (SMS), 2e4 rows of 100 classes",
    "isotonic": "isotonic regression, event",
    "isotonic_classes": "isotonic regression, each of 100 classes against the rest",
    "venn_abers": "Venn-ABERS, 1e5 rows and 1e5 new ones",
}
LEAST = {"ece": 0.05, "temperature": 0.3, "isotonic": 0.1}
TARGETS = {task: [*([("cpu", LEAST[task])] if task in LEAST else []), ("floor", 1.0)]
           for task in TASKS}  # fmt: skip
PEERS = {
    "netcal": ("torch", "torch", "netcal"),
    "torchmetrics": ("torch", "torch", "torchmetrics"),
    "scikit-learn": ("science", "sklearn"),
    "MAPIE": ("mapie", "mapie"),
    "probmetrics": ("probmetrics", "probmetrics"),
    "relplot": ("relplot", "others"),
    "model-diagnostics": ("science", "others"),
    "venn-abers": ("vennabers", "others"),
}
HAVE = {
    "netcal": (
        "ece ece_top temperature_event temperature temperature_double platt beta vector isotonic "
        "isotonic_classes"
    ),
    "torchmetrics": "ece ece_top",
    "scikit-learn": "ece temperature_event temperature temperature_double platt isotonic",
    "MAPIE": "ece ece_top classwise",
    "probmetrics": "temperature_event temperature temperature_double platt beta quadratic svs sms",
    "relplot": "smooth_ece",
    "model-diagnostics": "corp",
    "venn-abers": "venn_abers",
}
NOTES = (
    "One thread. Event: 1e6 rows, log-odds z ~ N(0, 1.5), the truth sigmoid(z), the model says "
    "sigmoid(2 z + 0.3). 100 classes: 1e5 rows in float32, the truth softmax(l), the model says "
    "softmax(2 l), so T = 2. Seconds are CPU seconds of the call alone, the least of up to five "
    "calls in one process; memory is the rise of the peak during the first call.",
    "trueup: the call from arrays, with the checks of `Probabilities` and `Evidence`, for a fit "
    "with the identity of every row that `prove` needs; measures come with their interval. "
    "'trueup, evidence ready' leaves out making the evidence.",
    "plain: a NumPy and SciPy script of a few lines, in `cases/calibration_plain.py`, without "
    "checks and without interval: the floor. Its target says that trueup's call from arrays takes "
    "no longer than it.",
    "Interval of the ECE: trueup's jackknife comes with the ECE; plain resamples the sums of the "
    "bins 1,000 times.",
    "CORP: trueup reads its terms off 1,083 bins of the cube, with intervals; the others sort all "
    "rows.",
    "netcal returns T = 1 for float32 without a word: its maximum likelihood takes finite "
    "differences in single precision. Its other fits by likelihood get float64 here.",
    "scikit-learn makes logits (-z, z) of log-odds z, so its temperature of an event is twice that "
    "of the others; its calibration curve has no weights, so it gives no ECE.",
    "MAPIE makes 14 bins when asked for 15; its top-label ECE is the mean over predicted classes.",
    "'new rows' are rows that the fit has not seen. Isotonic regression: trueup keeps its ends off "
    "0 and 1, so its log loss on the rows of the fit is above that of the others.",
)


def measure() -> None:
    """Measure and write."""
    run(case("../make_arrays"))
    rows = Beside("calibration", TASKS, PEERS, HAVE, TARGETS, LIMITS).rows()
    write("calibration", "Calibration beside peers", rows, notes=NOTES, layout="systems")


if __name__ == "__main__":
    main(measure)
