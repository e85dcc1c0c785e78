"""How many seeds and images a difference takes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.stats.planning import (
    alpha_at_look,
    detectable_difference,
    detectable_paired,
    image_floor,
    seeds_needed,
)


def brute(variance, d, *, is_paired):
    k = 2
    while True:
        df = (k - 1) * (1 if is_paired else 2)
        t = stats.t.ppf(0.975, df) + stats.t.ppf(0.8, df)
        if t**2 * variance / k <= d**2:
            return k
        k += 1


@pytest.mark.parametrize("is_paired", [False, True])
@pytest.mark.parametrize(
    ("variance", "d"), [(1e-4, 0.1), (4e-4, 0.02), (1e-3, 0.013), (0.01, 0.01)]
)
def test_seeds_needed_are_what_counting_up_finds(variance, d, is_paired):
    found = seeds_needed(np.array([variance]), d, is_paired=is_paired)
    assert found[0] == brute(variance, d, is_paired=is_paired)


def test_seeds_needed_without_variance_or_knowledge():
    found = seeds_needed(np.array([0.0, np.nan, 1e6]), 0.01, is_paired=True)
    np.testing.assert_array_equal(found, [2, np.nan, np.inf])


@given(st.floats(1e-6, 1e-2), st.floats(0.002, 0.2))
def test_more_variance_or_a_smaller_difference_takes_no_fewer_seeds(variance, d):
    of = lambda v, x: seeds_needed(np.array([v]), x, is_paired=False)[0]  # noqa: E731
    assert of(2 * variance, d) >= of(variance, d)
    assert of(variance, d / 2) >= of(variance, d)


@pytest.mark.parametrize("d", [0.0, -0.1, np.nan])
def test_a_difference_of_nothing_is_refused(d):
    with pytest.raises(ValueError, match="larger than 0"):
        seeds_needed(np.ones(1), d, is_paired=True)


@pytest.mark.parametrize("k", [2, 3, 10])
def test_what_pairs_detect_has_the_power_it_says(k):
    found = detectable_paired(np.array([4e-4]), k)[0]
    shift, critical = found / np.sqrt(4e-4 / k), stats.t.ppf(0.975, k - 1)
    power = stats.nct.sf(critical, k - 1, shift) + np.nan_to_num(
        stats.nct.cdf(-critical, k - 1, shift)
    )
    assert power == pytest.approx(0.8, abs=1e-4)


def test_pairs_without_variance_or_alone_detect_nothing_known():
    assert np.isnan(detectable_paired(np.array([0.0, np.nan]), 5)).all()
    assert np.isnan(detectable_paired(np.array([0.1]), 1)).all()


def test_the_curve_through_many_classes_meets_each_of_few():
    variance = np.random.default_rng(0).uniform(1e-5, 1e-3, 200)
    whole = detectable_difference(variance, 5, variance[::-1], 7)
    some = detectable_difference(variance[:10], 5, variance[::-1][:10], 7)
    np.testing.assert_allclose(whole[:10], some, rtol=1e-6)


def test_the_floor_is_what_images_leave_without_the_noise_of_runs():
    found = image_floor(np.array([0.04, 0.01, np.nan]), np.array([0.03, 0.02, 0.0]))
    np.testing.assert_allclose(found, [0.28, 0, np.nan])


def test_the_levels_of_all_looks_add_up_to_five_percent():
    assert alpha_at_look(1) == 0.05
    later = sum(alpha_at_look(j) for j in range(2, 200_000))
    assert later + 0.05 * 6 / np.pi**2 == pytest.approx(0.05, abs=1e-6)
