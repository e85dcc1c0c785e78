import numpy as np
import pytest
from scipy.stats import fisher_exact

from analysis.stats.shares import fisher, newcombe, wilson


def test_wilsons_interval_is_that_of_newcombes_table():
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", method 3.
    for count, n, low, high in (
        (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):  # fmt: skip
        found = wilson(np.array([count]), n)
        assert [x[0] for x in found] == pytest.approx([low, high], abs=5e-5)


def test_an_empty_sample_has_no_interval():
    assert np.isnan(wilson(np.array([0, 0]), 0)).all()
    assert np.isnan(newcombe(np.array([0]), 0, np.array([1]), 2)).all()
    assert np.isnan(fisher(np.array([0]), 0, np.array([1]), 2)).all()


def test_newcombes_interval_is_that_of_his_table():
    # Newcombe 1998, "Interval estimation for the difference between independent proportions",
    # method 10, of 56/70 - 48/80, 9/10 - 3/10 and 10/10 - 0/20.
    for x, n_x, y, n_y, low, high in (
        (56, 70, 48, 80, 0.0524, 0.3339), (9, 10, 3, 10, 0.1705, 0.8090),
        (10, 10, 0, 20, 0.6791, 1.0),
    ):  # fmt: skip
        difference, below, above = (
            found[0] for found in newcombe(np.array([x]), n_x, np.array([y]), n_y)
        )
        assert difference == pytest.approx(x / n_x - y / n_y)
        assert (below, above) == pytest.approx((low, high), abs=5e-5)


def test_images_in_both_samples_narrow_the_interval_and_equal_samples_leave_none():
    x, y = np.array([12]), np.array([8])
    wide, narrow = (newcombe(x, 40, y, 40, n_shared=m) for m in (0, 20))
    assert narrow[2] - narrow[1] < wide[2] - wide[1]
    same = newcombe(x, 40, x, 40, n_shared=40)
    assert np.allclose(same, 0, atol=0.08)


def test_the_interval_of_overlapping_samples_covers_as_often_as_it_says():
    generator = np.random.default_rng(2)
    only, both, n = 30, 30, 3000
    shared = generator.binomial(both, 0.3, n)
    x, y = (shared + generator.binomial(only, 0.3, n) for _ in range(2))
    _, low, high = newcombe(x, only + both, y, only + both, n_shared=both)
    assert 0.935 <= ((low <= 0) & (high >= 0)).mean() <= 0.985


def test_fishers_p_is_that_of_scipy():
    generator = np.random.default_rng(0)
    for _ in range(30):
        n_x, n_y = generator.integers(1, 90, 2)
        x, y = generator.integers(0, n_x + 1), generator.integers(0, n_y + 1)
        expected = fisher_exact([[x, n_x - x], [y, n_y - y]]).pvalue
        found = fisher(np.array([x]), int(n_x), np.array([y]), int(n_y))[0]
        assert found == pytest.approx(expected, rel=1e-6)
