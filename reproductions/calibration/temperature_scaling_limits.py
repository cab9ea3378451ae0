"""Where classes overlap, one temperature is not enough.

Two worlds whose p(y | x) is known. *Pairs*: classes come in pairs; with probability ``overlap`` an
input comes from the region that its pair shares, where the label is a fair coin, else from the
region of its own class. *Gaussians*: the paper's two classes in 300 dimensions, N(0, 1) and
N(delta, 1); the smaller delta, the larger the overlap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reproductions.ledger import Claim, Reproduction
from trueup.calibration import TemperatureScaling, ece, log_loss
from trueup.core import Estimate, Evidence, Probabilities
from trueup.core.fitted import Fitted
from trueup.core.probabilities import log_softmax
from trueup.core.proof import Proof, prove


REPRODUCTION = Reproduction(
    mission=10,
    system="Limits of temperature scaling",
    question="calibration",
    paper="On the Limitations of Temperature Scaling for Distributions with Overlaps, 2306.00740",
    claims=(
        Claim(
            "pairs: temperature scaling gets worse: its ECE at overlap 0.8 less that at 0.1", "> 0"
        ),
        Claim("pairs: so does its KL divergence from the true p(y|x)", "> 0"),
        Claim("pairs: Mixup does not: its ECE at overlap 0.8 less that at 0.1", "< 0"),
        Claim("pairs, overlap 0.8: ECE of Mixup less that of temperature scaling", "< 0"),
        Claim("pairs, overlap 0.8: log loss of Mixup less that of temperature scaling", "< 0"),
        Claim(
            "with many classes temperature scaling is no better than random: its KL divergence at "
            "overlap 0.8 and 64 classes, as a share of a random guess's",
            "> 0.9",
        ),
        Claim(
            "Gaussians: temperature scaling gets worse: its ECE at delta 0.05 less that at 0.25",
            "> 0",
        ),
        Claim("Gaussians, delta 0.05: ECE of Mixup less that of temperature scaling", "< 0"),
    ),
    differs="the paper trains image networks (ResNet-18 and others, 200 epochs) on its Gaussians "
    "and on images with label noise; here a network of full layers (256, 256), 100 epochs. Pairs "
    "are the setting of the paper's theorems: 64 classes in 32 dimensions, 4,000 training rows. "
    "Mixup mixes four rows and is not scaled. The random guess is a limit of many classes and full "
    "overlap.",
    needs=("torch",),
)


@dataclass(frozen=True)
class Size:
    """How much of a world is drawn, and how long networks train."""

    classes: int = 64
    learn: int = 4_000
    test: int = 10_000
    epochs: int = 100


SIZES = {"small": Size(), "tiny": Size(classes=8, learn=400, test=1_000, epochs=10)}


@dataclass(frozen=True, eq=False)
class Curve:
    """What two trainings came to at one overlap."""

    scaled: Fitted
    plain: Evidence
    mixup: Evidence
    truth: np.ndarray

    def scaled_prediction(self) -> Probabilities:
        """The plain network after temperature scaling."""
        return self.scaled.apply(self.plain.prediction)

    def against(self, score) -> Proof:
        """Mixup beside temperature scaling, row by row."""
        return prove(self.scaled, self.mixup.prediction, on=self.plain, score=score)

    def scaled_ece(self) -> float:
        """ECE after temperature scaling."""
        return ece(self.plain.truth, self.scaled_prediction()).value

    def mixup_ece(self) -> float:
        """ECE of Mixup."""
        return ece(self.mixup.truth, self.mixup.prediction).value

    def scaled_kl(self) -> float:
        """Mean KL divergence of the true law from temperature scaling."""
        return divergence(self.truth, self.scaled_prediction().log_probs())


def run(scale: str = "small", seed: int = 0) -> list[Proof | Estimate]:
    """The numbers of the claims, in order."""
    size, rng = SIZES[scale], np.random.default_rng(seed)
    centres = regions(size.classes, rng)
    few, many = (
        curve(lambda n, a=a: pairs(n, centres, overlap=a, rng=rng), size, size.classes, seed)
        for a in (0.1, 0.8)
    )
    apart, close = (
        curve(lambda n, d=d: gaussians(n, delta=d, rng=rng), size, 2, seed) for d in (0.25, 0.05)
    )
    guess = divergence(many.truth, np.full((1, size.classes), -np.log(size.classes)))
    return [
        Estimate(many.scaled_ece() - few.scaled_ece()),
        Estimate(many.scaled_kl() - few.scaled_kl()),
        Estimate(many.mixup_ece() - few.mixup_ece()),
        many.against(ece),
        many.against(log_loss),
        Estimate(many.scaled_kl() / guess),
        Estimate(close.scaled_ece() - apart.scaled_ece()),
        close.against(ece),
    ]


def curve(draw, size: Size, classes: int, seed: int) -> Curve:
    """Train plainly and with Mixup on the same rows; find the temperature on others."""
    from reproductions.networks import predict, train

    (x, y, _), (own_x, own_y, _), (new_x, new_y, truth) = map(
        draw, (size.learn, max(size.learn // 4, 500), size.test)
    )
    settings = {"classes": classes, "epochs": size.epochs, "seed": seed}
    plain, mixup = train(x, y, **settings), train(x, y, **settings, mix=4)
    scaled = TemperatureScaling().fit(Evidence(predict(plain, own_x), own_y))
    told = [Evidence(predict(net, new_x), new_y) for net in (plain, mixup)]
    return Curve(scaled, *told, truth)


def regions(classes: int, rng: np.random.Generator, *, dimensions: int = 32) -> np.ndarray:
    """Centres, 6 from the origin: first of every class, then of what each pair shares."""
    centres = rng.normal(size=(classes + classes // 2, dimensions))
    return 6.0 * centres / np.linalg.norm(centres, axis=1, keepdims=True)


def pairs(rows: int, centres: np.ndarray, *, overlap: float, rng: np.random.Generator):
    """Inputs (n, d), labels (n,) and the true p(y | x) (n, k) of the world of pairs."""
    classes = 2 * len(centres) // 3
    label = rng.integers(0, classes, rows)
    region = np.where(rng.random(rows) < overlap, classes + label // 2, label)
    inputs = centres[region] + rng.normal(size=(rows, centres.shape[1]))
    mass = np.repeat([(1 - overlap) / classes, 2 * overlap / classes], [classes, classes // 2])
    density = inputs @ centres.T - (centres**2).sum(axis=1) / 2
    posterior = np.exp(log_softmax(np.log(mass) + density))
    truth = posterior[:, :classes] + np.repeat(posterior[:, classes:], 2, axis=1) / 2
    return inputs, label, truth


def gaussians(rows: int, *, delta: float, rng: np.random.Generator, dimensions: int = 300):
    """Inputs, labels and the true p(y | x) of the paper's two Gaussians."""
    label = rng.integers(0, 2, rows)
    inputs = rng.normal(size=(rows, dimensions)) + delta * label[:, None]
    odds = delta * inputs.sum(axis=1) - dimensions * delta**2 / 2
    return inputs, label, np.exp(log_softmax(np.column_stack([np.zeros(rows), odds])))


def divergence(truth: np.ndarray, logs: np.ndarray) -> float:
    """Mean KL divergence of the laws ``truth`` (n, k) from log-probabilities (n, k)."""
    own = np.log(np.where(truth > 0, truth, 1.0))
    return float((truth * (own - logs)).sum(axis=1).mean())
