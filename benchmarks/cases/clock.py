"""Time the inner part of a case and say it as the last line of its output."""

from __future__ import annotations

import json
import resource
import time


class Clock:
    """Seconds of a ``with`` block: ``cpu`` of this process with all its threads, and ``wall``."""

    def __enter__(self) -> Clock:
        self.cpu, self.wall = -_cpu(), -time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu, self.wall = self.cpu + _cpu(), self.wall + time.perf_counter()


def tell(clock: Clock, **more: object) -> None:
    """Print the seconds, and ``more``, as one line of JSON."""
    print(json.dumps({"inner_cpu": clock.cpu, "inner_wall": clock.wall, **more}))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
