"""The glossary: every technical term of the report in one or two plain sentences.

`TERMS` holds the explanations; `ALIASES` the words that stand for them in running text; `MEASURES`
says how a measure is called, in which unit it is written and which term explains it.
"""

from __future__ import annotations

import re


TERMS = {
    "accuracy": "The share of rows where the class with the highest probability was the true one.",
    "adjusted p": (
        "A p-value made stricter because many comparisons were made at once (Holm's method), so "
        "that the chance of even one false alarm among them stays small."
    ),
    "auc": (
        "Area under the ROC curve: take one row where the event happened and one where it did "
        "not; this is how often the first got the higher probability. 0.5 is guessing, 1 is "
        "perfect."
    ),
    "base rate": "How often the event really happened, whatever the model said.",
    "brier": (
        "The squared distance between the stated probabilities and what happened, averaged over "
        "rows. 0 is perfect; lower is better."
    ),
    "calibration": (
        "A model is calibrated if its numbers can be taken at their word: of all rows where it "
        "says 80%, about 80% come true."
    ),
    "calibration error": (
        "How far stated confidence and observed frequency lie apart, averaged over rows, in "
        "percentage points (ECE, 15 bins). It is never exactly zero, even for a perfect model: "
        "compare it with its noise floor."
    ),
    "calibration gap": (
        "How much more often it happens here than the same stated probability means in the rest of "
        "the table. Negative: the model promises too much here; positive: too little."
    ),
    "calibration slope": (
        "How steeply outcomes follow the stated probabilities, on the log-odds scale. 1 is right, "
        "below 1 is over-confident, above 1 too timid."
    ),
    "calibration test": (
        "Asks whether a perfectly calibrated model could show gaps this large by luck. A small "
        "p-value says: hardly."
    ),
    "classwise": "The calibration error of each class on its own, averaged over the classes.",
    "confidence": "The probability that the model gives to its own answer.",
    "confidence gap": (
        "Average stated confidence minus the share that came true. Positive: too sure of itself."
    ),
    "consistency band": (
        "The grey area: where the points of a perfectly calibrated model would fall, most of "
        "the time, with this many rows. Points outside it are more than luck."
    ),
    "debiased": (
        "Calibration error with the part that luck alone would produce taken off. For a "
        "calibrated model it is close to zero."
    ),
    "bias": (
        "Average of what was forecast minus what happened, in the unit of the truth. 0 is right; "
        "above 0 the forecast says too much."
    ),
    "coverage": (
        "The share of truths inside the interval that was said to hold so many. Of 90% intervals, "
        "90% should hold the truth."
    ),
    "crossing": "Rows where a quantile at a higher level says less than one at a lower level.",
    "crps": (
        "Continuous ranked probability score: how far the stated law lies from what happened, in "
        "the unit of the truth. For a single number it is the absolute error. Lower is better."
    ),
    "Diebold-Mariano": (
        "A test of two forecasts of the same rows: could two that are equally good differ as much "
        "by luck? A small p-value says: hardly."
    ),
    "discrimination": "How well the model tells likely rows from unlikely ones. Higher is better.",
    "drift": "A change over time in what the model sees, says or gets right.",
    "error bar": (
        "The range in which the true value lies with the stated certainty, usually 95%. Rows "
        "that belong together are kept together when it is computed."
    ),
    "flagged": (
        "Too far off to be luck, even after allowing for the number of slices that were examined."
    ),
    "high": "Acting on these predictions without a fix is likely to cost you.",
    "interval score": (
        "The width of an interval, plus a fine for every truth outside it that grows with the "
        "distance. Lower is better; it pays to be as narrow as is honest."
    ),
    "inclusion": (
        "How often a term is worth having when the windows are drawn anew: near 100% for a term "
        "that is really missing, whatever the luck of the observations."
    ),
    "isotonic": (
        "The best never-falling curve through the outcomes. It needs no bins, so it shows the "
        "shape without depending on where bins were cut."
    ),
    "learned on": "The rows that the correction was fitted and chosen on.",
    "log loss": (
        "Average surprise: minus the logarithm of the probability that the model gave to what "
        "really happened. Confident mistakes cost most; lower is better."
    ),
    "low": "Worth knowing; unlikely to change a decision.",
    "mae": "Mean absolute error: how far the forecast is off on average, in the unit of the truth.",
    "medium": "Worth fixing; some decisions will be wrong because of it.",
    "miscalibration": (
        "The part of the loss that would vanish if the model's numbers were bent onto the "
        "observed frequencies."
    ),
    "nat": "The unit of log loss when natural logarithms are used. ln 2 = 0.69 nat is a coin toss.",
    "noise floor": (
        "The calibration error that a perfectly calibrated model would show on this many rows "
        "by luck."
    ),
    "outcome": (
        "Proven: better on rows it never saw, beyond luck. No improvement: not better there. "
        "Not enough evidence: too few rows to tell. Diverged or not finite: the fit failed and "
        "was thrown away."
    ),
    "p-value": (
        "How often pure luck would produce something at least this large. Below 0.05 is hard to "
        "blame on luck."
    ),
    "pinball loss": (
        "What a quantile costs: missing it costs more on the side that it should seldom miss. Half "
        "of the weighted interval score."
    ),
    "pit": (
        "Where the truth falls within the forecast, from 0 (below all that was stated) to 1. If "
        "the forecast is honest every place is as frequent as it says."
    ),
    "points": "Percentage points: from 80% to 93.7% is 13.7 points.",
    "proof": (
        "The correction compared with doing nothing on rows that were used neither for fitting "
        "nor for choosing it."
    ),
    "proven on": "The rows that the comparison was made on. The correction never saw them before.",
    "q-value": (
        "A p-value corrected for the number of slices examined: among slices with q below 0.05, "
        "about one in twenty is a false alarm (Benjamini and Hochberg)."
    ),
    "reference": "A simple forecast of the same truth that a good one should beat.",
    "rmse": (
        "Root mean squared error, in the unit of the truth: like the mean absolute error, but "
        "large errors count more."
    ),
    "score": "The probability that the model gave.",
    "severity": "How much the finding matters for using these predictions: high, medium or low.",
    "skill": (
        "The share of a reference's score that the forecast saves: 100% is perfect, 0% is as good "
        "as the reference, below 0% is worse."
    ),
    "slice": "A part of the table, for example all rows of one region.",
    "spread": "How wide the forecast says that the truth may lie, as a standard deviation.",
    "error over spread": (
        "The error that was really made over the spread that was stated, both as root mean "
        "squares. 1 is right, above 1 the forecast is too narrow."
    ),
    "uncertainty": (
        "How hard the problem is before any model: the loss of always stating the overall "
        "frequency."
    ),
    "width": "How far apart the ends of the interval are, on average. Narrow is good, if it holds.",
    "wis": (
        "Weighted interval score: the misses of all stated quantiles together, in the unit of the "
        "truth. For a single number it is the absolute error. Lower is better."
    ),
}

SHORT = {"auc", "crps", "mae", "pit", "rmse", "wis"}
"""Terms that are written in capitals."""

ALIASES = {
    "over-confident": "confidence",
    "overconfident": "confidence",
    "under-confident": "confidence",
    "underconfident": "confidence",
    "stated confidence": "confidence",
    "confidence": "confidence",
    "calibration error": "calibration error",
    "ece": "calibration error",
    "noise floor": "noise floor",
    "calibration gap": "calibration gap",
    "calibration test": "calibration test",
    "miscalibration": "miscalibration",
    "discrimination": "discrimination",
    "calibrated": "calibration",
    "calibration": "calibration",
    "consistency band": "consistency band",
    "log loss": "log loss",
    "brier score": "brier",
    "brier": "brier",
    "accuracy": "accuracy",
    "auc": "auc",
    "base rate": "base rate",
    "drift": "drift",
    "q-value": "q-value",
    "p-value": "p-value",
    "percentage points": "points",
    "points": "points",
    "nat": "nat",
    "isotonic curve": "isotonic",
    "slices": "slice",
    "slice": "slice",
    "error bars": "error bar",
    "interval": "error bar",
    "debiased": "debiased",
    "crps": "crps",
    "weighted interval score": "wis",
    "interval score": "interval score",
    "mean absolute error": "mae",
    "spread": "spread",
    "stated spread": "spread",
    "coverage": "coverage",
    "skill": "skill",
    "diebold-mariano test": "Diebold-Mariano",
    "diebold-mariano": "Diebold-Mariano",
}

_WORDS = "|".join(re.escape(word) for word in sorted(ALIASES, key=len, reverse=True))
FINDER = re.compile(rf"(?<![\w-])(?:{_WORDS})(?![\w-])", re.IGNORECASE)

# name: (label, unit, term). The order is the order of the table.
MEASURES: dict[str, tuple[str, str, str | None]] = {
    "accuracy": ("Accuracy", "percent", "accuracy"),
    "log_loss": ("Log loss", "nat", "log loss"),
    "brier": ("Brier score", "", "brier"),
    "auc": ("AUC", "", "auc"),
    "ece": ("Calibration error", "points", "calibration error"),
    "ece_noise_floor": ("Noise floor of that error", "points", "noise floor"),
    "calibration_error_debiased": ("Calibration error, debiased", "points", "debiased"),
    "calibration_p_value": ("Calibration test, p-value", "p", "calibration test"),
    "ece_equal_mass": ("Calibration error, equal-mass bins", "points", "calibration error"),
    "classwise_ece": ("Calibration error, class by class", "points", "classwise"),
    "confidence_gap": ("Confidence minus accuracy", "points", "confidence gap"),
    "calibration_slope": ("Calibration slope", "", "calibration slope"),
    "log_loss_change": ("Change of the log loss", "nat", "log loss"),
    "crps": ("CRPS", "", "crps"),
    "wis": ("Weighted interval score", "", "wis"),
    "pinball": ("Pinball loss", "", "pinball loss"),
    "interval_score": ("Interval score", "", "interval score"),
    "log_score": ("Log score", "nat", None),
    "spread_skill": ("Error over spread", "", "error over spread"),
    "rms_z": ("Errors in units of the spread", "", "error over spread"),
    "bias": ("Mean error", "", "bias"),
    "mae": ("Mean absolute error", "", "mae"),
    "rmse": ("Root mean squared error", "", "rmse"),
    "pit_p_value": ("Honesty test, p-value", "p", "pit"),
    "skill": ("Skill against the reference", "percent", "skill"),
    "skill_mae": ("Skill of its median alone", "percent", "skill"),
    "skill_rmse": ("Skill by root mean squared error", "percent", "skill"),
    "diebold_mariano": ("Score minus that of the reference", "", "Diebold-Mariano"),
    "diebold_mariano_p_value": ("Diebold-Mariano test, p-value", "p", "Diebold-Mariano"),
    "crossing": ("Rows where quantiles cross", "percent", "crossing"),
    "corp_miscalibration": ("Miscalibration", "", "miscalibration"),
    "corp_discrimination": ("Discrimination", "", "discrimination"),
    "corp_uncertainty": ("Uncertainty", "", "uncertainty"),
}


def measure(name: str) -> tuple[str, str, str | None]:
    """Return (label, unit, term) of a measure; an unknown one is called by its name."""
    if name in MEASURES:
        return MEASURES[name]
    head, _, level = name.rpartition("_")
    if head == "coverage":
        return f"Coverage of {level}% intervals", "percent", "coverage"
    if head == "width":
        return f"Width of {level}% intervals", "", "width"
    if head in MEASURES and level == "change":
        label, unit, term = MEASURES[head]
        return f"Change of the {label if label.isupper() else label.lower()}", unit, term
    return name.replace("_", " ").capitalize(), "", None
