"""Evidently's presets with their defaults: ``faults_evidently.py PATH OUT.html``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas
from clock import Clock, tell
from evidently import BinaryClassification, DataDefinition, Dataset, Report
from evidently.presets import ClassificationPreset, DataDriftPreset


def report(path: str, out: str):
    """The report of the second half of the table, with the first half as the reference."""
    frame = pandas.read_parquet(path, columns=["y", "p", "region"])
    frame["region"] = frame["region"].astype(str)
    roles = DataDefinition(
        classification=[BinaryClassification(target="y", prediction_probas="p", pos_label=1)],
        categorical_columns=["region", "y"],
        numerical_columns=["p"],
    )
    half = len(frame) // 2
    halves = [Dataset.from_pandas(part, roles) for part in (frame[half:], frame[:half])]
    made = Report([ClassificationPreset(), DataDriftPreset()]).run(*halves)
    made.save_html(out)
    return made


if __name__ == "__main__":
    with Clock() as clock:
        made = report(*sys.argv[1:3])
    metrics = json.loads(made.json())["metrics"]
    named = [str(metric.get("metric_name", metric.get("metric_id", ""))) for metric in metrics]
    tell(
        clock,
        metrics=named,
        names=["region_03"] * ("region_03" in json.dumps(metrics)),
        html=Path(sys.argv[2]).stat().st_size,
    )
