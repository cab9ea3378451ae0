r"""Ensemble filters and smoothers of a black box simulator, as one row over axes.

A cycle runs n members through the model to the next observations y and draws them there. With the
mean :math:`\bar x` and anomalies A of the members, :math:`S = (H X - \overline{H X}) R^{-1/2} /
\sqrt{n - 1}`, and :math:`d = R^{-1/2} (y - \overline{H X})` every update has the form

.. math:: \bar x_a = \bar x + w A, \qquad A_a = f\, Q\, T A,

with weights w and a transform T of the members, a random rotation Q and an inflation f. Methods
are rows:

=================  =========================================================
EnKF               ``update="perturbed"``
ETKF               ``update="square_root"``
DEnKF              ``update="deterministic"``
ESRF, EAKF         ``update="serial"``
LETKF              ``localisation=DistanceTaper(...)``
EnKF-N             ``inflation=FiniteSizeInflation()``
EnKS               ``smoother=LaggedSmoother(lag)``
iEnKF, iEnKS       ``smoother=IterativeSmoother(lag)``
ES-MDA             ``smoother=MultipleAssimilation(times)``, ``update="perturbed"``
=================  =========================================================

Examples
--------
>>> import numpy as np
>>> rng = np.random.default_rng(0)
>>> turn = np.array([[np.cos(0.3), np.sin(0.3)], [-np.sin(0.3), np.cos(0.3)]])
>>> truth = np.array([np.linalg.matrix_power(turn, k + 1)[0] for k in range(100)])
>>> seen = truth[:, :1] + rng.normal(0, 0.1, (100, 1))            # the first of two numbers
>>> made = EnsembleFilter().run(
...     lambda x, dt: x @ turn, rng.normal(size=(20, 2)), dt=0.3,
...     observations=Observations(seen, error=0.1, operator=[0]))
>>> made.analysis.shape, made.rmse(truth, burn_in=20).value < 0.04
((100, 2), True)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import EvidenceError, UsageError
from trueup.error.assimilation.cycle import FEWEST, Cycle, Model
from trueup.error.assimilation.lagged import sweep
from trueup.error.assimilation.observations import Observations
from trueup.error.assimilation.observer import WHO, Observer
from trueup.error.assimilation.result import Assimilated, judge
from trueup.error.assimilation.updates import UPDATES


__all__ = ["EnsembleFilter", "Observations"]


CARD = Card(
    name="EnsembleFilter",
    question="error",
    family="assimilation",
    summary="states of a simulator from noisy, partial observations, with an ensemble of its runs",
    paper="Burgers et al. 1998; Bishop et al. 2001; Whitaker, Hamill 2002; Hunt et al. 2007; "
    "Sakov, Oke 2008",
    axes={
        "update": "perturbed, square_root, deterministic, serial",
        "localisation": "none, DistanceTaper, CorrelationTaper",
        "inflation": "a factor, FiniteSizeInflation",
        "relaxation": "to the spread of the forecast",
        "rotation": "none, random",
        "smoother": "none, LaggedSmoother, IterativeSmoother, MultipleAssimilation",
    },
    cost="runs of the members, and O(n^2 (m + p) + n^3) an update of n members",
    exports=("EnsembleFilter", "Observations"),
    not_for="laws with several modes, which a mean and a covariance cannot hold",
)


@dataclass(frozen=True)
class EnsembleFilter:
    r"""Draw members of a simulator towards observations, time after time.

    Use it to start a forecast, to fill what was not observed, or to have pairs of states from which
    an error of the model can be learned. A spread that is right needs inflation: sampling makes
    covariances of few members too small.

    Parameters
    ----------
    update
        ``"square_root"``, ``"perturbed"``, ``"deterministic"`` or ``"serial"``.
    inflation
        Factor of anomalies after an update, 1 or a little more, or ``FiniteSizeInflation()``.
    rotate
        Whether anomalies are rotated at random after an update, keeping mean and covariance.
    localisation
        ``DistanceTaper(...)`` or ``CorrelationTaper(...)``; None lets every observation count
        everywhere, for which members must outnumber growing directions of error.
    smoother
        ``LaggedSmoother``, ``IterativeSmoother``, ``MultipleAssimilation``; None filters.
    relaxation
        Share, 0 to 1, by which the spread is drawn back to that before the update:
        :math:`A \leftarrow A\,(1 + \alpha (\sigma_f - \sigma_a) / \sigma_a)` at every point
        (Whitaker, Hamill 2012).
    """

    update: str = "square_root"
    inflation: object = 1.0
    rotate: bool = False
    localisation: object = None
    smoother: object = None
    relaxation: float = 0.0

    def __post_init__(self) -> None:
        if self.update not in UPDATES:
            raise UsageError(
                "EnsembleFilter",
                f"update is {self.update!r}",
                do=f"Use one of {', '.join(UPDATES)}",
            )
        number = isinstance(self.inflation, int | float) and 0 < self.inflation < np.inf
        if not (number or hasattr(self.inflation, "factor")) or not 0 <= self.relaxation <= 1:
            raise UsageError(
                "EnsembleFilter",
                f"inflation is {self.inflation!r}, relaxation {self.relaxation!r}",
                do="Pass a factor such as 1.02, or FiniteSizeInflation(); a share from 0 to 1",
            )
        for name, call in (("localisation", "meet"), ("smoother", "sweep")):
            value = getattr(self, name)
            if value is not None and not hasattr(value, call):
                raise UsageError(
                    "EnsembleFilter",
                    f"{name} is {value!r}",
                    do="Pass DistanceTaper(...), LaggedSmoother(...) or one of their kind, or None",
                )
        if self.smoother is not None:
            self.smoother.refuse(self)

    def run(
        self, step, ensemble, *, observations: Observations, dt: float, seed: int = 0, client=None
    ) -> Assimilated:
        """Means, spreads and findings of t times, the first one cycle after the start.

        Parameters
        ----------
        step
            ``step(states (members, ...), dt) -> states``, or a simulator that has it.
        ensemble
            (members, ...) states at the start, at least three; single precision stays.
        observations
            ``Observations(values, error)``: what was seen, and how wrong that may be.
        dt
            Length of a step, in the model's time.
        seed
            Seed of rotations and perturbations.
        client
            A ``dask.distributed`` client, on whose workers members run.
        """
        E, shape = _members(ensemble, observations.batched)
        y = observations.series(len(E), E.dtype)
        observer = observations.observer(shape, y)
        self._check(observer)
        model = Model(getattr(step, "step", step), dt, observations.every, shape, client)
        members = np.arange(E.shape[1])
        cycle = Cycle(self, model, observer, y, np.random.default_rng(seed), members)
        run = sweep(cycle, E, 0) if self.smoother is None else self.smoother.sweep(cycle, E)
        return _result(cycle, *run, observations.batched)

    def _check(self, observer: Observer) -> None:
        if self.localisation is not None and not observer.independent:
            raise UsageError(
                WHO,
                "errors of observations are correlated, and there is a localisation",
                why="tapering takes one observation at a time",
                do="Pass standard deviations, or leave localisation out",
            )


def _members(ensemble, batched: bool) -> tuple[np.ndarray, tuple[int, ...]]:
    """A copy (e, n, m) of the members, and the shape of a state."""
    given = np.array(ensemble)
    given = given if given.dtype == np.float32 else given.astype(float)
    lead = 2 if batched else 1
    if given.ndim <= lead or given.shape[lead - 1] < FEWEST:
        raise EvidenceError(
            WHO,
            f"the ensemble has shape {given.shape}",
            why=f"at least {FEWEST} members make a spread",
            do="Pass (members, ...) states, with batched=True (experiments, members, ...)",
        )
    shape = given.shape[lead:]
    E = given.reshape(-1, given.shape[lead - 1], int(np.prod(shape)))
    bad = np.flatnonzero(~np.isfinite(E).all((0, 2)))
    if len(bad):
        raise EvidenceError(
            WHO, f"members {bad[:5].tolist()} are not finite at the start", do="Leave them out"
        )
    if not np.ptp(E, axis=1).any():
        raise EvidenceError(
            WHO,
            f"all {E.shape[1]} members are equal at the start",
            why="without spread observations change nothing",
            do="Add to each member an error of the size that the start may have",
        )
    return E, shape


def _result(cycle: Cycle, E, smoothed, spreads, batched: bool) -> Assimilated:
    """Arrays in the shapes of the caller, and a judgement."""
    first = slice(None) if batched else 0
    shape = cycle.model.shape

    def of(array: np.ndarray | None, *rest: int):
        if array is None:
            return None
        return array[:, first].reshape(*array[:, first].shape[: 1 + batched], *rest)

    consistency, findings = judge(
        cycle.ratio2, cycle.innovations, cycle.seen, cycle.observer.sd, E.shape[1]
    )
    return Assimilated(
        analysis=of(cycle.means["analysis"], *shape),
        forecast=of(cycle.means["forecast"], *shape),
        spread=of(cycle.spreads["analysis"]),
        forecast_spread=of(cycle.spreads["forecast"]),
        innovations=of(cycle.innovations, cycle.observer.count),
        ensemble=E.reshape(*E.shape[:2], *shape)[first],
        smoothed=of(smoothed, *shape),
        smoothed_spread=of(spreads),
        inflation=of(cycle.inflation),
        lost=tuple(cycle.lost),
        consistency=consistency,
        findings=findings,
    )
