"""Rank tests, plain and stratified."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from analysis.stats.two_sample import mann_whitney, van_elteren

N = 30
VALUES = arrays.arrays(np.float64, N, elements=st.integers(0, 6).map(float))
CHOSEN = arrays.arrays(np.bool_, N)
STRATA = arrays.arrays(np.int64, N, elements=st.integers(0, 3))


@settings(deadline=None)
@given(VALUES, CHOSEN)
def test_u_and_p_are_those_of_scipy_ties_included(x, chosen):
    found = mann_whitney(x, chosen)
    if chosen.all() or not chosen.any():
        assert np.isnan(found.p)
        return
    expected = stats.mannwhitneyu(x[chosen], x[~chosen], method="asymptotic")
    assert found.statistic == expected.statistic
    if np.ptp(x):
        assert found.p == pytest.approx(expected.pvalue)


def slow_van_elteren(x, chosen, stratum):
    total = spread = 0.0
    for h in set(stratum.tolist()):
        values, flags = x[stratum == h], chosen[stratum == h]
        n, m = len(values), int(flags.sum())
        if not 0 < m < n:
            continue
        ranks = stats.rankdata(values)
        # The exact permutation variance of a rank sum, which takes ties in by itself.
        variance = m * (n - m) / (n * (n - 1)) * ((ranks - ranks.mean()) ** 2).sum()
        total += (ranks[flags].sum() - m * (n + 1) / 2) / (n + 1)
        spread += variance / (n + 1) ** 2
    return total, spread


@settings(deadline=None)
@given(VALUES, CHOSEN, STRATA)
def test_van_elteren_is_what_a_slow_loop_over_strata_finds(x, chosen, stratum):
    total, spread = slow_van_elteren(x, chosen, stratum)
    found = van_elteren(x, chosen, stratum)
    if any(0 < chosen[stratum == h].sum() < (stratum == h).sum() for h in range(4)):
        assert found.statistic == pytest.approx(total, abs=1e-12)
        if spread > 1e-12:
            assert found.z == pytest.approx(total / spread**0.5, abs=1e-9)
            assert found.p == pytest.approx(2 * stats.norm.sf(abs(found.z)))
        else:
            assert found.p == 1
    else:
        assert np.isnan(found.p)


@settings(deadline=None)
@given(VALUES, CHOSEN)
def test_one_stratum_is_the_rank_sum_test(x, chosen):
    found = van_elteren(x, chosen, np.zeros(N, np.int64))
    if 0 < chosen.sum() < N and np.ptp(x):
        expected = stats.mannwhitneyu(
            x[chosen], x[~chosen], method="asymptotic", use_continuity=False
        )
        assert found.p == pytest.approx(expected.pvalue)


@settings(deadline=None)
@given(VALUES, CHOSEN, STRATA, st.permutations(range(N)), st.permutations(range(4)))
def test_order_of_images_and_names_of_classes_change_nothing(x, chosen, stratum, order, names):
    order, one = list(order), van_elteren(x, chosen, stratum)
    other = van_elteren(x[order], chosen[order], np.array(names)[stratum[order]])
    assert other.p == pytest.approx(one.p, nan_ok=True)
    assert mann_whitney(x[order], chosen[order]).p == pytest.approx(
        mann_whitney(x, chosen).p, nan_ok=True
    )


def test_shifts_between_classes_do_not_reach_the_stratified_test():
    generator = np.random.default_rng(0)
    stratum = np.repeat([0, 1], 200)
    chosen = generator.random(400) < np.where(stratum == 0, 0.1, 0.5)
    x = generator.normal(size=400) + 5 * stratum
    assert mann_whitney(x, chosen).p < 1e-6
    assert van_elteren(x, chosen, stratum).p > 0.05


def test_values_that_are_all_tied_differ_in_nothing():
    x, chosen = np.ones(6), np.array([True, False] * 3)
    assert mann_whitney(x, chosen).p == 1
    assert mann_whitney(x, chosen).statistic == 4.5
    assert van_elteren(x, chosen, np.zeros(6, np.int64)).p == 1


def test_without_values_or_without_a_group_nothing_is_tested():
    empty = np.empty(0)
    assert np.isnan(mann_whitney(empty, empty.astype(bool)).p)
    assert np.isnan(van_elteren(empty, empty.astype(bool), empty.astype(int)).p)
    stratum = np.array([0, 1])
    assert np.isnan(van_elteren(np.array([1.0, 2.0]), np.array([True, False]), stratum).p)
