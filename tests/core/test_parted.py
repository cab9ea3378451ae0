"""Measures by the values of a column, by predicted class and class by class."""

import numpy as np
import pytest

import trueup as tu
from trueup.calibration import accuracy, classwise_ece, ece, top_class_ece
from trueup.core import UsageError, cube_of
from trueup.core.cards import read_cards


def evidence(rows: int = 900, **roles) -> tu.Evidence:
    """Three classes with names, in three regions."""
    made = tu.worlds.confident_by_factor(2.0, rows=rows, classes=3, seed=1).evidence
    said = tu.Probabilities(made.prediction.probs, classes=("cat", "dog", "fox"))
    region = np.array(["north", "south", "west"])[np.arange(rows) % 3]
    return tu.Evidence(said, made.truth, by={"region": region}, **roles)


NAMES = [
    name for card in read_cards() if card.family == "measures"
    for name in card.public if name.islower()
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_measure_is_that_of_the_rows_of_each_value(name):
    e = evidence(cluster=np.arange(900) // 2)
    found = tu.measure(e, name, by="region")
    assert list(found) == ["north", "south", "west"]
    for value, estimate in found.items():
        rows = np.flatnonzero(e.by["region"] == value)
        assert estimate == tu.measure(e.take(rows), name)
    assert set(tu.measure(e, name, by="class")) == {"cat", "dog", "fox"}


def test_classes_against_the_rest_average_to_the_classwise_error():
    e = evidence()
    each = tu.measure(e, "ece", by="class")
    mean = np.mean([estimate.value for estimate in each.values()])
    assert mean == pytest.approx(classwise_ece(e.truth, e.prediction).value, abs=1e-12)
    one = ece((e.truth == 2).astype(int), e.prediction.probs[:, 2])
    assert each["fox"] == one and each["fox"].n == 900


def test_predicted_classes_average_to_the_top_class_error():
    e = evidence()
    each = tu.measure(e, "ece", by="predicted class")
    mean = sum(estimate.value * estimate.n for estimate in each.values()) / 900
    assert mean == pytest.approx(top_class_ece(e.truth, e.prediction).value, abs=1e-12)
    right = tu.measure(e, "accuracy", by="predicted class")
    total = sum(estimate.value * estimate.n for estimate in right.values()) / 900
    assert total == pytest.approx(accuracy(e.truth, e.prediction).value, abs=1e-12)


def test_small_groups_have_no_interval_or_wilsons():
    e = evidence(30)
    few = tu.Evidence(e.prediction, e.truth, by={"who": np.r_[np.zeros(27), [1, 1, 2]].astype(int)})
    found = tu.measure(few, "ece", by="who")
    assert np.isfinite(found[0].low) and np.isnan(found[1].low) and np.isnan(found[2].high)
    assert found[1].how == "no interval: 2 groups of rows, fewer than 8" and found[2].n == 1
    shares = tu.measure(few, "accuracy", by="who")
    assert "Wilson" in shares[1].how and shares[1].high - shares[1].low > 0.5


def test_roles_stay_with_their_rows():
    e = evidence(cluster=np.arange(900) // 9, weight=np.linspace(0.5, 2, 900))
    found = tu.measure(e, "brier", by="region", level=0.8)["south"]
    rows = np.arange(900) % 3 == 1
    want = tu.calibration.brier(
        e.truth[rows], e.prediction.take(rows), weight=e.weight[rows], cluster=e.cluster[rows],
        level=0.8,
    )  # fmt: skip
    assert found == want


def test_settings_and_ready_cubes():
    e = evidence()
    assert tu.measure(e, "mce", bins=7).value == tu.measure(e, "ece", bins=7, norm=np.inf).value
    assert tu.measure(cube_of(e), "accuracy") == tu.measure(e, "accuracy")
    points = tu.Evidence(
        tu.Points(np.arange(40.0)), np.arange(40.0) + 1, by={"a": np.arange(40) % 2}
    )
    assert tu.measure(points, "mae", by="a")[1].value == 1.0


def test_names_that_are_none():
    e = evidence()
    with pytest.raises(UsageError, match=r"measure: there is no column 'place' among \['region'\]"):
        tu.measure(e, "ece", by="place")
    with pytest.raises(UsageError, match=r"measure: ece has no setting 'bin'\. Use bins, mass, ov"):
        tu.measure(e, "ece", bin=3)
    with pytest.raises(UsageError, match=r"measure: accuracy has no setting 'bins'\. It has none"):
        tu.measure(e, "accuracy", bins=3)
    with pytest.raises(UsageError, match="measure: a cube has no rows to part by 'region'"):
        tu.measure(cube_of(e), "accuracy", by="region")
    points = tu.Evidence(tu.Points([1.0]), [1.0])
    with pytest.raises(tu.TrueupError, match="measure: the prediction is of kind 'points'"):
        tu.measure(points, "mae", by="class")
