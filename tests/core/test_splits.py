"""Splits: no group, and so no row and no cluster, on both sides."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trueup.core import Evidence, Probabilities
from trueup.core.splits import split_groups


SIZES = st.lists(st.integers(0, 40), min_size=1, max_size=150).map(np.array)


@given(SIZES, st.booleans(), st.integers(2, 8))
def test_no_group_on_both_sides(sizes, in_time, folds):
    split = split_groups(sizes, in_time=in_time, folds=folds)
    assert not (split.learn & split.prove).any()
    assert np.array_equal(split.learn | split.prove, sizes > 0)
    assert np.array_equal(split.folds >= 0, split.learn) and split.folds.max() < folds
    assert abs(int(split.learn.sum()) - int(split.prove.sum())) <= 1


@given(SIZES, st.integers(2, 8))
def test_in_time_the_past_learns_and_the_future_proves(sizes, folds):
    split = split_groups(sizes, in_time=True, folds=folds)
    learn, prove = np.flatnonzero(split.learn), np.flatnonzero(split.prove)
    assert not len(prove) or not len(learn) or learn.max() < prove.min()
    assert (np.diff(split.folds[learn]) >= 0).all()


@given(st.integers(2, 8), st.integers(10, 60))
def test_folds_are_even(folds, groups):
    for in_time in (True, False):
        split = split_groups(np.ones(2 * groups), in_time=in_time, folds=folds)
        counts = np.bincount(split.folds[split.learn], minlength=folds)
        assert counts.max() - counts.min() <= 1


@given(st.lists(st.integers(0, 300), min_size=1, max_size=200), st.booleans())
def test_no_cluster_on_both_sides(keys, as_text):
    cluster = np.array([f"patient {k}" for k in keys] if as_text else keys)
    e = Evidence(Probabilities(np.full(len(keys), 0.5)), np.zeros(len(keys), int), cluster=cluster)
    sizes = np.bincount(e.groups(), minlength=e.group_count)
    split = split_groups(sizes, in_time=False)
    learn, prove = (set(cluster[side[e.groups()]].tolist()) for side in (split.learn, split.prove))
    assert not learn & prove and len(learn | prove) == len(set(cluster.tolist()))


def test_one_group_learns_and_nothing_is_left_to_prove():
    split = split_groups(np.array([0, 7, 0]), in_time=False)
    assert split.learn.tolist() == [False, True, False] and not split.prove.any()
