"""Means over runs, top-k and calibration error."""

import numpy as np
import pytest
from scipy import stats

from analysis.stats.accuracy import calibration_error, mean_interval, top_k


def slow_calibration_error(confidence, correct):
    """Expected calibration error of one run, bin by bin."""
    total, n = 0.0, len(confidence)
    for b in range(15):
        inside = [i for i in range(n) if b / 15 < confidence[i] <= (b + 1) / 15]
        if inside:
            accuracy = sum(bool(correct[i]) for i in inside) / len(inside)
            mean = sum(float(confidence[i]) for i in inside) / len(inside)
            total += len(inside) / n * abs(accuracy - mean)
    return total


def test_calibration_error_is_what_a_slow_loop_sums():
    generator = np.random.default_rng(2)
    confidence = generator.uniform(0.01, 0.999, (3, 500))
    correct = generator.random((3, 500)) < confidence**2
    expected = [slow_calibration_error(p, c) for p, c in zip(confidence, correct, strict=True)]
    np.testing.assert_allclose(calibration_error(confidence, correct), expected)


def test_calibration_error_takes_bins_closed_above():
    # 0.2 is the upper edge of the third bin: alone with 0.19 it is judged with it.
    confidence, correct = np.array([[0.19, 0.2]]), np.array([[True, False]])
    assert calibration_error(confidence, correct)[0] == pytest.approx(abs(0.5 - 0.195))


def test_calibration_error_of_certain_runs_is_their_error():
    confidence = np.ones((2, 4), np.float32)
    correct = np.array([[True] * 4, [True, True, True, False]])
    np.testing.assert_allclose(calibration_error(confidence, correct), [0, 0.25])


def test_calibration_error_is_unknown_for_the_run_with_an_unknown_confidence():
    confidence = np.array([[0.5, np.nan], [0.5, 0.5]])
    error = calibration_error(confidence, np.ones((2, 2), bool))
    assert np.isnan(error[0])
    assert error[1] == 0.5


def test_top_k_counts_ranks_below_k():
    rank = np.array([[0, 1, 4, 5], [0, 0, 0, 9]])
    np.testing.assert_array_equal(top_k(rank, 1), [0.25, 0.75])
    np.testing.assert_array_equal(top_k(rank, 5), [0.75, 0.75])


def test_top_k_is_unknown_where_ranks_are():
    rank = np.array([[0, np.nan], [0, 3]])
    np.testing.assert_array_equal(top_k(rank, 5), [np.nan, 1.0])
    assert np.isnan(top_k(np.full((2, 3), np.nan), 1)).all()


def test_mean_interval_is_the_t_interval():
    values = [0.91, 0.93, 0.90, 0.95]
    found = mean_interval(values)
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.std == pytest.approx(np.std(values, ddof=1))


def test_mean_interval_leaves_unknown_runs_out():
    assert mean_interval([1.0, np.nan, 3.0]) == mean_interval([1.0, 3.0])


def test_mean_interval_of_one_run_has_no_width_and_of_none_no_mean():
    one, none = mean_interval([0.5]), mean_interval([])
    assert one.mean == 0.5
    assert np.isnan([one.std, one.low, one.high]).all()
    assert np.isnan(none.mean)
