"""Claims of combinations of forecasts, each a test on a world with known truth."""

from __future__ import annotations

import importlib

import numpy as np
from scipy.stats import t

from claims.registry import claim
from trueup.core.cards import Card
from trueup.core.quantile_loss import mean_pinball
from trueup.forecast import QuantilePanel
from trueup.worlds import forecasts


RATE, SEEDS = 1e-4, 12


@claim("finds the good model")
def finds_the_good_model(card: Card) -> None:
    """On new cases it is within a hundredth of the honest model, and far better than the mean."""
    method = getattr(importlib.import_module(card.module), card.name)()
    losses = []
    for seed in range(SEEDS):
        panel, truth = three_models(seed)
        new, later = three_models(seed + SEEDS)
        made = method.fit(panel, truth).apply(new)
        losses.append(
            [mean_pinball(f, later).mean() for f in (new.model("honest"), made, new.mean())]
        )
    honest, made, mean = np.log(losses).T
    for gap, bound, sharp in ((made - honest, 0.01, 0.01), (made - mean, -0.05, 0.05)):
        chance = t.ppf(1 - RATE, SEEDS - 1) * gap.std(ddof=1) / np.sqrt(SEEDS)
        assert gap.mean() < bound + chance and chance < sharp, (gap.mean(), chance)


def three_models(seed: int) -> tuple[QuantilePanel, np.ndarray]:
    """An honest, a far too wide and a biased model of 1,000 cases, and what happened."""
    faults = {"honest": (1.0, 0.0), "wide": (3.0, 0.0), "biased": (1.0, 2.0)}
    worlds = {name: forecasts("quantiles", spread=spread, bias=bias, rows=1_000, seed=seed)
              for name, (spread, bias) in faults.items()}  # fmt: skip
    said = {name: world.evidence.prediction for name, world in worlds.items()}
    return QuantilePanel.of(said), worlds["honest"].evidence.truth
