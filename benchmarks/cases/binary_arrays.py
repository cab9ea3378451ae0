"""Read y and p of a binary table with whatever this environment has."""

from __future__ import annotations

import numpy as np


def read(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,) int64 and probabilities (n,) float64."""
    try:
        import duckdb

        with duckdb.connect(config={"threads": 2}) as connection:
            columns = connection.execute("SELECT y, p FROM read_parquet(?)", [path]).fetchnumpy()
    except ImportError:
        import pyarrow.parquet

        table = pyarrow.parquet.read_table(path, columns=["y", "p"])
        columns = {name: table[name].to_numpy() for name in ("y", "p")}
    return columns["y"].astype(np.int64), columns["p"].astype(np.float64)
