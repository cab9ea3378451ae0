"""What do scores of forecasts of numbers cost and find, beside peers and plain scripts?"""

from __future__ import annotations

from bench import main, write
from beside import Beside


LIMIT = 120
"""Seconds on the clock after which a system is stopped."""

TASKS = {
    "wis": "WIS, 1e6 rows of 23 quantiles",
    "pinball": "pinball loss, 1e6 rows of 23 quantiles",
    "interval_score": "interval score, 1e6 rows",
    "crps_normal": "CRPS of normal laws, 1e6 rows",
    "crps_ensemble": "CRPS, 1e6 rows of 50 members",
    "rank_histogram": "rank histogram, 1e6 rows of 50 members",
}
TARGETS = {"wis": [("cpu", 0.3)], "crps_ensemble": [("cpu", 0.5)]}
PEERS = {
    "scoringrules": ("scoringrules", "peers", "scoringrules"),
    "scores": ("scores", "peers", "scores"),
    "xskillscore": ("xskillscore", "peers", "xskillscore"),
    "properscoring": ("properscoring", "peers", "properscoring"),
    "uncertainty-toolbox": ("uncertaintytoolbox", "peers", "uncertainty-toolbox"),
}
HAVE = {
    "scoringrules": "wis pinball interval_score crps_normal crps_ensemble",
    "scores": "pinball interval_score crps_ensemble rank_histogram",
    "xskillscore": "crps_normal crps_ensemble rank_histogram",
    "properscoring": "crps_normal crps_ensemble",
    "uncertainty-toolbox": "crps_normal interval_score",
}
NOTES = (
    "One thread. 1e6 truths y ~ N(m, s), m ~ N(0, 1), log s ~ N(0, .3); forecasts say m and .8 s, "
    "quantiles and 50 members of that law; double precision. Seconds are CPU seconds of the call "
    "alone, the least of up to five calls in one process, after a call on 3,000 rows that compiles "
    "what is compiled; memory is the rise of the peak during the first call.",
    "trueup: the call from arrays, with the checks of the prediction and the interval of the mean "
    "(of the histogram a band for all ranks at once). 'trueup, evidence ready' leaves out making "
    "the evidence. The others return scores of rows or their mean, without an interval.",
    "plain: a NumPy and SciPy script of a few lines, in `cases/forecasts_plain.py`, without checks "
    "and without interval.",
    "Pinball loss of scoringrules is half of its `crps_quantile`; scores is called once a level. "
    "uncertainty-toolbox judges normal laws only, so its interval score makes the interval first.",
    "xskillscore was killed for its memory, of 24 GB, at the CRPS of 50 members.",
)


def measure() -> None:
    """Measure and write."""
    rows = Beside("forecasts", TASKS, PEERS, HAVE, TARGETS, dict.fromkeys(TASKS, LIMIT)).rows()
    write("forecasts", "Scores of forecasts beside peers", rows, notes=NOTES, layout="systems")


if __name__ == "__main__":
    main(measure)
