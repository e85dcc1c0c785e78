"""Whether weak classes lose more."""

import numpy as np
import pytest
from scipy import stats

from analysis.stats.classes import ClassRecall
from analysis.stats.intensification import intensification, recall_balance
from analysis.stats.splits import make_splits


def population(k, seed, slope=1.0, *, noise=0.02, n_classes=30):
    """Runs whose recall balance is ``slope`` times that of the classes, plus noise."""
    balance = np.linspace(-0.3, 0.3, n_classes)
    generator = np.random.default_rng(seed)
    recall = 0.6 * (1 + slope * balance) + generator.normal(0, noise, (k, n_classes))
    return ClassRecall(recall, recall.mean(axis=1), tuple(range(k)), np.zeros_like(recall))


@pytest.mark.parametrize("paired", [False, True])
def test_slopes_are_those_of_linregress_over_the_splits(paired):
    dense, variant = population(6, 0, noise=0.1), population(6, 1, 1.5, noise=0.1)
    after, base = [], []
    for split in make_splits(6):
        runs = split.b if paired else np.arange(6)
        a, b, t = (
            (p.recall[rows].mean(axis=0) - p.accuracy[rows].mean()) / p.accuracy[rows].mean()
            for p, rows in ((dense, split.a), (dense, split.b), (variant, runs))
        )
        after.append(stats.linregress(a, t).slope)
        base.append(stats.linregress(a, b).slope)
    found = intensification(dense, variant, paired=paired)
    assert found.slope == pytest.approx(np.mean(after))
    assert found.dense_slope == pytest.approx(np.mean(base))


def test_noise_pulls_both_slopes_down_alike():
    slopes = [
        intensification(
            population(8, s, noise=0.25), population(8, s + 500, noise=0.25), paired=False
        )
        for s in range(30)
    ]
    variant = np.mean([s.slope for s in slopes])
    dense = np.mean([s.dense_slope for s in slopes])
    assert dense < 0.9
    assert variant == pytest.approx(dense, abs=0.05)


def test_a_variant_that_takes_from_the_weak_has_a_larger_slope_than_dense():
    found = intensification(population(10, 0), population(10, 1, slope=1.5), paired=False)
    assert found.slope == pytest.approx(1.5, abs=0.05)
    assert found.dense_slope == pytest.approx(1.0, abs=0.05)


def test_order_of_classes_and_of_the_variants_runs_changes_nothing():
    dense, variant = population(5, 0), population(5, 1, 1.3)
    one = intensification(dense, variant, paired=True)
    order, runs = np.random.default_rng(0).permutation(30), [3, 1, 4, 0, 2]
    shuffled = [
        ClassRecall(p.recall[:, order], p.accuracy, p.seeds, p.fpr) for p in (dense, variant)
    ]
    last = shuffled[1]
    mixed = ClassRecall(last.recall[runs], last.accuracy[runs], tuple(runs), last.fpr)
    other = intensification(shuffled[0], mixed, paired=True)
    assert other.slope == pytest.approx(one.slope)
    assert other.dense_slope == pytest.approx(one.dense_slope)


def test_classes_without_images_are_left_out():
    dense, variant = population(4, 0), population(4, 1)
    more = [
        ClassRecall(np.column_stack([p.recall, np.full(4, np.nan)]), p.accuracy, p.seeds, p.fpr)
        for p in (dense, variant)
    ]
    assert intensification(*more, paired=False) == intensification(dense, variant, paired=False)


def test_where_no_line_is_defined_there_is_none():
    same = ClassRecall(np.full((4, 3), 0.7), np.full(4, 0.7), (0, 1, 2, 3), np.zeros((4, 3)))
    assert intensification(same, same, paired=False) is None
    single = population(1, 0)
    assert intensification(single, single, paired=False) is None
    only = population(4, 0, n_classes=1)
    assert intensification(only, only, paired=False) is None
    nothing = ClassRecall(np.zeros((4, 3)), np.zeros(4), (0, 1, 2, 3), np.zeros((4, 3)))
    assert intensification(nothing, nothing, paired=False) is None


def test_a_paired_variant_that_lacks_a_seed_has_none_yet():
    dense, variant = population(4, 0), population(3, 1)
    assert intensification(dense, variant, paired=True) is None
    assert intensification(dense, variant, paired=False) is not None


def test_recall_balance_of_a_population_that_is_never_right_is_unknown():
    assert np.isnan(recall_balance(np.zeros(3), 0.0)).all()
    np.testing.assert_allclose(recall_balance(np.array([0.5, 1.0]), 0.8), [-0.375, 0.25])
