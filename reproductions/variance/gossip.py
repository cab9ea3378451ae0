"""Networks that were begun apart lose their variance when they are averaged; is it worth restoring?

Eight nodes hold a part of the rows each and begin from draws of their own. In every round each node
trains a little, then all average in random pairs. Plain averages are compared with those that keep
the variance, and with nodes that begin from one draw, as in federated averaging.
"""

from __future__ import annotations

import numpy as np

from reproductions.digits import Digits, accuracy, digits, trained
from reproductions.ledger import Claim, Reproduction
from trueup.core import Estimate
from trueup.parameters import Average, VarianceCorrected, merge


REPRODUCTION = Reproduction(
    mission=82,
    system="Gossip variance",
    question="variance",
    paper="Tian, Pal, Baccelli et al. 2024, Vanishing Variance Problem in Fully Decentralized "
    "Neural-Network Systems, 2404.04616",
    claims=(
        Claim("variance of a matrix after eight draws are averaged, over that of one",
              "between 0.11 0.14"),
        Claim("the same, corrected", "between 0.95 1.05"),
        Claim("accuracy after the first rounds: corrected less plain averages", "> 0"),
        Claim("accuracy after all rounds: corrected less plain averages", "> 0"),
        Claim("after all rounds: one draw for all, less plain averages", "> 0"),
        Claim("after all rounds: one draw for all, less corrected averages", "< 0.02"),
        Claim("after all rounds: corrected averages less a node alone", "> 0"),
    ),
    differs="eight simulated nodes, networks of six layers and scikit-learn's digits, random pairs",
    needs=("torch",),
    seeds=10,
)  # fmt: skip

NODES, ROUNDS, EARLY, DEEP = 8, 30, 8, (64, 64, 64, 64, 64, 64, 10)


def run(scale: str = "small", seed: int = 0) -> list[Estimate]:
    """The numbers of the claims, in order."""
    *parts, test = digits(seed, *[0.08] * NODES, 0.3)
    rounds = ROUNDS if scale == "small" else 1
    apart = [draw(parts[0], 1_000 * seed + i) for i in range(NODES)]
    together = [apart[0]] * NODES
    inner = [name for name in apart[0] if apart[0][name].ndim == 2][1:-1]
    spread = [[float(merge(apart, method=method)[name].var() / apart[0][name].var())
               for name in inner] for method in (Average(), VarianceCorrected())]  # fmt: skip
    plain = gossip(apart, parts, test, method=Average(), rounds=rounds, seed=seed)
    kept = gossip(apart, parts, test, method=VarianceCorrected(), rounds=rounds, seed=seed)
    one = gossip(together, parts, test, method=Average(), rounds=rounds, seed=seed)
    alone = np.mean(
        [
            accuracy(trained(rows, seed=seed, start=net, epochs=rounds, widths=DEEP), test)
            for net, rows in zip(apart, parts, strict=True)
        ]
    )
    early = min(EARLY, rounds) - 1
    numbers = (*np.mean(spread, axis=1), kept[early] - plain[early], kept[-1] - plain[-1],
               one[-1] - plain[-1], one[-1] - kept[-1], kept[-1] - alone)  # fmt: skip
    return [Estimate(float(number)) for number in numbers]


def draw(rows: Digits, seed: int) -> dict:
    """A network before it learned anything."""
    return trained(rows, seed=seed, epochs=0, widths=DEEP)


def gossip(nets: list[dict], parts: list[Digits], test: Digits, *, method, rounds: int, seed: int):
    """Mean accuracy of the nodes after every round."""
    rng, found = np.random.default_rng(seed), []
    for turn in range(rounds):
        nets = [trained(rows, seed=seed + 100 * turn + i, start=net, epochs=1, widths=DEEP)
                for i, (net, rows) in enumerate(zip(nets, parts, strict=True))]  # fmt: skip
        order = rng.permutation(len(nets))
        for pair in order.reshape(-1, 2):
            made = merge([nets[i] for i in pair], method=method)
            for i in pair:
                nets[i] = {name: made[name] for name in made}
        found.append(float(np.mean([accuracy(net, test) for net in nets])))
    return found
