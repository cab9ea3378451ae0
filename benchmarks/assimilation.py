"""How close do ensemble filters come to the truth of Lorenz 1996, and what does a cycle cost?

A row more is a line in ``ROWS`` of ``cases/assimilation_task.py``, with a title here.
"""

from __future__ import annotations

from bench import TABLES, case, main, peer, row, side_by_side, write


LIMIT = 1_800
"""Seconds on the clock after which a system is stopped."""

ROWS = {
    "perturbed_40": "perturbed observations, 40 members, inflation 1.06; expected .22",
    "deterministic_40": "DEnKF, 40 members, inflation 1.01; expected .18",
    "perturbed_28": "perturbed observations, 28 members, inflation 1.08; expected .24",
    "square_root_24": "square root, 24 members, inflation 1.013, rotated; expected .18",
    "serial_28": "serial square root, 28 members, inflation 1.02, rotated; expected .18",
    "finite_24": "EnKF-N, 24 members, rotated; expected .21",
    "finite_24_sure": "EnKF-N, 24 members, certainty 2, rotated; expected .18",
    "local_7": "LETKF, 7 members, radius 4, inflation 1.04, rotated; expected .22",
    "local_serial_7": "local serial, 7 members, radius 6, inflation 1.07, rotated; expected .23",
    "iterative_25": "iEnKF every 12 steps, 25 members, inflation 1.2, rotated; expected .46",
}
NOTES = (
    "Lorenz 1996 with 40 variables, all observed with an error of 1, every 0.05 units of time "
    "(iEnKF every 0.6). Four experiments of 5,000 times (iEnKF 1,500); the same truths and "
    "observations for all; RMSE of the mean after the update over the last 4,600 (1,100), its "
    "standard error from stretches of 200. Expected: the value in the sources of DAPPER, "
    "`mods/Lorenz96/sakov2008.py`.",
    "One thread; seconds are CPU seconds of the runs without making the data. Nobody is told the "
    "truth while the clock runs but DAPPER, which compares at every time: 'DAPPER' with errors "
    "only, 'DAPPER, all statistics' as it comes, on a fifth of one experiment.",
    "'trueup, together' runs the four experiments as one batch, 'trueup, many' 24 others of 3,000 "
    "times (iEnKF 900), for a smaller standard error.",
    "An experiment whose error passes that of the observations in a mean of 200 times has lost the "
    "truth, and is counted and left out. With inflation 1.013 that happens to the rotated square "
    "root of 24 members in one of some 16,000 times: to 16 of 64 experiments of 4,000 times by "
    "trueup, to 5 of 28 of the same by DAPPER; with 1.02 to one of 64.",
    "Memory was not measured.",
    "DAPPER's local analyses are of two variables at a time, those of trueup of one.",
)


def commands(name: str) -> dict[str, list[str]]:
    """Everybody who has the row."""
    folder = str(TABLES)
    made = {
        "trueup": case("assimilation_trueup", name, folder),
        "trueup, together": case("assimilation_trueup", name, folder, "together"),
        "trueup, many": case("assimilation_trueup", name, folder, "many"),
    }
    if python := peer("dapper"):
        made["DAPPER"] = case("assimilation_dapper", name, folder, python=python)
        made["DAPPER, all statistics"] = case(
            "assimilation_dapper", name, folder, "full", python=python
        )
    return made


def lines() -> list[dict]:
    """A row for every method."""
    made = []
    for name, what in ROWS.items():
        done = side_by_side(commands(name), times=1, threads=1, limit=LIMIT)
        made.append(row(what, done, of="inner"))
        print(f"  {what}", flush=True)
    return made


def measure() -> None:
    """Measure and write."""
    title = "Ensemble filters beside DAPPER"
    write("assimilation", title, lines(), notes=NOTES, layout="systems")


if __name__ == "__main__":
    main(measure)
