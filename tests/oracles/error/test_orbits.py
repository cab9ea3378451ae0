"""Orbits against a double loop, models whose symmetry is known, and SciPy's statistics."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from trueup.core.errors import EvidenceError, UsageError
from trueup.error import orbit


RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 6))
SHIFTS = range(6)


def shifted(x, k):
    return np.roll(x, k, axis=1)


def probabilities(x):
    """Three classes whose probabilities depend on the place of what is large."""
    logits = x[:, :3] + 0.5 * x[:, 3:]
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


CLASSES = probabilities(X).argmax(axis=1)


def test_errors_are_those_of_a_double_loop():
    found = orbit(probabilities, X, transform=shifted, elements=SHIFTS, truth=CLASSES)
    for i in range(0, 300, 17):
        said = [probabilities(np.roll(X[i], k)[None])[0] for k in SHIFTS]
        agreed = int(np.argmax(sum(said)))
        assert found.consensus[i] == agreed
        for j, p in enumerate(said):
            assert found.errors[i, j] == (int(np.argmax(p)) != CLASSES[i])
            assert found.against_consensus[i, j] == (int(np.argmax(p)) != agreed)
    assert found.errors[:, 0].sum() == 0


def test_curve_has_the_t_interval_of_scipy():
    found = orbit(probabilities, X, transform=shifted, elements=SHIFTS, truth=CLASSES)
    for j, point in enumerate(found.curve()):
        values = found.errors[:, j]
        assert np.isclose(point.value, values.mean())
        if values.std() > 0:
            known = stats.ttest_1samp(values, 0).confidence_interval(0.95)
            np.testing.assert_allclose([point.low, point.high], known)


def test_an_equivariant_model_is_even_and_uneven_without_the_way_back():
    truth = np.sin(X)
    model, back = np.sin, lambda said, k: np.roll(said, -k, axis=1)
    there = orbit(model, X, transform=shifted, elements=SHIFTS, truth=truth, back=back)
    assert there.non_equivariance().value < 1e-15 and there.errors.max() < 1e-30
    np.testing.assert_allclose(there.consensus, truth)
    without = orbit(model, X, transform=shifted, elements=SHIFTS, truth=truth)
    assert without.non_equivariance().low > 0.1


def test_closed_form_of_a_model_that_reads_one_place():
    """The error of x_0 for shift 0, and of a fresh normal otherwise: mean 2, unevenness known."""
    x = np.random.default_rng(1).normal(size=(20_000, 4))
    found = orbit(lambda x: x[:, 0], x, transform=shifted, elements=range(4), truth=x[:, 0])
    assert found.curve()[0].value == 0
    assert all(point.low < 2 < point.high or abs(point.value - 2) < 0.06
               for point in found.curve()[1:])  # fmt: skip
    # Against the mean of four: (3/4)^2 + 3/16 = 3/4 everywhere.
    assert all(abs(point.value - 0.75) < 0.03 for point in found.curve(consensus=True))


def test_interval_holds_the_truth_as_often_as_it_says():
    """Errors at shift 1 have mean 2; 95 % of 400 intervals, binomial 1 in 10,000."""
    rng, held = np.random.default_rng(2), 0
    for _ in range(400):
        x = rng.normal(size=(200, 3))
        point = orbit(lambda x: x[:, 0], x, transform=shifted, elements=range(2),
                      truth=x[:, 0]).curve()[1]  # fmt: skip
        held += point.low <= 2 <= point.high
    assert held >= 354


def test_agreement_is_the_correlation_of_curves():
    found = orbit(probabilities, X, transform=shifted, elements=SHIFTS, truth=CLASSES)
    known = stats.pearsonr(found.errors.mean(axis=0), found.against_consensus.mean(axis=0))
    agreement = found.agreement()
    assert np.isclose(agreement.value, known.statistic)
    assert agreement.low < agreement.value < agreement.high
    flat = orbit(lambda x: x.mean(axis=1), X, transform=shifted, elements=SHIFTS,
                 truth=X.mean(axis=1))  # fmt: skip
    assert np.isnan(flat.agreement().value)


def test_without_truth_the_consensus_stands_in():
    found = orbit(probabilities, X, transform=shifted, elements=SHIFTS)
    assert found.errors is None
    assert found.curve() == found.curve(consensus=True)
    with pytest.raises(UsageError, match="no truth to agree with"):
        found.agreement()


def test_own_loss_and_inputs_untouched():
    before = X.copy()
    found = orbit(probabilities, X, transform=shifted, elements=SHIFTS, truth=CLASSES,
                  loss=lambda y, p: 1 - p[np.arange(len(y)), y])  # fmt: skip
    np.testing.assert_array_equal(X, before)
    np.testing.assert_allclose(found.errors[:, 0], 1 - probabilities(X).max(axis=1))


def test_refusals():
    with pytest.raises(UsageError, match="there are 1 elements"):
        orbit(probabilities, X, transform=shifted, elements=[0])
    with pytest.raises(EvidenceError, match=r"at element 0 outputs have shape \(299,\)"):
        orbit(lambda x: x[1:, 0], X, transform=shifted, elements=SHIFTS)
    with pytest.raises(EvidenceError, match="of the numbers are not finite"):
        orbit(lambda x: x[:, 0] * np.nan, X, transform=shifted, elements=SHIFTS)
    with pytest.raises(EvidenceError, match="the truth has 3 rows"):
        orbit(probabilities, X, transform=shifted, elements=SHIFTS, truth=CLASSES[:3])


def test_document_is_plain_and_whole():
    import json

    found = orbit(probabilities, X, transform=shifted, elements=SHIFTS, truth=CLASSES)
    document = json.loads(json.dumps(found.to_document(title="shifts", most=20)))
    assert document["kind"] == "orbit" and len(document["picture"]["samples"]) == 20
    uneven = [row["uneven"] for row in document["picture"]["samples"]]
    assert uneven == sorted(uneven, reverse=True)
    assert [row["at"] for row in document["picture"]["points"]] == list(SHIFTS)
