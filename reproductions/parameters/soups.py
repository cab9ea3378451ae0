"""Is the average of fine-tuned networks better than the best of them?

From one base networks are fine-tuned with settings drawn at random: rate, epochs, noise on the
images. The greedy soup takes them in the order of their held-out accuracy, and
keeps those that do not lower it. It is judged on rows that chose nothing, upright and shifted.
"""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from reproductions.digits import Digits, accuracy, digits, logits, trained
from reproductions.ledger import Claim, Reproduction
from trueup.core import Estimate
from trueup.parameters import greedy_soup, merge


REPRODUCTION = Reproduction(
    mission=34,
    system="Model soups",
    question="parameters",
    paper="Wortsman et al. 2022, Model soups: averaging weights of multiple fine-tuned models "
    "improves accuracy without increasing inference time, ICML, 2203.05482",
    claims=(
        Claim("held-out rows: greedy soup less the best network, never negative", "> -1e-9"),
        Claim("test rows: greedy soup less the network that is best on held-out rows", "> 0"),
        Claim("test rows: uniform soup less that network", "> 0"),
        Claim("shifted images (turned, blurred, noisy): greedy soup less that network", "> 0"),
        Claim("shifted images: uniform soup less that network", "> 0"),
        Claim("shifted images: greedy soup less the mean of its networks", "> 0"),
        Claim("test rows: mean probabilities of all (at 12 times the cost) less the greedy soup",
              "> 0"),
    ),
    differs="networks of three layers on scikit-learn's digits instead of CLIP, ALIGN and ViT-G on "
    "ImageNet; twelve networks a soup",
    needs=("torch",),
    seeds=20,
)  # fmt: skip

MANY = 12


def run(scale: str = "small", seed: int = 0) -> list[Estimate]:
    """The numbers of the claims, in order."""
    first, fine, held, test = digits(seed, 0.25, 0.2, 0.2, 0.35)
    base = trained(first, seed=seed, epochs=40)
    many = MANY if scale == "small" else 3
    nets = [tuned(base, fine, 100 * seed + i) for i in range(many)]
    soup = greedy_soup(nets, lambda weights: accuracy(arrays(weights), held))
    best = nets[int(np.argmax([accuracy(net, held) for net in nets]))]
    greedy, uniform = arrays(soup.weights), arrays(merge(nets))
    shifted = [test.turned(20), test.turned(-20), test.blurred(0.7), test.noisy(0.3, seed)]
    taken = [nets[i] for i in soup.taken]
    far = [np.mean([accuracy(net, rows) for rows in shifted])
           for net in (best, greedy, uniform, *taken)]  # fmt: skip
    near = [accuracy(net, test) for net in (best, greedy, uniform)]
    numbers = (accuracy(greedy, held) - accuracy(best, held), near[1] - near[0], near[2] - near[0],
               far[1] - far[0], far[2] - far[0], far[1] - np.mean(far[3:]),
               together(nets, test) - near[1])  # fmt: skip
    return [Estimate(float(number)) for number in numbers]


def tuned(base: dict, rows: Digits, seed: int) -> dict:
    """A network that was fine-tuned with settings of its own."""
    rng = np.random.default_rng(seed)
    seen = rows.noisy(rng.uniform(0, 0.4), seed)
    return trained(seen, seed=seed, start=base, epochs=int(rng.integers(5, 25)),
                   rate=10 ** rng.uniform(-4, -3))  # fmt: skip


def arrays(weights) -> dict[str, np.ndarray]:
    """All tensors."""
    return {name: weights[name] for name in weights}


def together(nets: list[dict], rows: Digits) -> float:
    """Accuracy of the mean of the networks' probabilities."""
    mean = np.mean([softmax(logits(net, rows), axis=1) for net in nets], axis=0)
    return float((mean.argmax(axis=1) == rows.y).mean())
