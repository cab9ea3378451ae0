"""Can nearly all of what a network learned be dropped by chance?

Eight trunks, each trained on a task of its own from one base, lose a share p of their differences
from it; the others grow by 1 / q. DARE takes q = 1 - p. Here q is also chosen so that outputs
change least on rows without labels, from a formula and by trial; and trunks are trained with
AdamR-L2, which holds them to the base.
"""

from __future__ import annotations

import numpy as np

from reproductions.digits import Digits
from reproductions.ledger import Claim, Reproduction
from reproductions.tasks import TASKS, Tasks, Trunk, tasks
from trueup.core import Estimate
from trueup.parameters import DARE, merge, rescaling, rescaling_by_change


REPRODUCTION = Reproduction(
    mission=287,
    system="DAREx",
    question="parameters",
    paper="Deng, Zhao, Vakilian, Chen, Li, Thrampoulidis 2025, DARE the Extreme: Revisiting "
    "Delta-Parameter Pruning for Fine-Tuned Models, ICLR, 2410.09344",
    claims=(
        Claim("accuracy of trunks on their own task, less that of the base", "> 0"),
        Claim("p = .9: DARE less the trunk", "< 0"),
        Claim("p = .99: DARE less the trunk", "< -0.05"),
        Claim("p = .99: q from the formula, less DARE", "> 0"),
        Claim("p = .99: q by trial, less DARE", "> 0"),
        Claim("p = .99: q from the formula, less the base: something is left", "> 0"),
        Claim("trained with AdamR-L2, nothing dropped, less the trunk", "> -0.01"),
        Claim("p = .99: AdamR-L2 and DARE, less DARE", "> 0"),
        Claim("p = .99: AdamR-L2 and q from the formula, less q from the formula", "> 0"),
    ),
    differs="a trunk of two layers and eight views of scikit-learn's digits instead of language "
    "models; the formula makes the mean square change least instead of a bound on it",
    needs=("torch",),
    seeds=10,
)  # fmt: skip

PULL = 0.03
UNLABELLED = 64


def run(scale: str = "small", seed: int = 0) -> list[Estimate]:
    """The numbers of the claims, in order."""
    epochs = 20 if scale == "small" else 1
    world, held = tasks(seed, epochs=epochs), tasks(seed, epochs=epochs, pull=PULL)
    full, tight = world.alone(world.test), held.alone(held.test)
    base = np.mean([world.right(world.base, world.test, task) for task in range(TASKS)])
    some, most = (dropped(world, rate, how="plain") for rate in (0.9, 0.99))
    formula, trial = (dropped(world, 0.99, how=how) for how in ("formula", "trial"))
    tied, both = (dropped(held, 0.99, how=how) for how in ("plain", "formula"))
    numbers = (full - base, some - full, most - full, formula - most, trial - most, formula - base,
               tight - full, tied - most, both - formula)  # fmt: skip
    return [Estimate(float(number)) for number in numbers]


def dropped(world: Tasks, rate: float, *, how: str) -> float:
    """Mean accuracy of trunks on their own task when a share of what they learned is dropped."""
    found = []
    for task, trunk in enumerate(world.tuned):
        rows = world.held[task].take(slice(UNLABELLED))
        q = None if how == "plain" else by_formula(world.base, trunk, rows, rate)
        if how == "trial":
            q = rescaling_by_change(
                lambda q, t=trunk, r=rows: moved(world.base, t, r, DARE(rate, q)), rate=rate
            )
        made = merge([trunk], base=world.base, method=DARE(rate, q), seed=task)
        found.append(world.right(made, world.test, task).mean())
    return float(np.mean(found))


def by_formula(base: Trunk, trunk: Trunk, rows: Digits, rate: float) -> dict[str, float]:
    """What matrices are divided by; other tensors get 1 - rate."""
    inner = np.maximum(rows.x @ trunk["0.weight"].T + trunk["0.bias"], 0)
    return rescaling(trunk, base, rate=rate, inputs={"0.weight": rows.x, "2.weight": inner})


def moved(base: Trunk, trunk: Trunk, rows: Digits, method: DARE) -> float:
    """Mean square change of what the trunk says, over three draws."""
    wanted = features(trunk, rows.x)
    made = (merge([trunk], base=base, method=method, seed=1_000 + draw) for draw in range(3))
    return float(np.mean([np.square(features(one, rows.x) - wanted).mean() for one in made]))


def features(trunk, x: np.ndarray) -> np.ndarray:
    """(n, wide) what the heads are given."""
    for layer in ("0", "2"):
        x = np.maximum(x @ trunk[f"{layer}.weight"].T + trunk[f"{layer}.bias"], 0)
    return x
