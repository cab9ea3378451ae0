"""NERO: what one number hides is seen along the orbit of a rotation.

Two small networks recognise digits of 8 x 8 pixels: one trained on upright images, one on the same
images turned at random. New images are turned by 0, 15, .., 345 degrees; the error is 1 less the
probability of the digit. The consensus of an orbit stands for the label where there is none.
``page(folder)`` writes the interactive page of either network.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from scipy import ndimage
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from reproductions.ledger import Claim, Reproduction
from trueup.core import Estimate
from trueup.error import orbit


REPRODUCTION = Reproduction(
    mission=119,
    system="NERO",
    question="error",
    paper="Zhao, Matsuzawa, Irvine, Maire, Kindlmann 2023, Evaluating Machine Learning Models with "
    "NERO: Non-Equivariance Revealed on Orbits, 2305.19889",
    claims=(
        Claim("one number hides it: upright images, error of the upright network less that of the "
              "turned one", "< 0"),
        Claim("upright network: largest less smallest mean error on the circle", "> 0.5"),
        Claim("turned network: the same, over that of the upright one", "< 0.25"),
        Claim("mean unevenness of an orbit, upright network less turned one", "> 0"),
        Claim("turned network: correlation of consensus and labels over the circle", "> 0.5"),
        Claim("upright network: the same", "> 0.5"),
        Claim("upright network, turned by -45 to 45 degrees only: the same", "> 0.5"),
        Claim("which network is even, told by the consensus alone: unevenness of the upright less "
              "the turned one", "> 0"),
        Claim("turned network: share of digits whose consensus is the label", "> 0.9"),
        Claim("upright network: the same", "> 0.9"),
    ),
    differs="scikit-learn's 1,797 digits and networks of one hidden layer instead of MNIST, object "
    "detection, velocimetry and point clouds; turned images are interpolated linearly",
    seeds=10,
)  # fmt: skip

CIRCLE = tuple(range(0, 360, 15))
NARROW = tuple(range(-45, 46, 5))


def run(scale: str = "small", seed: int = 0) -> list[Estimate]:
    """The numbers of the claims, in order."""
    upright, turned, images, digit = networks(seed, steps=40 if scale == "small" else 10)
    if scale != "small":
        images, digit = images[:100], digit[:100]
    plain, even = (around(net, images, digit) for net in (upright, turned))
    near = around(upright, images, digit, angles=NARROW)
    curves = [np.array([point.value for point in each.curve()]) for each in (plain, even)]
    by_truth, by_consensus = (
        float(plain.non_equivariance(consensus=c)) - float(even.non_equivariance(consensus=c))
        for c in (False, True)
    )
    numbers = [
        curves[0][0] - curves[1][0],
        np.ptp(curves[0]), np.ptp(curves[1]) / np.ptp(curves[0]), by_truth,
        *(each.agreement().value for each in (even, plain, near)), by_consensus,
        *((each.consensus == digit).mean() for each in (even, plain)),
    ]  # fmt: skip
    return [Estimate(float(number)) for number in numbers]


def networks(seed: int, *, steps: int):
    """A network of upright images, one of turned ones, and 500 new images with their digits."""
    images, digit = load_digits(return_X_y=True)
    images, rng = images / 16, np.random.default_rng(seed)
    order = rng.permutation(len(images))
    new, old = order[:500], order[500:]
    many = np.tile(old, 8)
    # Both see as many images; only one sees them turned.
    inputs = [images[many], turn(images[many], rng.uniform(0, 360, len(many)))]
    net = MLPClassifier(hidden_layer_sizes=(128,), max_iter=steps, random_state=seed, alpha=1e-3)
    with warnings.catch_warnings():
        # The number of steps is the budget of both.
        warnings.simplefilter("ignore", ConvergenceWarning)
        nets = [clone(net).fit(x, digit[many]) for x in inputs]
    return *nets, images[new], digit[new]


def around(net, images: np.ndarray, digit: np.ndarray, *, angles: tuple = CIRCLE):
    """Errors of a network on images turned by ``angles``."""

    def doubt(truth: np.ndarray, said: np.ndarray) -> np.ndarray:
        return 1 - said[np.arange(len(truth)), truth]

    return orbit(
        net.predict_proba, images, transform=turn, elements=angles, truth=digit, loss=doubt
    )


def turn(images: np.ndarray, angles) -> np.ndarray:
    """Images (n, 64) turned about their middle by degrees, one angle or one for each."""
    n = len(images)
    radians = np.broadcast_to(np.deg2rad(angles), n)
    down, right = np.mgrid[:8, :8].reshape(2, 64) - 3.5
    cos, sin = np.cos(radians)[:, None], np.sin(radians)[:, None]
    places = [
        np.repeat(np.arange(n), 64).reshape(n, 64),
        cos * down + sin * right + 3.5,
        cos * right - sin * down + 3.5,
    ]
    return ndimage.map_coordinates(images.reshape(n, 8, 8), places, order=1, prefilter=False)


def page(folder: Path, seed: int = 0) -> list[Path]:
    """Write the interactive page of either network."""
    from trueup.report import render

    upright, turned, images, digit = networks(seed, steps=40)
    paths = []
    for name, net in (("upright", upright), ("turned", turned)):
        document = around(net, images, digit).to_document(
            title=f"Digits turned; network trained on {name} images",
            x="angle, degrees",
            y="1 - probability of the digit",
        )
        paths.append(Path(folder) / f"nero-{name}.html")
        paths[-1].write_text(render(document, interactive=True), encoding="utf-8")
    return paths
