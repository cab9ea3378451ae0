"""How far a group is believed: its own map, or that of all rows, or how much of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from trueup.calibration.distributions.middles import column_levels
from trueup.core.evidence import Evidence
from trueup.core.forms import Form
from trueup.core.groups import GROUPS
from trueup.core.probabilities import log_softmax
from trueup.core.splits import split_groups


PRIORS = (np.inf, 10_000.0, 3_000.0, 1_000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 0.0)
"""Rows of the prior that are tried; of equal ones the first, which believes groups least."""
ROOT_PI = float(np.sqrt(np.pi))


def credibility(mass: np.ndarray, prior: float) -> np.ndarray:
    """Share (g,) of its own map that a group of ``mass`` rows takes: mass / (mass + prior).

    Examples
    --------
    >>> credibility(np.array([0.0, 10.0, 90.0]), 10.0)
    array([0. , 0.5, 0.9])
    """
    return np.where(mass > 0, mass / np.maximum(mass + prior, 1e-300), 0.0)


@dataclass(frozen=True, eq=False)
class Trialled:
    """What both maps say of rows that neither has seen.

    Attributes
    ----------
    pooled, own
        (n, w) columns by the map of all, and by that of the row's group.
    truth, weight
        (n,) what happened, and how much the row counts.
    mass
        (n,) weight that the map of the row's group was learned on.
    """

    pooled: np.ndarray
    own: np.ndarray
    truth: np.ndarray
    weight: np.ndarray
    mass: np.ndarray

    def loss(self, form: Form, prior: float) -> float:
        """Total loss where a group takes its share of both."""
        share = credibility(self.mass, prior)[:, None]
        mixed = self.pooled + share * (self.own - self.pooled)
        return float(self.weight @ loss_of_rows(form, mixed, self.truth))


def best_prior(trials: list[Trialled], form: Form) -> float:
    """The prior of least loss; infinite where nothing was tried."""
    if not sum(len(trial.truth) for trial in trials):
        return np.inf
    losses = [sum(trial.loss(form, prior) for trial in trials) for prior in PRIORS]
    return float(PRIORS[int(np.argmin(losses))])


def halves(evidence: Evidence, weight: np.ndarray) -> list[np.ndarray]:
    """Both halves (n,) of the rows; rows that belong together stay in one, late ones in another.

    Rows that are not known to belong together are told apart by what they hold, so that neither
    their order nor their repetition matters.
    """
    if evidence.grouping == "row" and evidence.grouped is None:
        found = evidence.rows.contents
        group = ((evidence.rows.ids if found is None else found) % GROUPS).astype(np.intp)
    else:
        group = evidence.groups()
    sizes = np.bincount(group, weight > 0)
    early = split_groups(sizes, in_time=evidence.grouping == "block").learn[group]
    return [early, ~early]


def loss_of_rows(form: Form, columns: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """A proper loss (n,) of predictions made of ``columns`` (n, w), up to a factor.

    Log loss of probabilities (of their logits), CRPS of normal laws and ensembles, pinball loss of
    quantiles and intervals, absolute error of points.
    """
    if form.kind == "probabilities":
        return -log_softmax(columns)[np.arange(len(truth)), truth]
    if form.kind == "normal":
        u = (truth - columns[:, 0]) / columns[:, 1]
        density = np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)
        return columns[:, 1] * (u * (2 * ndtr(u) - 1) + 2 * density - 1 / ROOT_PI)
    if form.kind == "points":
        return np.abs(truth - columns[:, 0])
    levels = column_levels(form)
    off = truth[:, None] - (np.sort(columns, axis=1) if form.kind == "ensemble" else columns)
    return np.maximum(levels * off, (levels - 1) * off).sum(axis=1)
