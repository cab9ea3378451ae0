"""TorchCP on a task: ``conformal_torchcp.py TASK FOLDER``. It reads logits as tensors."""

from __future__ import annotations

import torch
from conformal_task import LEVEL, Task, of_sets, run
from torchcp.classification.predictor import ClassConditionalPredictor, SplitPredictor
from torchcp.classification.score import APS, LAC, RAPS, SAPS


def sets(score, predictor=SplitPredictor) -> Task:
    """Sets (n, k) of new rows."""

    def prepare(p, y, new, then):
        logits = [torch.log(torch.from_numpy(part).clamp(min=1e-12)) for part in (p, new)]
        return logits[0], torch.from_numpy(y), logits[1]

    def work(logits, y, new):
        made = predictor(score, alpha=1 - LEVEL, device=torch.device("cpu"))
        made.calculate_threshold(logits, y, 1 - LEVEL)
        return made.predict_with_logits(new)

    return Task(work, lambda found, *given: of_sets(found.numpy(), *given), prepare)


TASKS = {
    "lac": sets(LAC()),
    "aps": sets(APS(randomized=False)),
    "raps": sets(RAPS(randomized=False, penalty=0.01, kreg=5)),
    "saps": sets(SAPS(randomized=False, weight=0.2)),
    "class_conditional": sets(LAC(), ClassConditionalPredictor),
}


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(TASKS)
