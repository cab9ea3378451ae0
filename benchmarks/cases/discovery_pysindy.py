"""PySINDy on a task, its weak form: ``discovery_pysindy.py TASK FOLDER``."""

from __future__ import annotations

import sys

import numpy as np
import pysindy as ps
from discovery_task import DT, KS, LORENZ, Task, judged_draws, run


def lorenz() -> Task:
    """The weak form with 500 domains, thresholded at .2."""

    def work(draws):
        return [one(states) for states in draws]

    def one(states):
        t = np.arange(len(states)) * DT["lorenz"]
        np.random.seed(0)  # noqa: NPY002, it draws its domains from there
        library = ps.WeakPDELibrary(
            ps.PolynomialLibrary(degree=2, include_bias=False),
            spatiotemporal_grid=t, is_uniform=True, K=500,
        )  # fmt: skip
        model = ps.SINDy(optimizer=ps.STLSQ(threshold=0.2), feature_library=library)
        model.fit(states, t=t, feature_names=["x", "y", "z"])
        return dict(zip(model.get_feature_names(), model.coefficients().T, strict=True))

    def judge(draws, *_):
        place, size = {"x": 0, "y": 1, "z": 2}, np.linalg.norm(list(LORENZ.values()))
        off = [[found[term][place[c]] - value for (c, term), value in LORENZ.items()]
               for found in draws]  # fmt: skip
        errors = (np.linalg.norm(off, axis=1) / size).tolist()
        terms = [sum(int(np.count_nonzero(c)) for c in found.values()) for found in draws]
        return judged_draws(errors, terms)

    return Task(work, judge)


def waves(name: str) -> Task:
    """All of u_t from central differences in time; terms with spectral derivatives."""

    def work(samples):
        x = np.arange(1024) * 100 / 1024
        library = ps.PDELibrary(
            ps.PolynomialLibrary(degree=1, include_bias=False), derivative_order=4,
            spatial_grid=x, differentiation_method=ps.SpectralDerivative,
            include_interaction=True, include_bias=False,
        )  # fmt: skip
        model = ps.SINDy(optimizer=ps.STLSQ(threshold=0.1), feature_library=library)
        middle = [one[1][:, None, None] for one in samples]
        slope = [(one[2] - one[0])[:, None, None] / 2 / DT[name] for one in samples]
        model.fit(middle, t=DT[name], x_dot=slope, feature_names=["u"])
        return dict(zip(model.get_feature_names(), model.coefficients()[0], strict=True))

    def judge(found, *_):
        off = KS - [found[n] for n in ("uu_1", "u_11", "u_1111")]
        terms = sum(map(bool, found.values()))
        return {"error": float(np.linalg.norm(off) / np.sqrt(3)), "terms": int(terms)}

    return Task(work, judge)


if __name__ == "__main__":
    run({sys.argv[1]: lorenz() if sys.argv[1] == "lorenz" else waves(sys.argv[1])})
