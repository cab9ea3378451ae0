"""A tensor as the sum of packed ones: codes and what makes their error good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trueup.core.weights.packed import AbstractPacked, kind_of


@dataclass(frozen=True, eq=False)
class Sum(AbstractPacked):
    """A tensor as a sum.

    Parameters
    ----------
    shape
        Of the tensor and of every term.
    terms
        What is added.
    """

    shape: tuple[int, ...]
    terms: tuple[AbstractPacked, ...]

    kind = "sum"

    def values(self) -> np.ndarray:
        """The tensor, float32."""
        first, *others = self.terms
        found = first.values()
        for term in others:
            found = found + term.values()
        return found

    def parts(self) -> dict[str, np.ndarray]:
        """The parts of every term, its number in front."""
        return {f"{i}.{name}": part for i, term in enumerate(self.terms)
                for name, part in term.parts().items()}  # fmt: skip

    def facts(self) -> dict[str, Any]:
        """Kinds and facts of the terms."""
        return {"terms": [{"kind": term.kind, "facts": term.facts()} for term in self.terms]}

    @classmethod
    def of(cls, shape: tuple[int, ...], parts: Mapping[str, np.ndarray], facts: dict) -> Sum:
        """The tensor of a file."""
        terms = []
        for i, row in enumerate(facts["terms"]):
            own = {name.split(".", 1)[1]: part for name, part in parts.items()
                   if name.split(".", 1)[0] == str(i)}  # fmt: skip
            terms.append(kind_of(row["kind"]).of(shape, own, row["facts"]))
        return cls(shape, tuple(terms))
