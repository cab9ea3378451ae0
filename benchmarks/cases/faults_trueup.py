"""An audit with a slice column and its report: ``faults_trueup.py PATH OUT.html``."""

from __future__ import annotations

import sys
from pathlib import Path

from clock import Clock, tell

import trueup as tu


if __name__ == "__main__":
    with Clock() as clock:
        audit = tu.audit(sys.argv[1], truth="y", prob="p", by="region", threads=2)
        audit.report(sys.argv[2])
    tell(
        clock,
        names=[finding.id for finding in audit.findings],
        html=Path(sys.argv[2]).stat().st_size,
    )
