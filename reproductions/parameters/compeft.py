"""How small can what a fine-tuned network learned be written, and what is lost?

Eight trunks, each trained on a task of its own from one base, are written as a file of ternary
differences from the base, whose scale is chosen on held-out rows. Files are compared with the trunk
itself in half precision, accuracy with that of the trunk, on rows that nothing was chosen by.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from reproductions.ledger import Claim, Reproduction
from reproductions.tasks import TASKS, Tasks, tasks
from trueup.core import Estimate
from trueup.core.weights import Held, save_weights
from trueup.parameters import open_ternary, save_ternary, ternary


REPRODUCTION = Reproduction(
    mission=78,
    system="ComPEFT",
    question="parameters",
    paper="Yadav, Choshen, Raffel, Bansal 2023, ComPEFT: Compression for Communicating Parameter "
    "Efficient Updates via Sparsification and Quantization, 2311.13171",
    claims=(
        Claim("5 % of the numbers stay: bytes of the network in half precision over the file's",
              "between 8 50"),
        Claim("10 %: the same", "between 8 50"),
        Claim("20 %: the same", "between 8 50"),
        Claim("5 %: accuracy less that of the network", "> -0.01"),
        Claim("10 %: the same", "> -0.01"),
        Claim("20 %: the same", "> -0.01"),
        Claim("5 %: share of what the network gained over the base that is kept", "> 0.9"),
        Claim("20 %: the same", "> 0.9"),
    ),
    differs="a trunk of two layers and eight views of scikit-learn's digits instead of T5 and "
    "LLaMA with adapters, whole networks instead of adapters",
    needs=("torch",),
    seeds=5,
)  # fmt: skip

SHARES = (0.05, 0.1, 0.2)
SCALES = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)


def run(scale: str = "small", seed: int = 0) -> list[Estimate]:
    """The numbers of the claims, in order."""
    world = tasks(seed, epochs=20 if scale == "small" else 1)
    found = [written(world, share) for share in SHARES]
    base = np.mean([world.right(world.base, world.test, task) for task in range(TASKS)])
    own = world.alone(world.test)
    sizes, accuracies = zip(*found, strict=True)
    kept = [(a - base) / (own - base) for a in accuracies]
    numbers = (*sizes, *(a - own for a in accuracies), kept[0], kept[-1])
    return [Estimate(float(number)) for number in numbers]


def written(world: Tasks, share: float) -> tuple[float, float]:
    """How many times smaller the files are, and the accuracy of what is read from them."""
    smaller, right = [], []
    with tempfile.TemporaryDirectory() as folder:
        small, half = Path(folder) / "small.safetensors", Path(folder) / "half.safetensors"
        for task, trunk in enumerate(world.tuned):
            made = [ternary(trunk, world.base, density=share, scale=s) for s in SCALES]
            save_ternary(max(made, key=lambda one, t=task: held(world, one, t)), small)
            save_weights(Held({n: a.astype(np.float16) for n, a in trunk.items()}), half)
            smaller.append(half.stat().st_size / small.stat().st_size)
            right.append(world.right(open_ternary(small, world.base), world.test, task).mean())
    return float(np.mean(smaller)), float(np.mean(right))


def held(world: Tasks, weights, task: int) -> float:
    """Accuracy on the rows that choose the scale."""
    return float(world.right(weights, world.held, task).mean())
