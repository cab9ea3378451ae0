"""What an integrator is: a way to step ``u_t = L u + N(u)``, written once for all systems."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from trueup.core.errors import UsageError


class Integrator(ABC):
    """A scheme for ``u_t = L u + N(u)`` with a diagonal ``L``, in the modes of a system.

    What it carries from step to step is a tuple whose first part is the modes now; whatever else
    the scheme remembers follows.
    """

    name: ClassVar[str]
    order: ClassVar[int]
    """Claimed order of convergence of a run."""
    levels: ClassVar[int] = 1
    """Earlier states that a step looks at, the one that it starts from included."""

    def start(self, system, modes, previous, arrays) -> tuple[Any, ...]:
        """What is carried into the first step; ``previous`` are modes a step ago, or None."""
        if previous is not None:
            raise UsageError(
                f"{type(system).__name__}.step",
                f"'previous' is given, but {self.name} is a scheme of one step",
                do="Leave it out, or choose integrator='cnab2' or 'leapfrog'",
            )
        return (modes,)

    @abstractmethod
    def advance(self, system, carry: tuple[Any, ...], dt: float, arrays) -> tuple[Any, ...]:
        """What is carried after one more step."""
