"""Tables that stay where they are: Spark, Dask, Polars, Ibis, DuckDB. Only cells travel.

``rows`` is the one expression that turns a user's table into rows that can be summed; ``look`` and
``cuts`` decide by small queries what to sum; then either the engine adds the rows up itself
(``cells``) or the NumPy kernel does, batch by batch, where the batches are (``batches``).
"""
