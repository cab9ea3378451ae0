"""The report of an audit: ``report_trueup.py static|interactive PATH OUT.html COLUMNS``."""

from __future__ import annotations

import sys
from pathlib import Path

from clock import Clock, tell

import trueup as tu


if __name__ == "__main__":
    kind, path, out, columns = sys.argv[1:5]
    probs = columns.split(",")
    roles = {"prob": probs[0]} if len(probs) == 1 else {"probs": probs}
    audit = tu.audit(path, truth="y", by=["region", "site"], threads=2, **roles)
    with Clock() as clock:
        audit.report(out, interactive=kind == "interactive")
    tell(clock, html=Path(out).stat().st_size)
