"""Toy scripts: folders that look like ``reproductions``, with claims of known fate."""

from __future__ import annotations

from pathlib import Path

from reproductions.ledger import Reproduction, read_scripts


TOY = '''"""A toy."""

from reproductions.ledger import Claim, Reproduction
from trueup.core import Estimate

{before}
REPRODUCTION = Reproduction(
    mission={mission},
    system="{system}",
    question="calibration",
    paper="Nobody, never",
    claims=({claims}),
    differs="everything"
    " is small",
    {more}
)


def run(scale="small", seed=0):
    {body}
'''


def toy(
    folder: Path,
    body: str,
    *,
    claims: str = 'Claim("it falls", "< 0"),',
    mission: int = 900,
    system: str = "Toy",
    more: str = "",
    before: str = "",
) -> Reproduction:
    """Write a script into ``folder`` and read its literal."""
    room = folder / "calibration"
    room.mkdir(exist_ok=True)
    parts = {"mission": mission, "system": system, "claims": claims, "more": more}
    text = TOY.format(body=body, before=before, **parts)
    (room / f"toy_{mission}.py").write_text(text, encoding="utf-8")
    return next(script for script in read_scripts(folder) if script.mission == mission)
