"""Oracles: exact fractions in slow loops, and the false discovery rate over many data sets."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import binom

from selections import SETTINGS, drawn
from trueup.calibration import ConformalSelection
from trueup.calibration.selection.ranks import last_below
from trueup.core.errors import EvidenceError, UsageError


RATE = 1e-4
"""False-alarm rate of each comparison."""


def p_by_hand(truth, scores, candidates, w, own):
    """p-values as fractions."""
    return [
        (Fraction(v) + sum(Fraction(u) for u, s, t in zip(w, scores, truth, strict=True)
                           if s >= c and not t))
        / (Fraction(v) + sum(map(Fraction, w)))
        for c, v in zip(candidates, own, strict=True)
    ]  # fmt: skip


def size_by_hand(truth, scores, candidates, w, own, j, q):
    """How many Benjamini-Hochberg selects when candidate j has p = 0."""
    total = sum(map(Fraction, w)) + Fraction(own[j])
    p = [Fraction(0)]
    for place, c in enumerate(candidates):
        if place != j:
            labelled = zip(w, scores, truth, strict=True)
            above = sum(Fraction(u) for u, s, t in labelled if s >= c and not t)
            p.append((above + (Fraction(own[j]) if candidates[j] >= c else 0)) / total)
    p.sort()
    return max(r for r in range(1, len(p) + 1) if r == 1 or p[r - 1] <= q * r / len(p))


def case(seed, weighted):
    rng = np.random.default_rng(seed)
    n, m = rng.integers(1, 30), rng.integers(1, 15)
    scores, candidates = rng.integers(0, 8, n), rng.integers(2, 12, m)  # many are equal
    truth = rng.random(n) < scores / 8
    w = rng.integers(1, 6, n) if weighted else np.ones(n, dtype=int)
    own = rng.integers(1, 6, m) if weighted else np.ones(m, dtype=int)
    return truth, scores, candidates, w, own


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("q", [Fraction(1, 10), Fraction(3, 10), Fraction(1, 2)])
def test_equals_loops_in_exact_fractions(weighted, q):
    for seed in range(60):
        truth, scores, candidates, w, own = case(seed, weighted)
        lists = [a.tolist() for a in (truth, scores, candidates, w, own)]
        weights = {"weight": w, "candidate_weight": own} if weighted else {}
        select = ConformalSelection(float(q), pruning="deterministic").select
        found = select(truth, scores, candidates=candidates, **weights)
        p, m = p_by_hand(*lists), len(candidates)
        np.testing.assert_allclose(found.p_values, [float(x) for x in p], rtol=1e-12)
        sizes = [size_by_hand(*lists, j, q) for j in range(m)]
        first = [j for j in range(m) if p[j] <= q * sizes[j] / m]
        r = max((r for r in range(m + 1) if sum(sizes[j] <= r for j in first) >= r), default=0)
        assert found.rows.tolist() == [j for j in first if sizes[j] <= r]
        e = [float(m / (q * sizes[j])) if j in first else 0.0 for j in range(m)]
        np.testing.assert_allclose(found.e_values, e, rtol=1e-9)


@pytest.mark.parametrize("q", [Fraction(1, 10), Fraction(3, 10)])
def test_without_weights_it_is_benjamini_hochberg(q):
    for seed in range(100):
        truth, scores, candidates, w, own = case(seed, False)
        p = p_by_hand(*[a.tolist() for a in (truth, scores, candidates, w, own)])
        m = len(p)
        r = max((r for r in range(1, m + 1) if sorted(p)[r - 1] <= q * r / m), default=0)
        found = ConformalSelection(float(q)).select(truth, scores, candidates=candidates)
        assert found.rows.tolist() == [j for j in range(m) if r and p[j] <= q * r / m]


def test_pruning_by_its_definition():
    truth, scores, candidates, w, own = case(5, True)
    many = {"candidates": np.tile(candidates, 6), "candidate_weight": np.tile(own, 6)}
    plain = ConformalSelection(0.5, pruning="deterministic")
    e = plain.select(truth, scores, weight=w, **many).e_values
    sizes = np.divide(len(e), 0.5 * e, out=np.full(len(e), np.inf), where=e > 0)
    for kind, shape in (("heterogeneous", len(e)), ("homogeneous", None)):
        raised = (1 - np.random.default_rng(3).random(shape)) * sizes
        r = max(r for r in range(len(e) + 1) if (raised <= r).sum() >= r)
        settings = ConformalSelection(0.5, pruning=kind, seed=3)
        chosen = settings.select(truth, scores, weight=w, **many)
        assert r > 0 and chosen.rows.tolist() == np.flatnonzero(raised <= r).tolist()


def test_last_below_equals_a_loop():
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 7, 8, 9, 100):
        values, limits = rng.normal(size=n), rng.normal(size=50)
        before = rng.integers(0, n + 1, 50)
        expected = [
            max((i for i in range(b) if values[i] <= limit), default=-1)
            for limit, b in zip(limits, before, strict=True)
        ]
        assert last_below(values, limits, before=before).tolist() == expected


def wrong_draws(select, seeds):
    """Data sets in which one selected row, drawn at random, is wrong.

    That happens with probability FDR, so the count is binomial: the bound is exact.
    """
    wrong = 0
    for seed in range(seeds):
        rng = np.random.default_rng([seed, 7])
        found, truth = select(rng, seed)
        if len(found):
            wrong += not truth[rng.choice(found.rows)]
    return wrong


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("q", [0.2, 0.5])
def test_holds_the_false_discovery_rate(setting, q):
    def select(rng, seed):
        x, mean, good = drawn(setting, 300, rng, noise=0.5)
        score = mean + x[:, 6]
        settings = ConformalSelection(q, seed=seed)
        return settings.select(good[:200], score[:200], candidates=score[200:]), good[200:]

    assert wrong_draws(select, 400) <= binom.ppf(1 - RATE, 400, q)


def shifted(rng, settings, weigh):
    """Candidates with x from N(1, 1), labelled rows from N(0, 1): weights exp(x) up to a factor.

    A row is looked for where z with noise exceeds x; its score is z alone.
    """
    x, z = rng.normal(size=360), rng.normal(0.5, 1, size=360)
    x[300:] += 1
    good = z + 0.3 * rng.normal(size=360) > x
    w = np.exp(x)
    weights = {"weight": w[:300], "candidate_weight": w[300:]} if weigh else {}
    return settings.select(good[:300], z[:300], candidates=z[300:], **weights), good[300:]


@pytest.mark.parametrize("pruning", ["heterogeneous", "homogeneous", "deterministic"])
@pytest.mark.parametrize("q", [0.3, 0.5])
def test_holds_it_under_known_shift(pruning, q):
    def select(rng, seed):
        return shifted(rng, ConformalSelection(q, pruning=pruning, seed=seed), True)

    assert wrong_draws(select, 500) <= binom.ppf(1 - RATE, 500, q)


def test_without_weights_it_does_not():
    def select(rng, seed):
        return shifted(rng, ConformalSelection(0.3), False)

    assert wrong_draws(select, 500) > binom.ppf(1 - RATE, 500, 0.3)


def test_nothing_to_select_from():
    assert len(ConformalSelection().select([True], [0.0], candidates=[])) == 0
    assert len(ConformalSelection(pruning="homogeneous").select([1], [0.0], candidates=[])) == 0


def test_it_says_what_it_selected():
    found = ConformalSelection(0.5).select([0, 1], [0.0, 1.0], candidates=[2.0, 3.0])
    assert str(found) == "2 of 2 selected; of such selections at most 0.5 is wrong on average"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"truth": [0.3], "scores": [1.0], "candidates": [1.0]}, "must be .* of True and False"),
        ({"truth": [1], "scores": [1.0, 2.0], "candidates": [1.0]}, "do not fit"),
        ({"truth": [], "scores": [], "candidates": [1.0]}, "do not fit"),
        ({"truth": [1], "scores": [np.nan], "candidates": [1.0]}, "NaN or infinite"),
    ],
)
def test_bad_evidence_is_refused(given, said):
    with pytest.raises(EvidenceError, match=said):
        ConformalSelection().select(**given)


def test_bad_settings_are_refused():
    with pytest.raises(UsageError, match="fdr is 1"):
        ConformalSelection(fdr=1.0)
    with pytest.raises(UsageError, match="pruning is 'some'"):
        ConformalSelection(pruning="some")
    with pytest.raises(UsageError, match="weights of one side only"):
        ConformalSelection().select([1], [1.0], candidates=[1.0], weight=[1.0])
    with pytest.raises(EvidenceError, match="weights must be positive"):
        ConformalSelection().select(
            [1], [1.0], candidates=[1.0], weight=[0.0], candidate_weight=[1.0]
        )
