"""Numeric columns on PIEs and non-PIEs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from statsmodels.stats.weightstats import DescrStatsW

from analysis import schema
from analysis.stats.attributes import HalfPies, class_matched, mean_difference, numeric_row

N = 24


@settings(deadline=None)
@given(
    arrays.arrays(np.float64, N, elements=st.floats(-5, 5)),
    arrays.arrays(np.bool_, N),
    arrays.arrays(np.int64, N, elements=st.integers(0, 3)),
)
def test_matching_weighs_every_non_pie_by_its_class(x, pie, label):
    found = class_matched(x, pie, label)
    weights, pies, unmatched = np.zeros(N), np.zeros(N), set()
    for i in range(N):
        same = label == label[i]
        n_pies, n_others = int((pie & same).sum()), int((~pie & same).sum())
        if not pie[i]:
            weights[i] = n_pies / n_others
        elif n_others:
            pies[i] = 1
        else:
            unmatched.add(int(label[i]))
    assert found.n_unmatched == len(unmatched)
    assert found.n_pies_unmatched == pie.sum() - pies.sum()
    if pies.any():
        assert found.on_pies == pytest.approx(x[pies > 0].mean(), abs=1e-9)
        assert found.on_non_pies == pytest.approx(DescrStatsW(x, weights).mean, abs=1e-9)
    else:
        assert np.isnan(found.on_pies)
        assert np.isnan(found.on_non_pies)


def test_a_column_that_is_the_class_itself_differs_raw_but_not_matched():
    generator = np.random.default_rng(0)
    label = generator.integers(0, 4, 400)
    pie = generator.random(400) < np.array([0.05, 0.1, 0.2, 0.6])[label]
    row = numeric_row("v", "size", label.astype(float), label, pie, None)
    assert row["mean_on_pies"] - row["mean_on_non_pies"] > 0.5
    assert row["p"] < 1e-6
    assert row["matched_mean_on_pies"] == pytest.approx(row["matched_mean_on_non_pies"])
    assert row["van_elteren_p"] == 1


def test_the_interval_of_a_difference_of_means_is_that_of_resampled_images():
    generator = np.random.default_rng(1)
    x = generator.normal(3, 1, 300)
    one, other = generator.binomial(20, 0.2, 300), generator.binomial(20, 0.1, 300)
    found = mean_difference(x, one, other)
    assert found[0] == pytest.approx(np.average(x, weights=one))
    assert found[1] == pytest.approx(np.average(x, weights=other))
    resampled = []
    for _ in range(3000):
        i = generator.integers(0, 300, 300)
        resampled.append(np.average(x[i], weights=one[i]) - np.average(x[i], weights=other[i]))
    assert (found[4] - found[3]) / 2 / 1.96 == pytest.approx(np.std(resampled), rel=0.08)
    assert found[2] == pytest.approx((found[3] + found[4]) / 2)


def test_the_same_set_twice_differs_by_nothing():
    w = np.array([1, 0, 3, 2])
    assert mean_difference(np.arange(4.0), w, w)[2:] == (0, 0, 0)


def test_an_empty_set_has_no_mean_and_a_single_image_no_interval():
    empty = mean_difference(np.ones(2), np.zeros(2, int), np.ones(2, int))
    assert np.isnan([empty[0], *empty[2:]]).all()
    assert np.isnan(mean_difference(np.ones(1), np.ones(1, int), np.ones(1, int))[3:]).all()


def test_the_row_has_its_columns_and_leaves_missing_values_out():
    x = np.array([1.0, 2.0, 3.0, 4.0, np.nan])
    pie = np.array([True, False, True, False, True])
    halves = HalfPies(np.arange(5), np.array([4, 0, 4, 0, 9]), np.array([0, 2, 0, 2, 9]))
    row = numeric_row("v", "size", x, np.zeros(5, int), pie, halves)
    assert tuple(row) == schema.NUMERIC_COLUMNS
    assert (row["n_pies"], row["n_non_pies"], row["n_missing"]) == (2, 2, 1)
    assert (row["mean_on_pies"], row["mean_on_non_pies"]) == (2, 3)
    assert row["probability_larger"] == 0.25
    assert (row["half_mean"], row["aa_mean"], row["difference"]) == (2, 3, -1)


@pytest.mark.parametrize("pie", [np.zeros(4, bool), np.ones(4, bool)])
def test_without_pies_or_without_others_nothing_is_compared(pie):
    row = numeric_row("v", "size", np.arange(4.0), np.zeros(4, int), pie, None)
    assert np.isnan(row["p"])
    assert np.isnan(row["van_elteren_p"])
    assert row["probability_larger"] is None
    assert (row["mean_on_pies"] is None) is not (row["mean_on_non_pies"] is None)
    assert row["n_classes_unmatched"] == int(pie.all())


def test_a_column_without_any_value_has_counts_alone():
    row = numeric_row("v", "x", np.full(3, np.nan), np.zeros(3, int), np.ones(3, bool), None)
    assert (row["n_pies"], row["n_missing"]) == (0, 3)
    assert row["mean_on_pies"] is None
