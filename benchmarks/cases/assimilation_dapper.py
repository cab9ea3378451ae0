"""DAPPER on a row: ``assimilation_dapper.py ROW FOLDER [full]``.

With ``full`` it makes all of its statistics, as it does unasked; without, errors only.
"""

from __future__ import annotations

import sys

import dapper.da_methods as da
import dapper.mods as modelling
import dapper.tools.progressbar as progressbar
import numpy as np
from assimilation_task import DT, EXPERIMENTS, ROWS, START, VARIABLES, judged, twins
from clock import Clock, tell
from dapper.dpr_config import rc
from dapper.mods.Lorenz96 import dstep_dx, step
from dapper.tools.localization import nd_Id_localization
from dapper.tools.seeding import set_seed


NAMES = {
    "perturbed": "PertObs",
    "deterministic": "DEnKF",
    "square_root": "Sqrt",
    "serial": "Serial",
}


def method(members: int, settings: dict):
    """The method of DAPPER that a row means."""
    tuned = {"N": members, "infl": settings.get("inflation", 1.0)}
    tuned["rot"] = settings.get("rotate", False)
    if "certainty" in settings:
        return da.EnKF_N(xN=settings["certainty"], **tuned)
    if "iterations" in settings:
        return da.iEnKS("Sqrt", Lag=1, nIter=settings["iterations"], **tuned)
    if "radius" in settings:
        kind = da.SL_EAKF if settings.get("update") == "serial" else da.LETKF
        return kind(loc_rad=settings["radius"], **tuned)
    return da.EnKF(NAMES[settings["update"]], **tuned)


def problem(start: np.ndarray, row) -> modelling.HiddenMarkovModel:
    """A twin experiment of DAPPER with this start."""
    times = modelling.Chronology(DT, dko=row.every, Ko=row.cycles - 1, Tplot=1, BurnIn=1)
    seen = modelling.partial_Id_Obs(VARIABLES, np.arange(VARIABLES))
    seen |= {"noise": 1, "localizer": nd_Id_localization((VARIABLES,), (2,))}
    model = {"M": VARIABLES, "model": step, "linear": dstep_dx, "noise": 0}
    X0 = modelling.GaussRV(mu=start, C=START**2)
    return modelling.HiddenMarkovModel(model, seen, times, X0)


def main(name: str, folder: str, *more: str) -> None:
    """Time the experiments one after another, and judge them; all statistics are timed only."""
    row, full = ROWS[name], "full" in more
    made = twins(row, folder)
    if full:
        row = row._replace(cycles=row.cycles // 5)
    rc.comps["error_only"] = not full
    progressbar.disable_progbar = True
    set_seed(1)
    errors, seconds = [], np.zeros(2)
    for e in range(1 if full else EXPERIMENTS):
        states = np.zeros((row.cycles * row.every + 1, VARIABLES))
        states[row.every :: row.every] = made.truth[: row.cycles, e]
        tuned, hmm = method(row.members, row.settings), problem(made.start[e], row)
        with Clock() as clock:
            tuned.assimilate(hmm, states, made.seen[: row.cycles, e], liveplots=False)
        errors.append(np.asarray(tuned.stats.err.a))
        seconds += clock.cpu, clock.wall
    clock.cpu, clock.wall = seconds
    cost = {"ms a cycle": 1000 * clock.cpu / (len(errors) * row.cycles)}
    found = {} if full else judged(np.stack(errors, 1), np.zeros(()))
    tell(clock, values=found | cost, rise=0)


if __name__ == "__main__":
    main(*sys.argv[1:])
