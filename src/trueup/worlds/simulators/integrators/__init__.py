"""Integrators, each written once for every system.

| name | scheme | order | levels |
|---|---|---|---|
| ``rk4`` | Runge and Kutta | 4 | 1 |
| ``etdrk4`` | exponential time differencing | 4 | 1 |
| ``cnab2`` | Crank-Nicolson, Adams-Bashforth | 2 | 2 |
| ``yoshida4`` | symplectic, for bodies | 4 | 1 |
| ``leapfrog`` | leapfrog with the filter of Robert | 1 (2 without filter and linear part) | 2 |

>>> integrator("etdrk4").order
4
"""

from trueup.core.errors import UsageError
from trueup.worlds.simulators.integrators.base import Integrator as Integrator
from trueup.worlds.simulators.integrators.cnab2 import CNAB2 as CNAB2
from trueup.worlds.simulators.integrators.etdrk4 import ETDRK4 as ETDRK4
from trueup.worlds.simulators.integrators.leapfrog import Leapfrog as Leapfrog
from trueup.worlds.simulators.integrators.rk4 import RK4 as RK4
from trueup.worlds.simulators.integrators.yoshida4 import Yoshida4 as Yoshida4


INTEGRATORS = {kind.name: kind() for kind in (RK4, ETDRK4, CNAB2, Leapfrog, Yoshida4)}
"""Name -> integrator with its usual settings."""


def integrator(chosen: str | Integrator) -> Integrator:
    """The integrator of that name; an ``Integrator`` is given back as it is.

    Raises
    ------
    UsageError
        Where there is no integrator of that name.
    """
    if isinstance(chosen, Integrator):
        return chosen
    if chosen not in INTEGRATORS:
        names = ", ".join(INTEGRATORS)
        raise UsageError("integrator", f"there is none named {chosen!r}", do=f"Pass one of {names}")
    return INTEGRATORS[chosen]
