"""ECE with 15 equal-width bins: ``measures_ece.py torchmetrics|netcal PATH``."""

from __future__ import annotations

import sys

import torch
from binary_arrays import read
from clock import Clock, tell


def by_torchmetrics(y, p) -> float:
    """``torchmetrics``, on tensors that are made before the clock starts."""
    from torchmetrics.functional.classification import binary_calibration_error

    return float(binary_calibration_error(p, y, n_bins=15, norm="l1"))


def by_netcal(y, p) -> float:
    """``netcal``, on arrays."""
    from netcal.metrics import ECE

    return float(ECE(15).measure(p, y))


if __name__ == "__main__":
    torch.set_num_threads(1)
    package, path = sys.argv[1:3]
    y, p = read(path)
    if package == "torchmetrics":
        y, p = torch.from_numpy(y), torch.from_numpy(p)
    measure = {"torchmetrics": by_torchmetrics, "netcal": by_netcal}[package]
    measure(y[:1000], p[:1000])  # imports and first-call work are not counted
    with Clock() as clock:
        value = measure(y, p)
    tell(clock, values={"ece": value})
