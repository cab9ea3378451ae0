"""Two sharded checkpoints of 6 GB become one: ``merging_large.py FOLDER [average|ties]``.

Needs 19 GB of disk while it runs; says the peak of its memory, and takes everything away again.
"""

from __future__ import annotations

import resource
import shutil
import sys
from pathlib import Path

import numpy as np
from clock import Clock, tell
from merging_make import Made

from trueup.core.weights.opened import open_weights
from trueup.core.weights.written import save_weights
from trueup.parameters import TIES, merge


LAYERS, WIDE, SHARD = 7, 4096, 2 << 30

if __name__ == "__main__":
    folder, method = Path(sys.argv[1]), sys.argv[2]
    paths = [folder / name for name in ("one", "two")]
    for model, path in enumerate(paths):
        if not path.exists():
            save_weights(Made(model, LAYERS, WIDE), path, shard=SHARD)
    one, two = map(open_weights, paths)
    made = merge([one, two]) if method == "average" else merge([two], base=one, method=TIES())
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with Clock() as clock:
        files = save_weights(made, folder / "made", shard=SHARD)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found, name = open_weights(folder / "made"), "model.layers.3.mlp.down_proj.weight"
    a, b, c = (w.read(name, 0, 1000) for w in (one, two, found))
    right = bool(np.array_equal(c, (a + b) * np.float32(0.5)))
    tell(clock, peak=peak, before=start, gigabytes=found.bytes / 1e9, files=len(files), right=right)
    shutil.rmtree(folder / "made")
    if method != "average":
        shutil.rmtree(folder)
