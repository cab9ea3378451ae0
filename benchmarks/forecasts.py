"""What do scores of forecasts of numbers cost and find, beside peers and plain scripts?"""

from __future__ import annotations

from bench import TABLES, case, main, peer, row, side_by_side, write


SHORT = 120
"""Seconds on the clock after which a system is stopped."""

TASKS = {
    "wis": "WIS, 1e6 rows of 23 quantiles",
    "pinball": "pinball loss, 1e6 rows of 23 quantiles",
    "interval_score": "interval score, 1e6 rows",
    "crps_normal": "CRPS of normal laws, 1e6 rows",
    "crps_ensemble": "CRPS, 1e6 rows of 50 members",
    "rank_histogram": "rank histogram, 1e6 rows of 50 members",
}
TARGETS = {"wis": 0.3, "crps_ensemble": 0.5}
PEERS = {
    "scoringrules": ("scoringrules", "wis pinball interval_score crps_normal crps_ensemble"),
    "scores": ("scores", "pinball interval_score crps_ensemble rank_histogram"),
    "xskillscore": ("xskillscore", "crps_normal crps_ensemble rank_histogram"),
    "properscoring": ("properscoring", "crps_normal crps_ensemble"),
    "uncertainty-toolbox": ("uncertaintytoolbox", "crps_normal interval_score"),
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


def commands(task: str) -> dict[str, list[str]]:
    """Everybody who has the task."""
    folder = str(TABLES)
    made = {
        "trueup": case("forecasts_trueup", task, folder),
        "trueup, evidence ready": case("forecasts_trueup", task, folder, "ready"),
        "plain": case("forecasts_plain", task, folder),
    }
    for name, (environment, have) in PEERS.items():
        if task in have.split() and (python := peer(environment)):
            made[name] = case("forecasts_peers", task, folder, name, python=python)
    return made


def lines() -> list[dict]:
    """A row for every task."""
    made = []
    for task, what in TASKS.items():
        done = side_by_side(commands(task), times=1, threads=1, limit=SHORT)
        targets = [("cpu", TARGETS[task])] if task in TARGETS else []
        made.append(row(what, done, of="inner", targets=targets))
        print(f"  {what}", flush=True)
    return made


def measure() -> None:
    """Measure and write."""
    write("forecasts", "Scores of forecasts beside peers", lines(), notes=NOTES, layout="systems")


if __name__ == "__main__":
    main(measure)
