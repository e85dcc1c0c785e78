"""Upper bounds of what a class loses."""

import numpy as np
import pytest
from scipy import stats

from analysis.stats.classes import loss_bounds, pair_loss_bounds
from analysis.stats.two_way import Variances

N_IMAGES = np.array([50, 8, 1, 0])


def variances(seeds, images, both, df_seeds=4.0):
    seeds, images, both = (np.full(4, v) for v in (seeds, images, both))
    return Variances(seeds, seeds**2 / df_seeds, images, N_IMAGES - 1.0, both)


def test_the_bound_is_the_loss_and_t_times_its_error():
    parts = variances(0.002, 0.03, 0.001)
    found = loss_bounds(np.full(4, -0.1), parts, N_IMAGES)
    for c, n in ((0, 50), (1, 8)):
        v = 0.002 + 0.03 - 0.001
        df = v**2 / (0.002**2 / 4 + 0.03**2 / (n - 1))
        assert found.upper[c] == pytest.approx(0.1 + stats.t.ppf(0.95, df) * np.sqrt(v))
        # Three classes have images.
        named = 0.1 + stats.t.ppf(1 - 0.05 / 3, df) * np.sqrt(v)
        assert found.named[c] == pytest.approx(min(named, 1))
    assert np.isnan(found.upper).tolist() == [False, False, True, True]
    assert np.isnan(found.named).tolist() == [False, False, True, True]


def test_a_small_variance_counts_as_one_of_some_images_with_its_own_degrees_of_freedom():
    found = loss_bounds(np.zeros(4), variances(1e-8, 1e-7, 0.0), N_IMAGES)
    v = 1.1e-7
    df = v**2 / (1e-16 / 4 + 1e-14 / 49)
    assert found.upper[0] == pytest.approx(stats.t.ppf(0.95, df) / 52)


@pytest.mark.parametrize("noise", [0.0, 1e-33])
def test_without_variance_the_quantile_is_the_normal_one(noise):
    found = loss_bounds(np.zeros(4), variances(noise, 0.0, 0.0, df_seeds=1.0), N_IMAGES)
    assert found.upper[0] == pytest.approx(stats.norm.ppf(0.95) / 52)
    assert found.upper[1] == pytest.approx(stats.norm.ppf(0.95) / 10)


def test_nothing_loses_more_than_everything():
    found = loss_bounds(np.full(4, -0.9), variances(0.2, 0.2, 0.0), N_IMAGES)
    assert found.upper[:2].tolist() == [1, 1]


def test_one_pair_of_models_has_the_one_sided_bound_of_bonett_and_price():
    to_wrong, to_right = np.array([5, 0, 1, 0]), np.array([2, 0, 0, 0])
    found = pair_loss_bounds(to_wrong, to_right, N_IMAGES)
    # 6/52 and 3/52; 1.645 times the root of (9/52 - (3/52)^2) / 52.
    by_hand = 3 / 52 + 1.6448536269514722 * ((9 / 52 - (3 / 52) ** 2) / 52) ** 0.5
    assert found.upper[0] == pytest.approx(by_hand, abs=1e-12)
    # Without a flip: 1/10 and 1/10.
    assert found.upper[1] == pytest.approx(1.6448536269514722 * (0.2 / 10) ** 0.5, abs=1e-12)
    z = stats.norm.ppf(1 - 0.05 / 3)
    assert found.named[1] == pytest.approx(z * (0.2 / 10) ** 0.5)
    assert np.isnan(found.upper[2:]).all()
    assert np.isnan(found.named[2:]).all()


def test_a_pair_that_loses_every_image_is_bounded_by_one():
    found = pair_loss_bounds(np.array([2]), np.array([0]), np.array([2]))
    assert found.upper[0] == 1
