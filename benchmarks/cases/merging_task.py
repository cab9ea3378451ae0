"""How a merge is measured: its time, its anonymous memory, and what it gives."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from clock import Clock, tell
from safetensors import safe_open


PAGE = os.sysconf("SC_PAGE_SIZE") / 1024**2


def anonymous() -> float:
    """Memory now in MiB without pages of files, which the kernel can drop."""
    _, resident, shared, *_ = Path("/proc/self/statm").read_text().split()
    return (int(resident) - int(shared)) * PAGE


class Peak:
    """The most anonymous memory within a ``with`` block, above that at its start."""

    def __enter__(self) -> Peak:
        self.start, self.most, self.done = anonymous(), anonymous(), False
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def _watch(self) -> None:
        while not self.done:
            self.most = max(self.most, anonymous())
            time.sleep(0.002)

    def __exit__(self, *_: object) -> None:
        self.done = True
        self.thread.join()

    @property
    def rise(self) -> float:
        """MiB."""
        return self.most - self.start


def run(work: Callable[[], object], made: Path, reference: Path) -> None:
    """Measure ``work``, which writes ``made``; compare that with ``reference``."""
    with Peak() as peak, Clock() as clock:
        work()
    clock.cpu = time.process_time()  # imports included: who merges starts a program
    tell(clock, rise=peak.rise, values=apart(made, reference))


def apart(made: Path, reference: Path) -> dict[str, float]:
    """In parts per million, how many numbers are not the same to the last bit; the largest gap."""
    count = total = 0
    gap = 0.0
    with safe_open(made, "numpy") as one, safe_open(reference, "numpy") as two:
        for name in two.keys():
            a, b = one.get_tensor(name), two.get_tensor(name)
            count, total = count + int((a != b).sum()), total + a.size
            gap = max(gap, float(abs(a - b).max()))
    return {"differ, ppm": 1e6 * count / total, "largest gap": gap}
