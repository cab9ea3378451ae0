"""A remedy on disk: JSON and numbers, never code; checked before it is used."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trueup.audit.judged import AbstractJudged
from trueup.audit.packing import content_hash, pack
from trueup.audit.replaced import as_numbers, kept_type, refuse_taken
from trueup.audit.whole import whole, write_whole
from trueup.calibration.recalibrate.do_nothing import Identity
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.fitted import Fitted
from trueup.core.forms import Form, columns_of, form_row
from trueup.core.predictions import Prediction, Sets
from trueup.core.probabilities import Probabilities
from trueup.core.rows import Rows


if TYPE_CHECKING:
    from trueup.adapters.export import Exported
    from trueup.adapters.formula import Formula


@dataclass(frozen=True, eq=False)
class StoredRemedy:
    """A correction with the columns it belongs to and the proof that it helps.

    Attributes
    ----------
    fitted
        The correction.
    columns
        Columns of the prediction, in the order of its form: it reads and replaces them. Where
        another form comes out they stay, and its own columns are added.
    event
        Whether there is one column, the probability of an event.
    classes
        Names of the classes, empty for forecasts of numbers.
    proof
        The proof, empty for the identity.
    about
        Table, time and paper.
    normalize
        Whether rows of probabilities are divided by their sum first, as the audit was told to.

    Examples
    --------
    >>> import numpy as np
    >>> from trueup.calibration import SpreadScaling
    >>> from trueup.worlds import forecasts
    >>> fitted = SpreadScaling().fit(forecasts("normal", spread=0.5).evidence)
    >>> remedy = StoredRemedy(fitted, ("forecast", "sigma"))
    >>> remedy.apply({"forecast": np.array([3.0]), "sigma": np.array([1.0])})["sigma"].round(1)
    array([2.])
    """

    fitted: Fitted
    columns: tuple[str, ...]
    event: bool = False
    classes: tuple[str, ...] = ()
    proof: dict = field(default_factory=dict)
    about: dict = field(default_factory=dict)
    normalize: bool = False

    @property
    def takes(self) -> Form:
        """Form of the predictions that it corrects."""
        return self.fitted.takes

    @property
    def gives(self) -> Form:
        """Form of what comes out."""
        return self.fitted.gives

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the columns that come out: its own where the form stays."""
        same = self.gives == self.takes
        return self.columns if same else self.gives.called(self.classes)

    @classmethod
    def of(cls, judged: AbstractJudged, *, title: str, created: str) -> StoredRemedy:
        """The chosen remedy of a judged model, or the identity."""
        roles, chosen = judged.plan.roles, judged.chosen
        if chosen is None:
            fitted = Fitted(
                "DoNothing",
                Identity(),
                roles.form or Form("probabilities", judged.plan.k),
                Rows(np.zeros(0, np.uint64)),
            )
        else:
            fitted = chosen.fitted
        return cls(
            fitted,
            roles.said,
            roles.event,
            tuple(map(str, judged.plan.profile.classes)),
            chosen.proof.to_dict() if chosen else {},
            {"table": title, "created": created, "paper": chosen.paper if chosen else ""},
            judged.plan.profile.normalize and not roles.event,
        )

    def apply(self, table: Any) -> Any:
        """Correct the columns of the prediction in a frame or a dict of arrays; the rest stays.

        Files go through ``trueup apply``, which streams.
        """
        if isinstance(table, dict):
            return table | self._corrected(table)
        import narwhals as nw

        frame = nw.from_native(table, eager_only=True)
        made = [
            nw.new_series(
                name, values, kept_type(frame, name, values), backend=frame.implementation
            )
            for name, values in self._corrected(frame).items()
        ]
        return frame.with_columns(*made).to_native()

    @property
    def reads(self) -> list[str]:
        """Every column that it reads: the prediction, then what is needed beside it."""
        beside = [c for need in self.fitted.needs.values() for c in need.columns]
        return list(dict.fromkeys([*self.columns, *beside]))

    def _column(self, table, name: str) -> np.ndarray:
        known = list(table) if isinstance(table, dict) else table.columns
        if name not in known:
            raise EvidenceError(
                "remedy.apply",
                f"no column {name!r}; the table has {list(known)[:20]}",
                do="Pass a table with the columns that the remedy was learned on",
            )
        return np.asarray(table[name])

    def _corrected(self, table) -> dict[str, np.ndarray]:
        known = list(table) if isinstance(table, dict) else table.columns
        refuse_taken("remedy.apply", self, known)
        columns = [as_numbers(c, self._column(table, c)) for c in self.columns]
        beside = {
            name: np.column_stack([self._column(table, c) for c in need.columns])
            for name, need in self.fitted.needs.items()
        }
        after = self.fitted.apply(self._prediction(columns), **beside)
        if isinstance(after, Probabilities):
            made = after.probs.T[1 if self.event else 0 :]
        else:
            made = after.members.T if isinstance(after, Sets) else columns_of(after).T
        return dict(zip(self.outputs, made, strict=True))

    def _prediction(self, columns: list[np.ndarray]) -> Prediction:
        values = columns[0] if self.event else np.column_stack(columns)
        if self.takes.kind != Probabilities.kind:
            return self.takes.prediction(values)
        return Probabilities(
            values / values.sum(axis=1, keepdims=True) if self.normalize else values
        )

    def save(self, folder: str | Path) -> Path:
        """Write ``remedy.json`` and ``arrays.npz`` into ``folder``.

        Raises
        ------
        UsageError
            It reads features that have no names in a table, or a part that is not the library's.
        """
        folder = Path(folder)
        unnamed = [name for name, need in self.fitted.needs.items() if not need.columns]
        if unnamed:
            raise UsageError(
                "remedy.save",
                f"{self.fitted.method} reads {unnamed[0]!r}, whose columns have no names",
                why="who applies it must find them in a table",
                do="Fit with columns=(...), of a LikelihoodRatio in between(..., columns=(...))",
            )
        folder.mkdir(parents=True, exist_ok=True)
        body, arrays = self._packed()
        with whole(folder / "arrays.npz") as partial, partial.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        write_whole(folder / "remedy.json", json.dumps(body, indent=1, allow_nan=False) + "\n")
        return folder

    def export(self, to: str, out: str | Path = "", **options: Any) -> Exported:
        """Write the correction for another engine, verified row by row before it is written.

        ``to`` is ``"sql"``, ``"onnx"``, ``"json"`` or ``"python"``; ``out`` a file, empty for none;
        ``options`` are ``table`` and ``dialect`` of SQL, ``kind`` (``np.float32``) of ONNX.

        Examples
        --------
        >>> import trueup as tu
        >>> audit = tu.audit(tu.worlds.planted_table(20_000).columns, truth="y", prob="p")
        >>> made = audit.remedy.export("python")
        >>> made.checked.difference
        0.0
        """
        from trueup.audit.leave import export_remedy

        return export_remedy(self, to, out, **options)

    @property
    def formula(self) -> Formula:
        """The whole correction of its columns, as an expression with names."""
        from trueup.audit.leave import formula_of

        return formula_of(self)

    @property
    def hash(self) -> str:
        """Hash of all that is saved."""
        return self._packed()[0]["hash"]

    def _packed(self) -> tuple[dict, dict[str, np.ndarray]]:
        """What is saved: a body with its hash, and arrays."""
        arrays: dict[str, np.ndarray] = {}
        plain = self.takes == self.gives and self.takes.kind == Probabilities.kind
        forms = {"takes": form_row(self.takes), "gives": form_row(self.gives)}
        body = {
            "schema": 1 if plain else 2,
            **({} if plain else forms),
            "method": self.fitted.method,
            "map": pack(self.fitted.map, arrays, "map"),
            "k": self.fitted.k,
            "columns": list(self.columns),
            "event": self.event,
            "classes": list(self.classes),
            "normalize": self.normalize,
            "proof": self.proof,
            "about": self.about,
        }
        return body | {"hash": content_hash(body, arrays)}, arrays
