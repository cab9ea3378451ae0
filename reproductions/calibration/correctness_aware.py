"""A temperature a row, trained to tell right from wrong, from copies of images.

A trained ResNet-20 sees test images that were stored with loss, as they are and turned by 15
degrees, in grey, and with colours and contrast changed. What it says of the copies are the
features of a row. Calibrators learn on one half of the plain images; they are judged on the other
half, plain and with noise and faded contrast. All have the same small network; losses differ.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from reproductions.ledger import Claim, Reproduction, shared
from trueup.calibration import CorrectnessAware, TemperatureScaling, auc, brier, ece
from trueup.core import Estimate, Evidence, Probabilities


REPRODUCTION = Reproduction(
    mission=9,
    system="Correctness-aware calibration",
    question="calibration",
    paper="Optimizing Calibration by Gaining Aware of Prediction Correctness, 2404.13016",
    claims=(
        Claim("plain images: calibration error, less that of the log loss", "< 0"),
        Claim("plain images: calibration error, less that of the squared error", "< 0"),
        Claim("changed images: calibration error, less that of the log loss", "< 0"),
        Claim("changed images: calibration error, less that of the squared error", "< 0"),
        Claim("plain images: area by which confidence tells right from wrong, less that of one "
              "temperature", "> 0"),
        Claim("changed images: the same area, less that of one temperature", "> 0"),
        Claim("plain images: squared error of confidence as a forecast of being right, less that "
              "of one temperature", "< 0"),
        Claim("changed images: the same squared error, less that of one temperature", "< 0"),
        Claim("plain images: calibration error with right and wrong rows weighing the same, as "
              "published, less that without", "< 0"),
    ),
    differs="one network, 1,500 images whose halves change with the seed, three copies, one change "
    "at one strength; the minimum is searched by L-BFGS; only the last claim weighs rows.",
    needs=("torch",),
    data=("weights/cifar10_resnet_a", "images/cifar10_jpeg_test"),
)  # fmt: skip

HIDDEN = 5
LOSSES = {
    "correct": CorrectnessAware(hidden=HIDDEN),
    "balanced": CorrectnessAware(hidden=HIDDEN, balanced=True),
    "log": CorrectnessAware(hidden=HIDDEN, loss="log_loss"),
    "squared": CorrectnessAware(hidden=HIDDEN, loss="brier"),
}


def run(scale: str = "small", seed: int = 0) -> list[Estimate]:
    """The numbers of the claims, in order."""
    plain, changed = (evidence(kind, 1_500 if scale == "small" else 200) for kind in (False, True))
    order = np.random.default_rng(seed).permutation(len(plain))
    learn, new = np.array_split(order, 2)
    fitted = {name: made.fit(plain.take(learn)) for name, made in LOSSES.items()}
    fitted["one"] = TemperatureScaling().fit(plain.take(learn))
    found = []
    for rows in (plain.take(new), changed.take(new)):
        after = {name: made.correct(rows) for name, made in fitted.items()}
        errors = {name: ece(rows.truth, said).value for name, said in after.items()}
        right = {name: forecast(said, rows.truth) for name, said in after.items()}
        found.append((errors, right))
    differences = [
        *(errors["correct"] - errors[other] for errors, _ in found for other in ("log", "squared")),
        *(right["correct"][0] - right["one"][0] for _, right in found),
        *(right["correct"][1] - right["one"][1] for _, right in found),
        found[0][0]["balanced"] - found[0][0]["correct"],
    ]
    return [Estimate(float(x), n=len(new)) for x in differences]


def forecast(said: Probabilities, truth: np.ndarray) -> tuple[float, float]:
    """Area and squared error of confidence as a forecast of being right."""
    right = (said.probs.argmax(axis=1) == truth).astype(int)
    confidence = Probabilities(said.probs.max(axis=1))
    return auc(right, confidence).value, brier(right, confidence).value


@cache
def evidence(changed: bool, rows: int) -> Evidence:
    """What the network says of images, with what it says of their copies as features."""
    images, truth = pictures(rows)
    if changed:
        noise = np.random.default_rng(1).normal(0, 0.03, images.shape)
        images = np.clip((images - 0.5) * 0.75 + 0.5 + noise, 0, 1)
    prediction = Probabilities.from_logits(logits(images))
    best = np.argsort(-prediction.probs, axis=1)[:, :3]
    views = [prediction, *(Probabilities.from_logits(logits(copy)) for copy in copies(images))]
    features = [np.take_along_axis(view.probs, best, axis=1) for view in views]
    return Evidence(prediction, truth, features=np.hstack(features))


def pictures(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 32, 32, 3) in [0, 1] and their classes: the same ones for every seed."""
    with np.load(shared("images", "cifar10_jpeg_test", "data.npz")) as stored:
        chosen = np.random.default_rng(0).permutation(len(stored["y"]))[:rows]
        return stored["x"][chosen] / 255.0, stored["y"][chosen].astype(np.int64)


def copies(images: np.ndarray):
    """The same images turned, in grey, and with other colours."""
    from scipy.ndimage import rotate

    yield np.clip(rotate(images, 15, axes=(1, 2), reshape=False, order=1, mode="nearest"), 0, 1)
    grey = images @ np.array([0.299, 0.587, 0.114])
    yield np.repeat(grey[..., None], 3, axis=3)
    yield np.clip((images * np.array([1.15, 0.95, 0.85]) - 0.5) * 1.3 + 0.55, 0, 1)


def logits(images: np.ndarray) -> np.ndarray:
    """Logits (n, 10) of the network of He et al. with shortcuts that pad by zeros."""
    import torch

    mean, sd = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    x = torch.from_numpy(((images - mean) / sd).astype(np.float32)).permute(0, 3, 1, 2)
    with np.load(shared("weights", "cifar10_resnet_a", "resnet20.npz")) as stored:
        weights = {name: torch.from_numpy(stored[name]) for name in stored.files}
    with torch.no_grad():
        return torch.cat([_forward(part, weights) for part in x.split(250)]).double().numpy()


def _forward(x, weights):
    """The network on a batch (n, 3, 32, 32)."""
    from torch.nn import functional

    def norm(x, name: str):
        parts = (weights[f"{name}.{p}"] for p in ("running_mean", "running_var", "weight", "bias"))
        return functional.batch_norm(x, *parts)

    def conv(x, name: str, stride: int = 1):
        return functional.conv2d(x, weights[f"{name}.weight"], stride=stride, padding=1)

    x = norm(conv(x, "conv1"), "bn1").relu()
    for layer in (1, 2, 3):
        for block in range(3):
            name = f"layer{layer}.{block}"
            stride = 2 if layer > 1 and block == 0 else 1
            h = norm(conv(x, f"{name}.conv1", stride), f"{name}.bn1").relu()
            h = norm(conv(h, f"{name}.conv2"), f"{name}.bn2")
            if stride == 2:
                pad = x.shape[1] // 2
                x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, pad, pad))
            x = (h + x).relu()
    return functional.linear(x.mean(dim=(2, 3)), weights["linear.weight"], weights["linear.bias"])
