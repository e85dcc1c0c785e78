"""The PIE excess and that of groups of images, over runs and images."""

import numpy as np
import pytest
from scipy import stats

from analysis.stats.excess import excess_over_images, excess_test, group_excess
from analysis.stats.jackknife import Jackknife

N = 50
CODE = np.array([-1, 0, 1, 2, 2] * 10)


def drawn(populations=(6, 4)):
    generator = np.random.default_rng(2)
    half, floor = generator.random(N), generator.random(N) * 0.7
    moved = tuple(generator.normal(0, 0.05, (k, N)) for k in populations)
    return half, floor, Jackknife(moved)


def by_hand(change, found, weight, v_i, df_i):
    """Two-way test of a weighted sum over images, from its definition."""
    v_s = v_x = terms = 0.0
    for part in found.moved:
        k = len(part)
        theta = part @ weight
        share = (k - 1) / k * ((theta - theta.mean()) ** 2).sum()
        v_s, terms = v_s + share, terms + share**2 / (k - 1)
        spread = (k - 1) / k * ((part - part.mean(axis=0)) ** 2).sum(axis=0)
        v_x += (weight**2 * spread).sum()
    v = max(v_s + v_i - v_x, v_i)
    df = v**2 / (terms + v_i**2 / df_i)
    estimate = weight @ change
    low, high = stats.t.interval(0.95, df, estimate, np.sqrt(v))
    return estimate, low, high, 2 * stats.t.sf(abs(estimate) / np.sqrt(v), df)


def check(test, place, expected):
    found = [values[place] for values in (test.difference, test.low, test.high, test.p)]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("populations", [(6, 4), (5,), (3, 3)])
def test_the_excess_has_its_two_way_interval(populations):
    half, floor, found = drawn(populations)
    change = half - floor
    expected = by_hand(change, found, np.full(N, 1 / N), change.var(ddof=1) / N, N - 1)
    check(excess_test(half, floor, found), 0, expected)
    assert expected[0] == pytest.approx(excess_over_images(half, floor)[0])


def test_without_moves_the_interval_is_the_t_interval_over_images():
    half, floor, _ = drawn()
    test = excess_test(half, floor, Jackknife((np.zeros((5, N)),)))
    low, high = stats.t.interval(0.95, N - 1, (half - floor).mean(), stats.sem(half - floor))
    assert (test.low[0], test.high[0]) == pytest.approx((low, high))


def test_groups_have_risk_differences_and_contrasts():
    half, floor, found = drawn()
    change = half - floor
    groups = group_excess(half, floor, found, CODE, 3)
    for a in range(3):
        inside, outside = a == CODE, (a != CODE) & (CODE >= 0)
        n, m = inside.sum(), outside.sum()
        v_in, v_out = change[inside].var(ddof=1) / n, change[outside].var(ddof=1) / m
        check(groups.risk, a, by_hand(change, found, inside / n, v_in, n - 1))
        # The images' part as one, with n + m - 2 degrees of freedom.
        weight = inside / n - outside / m
        check(groups.contrast, a, by_hand(change, found, weight, v_in + v_out, n + m - 2))


def test_two_groups_are_each_others_contrast():
    half, floor, found = drawn()
    contrast = group_excess(half, floor, found, np.arange(N) % 2, 2).contrast
    assert contrast.difference[0] == pytest.approx(-contrast.difference[1])
    assert contrast.p[0] == pytest.approx(contrast.p[1])


def test_without_a_jackknife_there_is_an_excess_and_no_test():
    half, floor, _ = drawn()
    groups = group_excess(half, floor, None, CODE, 3)
    for test in (groups.risk, groups.contrast, excess_test(half, floor, None)):
        assert np.isfinite(test.difference).all()
        for values in (test.se, test.df, test.p, test.low, test.high):
            assert np.isnan(values).all()


def test_groups_of_one_image_or_none_and_a_group_of_all_have_no_test():
    half, floor, found = drawn()
    code = np.zeros(N, int)
    code[0] = 1
    groups = group_excess(half, floor, found, code, 3)
    assert np.isnan(groups.risk.p).tolist() == [False, True, True]
    assert np.isnan(groups.contrast.p).all()
    assert np.isnan(groups.risk.difference).tolist() == [False, False, True]
    alone = group_excess(half, floor, found, np.zeros(N, int), 1)
    assert np.isnan(alone.contrast.difference).all()
    nowhere = group_excess(half, floor, found, np.full(N, -1), 2)
    assert np.isnan(nowhere.risk.difference).all()


def test_an_excess_that_never_varies_has_no_test():
    found = Jackknife((np.zeros((5, N)), np.zeros((5, N))))
    test = excess_test(np.ones(N), np.zeros(N), found)
    assert test.difference[0] == 1
    assert np.isnan([test.low[0], test.high[0], test.p[0]]).all()
