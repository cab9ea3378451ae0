"""Eight tasks of one network: a trunk with a head a task, and trunks that were trained on.

A task is scikit-learn's digits seen another way: turned, mirrored, in negative, shifted. The base
learns all of them a little, then the heads stay and a copy of the trunk learns each task alone. A
merged trunk is judged by the accuracy of all heads on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from reproductions.digits import BATCH, Digits, digits
from reproductions.networks import mlp
from trueup.core.weights import Weights


WIDE = 256
TASKS = 8
Trunk = dict[str, np.ndarray]
Heads = list[list[np.ndarray]]


@dataclass(frozen=True)
class Tasks:
    """A base, what became of it on every task, and rows to judge by.

    Attributes
    ----------
    base, tuned
        Trunks.
    heads
        Weights and bias of the head of every task.
    held, test
        Rows of every task: to choose settings by, and to judge by.
    """

    base: Trunk
    tuned: list[Trunk]
    heads: Heads
    held: list[Digits]
    test: list[Digits]

    def right(self, trunk: Weights | Trunk, rows: list[Digits], task: int) -> np.ndarray:
        """(n,) which rows of a task a trunk gets right."""
        x = rows[task].x
        for layer in ("0", "2"):
            weight, bias = (np.asarray(trunk[f"{layer}.{part}"]) for part in ("weight", "bias"))
            x = np.maximum(x @ weight.T + bias, 0)
        weight, bias = self.heads[task]
        return (x @ weight.T + bias).argmax(axis=1) == rows[task].y

    def accuracy(self, trunk: Weights | Trunk, rows: list[Digits]) -> float:
        """Mean over tasks of the share of rows that are right."""
        trunk = {name: trunk[name] for name in trunk}
        return float(np.mean([self.right(trunk, rows, task) for task in range(TASKS)]))

    def alone(self, rows: list[Digits]) -> float:
        """The same where every task has the trunk that was trained on it."""
        return float(np.mean([self.right(t, rows, i) for i, t in enumerate(self.tuned)]))


def tasks(seed: int, *, epochs: int = 20, pull: float = 0.0) -> Tasks:
    """The tasks of a seed; ``pull`` holds trunks to the base, as AdamR-L2 does."""
    first, fine, held, test = (views(part) for part in digits(seed, 0.15, 0.4, 0.15, 0.3))
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    trunk = {n: v.numpy() for n, v in mlp(64, WIDE, WIDE).state_dict().items()}
    heads = [[p.detach().numpy() for p in torch.nn.Linear(WIDE, 10).parameters()]
             for _ in range(TASKS)]  # fmt: skip
    base, heads = fitted(trunk, heads, first, epochs=30, rate=1e-3, seed=seed)
    tuned = [
        fitted(base, heads[i : i + 1], fine[i : i + 1], epochs=epochs, rate=3e-4, frozen=True,
               seed=100 * seed + i, pull=pull)[0]
        for i in range(TASKS)
    ]  # fmt: skip
    return Tasks(base, tuned, heads, held, test)


def views(rows: Digits) -> list[Digits]:
    """The same digits as eight tasks."""
    images = rows.x.reshape(-1, 8, 8)
    seen = (images, np.rot90(images, 1, (1, 2)), np.rot90(images, 2, (1, 2)), images[:, :, ::-1],
            images[:, ::-1], images.transpose(0, 2, 1), 1 - images,
            np.roll(images, 4, 2))  # fmt: skip
    return [Digits(np.ascontiguousarray(one).reshape(len(rows), 64), rows.y) for one in seen]


def fitted(
    trunk: Trunk, heads: Heads, rows: list[Digits], *, epochs: int, rate: float, seed: int,
    frozen: bool = False, pull: float = 0.0,
) -> tuple[Trunk, Heads]:  # fmt: skip
    """A trunk and heads after Adam on the mean cross-entropy of the tasks."""
    torch.manual_seed(seed)
    body = {name: torch.tensor(array, requires_grad=True) for name, array in trunk.items()}
    tops = [[torch.tensor(a, requires_grad=not frozen) for a in head] for head in heads]
    learned = [*body.values(), *([] if frozen else [a for head in tops for a in head])]
    start = [a.detach().clone() for a in learned]
    steps = torch.optim.Adam(learned, rate)
    x = [torch.from_numpy(part.x) for part in rows]
    y = [torch.from_numpy(part.y).long() for part in rows]
    for _ in range(epochs):
        for some in torch.randperm(len(y[0])).split(BATCH):
            said = (_logits(body, top, one[some]) for top, one in zip(tops, x, strict=True))
            losses = [functional.cross_entropy(a, b[some]) for a, b in zip(said, y, strict=True)]
            loss = torch.stack(losses).mean()
            if pull:
                away = zip(learned, start, strict=True)
                loss = loss + pull / 2 * sum(((a - b) ** 2).sum() for a, b in away)
            steps.zero_grad()
            loss.backward()
            steps.step()
    return ({name: a.detach().numpy() for name, a in body.items()},
            [[a.detach().numpy() for a in head] for head in tops])  # fmt: skip


def _logits(body: dict[str, torch.Tensor], top: list[torch.Tensor], x: torch.Tensor):
    for layer in ("0", "2"):
        x = torch.relu(x @ body[f"{layer}.weight"].T + body[f"{layer}.bias"])
    return x @ top[0].T + top[1]
