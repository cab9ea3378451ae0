"""trueup on a task: ``discovery_trueup.py TASK FOLDER``."""

from __future__ import annotations

import sys

import numpy as np
from discovery_task import DT, KS, LORENZ, Task, judged_draws, run

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

    def still(state, dt):
        return state

    def work(draws):
        cut = {"dt": DT["lorenz"], "length": 40, "every": 10}
        return [settings.fit(still, Windows.of(states, **cut)) for states in draws]

    def judge(draws, *_):
        size = np.linalg.norm(list(LORENZ.values()))
        off = [[found.value(term, c) - value for (c, term), value in LORENZ.items()]
               for found in draws]  # fmt: skip
        errors = (np.linalg.norm(off, axis=1) / size).tolist()
        return judged_draws(errors, [len(found.terms) for found in draws])

    return Task(work, judge)


if __name__ == "__main__":
    run({sys.argv[1]: lorenz() if sys.argv[1] == "lorenz" else waves(sys.argv[1])})
