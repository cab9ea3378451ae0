"""Does balancing competing parameters merge better than averages, task arithmetic and TIES?

Eight trunks, each trained on a task of its own from one base, become one. Every method chooses its
settings by the mean accuracy of all tasks on held-out rows and is judged on others; differences are
paired by seed.
"""

from __future__ import annotations

from collections.abc import Iterator

from reproductions.ledger import Claim, Reproduction
from reproductions.tasks import Tasks, tasks
from trueup.core import Estimate
from trueup.parameters import PCB, TIES, TaskArithmetic, merge


REPRODUCTION = Reproduction(
    mission=33,
    system="PCB-Merging",
    question="parameters",
    paper="Du, Lee, Li, Jiang, Guo, Yu, Liu, Goh, Tang, He, Zhang 2024, Parameter Competition "
    "Balancing for Model Merging, NeurIPS, 2410.02396",
    claims=(
        Claim("accuracy of the base, mean of eight tasks", "between 0 1"),
        Claim("accuracy of trunks that were trained on a task, each on its own", "between 0 1"),
        Claim("accuracy of PCB", "between 0 1"),
        Claim("PCB less the average", "> 0"),
        Claim("PCB less task arithmetic", "> 0"),
        Claim("PCB less TIES", "> 0"),
        Claim("PCB less the base, which knows all tasks a little", "> 0"),
    ),
    differs="a trunk of two layers and eight views of scikit-learn's digits instead of T5, "
    "ViT and LLaMA 2 on their tasks; the scale, and the share that stays of TIES and PCB, are "
    "chosen on held-out rows",
    needs=("torch",),
    seeds=10,
)  # fmt: skip

SCALES = (0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 1.8)
SHARES = (0.1, 0.2, 0.4)


def run(scale: str = "small", seed: int = 0) -> list[Estimate]:
    """The numbers of the claims, in order."""
    world = tasks(seed, epochs=20 if scale == "small" else 1)
    average = world.accuracy(merge(world.tuned), world.test)
    arithmetic = best(world, (TaskArithmetic(s) for s in SCALES))
    ties = best(world, (TIES(d, s) for d in SHARES for s in SCALES))
    pcb = best(world, (PCB(d, s) for d in SHARES for s in SCALES))
    base = world.accuracy(world.base, world.test)
    numbers = (base, world.alone(world.test), pcb, pcb - average, pcb - arithmetic, pcb - ties,
               pcb - base)  # fmt: skip
    return [Estimate(float(number)) for number in numbers]


def best(world: Tasks, methods: Iterator) -> float:
    """Accuracy on the test rows of the method that is best on the held-out ones."""
    made = [merge(world.tuned, base=world.base, method=method) for method in methods]
    chosen = max(made, key=lambda one: world.accuracy(one, world.held))
    return world.accuracy(chosen, world.test)
