"""trueup on a task: ``simulators_trueup.py TASK FOLDER [torch]``."""

from __future__ import annotations

import sys

from simulators_task import DT, STEPS, run

from trueup.worlds import KuramotoSivashinsky, Lorenz96


def march(system, state):
    """The state after all steps."""
    if "torch" in sys.argv[3:]:
        import torch

        torch.set_num_threads(1)
        state = torch.as_tensor(state)
    return system.run(state, DT, steps=STEPS, every=STEPS)[-1]


if __name__ == "__main__":
    run({
        "ks_float64": lambda u: march(KuramotoSivashinsky(), u),
        "ks_float32": lambda u: march(KuramotoSivashinsky(), u),
        "lorenz96": lambda x: march(Lorenz96(), x),
    })  # fmt: skip
