"""Welch, paired t, Benjamini-Hochberg and the power note."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from analysis.stats.multiple import benjamini_hochberg, holm
from analysis.stats.planning import detectable_difference
from analysis.stats.two_sample import paired, welch


@pytest.fixture
def samples():
    generator = np.random.default_rng(3)
    return generator.normal(0.8, 0.02, (9, 12)), generator.normal(0.79, 0.05, (6, 12))


def test_welch_is_scipys_with_its_interval(samples):
    x, y = samples
    ours, theirs = welch(x, y), stats.ttest_ind(x, y, equal_var=False)
    interval = theirs.confidence_interval(0.95)
    np.testing.assert_allclose(ours.difference, x.mean(0) - y.mean(0))
    np.testing.assert_allclose(ours.t, theirs.statistic)
    np.testing.assert_allclose(ours.df, theirs.df)
    np.testing.assert_allclose(ours.p, theirs.pvalue)
    np.testing.assert_allclose(ours.low, interval.low)
    np.testing.assert_allclose(ours.high, interval.high)
    assert not ours.degenerate.any()


def test_welch_with_two_runs_a_side_is_scipys(samples):
    x, y = samples[0][:2], samples[1][:2]
    ours, theirs = welch(x, y), stats.ttest_ind(x, y, equal_var=False)
    np.testing.assert_allclose(ours.p, theirs.pvalue)
    np.testing.assert_allclose(ours.df, theirs.df)


@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")
def test_welch_with_one_constant_side_is_scipys(samples):
    x, y = samples
    y = np.full_like(y, 0.5)
    theirs = stats.ttest_ind(x, y, equal_var=False)
    np.testing.assert_allclose(welch(x, y).p, theirs.pvalue)
    np.testing.assert_allclose(welch(x, y).df, len(x) - 1)


def test_t_is_negative_where_the_first_sample_is_lower():
    x, y = np.array([[0.1], [0.2], [0.15]]), np.array([[0.9], [0.8], [0.85]])
    assert welch(x, y).t[0] < 0
    assert welch(y, x).t[0] > 0


def test_swapping_the_samples_mirrors_the_test(samples):
    one, other = welch(*samples), welch(*samples[::-1])
    np.testing.assert_allclose(one.t, -other.t)
    np.testing.assert_allclose(one.p, other.p)
    np.testing.assert_allclose(one.low, -other.high)


def test_without_variance_p_is_one_where_nothing_changed_and_zero_where_something_did():
    x = np.tile([0.5, 0.5, 0.5], (4, 1))
    y = np.tile([0.5, 0.25, 0.5 + 1e-13], (4, 1))
    test = welch(x, y)
    np.testing.assert_array_equal(test.p, [1.0, 0.0, 1.0])
    np.testing.assert_array_equal(test.degenerate, [False, True, False])
    assert np.isnan(test.t).all()
    assert np.isnan(test.df).all()
    np.testing.assert_allclose(test.low, test.difference)


@pytest.mark.parametrize(("k_x", "k_y"), [(1, 5), (5, 1), (1, 1)])
def test_below_two_runs_only_the_difference_is_known(k_x, k_y):
    test = welch(np.full((k_x, 2), 0.5), np.full((k_y, 2), 0.25))
    np.testing.assert_array_equal(test.difference, [0.25, 0.25])
    for values in (test.t, test.df, test.p, test.low, test.high):
        assert np.isnan(values).all()
    assert not test.degenerate.any()


def test_a_class_without_images_is_all_null_and_leaves_the_others_alone(samples):
    x, y = (sample.copy() for sample in samples)
    x[:, 4] = y[:, 4] = np.nan
    test, whole = welch(x, y), welch(*samples)
    for values in (test.difference, test.t, test.df, test.p, test.low, test.high):
        assert np.isnan(values[4])
    assert not test.degenerate[4]
    np.testing.assert_array_equal(np.delete(test.p, 4), np.delete(whole.p, 4))


def test_paired_is_scipys_with_its_interval(samples):
    x, y = samples[0][:6], samples[1]
    ours, theirs = paired(x, y), stats.ttest_rel(x, y)
    interval = theirs.confidence_interval(0.95)
    np.testing.assert_allclose(ours.t, theirs.statistic)
    np.testing.assert_allclose(ours.p, theirs.pvalue)
    np.testing.assert_allclose(ours.df, theirs.df)
    np.testing.assert_allclose(ours.low, interval.low)
    np.testing.assert_allclose(ours.high, interval.high)


def test_paired_sees_a_constant_change_that_spread_over_seeds_hides():
    y = np.linspace(0.1, 0.9, 6)[:, None]
    assert paired(y - 0.01, y).p[0] == pytest.approx(0, abs=1e-12)
    assert welch(y - 0.01, y).p[0] > 0.9


@pytest.mark.parametrize("k", [0, 1])
def test_paired_needs_two_common_runs(k):
    test = paired(np.full((k, 3), 0.5), np.full((k, 3), 0.25))
    assert np.isnan(test.p).all()
    assert len(test.p) == 3


def test_benjamini_hochberg_is_scipys():
    p = np.random.default_rng(0).beta(0.4, 2, 200)
    np.testing.assert_allclose(benjamini_hochberg(p), stats.false_discovery_control(p))


def test_benjamini_hochberg_with_equal_p_values_gives_equal_q_values():
    q = benjamini_hochberg(np.array([0.01, 0.02, 0.02, 0.5]))
    np.testing.assert_allclose(q, [0.02 * 4 / 3, 0.02 * 4 / 3, 0.02 * 4 / 3, 0.5])


def test_benjamini_hochberg_leaves_untested_classes_out_of_the_count():
    q = benjamini_hochberg(np.array([0.01, np.nan, 0.04]))
    np.testing.assert_allclose(q, [0.02, np.nan, 0.04])


def test_benjamini_hochberg_of_nothing_is_nothing():
    assert benjamini_hochberg(np.array([])).shape == (0,)
    assert np.isnan(benjamini_hochberg(np.array([np.nan]))).all()


@pytest.mark.parametrize(
    ("k_x", "k_y", "variance_x", "variance_y"),
    [(2, 2, 1.0, 1.0), (2, 2, 1.0, 1e-9), (3, 5, 1.0, 0.1), (10, 10, 2e-4, 5e-4), (30, 30, 1, 1)],
)
def test_detectable_difference_has_the_power_it_says(k_x, k_y, variance_x, variance_y):
    found = detectable_difference(np.array([variance_x]), k_x, np.array([variance_y]), k_y)[0]
    a, b = variance_x / k_x, variance_y / k_y
    df = (a + b) ** 2 / (a**2 / (k_x - 1) + b**2 / (k_y - 1))
    shift, critical = found / np.sqrt(a + b), stats.t.ppf(0.975, df)
    upper, lower = stats.nct.sf(critical, df, shift), stats.nct.cdf(-critical, df, shift)
    assert upper + np.nan_to_num(lower) == pytest.approx(0.8, abs=1e-4)


def test_detectable_difference_is_found_that_often_in_simulated_populations():
    generator = np.random.default_rng(5)
    k, n = 10, 20_000
    size = detectable_difference(np.array([1.0]), k, np.array([1.0]), k)[0]
    test = welch(generator.normal(size, 1, (k, n)), generator.normal(0, 1, (k, n)))
    assert (test.p <= 0.05).mean() == pytest.approx(0.8, abs=0.015)


def test_detectable_difference_shrinks_with_runs_and_grows_with_spread():
    one = np.array([1.0])
    by_runs = [detectable_difference(one, k, one, k)[0] for k in (2, 3, 5, 10, 30)]
    assert by_runs == sorted(by_runs, reverse=True)
    assert detectable_difference(4 * one, 5, 4 * one, 5)[0] == pytest.approx(2 * by_runs[2])


def test_detectable_difference_is_unknown_without_variance_or_with_one_run():
    zero, one = np.zeros(2), np.ones(2)
    assert np.isnan(detectable_difference(zero, 5, zero, 5)).all()
    assert np.isnan(detectable_difference(one, 1, one, 5)).all()
    mixed = detectable_difference(np.array([np.nan, 1.0]), 5, one, 5)
    assert np.isnan(mixed[0])
    assert mixed[1] > 0


P_VALUES = st.lists(st.one_of(st.floats(0, 1), st.just(np.nan), st.just(0.03)), max_size=12)


@pytest.mark.parametrize(("ours", "theirs"), [(benjamini_hochberg, "fdr_bh"), (holm, "holm")])
@settings(deadline=None)
@given(values=P_VALUES)
def test_corrections_are_those_of_statsmodels_over_the_tests_there_are(ours, theirs, values):
    p = np.array(values, np.float64)
    tested = ~np.isnan(p)
    found = ours(p)
    assert np.isnan(found[~tested]).all()
    if tested.any():
        # It collects garbage at every call, which is slow where much has been imported.
        with mock.patch("gc.collect"):
            expected = multipletests(p[tested], method=theirs)[1]
        np.testing.assert_allclose(found[tested], expected, atol=1e-15)


@settings(deadline=None)
@given(P_VALUES, st.randoms(use_true_random=False))
def test_holm_is_never_below_p_or_q_and_order_changes_nothing(values, random):
    p = np.array([v for v in values if not np.isnan(v)])
    adjusted = holm(p)
    assert (adjusted >= p).all()
    assert (adjusted >= benjamini_hochberg(p) - 1e-15).all()
    order = random.sample(range(len(p)), len(p))
    np.testing.assert_array_equal(holm(p[order]), adjusted[order])
