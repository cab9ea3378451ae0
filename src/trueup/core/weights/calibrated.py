"""Which rows weights were fitted on, remembered in their metadata, so that a proof can refuse them.

A row is known by a 64-bit number of its contents, as in ``Rows``. The metadata of a file hold them
under ``calibrated_on``: sorted, 8 bytes each (little endian), in base64.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from trueup.core.errors import EvidenceError
from trueup.core.rows import Rows


KEY = "calibrated_on"
"""Name in the metadata."""


def calibrated_on(inputs: Any, *, metadata: Mapping[str, str] | None = None) -> dict[str, str]:
    """Metadata of weights that were calibrated on the rows of ``inputs``.

    Parameters
    ----------
    inputs
        Rows (n, ...): an array, a tuple of arrays, or a dict of them by argument.
    metadata
        What the weights say already: kept, and earlier rows stay.

    Examples
    --------
    >>> told = calibrated_on(np.ones((3, 2)), metadata={"format": "pt"})
    >>> sorted(told), len(hashes_of(told))
    (['calibrated_on', 'format'], 1)
    """
    before = dict(metadata or {})
    return joined([before, {KEY: _text(row_hashes(inputs))}])


def joined(metadata: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Metadata of weights that were made of several: those of the first, with the rows of all."""
    every = list(metadata)
    told = dict(every[0]) if every else {}
    hashes = np.concatenate([hashes_of(one) for one in every] or [np.zeros(0, np.uint64)])
    return {**told, KEY: _text(hashes)} if len(hashes) else told


def hashes_of(metadata: Mapping[str, str]) -> np.ndarray:
    """Numbers (m,) of the rows that weights remember; none where they remember nothing."""
    try:
        raw = base64.b64decode(metadata.get(KEY, ""), validate=True)
        return np.frombuffer(raw, "<u8").astype(np.uint64)
    except (binascii.Error, ValueError) as error:
        raise EvidenceError(
            "weights", f"their metadata '{KEY}' are no numbers of rows", do="Fetch them again"
        ) from error


def row_hashes(inputs: Any) -> np.ndarray:
    """A number (n,) of the contents of every row; single and double precision give the same."""
    if isinstance(inputs, Mapping):
        inputs = tuple(inputs[name] for name in sorted(inputs))
    parts = [_flat(part) for part in (inputs if isinstance(inputs, tuple) else (inputs,))]
    contents = Rows.of(parts).contents
    assert contents is not None
    return contents


def shared_rows(inputs: Any, metadata: Mapping[str, str]) -> int:
    """How many rows of ``inputs`` the weights remember, where chance does not explain them."""
    known = hashes_of(metadata)
    if not len(known):
        return 0
    mine, nobody = row_hashes(inputs), np.zeros(0, np.uint64)
    return Rows(nobody, mine).shared_with(Rows(nobody, known))


def _flat(part: Any) -> np.ndarray:
    array = np.asarray(part.detach().cpu() if hasattr(part, "detach") else part)
    array = array.reshape(len(array), -1)
    return array.astype(np.float32) if array.dtype.kind not in "iub" else array


def _text(hashes: np.ndarray) -> str:
    return base64.b64encode(np.unique(hashes).astype("<u8").tobytes()).decode()
