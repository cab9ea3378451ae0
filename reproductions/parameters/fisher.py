"""Fisher merging on digits: fine-tunes of one network become one.

A network is taught all digits from few rows. *Ensembling*: it is fine-tuned twice on all digits, on
other rows and in another order. *Two tasks*: once on the digits 0 to 4, once on 5 to 9; the merge
should tell all ten. Fisher information is found on 300 of the rows that each was fine-tuned on,
without their labels.
"""

from __future__ import annotations

from reproductions.ledger import Claim, Reproduction
from trueup.core import Estimate


REPRODUCTION = Reproduction(
    mission=71,
    system="Fisher merging",
    question="parameters",
    paper="Matena, Raffel 2022, Merging Models with Fisher-Weighted Averaging, NeurIPS, 2111.09832",
    claims=(
        Claim("ensembling: gain in accuracy of Fisher merging on the plain average", "> 0"),
        Claim("ensembling: gain of Fisher merging on the mean of both", "> 0"),
        Claim("two tasks: gain of Fisher merging on the plain average", "> 0"),
        Claim("two tasks: gain of Fisher merging on the better of both", "> 0"),
        Claim("two tasks: gain of Fisher merging on the network that both were made from", "> 0"),
        Claim("two tasks: one drawn label a row, less all classes summed", "between -0.03 0.03"),
        Claim("two tasks: gain of RegMean on Fisher merging", "> 0"),
    ),
    differs="full layers of 64 neurons on 8 x 8 digits for language models; damping as it comes, "
    "shares not searched",
    needs=("torch",),
    seeds=10,
)


def run(scale: str = "small", seed: int = 0) -> list[Estimate]:
    """The numbers of the claims, in order."""
    from reproductions.digit_nets import accuracy, of_classes, parts, trained

    epochs = 30 if scale == "small" else 2
    first, left, right, test = parts(seed, 150, 400, 400)
    base = trained(first, seed=seed, epochs=epochs)

    def tuned(rows, i: int):
        return trained(rows, seed=1000 + 2 * seed + i, epochs=epochs, start=base)

    numbers = []
    soup = [tuned(left, 0), tuned(right, 1)]
    made = merges(soup, [left[0][:300], right[0][:300]], test, seed)
    ends = [accuracy(one, test) for one in soup]
    numbers += [made["fisher"] - made["plain"], made["fisher"] - sum(ends) / 2]
    halves = [of_classes(left, range(5)), of_classes(right, range(5, 10))]
    tasks = [tuned(rows, i) for i, rows in enumerate(halves)]
    made = merges(tasks, [rows[0][:300] for rows in halves], test, seed)
    ends = [accuracy(one, test) for one in tasks]
    numbers += [
        made["fisher"] - made["plain"], made["fisher"] - max(ends),
        made["fisher"] - accuracy(base, test), made["drawn"] - made["fisher"],
        made["regmean"] - made["fisher"],
    ]  # fmt: skip
    return [Estimate(float(number)) for number in numbers]


def merges(models, rows, test, seed: int) -> dict[str, float]:
    """Accuracy of the merges of two models."""
    from reproductions.digit_nets import accuracy, net
    from trueup.parameters import Fisher, RegMean, fisher_information, merge

    infos = {
        draws: [
            fisher_information(model, arch=net, on=x, draws=draws, seed=seed)
            for model, x in zip(models, rows, strict=True)
        ]
        for draws in (0, 1)
    }
    return {
        "plain": accuracy(merge(models), test),
        "fisher": accuracy(merge(models, method=Fisher(infos[0])), test),
        "drawn": accuracy(merge(models, method=Fisher(infos[1])), test),
        "regmean": accuracy(merge(models, method=RegMean(net, rows)), test),
    }
