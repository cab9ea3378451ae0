"""Held-out rows on which weights are tried.

Examples
--------
>>> import numpy as np
>>> trial = Trial(np.zeros((4, 2)), [0, 1, 1, 0], arch="net:build")
>>> len(trial)
4
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import EvidenceError, UsageError


__all__ = ["Trial", "read_trial"]

CARD = Card(
    name="Trial",
    question="parameters",
    family="proving",
    summary="held-out rows, their truth, and the module that predicts them with given weights",
    paper="none: a noun of this library",
    cost="the rows in memory",
    exports=("Trial", "read_trial"),
    not_for="rows that a calibration or a fine-tuning saw: a proof refuses them where it can tell",
)


@dataclass(frozen=True, eq=False)
class Trial:
    """Inputs and truth of held-out rows.

    Parameters
    ----------
    inputs
        (n, ...) an array, a tuple of arrays, or a dict of them by argument of the module.
    truth
        (n,) whole numbers are classes, real ones what a regression should say, of shape (n, d) if
        it says several; (n, T) whole numbers are the tokens that follow, negative ones do not
        count.
    arch
        The module: a torch module, a function that makes one, or ``"module:function"``. None where
        both sides of a proof are modules.
    cluster
        (n,) what a row belongs to, such as a document or a patient.
    """

    inputs: Any
    truth: Any
    arch: Any = field(default=None, kw_only=True)
    cluster: Any = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        truth = np.asarray(self.truth)
        if truth.dtype.kind not in "iuf" or truth.ndim not in (1, 2):
            raise EvidenceError(
                "Trial",
                f"the truth is {truth.dtype} {truth.shape}",
                do="Pass classes (n,), numbers (n,) or (n, d), or tokens (n, T)",
            )
        object.__setattr__(self, "truth", truth)
        parts = {"truth": truth, **named_parts(self.inputs)}
        if self.cluster is not None:
            parts["cluster"] = np.asarray(self.cluster)
            object.__setattr__(self, "cluster", parts["cluster"])
        rows = {name: len(part) for name, part in parts.items()}
        if len(set(rows.values())) > 1 or not len(truth):
            said = ", ".join(f"{name} {n}" for name, n in rows.items())
            raise EvidenceError("Trial", f"rows are {said}", do="Pass as many rows of each, some")

    def __len__(self) -> int:
        return len(self.truth)


def named_parts(inputs: Any) -> dict[str, Any]:
    """Parts of inputs by a name, for people."""
    if isinstance(inputs, Mapping):
        return {str(name): part for name, part in inputs.items()}
    if isinstance(inputs, tuple):
        return {f"input {i}": part for i, part in enumerate(inputs, 1)}
    return {"inputs": inputs}


def read_trial(path: str | os.PathLike[str], *, arch: Any = None) -> Trial:
    """A trial of a file ``.npz``: truth ``y``, inputs ``x`` or several by argument, ``cluster``.

    Raises
    ------
    UsageError
        No such file, or another kind.
    EvidenceError
        It cannot be read, has no ``y``, or its parts have other numbers of rows.
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError("--data", f"there is no {path}", do="Check the path")
    if path.suffix.lower() != ".npz":
        raise UsageError(
            "--data", f"'{path.name}' is no .npz", do="Write numpy.savez(x=..., y=...)"
        )
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise EvidenceError(
            "--data", f"{path} cannot be read: {error}", do="Write arrays with numpy.savez"
        ) from error
    truth, cluster = arrays.pop("y", None), arrays.pop("cluster", None)
    if truth is None or not arrays:
        held = ", ".join(arrays) or "nothing"
        raise EvidenceError(
            "--data", f"{path} holds {held}" + (" beside y" if truth is not None else " and no y"),
            do="Put the truth under y and inputs under x, or under the names of arguments",
        )  # fmt: skip
    inputs = arrays["x"] if set(arrays) == {"x"} else arrays
    return Trial(inputs, truth, arch=arch, cluster=cluster)
