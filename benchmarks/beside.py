"""Tasks that trueup, a plain script and peers do side by side: their commands, and their rows."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench import LIMIT, TABLES, case, peer, row, side_by_side


@dataclass(frozen=True)
class Beside:
    """The tasks of one benchmark.

    Parameters
    ----------
    cases
        What the names of its cases begin with, before ``_trueup``, ``_plain``, ``_<peer>``.
    tasks
        Task -> what it is, in words.
    peers
        System -> its environment in ``peers.sh``, its case, and what the case is told beside.
    have
        System -> the tasks that it has, by spaces; a plain script that is not named has all.
    targets
        Task -> (quantity, most) of its row.
    limits
        Task -> seconds on the clock after which a system is stopped, where not 600.
    """

    cases: str
    tasks: dict[str, str]
    peers: dict[str, tuple[str, ...]]
    have: dict[str, str]
    targets: dict[str, list[tuple[str, float]]]
    limits: dict[str, float] = field(default_factory=dict)

    def commands(self, task: str) -> dict[str, list[str]]:
        """Everybody who has the task."""
        folder = str(TABLES)
        made = {
            "trueup": case(f"{self.cases}_trueup", task, folder),
            "trueup, evidence ready": case(f"{self.cases}_trueup", task, folder, "ready"),
        }
        if task in self.have.get("plain", task).split():
            made["plain"] = case(f"{self.cases}_plain", task, folder)
        for name, (environment, file, *more) in self.peers.items():
            if task in self.have[name].split() and (python := peer(environment)):
                made[name] = case(f"{self.cases}_{file}", task, folder, *more, python=python)
        return made

    def rows(self) -> list[dict]:
        """A row for every task."""
        made = []
        for task, what in self.tasks.items():
            limit = self.limits.get(task, LIMIT)
            done = side_by_side(self.commands(task), times=1, threads=1, limit=limit)
            if "missing" in done["trueup"]:
                done.pop("trueup, evidence ready")
            made.append(row(what, done, of="inner", targets=self.targets.get(task, [])))
            print(f"  {what}", flush=True)
        return made
