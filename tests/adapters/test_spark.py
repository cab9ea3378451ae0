"""Spark's dialect in Spark itself, where it is installed."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.formulas import formula, number_formula, of_every_node, of_later_nodes
from trueup.adapters.check import verified
from trueup.adapters.sql import to_sql
from trueup.core.expressions import Key


# What Spark says of pandas is not about us.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def spark():
    """A session of one thread."""
    sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed")
    builder = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    try:
        session = builder.config("spark.sql.shuffle.partitions", "1").getOrCreate()
    except Exception as error:
        pytest.skip(f"Spark does not start here: {type(error).__name__}")
    yield session
    session.stop()


def run_in(session, made):
    """What evaluates hard rows by the query in Spark."""
    from pyspark.sql import types

    def run(probs, **beside):
        fields, columns = [types.StructField("tu_row", types.IntegerType())], [range(len(probs))]
        for name, given in made.inputs.items():
            block = probs if name == made.input else beside[name].reshape(len(probs), -1)
            kind = types.StringType() if isinstance(given, Key) else types.DoubleType()
            for column, values in zip(made.reads(name), block.T, strict=True):
                fields.append(types.StructField(column, kind))
                columns.append([None if v is None or v != v else v for v in values.tolist()])
        table = session.createDataFrame(list(zip(*columns, strict=True)), types.StructType(fields))
        table.createOrReplaceTempView("hard")
        rows = session.sql(to_sql(made, table="hard", dialect="spark") + "ORDER BY tu_row")
        return np.array([list(row)[-len(made.outputs) :] for row in rows.collect()], dtype=float)

    return run


@pytest.mark.parametrize("made", [
    formula("TemperatureScaling", "event"), formula("IsotonicCalibration", "three"),
    formula("BetaCalibration", "three"), of_every_node(event=True, k=2),
    of_every_node(event=False, k=3), of_later_nodes(), number_formula("Monotone", "quantiles"),
    number_formula("EMOS", "ensemble"), number_formula("QuantileMapping", "points"),
], ids=["temperature", "isotonic", "beta", "every node of an event", "every node", "later nodes",
        "order", "emos", "mapping"])  # fmt: skip
def test_spark_computes_the_same_function(spark, made):
    checked = verified(made, run_in(spark, made), by="Spark")
    assert checked.rows > 300
    assert checked.difference < 1e-12
