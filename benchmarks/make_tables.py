"""Write the tables of the benchmarks with DuckDB alone: ``make_tables.py [NAME ...]``.

Every number is a hash of the row number and a salt below 128, so a table is the same however many
threads write it. Tables of an event hold ``id``, ``y``, ``p``, ``region`` (20) and ``site`` (10);
what happens has 0.8 of the log-odds that ``p`` says (overconfidence), and 0.6 less of them in
``region_03`` (a bad slice). Tables of ten classes hold ``id``, ``y``, ``p0`` .. ``p9``, ``region``
and ``site``; what they say is twice too sure. Tables of quantiles hold ``id``, ``y``, 23 quantiles
``q0.01`` .. ``q0.99``, ``region`` and ``site``; they are a fifth too narrow, and in ``region_03``
the truth lies half a spread lower.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from statistics import NormalDist

import duckdb


FOLDER = Path(
    os.environ.get("TRUEUP_BENCH") or Path(__file__).resolve().parents[1] / "build" / "bench"
)
TABLES = {
    "binary_1e6": 1_000_000,
    "classes_1e6": 1_000_000,
    "binary_1e7": 10_000_000,
    "binary_5e7": 50_000_000,
    "binary_1e8": 100_000_000,
    "quantiles_1e7": 10_000_000,
}
LEVELS = (0.01, 0.025, *(k / 20 for k in range(1, 20)), 0.975, 0.99)
CLASSES = 10
PLACE = (
    "'region_' || lpad((hash(id * 128 + 101) % 20)::VARCHAR, 2, '0') AS region, "
    "'site_' || (hash(id * 128 + 102) % 10)::VARCHAR AS site"
)


def uniform(salt: int) -> str:
    """SQL of a number in (0, 1] that only the row decides."""
    return f"((hash(id * 128 + {salt}) >> 11)::DOUBLE + 1) / 9007199254740992.0"


def normal(salt: int) -> str:
    """SQL of a standard normal number (Box and Muller)."""
    return f"sqrt(-2 * ln({uniform(salt)})) * cos(2 * pi() * {uniform(salt + 1)})"


def binary(rows: int) -> str:
    """Query of a table of an event's probabilities."""
    return f"""
        WITH rows AS (SELECT range AS id FROM range({rows})),
        scored AS (SELECT id, 1.5 * {normal(1)} AS z, {uniform(3)} AS u, {PLACE} FROM rows)
        SELECT id,
          (u < 1 / (1 + exp(-0.8 * z + if(region = 'region_03', 0.6, 0))))::TINYINT AS y,
          (1 / (1 + exp(-z)))::FLOAT AS p, region, site
        FROM scored"""


def classes(rows: int) -> str:
    """Query of a table of ten classes; the truth is the largest of logits plus Gumbel noise."""
    ks = range(CLASSES)
    logits = ", ".join(f"{normal(10 + 2 * k)} AS l{k}" for k in ks)
    noisy = ", ".join(f"l{k} - ln(-ln({uniform(50 + k)} * 0.999999999))" for k in ks)
    total = " + ".join(f"exp(2 * l{k})" for k in ks)
    shares = ", ".join(f"(exp(2 * l{k}) / total)::FLOAT AS p{k}" for k in ks)
    return f"""
        WITH rows AS (SELECT range AS id FROM range({rows})),
        logits AS (SELECT id, {logits}, {PLACE} FROM rows),
        drawn AS (SELECT *, [{noisy}] AS noisy, {total} AS total FROM logits)
        SELECT id, (list_position(noisy, list_max(noisy)) - 1)::TINYINT AS y, {shares}, region, site
        FROM drawn"""


def quantiles(rows: int) -> str:
    """Query of a table of quantiles of normal laws."""
    said = ", ".join(
        f'(mean + {0.8 * NormalDist().inv_cdf(level)!r} * sd)::FLOAT AS "q{level:g}"'
        for level in LEVELS
    )
    return f"""
        WITH rows AS (SELECT range AS id FROM range({rows})),
        laws AS (SELECT id, 3 * {normal(1)} AS mean, exp(0.4 * {normal(3)}) AS sd,
          {normal(5)} AS noise, {PLACE} FROM rows)
        SELECT id, mean + sd * (noise - if(region = 'region_03', 0.5, 0)) AS y, {said}, region, site
        FROM laws"""


QUERIES = {"binary": binary, "classes": classes, "quantiles": quantiles}


def make(name: str) -> Path:
    """Write one table unless it is there."""
    path = FOLDER / f"{name}.parquet"
    if path.exists():
        return path
    FOLDER.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    query = QUERIES[name.split("_")[0]](TABLES[name])
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute(
            f"COPY ({query}) TO '{partial}' "
            "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 1000000)"
        )
    partial.replace(path)
    return path


if __name__ == "__main__":
    for wanted in sys.argv[1:] or TABLES:
        print(f"{make(wanted).name} is ready", flush=True)
