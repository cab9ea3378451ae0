"""The main job: cube -> findings -> corrections -> proofs -> verdict.

The room is also its verb: ``trueup.audit(table, ...)`` is ``trueup.audit.verbs.audit``.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class Room(ModuleType):
    """A module that can be called, so that one name serves the room and its verb."""

    def __call__(self, data: Any, **options: Any) -> Any:
        """Measure, correct and prove a table; see ``trueup.audit.verbs.audit``."""
        from trueup.audit.verbs import audit

        return audit(data, **options)


sys.modules[__name__].__class__ = Room
