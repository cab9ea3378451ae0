"""Discovery: the terms that a simulator is missing, with their intervals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from trueup.core.cards import Card
from trueup.core.errors import UsageError
from trueup.core.windows import Windows
from trueup.error.discovery.discrepancy import Discrepancy
from trueup.error.discovery.library import Library, functions, polynomials, products
from trueup.error.discovery.mesh import Mesh
from trueup.error.discovery.regressions import REGRESSIONS
from trueup.error.discovery.search import Search
from trueup.error.discovery.smoothed import Smoothed
from trueup.error.discovery.terms import Factor, Term


__all__ = [
    "Discovery",
    "Factor",
    "Library",
    "Mesh",
    "Term",
    "discover",
    "functions",
    "polynomials",
    "products",
]


CARD = Card(
    name="Discovery",
    question="error",
    family="discovery",
    summary="the terms that a simulator is missing, with intervals, and the simulator corrected",
    axes={"library": "products of derivatives, polynomials, functions; ties, inputs",
          "derivatives": "spectral, differences, weak form",
          "target": "through the step, plain, per step",
          "regression": "elimination, rvm, stlsq, sr3, ensemble",
          "noise": "low-pass, windows, extrapolation, ensemble smoother",
          "time": "waves that move too far left out, error of the integrals in the intervals",
          "stopping": "held-out windows"},
    paper="Mojgani, Chattopadhyay & Hassanzadeh 2022, Chaos 32, 061105, arXiv:2110.00546; "
          "terms seen through the step by variation of constants (Alekseev 1961, Groebner 1960)",
    mission=(31, 14),
    exports=("Discovery", "Factor", "Library", "Mesh", "Term", "discover", "functions",
             "polynomials", "products"),
    cost="O(p) batched steps of the model a window, p terms; sums of p^2 numbers a window",
    not_for="a model whose parameters are known to be wrong: calibrate these; "
            "terms that the library does not hold",
)  # fmt: skip


@dataclass(frozen=True)
class Discovery:
    r"""Settings of a search for missing terms.

    A model that lacks the tendency :math:`f = \sum_j c_j \varphi_j` misses, over a window of
    length h, the integral of f as the model carries it on. Target and terms are brought to that
    form through the model's own step (a black box), chosen by their error on held-out windows, and
    their coefficients estimated with weights by wavelength.

    Parameters
    ----------
    library
        The terms that are tried.
    noise
        Standard deviation of the noise of the observations as a share of that of the states, in
        [0, 1); None estimates it. ``Smoothed(0.1)``: an ensemble smoother takes it off a long run.
    target
        ``"through the step"``, or ``"plain"``: terms where they stand, as published. ``"per step"``
        for a model of discrete steps (driven, or of delayed values): what every step misses, seen
        at the end of a free run through the window.
    regression
        ``"elimination"`` (backward), ``"rvm"``, ``"stlsq"``, ``"sr3"`` or ``"ensemble"`` (stlsq on
        resamples): which supports are tried.
    least
        Smallest share of the missing tendency, in standard deviations, that a term must explain.
    signs
        Known signs of terms in the missing tendency: ``{"u_xx": 1}``. A term that would have the
        other sign is left out.

    Examples
    --------
    A damped oscillator, modelled without its damping:

    >>> import numpy as np
    >>> from trueup.error.discovery.library import polynomials
    >>> def model(state, dt):
    ...     x, v = state[..., 0], state[..., 1]
    ...     return np.stack([x * np.cos(dt) + v * np.sin(dt), v * np.cos(dt) - x * np.sin(dt)], -1)
    >>> t = np.arange(2_000) * 0.01
    >>> w = np.sqrt(1 - 0.05**2)
    >>> x = np.exp(-0.05 * t) * np.cos(w * t)
    >>> v = np.exp(-0.05 * t) * (-0.05 * np.cos(w * t) - w * np.sin(w * t))
    >>> seen = Windows.of(np.stack([x, v], -1), dt=0.01)
    >>> print(Discovery(polynomials(("x", "v"), degree=3)).fit(model, seen))
    v' += -0.100000 ± ... v
    everything else explains less than 1 % of what is missing
    """

    library: Library
    noise: float | Smoothed | None = 0.0
    target: str = "through the step"
    regression: str = "elimination"
    least: float = 0.01
    signs: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "signs", tuple(dict(self.signs).items()))
        if self.signs:
            self.library.only([name for name, _ in self.signs])
        for name, value, known in (
            ("target", self.target, ("through the step", "plain", "per step")),
            ("regression", self.regression, tuple(REGRESSIONS)),
        ):
            if value not in known:
                raise UsageError(
                    "Discovery", f"{name} is '{value}'", do=f"Use one of {', '.join(known)}"
                )
        if not 0 < self.least < 1:
            raise UsageError("Discovery", f"least is {self.least}", do="Pass a share, such as 0.01")

    def fit(
        self, step: Any, windows: Windows, *, level: float = 0.95, seed: int = 0
    ) -> Discrepancy:
        """Find what ``step`` misses on ``windows``.

        Parameters
        ----------
        step
            The model: ``(state, dt) -> state``, or an object with such a method; a batch of states
            in front is used where it takes one.
        windows
            Observed states.
        level
            Level of the intervals, in (0, 1).
        seed
            Seed of the resamples and of the noise that is added for the extrapolation.
        """
        if not 0 < level < 1:
            raise UsageError("Discovery", f"level is {level}", do="Pass a share, such as 0.95")
        if isinstance(self.noise, Smoothed):
            return self.noise.search(self, step, windows, level=level, seed=seed)
        return Search(self, step, windows).run(level=level, seed=seed)


def discover(step: Any, observations: Any, *, library: Library, **settings: Any) -> Discrepancy:
    """What ``step`` is missing, as ``observations`` show it.

    Parameters
    ----------
    step
        The model: ``(state, dt) -> state``.
    observations
        ``Windows``, an xarray with a dimension ``time``, or an array (times, ...) with ``dt``.
    library
        The terms that are tried.
    settings
        Others of ``Discovery``; ``dt``, ``length`` and ``every`` of ``Windows.of``; ``level`` and
        ``seed`` of its fit.

    Examples
    --------
    >>> import numpy as np
    >>> from trueup.error.discovery.library import polynomials
    >>> grown = np.exp(0.5 * np.arange(100) * 0.1)[:, None]
    >>> still = lambda state, dt: state
    >>> print(discover(still, grown, dt=0.1, library=polynomials(("x",), degree=2)))
    x' += 0.500000 ± ... x
    everything else explains less than 1 % of what is missing
    """
    cuts = {name: settings.pop(name) for name in ("dt", "length", "every") if name in settings}
    fits = {name: settings.pop(name) for name in ("level", "seed") if name in settings}
    windows = (
        observations if isinstance(observations, Windows) else Windows.of(observations, **cuts)
    )
    return replace(Discovery(library), **settings).fit(step, windows, **fits)
