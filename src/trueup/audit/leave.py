"""A stored remedy leaves this library: as SQL, ONNX, JSON or Python."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from trueup import __version__
from trueup.adapters.export import Exported, exported
from trueup.adapters.formula import Formula, proof_sentence
from trueup.audit.store import StoredRemedy
from trueup.audit.whole import place_for, whole
from trueup.core.probabilities import Probabilities


def export_remedy(remedy: StoredRemedy, to: str, out: str | Path = "", **options: Any) -> Exported:
    """The content in the format ``to``, written to ``out`` if that is named; it is verified first.

    ``options`` are those of ``trueup.adapters.export.exported``.
    """
    if out:
        place_for("export", out)
    made = exported(formula_of(remedy), to, **options)
    if not out:
        return made
    content = made.content.encode() if isinstance(made.content, str) else made.content
    with whole(out) as partial:
        partial.write_bytes(content)
    return replace(made, path=Path(out))


def formula_of(remedy: StoredRemedy) -> Formula:
    """The correction of the columns of ``remedy``, with the words that go with it."""
    about = {
        "title": remedy.about.get("table", ""),
        "created": remedy.about.get("created", ""),
        "paper": remedy.about.get("paper", ""),
        "proof": proof_sentence(remedy.proof),
        "hash": remedy.hash,
        "trueup": __version__,
    }
    expression = remedy.fitted.expression(event=remedy.event, normalize=remedy.normalize)
    names = (remedy.columns, remedy.event, remedy.classes, remedy.fitted.method)
    plain = remedy.takes == remedy.gives and remedy.takes.kind == Probabilities.kind
    forms = (None, None) if plain else (remedy.takes, remedy.gives)
    return Formula(expression, *names, remedy.normalize, about, *forms)
