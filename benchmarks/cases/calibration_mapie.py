"""MAPIE on a task: ``calibration_mapie.py TASK FOLDER``."""

from __future__ import annotations

from calibration_task import Task, run
from mapie.metrics.calibration import expected_calibration_error, top_label_ece


def number(name: str):
    """A judge of a result that is one number."""
    return lambda value, *_: {name: float(value)}


def classwise(p, y) -> float:
    """ECE of every class against the rest, averaged."""
    return expected_calibration_error(
        y,
        p,
        num_bins=15,
        split_strategy="uniform",
        classwise=True,
        class_labels=y,
    )


TASKS = {
    "ece": Task(
        lambda p, y: expected_calibration_error(y, p, num_bins=15, split_strategy="uniform"),
        number("ECE"),
    ),
    "ece_top": Task(
        lambda p, y: top_label_ece(y, p, num_bins=15, split_strategy="uniform"),
        number("ECE, mean over predicted classes"),
    ),
    "classwise": Task(classwise, number("classwise ECE")),
}


if __name__ == "__main__":
    run(TASKS)
