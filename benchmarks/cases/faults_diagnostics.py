"""Bias by region, with model-diagnostics' defaults or more bins: ``... PATH [BINS]``."""

from __future__ import annotations

import sys

import polars
from clock import Clock, tell
from model_diagnostics.calibration import compute_bias


if __name__ == "__main__":
    options = {"n_bins": int(sys.argv[2])} if len(sys.argv) > 2 else {}
    with Clock() as clock:
        table = polars.read_parquet(sys.argv[1], columns=["y", "p", "region"])
        y, p = table["y"].to_numpy(), table["p"].to_numpy()
        by_region = compute_bias(y_obs=y, y_pred=p, feature=table["region"], **options)
        overall = compute_bias(y_obs=y, y_pred=p)
    # Named: a group of its own whose bias is significant after Bonferroni over the groups shown.
    strong = by_region.filter(polars.col("p_value") < 0.05 / len(by_region))
    tell(
        clock,
        names=[str(name) for name in strong["region"]],
        overall_p_value=float(overall["p_value"][0]),
        html=0,
    )
