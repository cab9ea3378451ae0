"""Reading a remedy from disk: complete, of a known schema, and as it was saved."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np

from trueup.audit.packing import content_hash, known_maps, unpack
from trueup.audit.store import StoredRemedy
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.fitted import Fitted
from trueup.core.forms import Form, form_from
from trueup.core.probabilities import Probabilities
from trueup.core.rows import Rows


SCHEMAS = (1, 2)
"""1 holds a correction of probabilities into probabilities, 2 one between any two forms."""


def load_remedy(folder: str | Path) -> StoredRemedy:
    """Read a remedy and check that nobody changed it.

    Raises
    ------
    EvidenceError
        The folder holds no remedy, or its content does not fit its hash.
    """
    body, arrays = _read(Path(folder))
    if body.get("schema") not in SCHEMAS:
        raise UsageError(
            "load_remedy",
            f"the remedy has schema {body.get('schema')!r}, this version reads "
            + " and ".join(map(str, SCHEMAS)),
            do="Install the version of trueup that wrote it, or audit again",
        )
    stated = body.pop("hash", "")
    if content_hash(body, arrays) != stated:
        raise EvidenceError(
            "load_remedy",
            f"the remedy in {folder} does not fit its hash",
            why="it was changed or damaged after it was saved",
            do="Save it again from the audit",
        )
    try:
        return _restored(body, arrays)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise EvidenceError(
            "load_remedy",
            f"the remedy in {folder} is not complete: {error}",
            do="Save it again from the audit",
        ) from error


def _read(folder: Path) -> tuple[dict, dict[str, np.ndarray]]:
    try:
        body = json.loads((folder / "remedy.json").read_text(encoding="utf-8"))
        with (folder / "arrays.npz").open("rb") as file:
            stored = np.load(file, allow_pickle=False)
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, EOFError, AttributeError, ValueError, zipfile.BadZipFile) as error:
        raise EvidenceError(
            "load_remedy", f"no remedy in {folder}: {error}", do="Pass a folder that --save wrote"
        ) from error
    return body if isinstance(body, dict) else {}, arrays


def _restored(body: dict, arrays: dict[str, np.ndarray]) -> StoredRemedy:
    found = unpack(body["map"], arrays, known_maps())
    takes, gives = Form(Probabilities.kind, body["k"]), None
    if body["schema"] == 2:
        takes, gives = form_from(body["takes"]), form_from(body["gives"])
    seen = Rows(np.zeros(0, np.uint64))
    fitted = Fitted(body["method"], found, takes, seen, gives=gives or takes)
    _ = fitted.made  # a part that fits nowhere is found now, and not when it is used
    names = (tuple(body["columns"]), body["event"], tuple(body["classes"]))
    return StoredRemedy(fitted, *names, body["proof"], body["about"], body["normalize"])
