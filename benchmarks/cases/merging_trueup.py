"""trueup merges two checkpoints: ``merging_trueup.py METHOD FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from merging_task import run

from trueup.core.weights.written import save_weights
from trueup.parameters import TIES, Average, merge


if __name__ == "__main__":
    method, folder = sys.argv[1], Path(sys.argv[2])
    made = folder / "trueup.safetensors"

    def work() -> None:
        """Both models, of a base where one is needed."""
        models = [folder / "one", folder / "two"]
        settings, base = (Average(), None) if method == "linear" else (TIES(0.2), folder / "base")
        save_weights(merge(models, base=base, method=settings), made)

    run(work, made, folder / f"{method}.safetensors")
