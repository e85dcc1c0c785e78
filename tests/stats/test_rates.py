"""False positive and negative rates, CEV and SDE."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import multilabel_confusion_matrix

from analysis.stats.classes import class_recall
from analysis.stats.rates import false_positive_rate, rate_change, relative_change

C = 4
RATES = arrays.arrays(np.float64, 5, elements=st.floats(0.01, 1))


@settings(deadline=None)
@given(
    arrays.arrays(np.int16, (3, 12), elements=st.integers(0, C - 1)),
    arrays.arrays(np.int16, 12, elements=st.integers(0, C - 1)),
)
def test_rates_are_those_of_the_confusion_matrix(prediction, label):
    fpr = false_positive_rate(prediction, label, C)
    recall = class_recall(prediction, label, C, (0, 1, 2)).recall
    for k, row in enumerate(prediction):
        matrices = multilabel_confusion_matrix(label, row, labels=range(C))
        for c, ((tn, fp), (fn, tp)) in enumerate(matrices):
            if fp + tn:
                assert fpr[k, c] == pytest.approx(fp / (fp + tn))
            else:
                assert np.isnan(fpr[k, c])
            if fn + tp:
                assert 1 - recall[k, c] == pytest.approx(fn / (fn + tp))


def test_cev_and_sde_are_what_a_slow_loop_finds():
    generator = np.random.default_rng(3)
    before, after = generator.uniform(0.01, 0.3, (2, 2, 7))
    found = rate_change(*before, *after)
    points = [
        ((after[0][c] - before[0][c]) / before[0][c], (after[1][c] - before[1][c]) / before[1][c])
        for c in range(7)
    ]
    centre = [sum(p[i] for p in points) / 7 for i in (0, 1)]
    cev = sum((p[0] - centre[0]) ** 2 + (p[1] - centre[1]) ** 2 for p in points) / 7
    sde = sum(abs(p[1] - p[0]) / 2**0.5 for p in points) / 7
    assert (found.cev, found.sde, found.n_left_out) == (
        pytest.approx(cev),
        pytest.approx(sde),
        0,
    )


@settings(deadline=None)
@given(RATES, RATES, RATES, RATES, st.permutations(range(5)))
def test_order_of_classes_changes_nothing(dense_fpr, dense_fnr, fpr, fnr, order):
    one = rate_change(dense_fpr, dense_fnr, fpr, fnr)
    order = list(order)
    other = rate_change(dense_fpr[order], dense_fnr[order], fpr[order], fnr[order])
    assert other.cev == pytest.approx(one.cev)
    assert other.sde == pytest.approx(one.sde)


@settings(deadline=None)
@given(RATES, RATES, st.floats(0.1, 3))
def test_rates_that_all_change_alike_have_neither(fpr, fnr, factor):
    found = rate_change(fpr, fnr, fpr * factor, fnr * factor)
    assert found.cev == pytest.approx(0, abs=1e-12)
    assert found.sde == pytest.approx(0, abs=1e-12)


def test_classes_without_dense_errors_or_images_are_left_out_and_counted():
    dense_fpr = np.array([0.1, 0.0, 0.2, np.nan])
    dense_fnr = np.array([0.2, 0.3, 0.0, np.nan])
    found = rate_change(dense_fpr, dense_fnr, dense_fpr * 2, dense_fnr * 3)
    assert found.n_left_out == 3
    assert found.cev == pytest.approx(0)
    assert found.sde == pytest.approx(1 / np.sqrt(2))


def test_with_no_class_left_both_are_unknown():
    nothing = np.zeros(3)
    found = rate_change(nothing, nothing, nothing, nothing)
    assert (found.cev, found.sde, found.n_left_out) == (None, None, 3)


def test_a_relative_change_from_nothing_is_unknown():
    found = relative_change(np.array([0.0, 0.2, np.nan]), np.array([0.1, 0.1, 0.1]))
    np.testing.assert_array_equal(found, [np.nan, -0.5, np.nan])
