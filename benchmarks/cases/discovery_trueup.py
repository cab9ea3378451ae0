"""trueup on a task: ``discovery_trueup.py TASK FOLDER``."""

from __future__ import annotations

import sys

import numpy as np
from discovery_task import DT, KS, LORENZ, Task, run

from trueup.core.windows import Windows
from trueup.error import Discovery, Mesh, polynomials, products
from trueup.worlds.simulators import KuramotoSivashinsky


NAMES = ("u u_x", "u_xx", "u_xxxx")
WRONG = (0.0, 1.0, 1.0)
NOISE = {"ks": 0.0, "ks_noise": 0.01, "many": 0.0, "lorenz": 0.05}


def waves(name: str) -> Task:
    """What a model without advection misses."""
    model = KuramotoSivashinsky(*WRONG, integrator="cnab2")
    settings = Discovery(products(Mesh((100 / 1024,))), noise=NOISE[name])

    def judge(found, *_):
        off = KS + np.array(WRONG) - [found.value(term) for term in NAMES]
        return {"error": float(np.linalg.norm(off) / np.sqrt(3)), "terms": len(found.terms)}

    return Task(lambda states: settings.fit(model, Windows(states, DT[name])), judge)


def lorenz() -> Task:
    """The whole equations: a model that stands still misses all of them."""
    settings = Discovery(polynomials(("x", "y", "z"), degree=2), noise=NOISE["lorenz"])

    def judge(found, *_):
        off = [found.value(term, component) - value
               for (component, term), value in LORENZ.items()]  # fmt: skip
        size = np.linalg.norm(list(LORENZ.values()))
        return {"error": float(np.linalg.norm(off) / size), "terms": len(found.terms)}

    return Task(
        lambda states: settings.fit(
            lambda state, dt: state, Windows.of(states, dt=DT["lorenz"], length=40, every=10)
        ),
        judge,
    )


if __name__ == "__main__":
    run({sys.argv[1]: lorenz() if sys.argv[1] == "lorenz" else waves(sys.argv[1])})
