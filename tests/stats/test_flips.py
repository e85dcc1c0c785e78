"""Flips of single models, and McNemar's test of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from statsmodels.stats.contingency_tables import mcnemar as reference

from analysis.stats.pairs import class_flips, flips, mcnemar, paired_rows

CORRECT = arrays.arrays(np.bool_, (5, 6))


@settings(deadline=None)
@given(CORRECT, CORRECT, st.permutations(range(5)))
def test_flips_are_what_a_slow_loop_over_pairs_counts(dense, variant, order):
    dense_seeds, variant_seeds = (0, 1, 2, 3, 4), tuple(order)
    found = flips(dense, variant, paired_rows(dense_seeds, variant_seeds, paired=True))
    for image in range(6):
        lost = won = 0
        for seed in range(5):
            before = dense[dense_seeds.index(seed), image]
            after = variant[variant_seeds.index(seed), image]
            lost += before and not after
            won += after and not before
        assert found.to_wrong[image] == pytest.approx(lost / 5)
        assert found.to_right[image] == pytest.approx(won / 5)
    change = variant.mean(axis=0) - dense.mean(axis=0)
    np.testing.assert_allclose(found.to_right - found.to_wrong, change, atol=1e-12)


def test_without_a_pair_flips_are_unknown_not_zero():
    found = flips(
        np.ones((2, 3), bool), np.zeros((2, 3), bool), paired_rows((0, 1), (0, 1), paired=False)
    )
    assert found.n_pairs == 0
    assert np.isnan(found.to_wrong).all()
    assert np.isnan(found.to_right).all()


def test_an_identical_copy_never_flips():
    runs = np.random.default_rng(0).random((4, 9)) < 0.5
    found = flips(runs, runs, paired_rows((0, 1, 2, 3), (0, 1, 2, 3), paired=True))
    assert not found.to_wrong.any()
    assert not found.to_right.any()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=8))
def test_mcnemar_is_the_exact_test_of_statsmodels(pairs):
    to_wrong, to_right = np.array(pairs).T
    expected = [
        1.0 if b + c == 0 else reference([[9, b], [c, 9]], exact=True).pvalue for b, c in pairs
    ]
    np.testing.assert_allclose(mcnemar(to_wrong, to_right), expected, rtol=1e-9)


def test_mcnemar_knows_no_direction_and_a_class_without_flips_has_p_1():
    b, c = np.array([7, 3, 0]), np.array([1, 3, 0])
    np.testing.assert_array_equal(mcnemar(b, c), mcnemar(c, b))
    assert mcnemar(b, c)[2] == 1
    assert mcnemar(b, c)[1] == 1


def test_flips_are_counted_within_the_true_class():
    label = np.array([0, 0, 0, 1, 1, 3])
    dense = np.array([True, True, False, True, False, False])
    variant = np.array([False, True, True, False, False, True])
    to_wrong, to_right = class_flips(dense, variant, label, 4)
    assert to_wrong.tolist() == [1, 1, 0, 0]
    assert to_right.tolist() == [1, 0, 0, 1]
