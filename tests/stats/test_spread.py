"""Whether classes differ at all, and deltas drawn towards nothing."""

import numpy as np
import pytest
from statsmodels.stats.meta_analysis import combine_effects

from analysis.stats.spread import spread

N_IMAGES = np.array([40, 60, 100, 30, 70, 0])


def drawn(scale=0.1):
    generator = np.random.default_rng(4)
    error = np.append(generator.uniform(0.01, 0.05, 5), np.nan)
    return np.append(generator.normal(0, scale, 5), np.nan), error


def own_variance(error):
    """Of the class's own part: what is left of it where the mean that holds it is taken off."""
    return (error**2 / (1 - N_IMAGES / N_IMAGES.sum()))[:5]


@pytest.mark.parametrize("scale", [0.1, 0.005])
def test_q_and_tau_are_those_of_meta_analyses_of_the_classes(scale):
    delta, error = drawn(scale)
    found = spread(delta, error, N_IMAGES)
    own = combine_effects(delta[:5], own_variance(error), method_re="chi2")
    assert found.q == pytest.approx(own.q, abs=1e-9)
    assert found.df == own.df == 4
    assert found.p == pytest.approx(own.test_homogeneity().pvalue, abs=1e-9)
    whole = combine_effects(delta[:5], error[:5] ** 2, method_re="chi2")
    assert found.variance == pytest.approx(max(whole.tau2, 0), abs=1e-12)


def test_each_delta_is_shrunken_by_its_own_variance():
    delta, error = drawn()
    found = spread(delta, error, N_IMAGES)
    tau2 = found.variance
    assert tau2 > 0
    np.testing.assert_allclose(found.shrunken[:5], (delta * tau2 / (tau2 + error**2))[:5])
    assert np.isnan(found.shrunken[5])
    assert (np.abs(found.shrunken[:5]) < np.abs(delta[:5])).all()


def test_classes_that_differ_by_chance_shrink_to_nothing():
    delta, error = drawn(0.001)
    found = spread(delta, error, N_IMAGES)
    assert found.variance == 0
    np.testing.assert_array_equal(found.shrunken[:5], 0)
    assert found.p > 0.5


@pytest.mark.parametrize("n_classes", [2, 10])
def test_deltas_from_a_common_mean_are_no_more_spread_than_chance(n_classes):
    generator = np.random.default_rng(1)
    own = generator.normal(0, 0.1, (4000, n_classes))
    delta = own - own.mean(axis=1, keepdims=True)
    error = np.full(n_classes, 0.1 * np.sqrt(1 - 1 / n_classes))
    found = [spread(row, error, np.full(n_classes, 30)).p for row in delta]
    assert np.mean(np.array(found) <= 0.05) == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize("known", [0, 1])
def test_fewer_than_two_classes_have_no_spread(known):
    delta = np.where(np.arange(3) < known, 0.1, np.nan)
    found = spread(delta, delta, np.array([5, 5, 5]))
    assert np.isnan([found.variance, found.q, found.p]).all()
    assert np.isnan(found.shrunken).all()
