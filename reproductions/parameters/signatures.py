"""Is robustness a patch? What a network gained from noisy images, added to another one.

From one base a network is trained on clean images and one on noisy or blurred ones. The difference
of the first layer is the signature of the corruption. It is added to the clean network, and to
another one, trained from the base on other rows with another seed.
"""

from __future__ import annotations

import numpy as np

from reproductions.digits import Digits, accuracy, digits, trained
from reproductions.ledger import Claim, Reproduction
from trueup.core import Estimate
from trueup.parameters import patch, signature


REPRODUCTION = Reproduction(
    mission=44,
    system="Robust Weight Signatures",
    question="parameters",
    paper="Cai, Zhang, Wang 2023, Robust Weight Signatures: Gaining Robustness as Easy as Patching "
    "Weights?, ICML, 2302.12480",
    claims=(
        Claim("noisy images: network trained on them less the clean one", "> 0"),
        Claim("noisy images: clean network with the patch less without", "> 0"),
        Claim("the same with half of the patch", "> 0"),
        Claim("the whole patch less half of it", "> 0"),
        Claim("clean images: the whole patch less without", "> -0.02"),
        Claim("another network, noisy images: the patch less without", "> 0"),
        Claim("blurred images: their own patch less without", "> 0"),
        Claim("both patches, both corruptions: less the clean network", "> 0"),
        Claim("both patches, both corruptions: less the better of the single patches", "> 0"),
        Claim("numbers of the network over those of the patch", "> 3"),
    ),
    differs="a network of three layers on scikit-learn's digits, the first layer as the signature, "
    "instead of VGG and ResNet on CIFAR-10, CIFAR-100 and ImageNet; both networks start from one "
    "base; a signature is the difference alone, without the projection",
    needs=("torch",),
    seeds=20,
)  # fmt: skip

SHALLOW = ("0.*",)


def run(scale: str = "small", seed: int = 0) -> list[Estimate]:
    """The numbers of the claims, in order."""
    first, one, two, test = digits(seed, 0.25, 0.2, 0.2, 0.35)
    epochs = 30 if scale == "small" else 1
    base = trained(first, seed=seed, epochs=epochs)

    def tuned(rows: Digits, more: int) -> dict:
        return trained(rows, seed=10 * seed + more, start=base, epochs=epochs, rate=3e-4)

    noisy, blurred = test.noisy(0.5, seed), test.blurred(0.8)
    clean, other = tuned(one, 0), tuned(two, 1)
    robust = {"noise": tuned(one.noisy(0.5, seed + 1), 0), "blur": tuned(one.blurred(0.8), 0)}
    patches = {name: signature(net, clean, where=SHALLOW) for name, net in robust.items()}

    def patched(net: dict, names: tuple[str, ...], share: float = 1.0) -> dict:
        for name in names:
            made = patch(net, patches[name], scale=share)
            net = {key: made[key] for key in made}
        return net

    half, whole = (patched(clean, ("noise",), share) for share in (0.5, 1.0))
    both, blur = patched(clean, ("noise", "blur")), patched(clean, ("blur",))
    mean = [np.mean([accuracy(net, rows) for rows in (noisy, blurred)])
            for net in (both, clean, whole, blur)]  # fmt: skip
    plain = accuracy(clean, noisy)
    size = sum(array.size for array in clean.values())
    small = sum(array.size for name, array in clean.items() if name.startswith("0."))
    numbers = (
        accuracy(robust["noise"], noisy) - plain, accuracy(whole, noisy) - plain,
        accuracy(half, noisy) - plain, accuracy(whole, noisy) - accuracy(half, noisy),
        accuracy(whole, test) - accuracy(clean, test),
        accuracy(patched(other, ("noise",)), noisy) - accuracy(other, noisy),
        accuracy(blur, blurred) - accuracy(clean, blurred), mean[0] - mean[1],
        mean[0] - max(mean[2:]), size / small,
    )  # fmt: skip
    return [Estimate(float(number)) for number in numbers]
