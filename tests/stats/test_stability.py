"""Whether an image would be a PIE with other seeds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.stats import pie as subject
from analysis.stats.pie import is_pie, pie_stability
from analysis.stats.votes import TIE_RULES, modal

N = 60


def population(k, seed, wrong=0.5, n=N):
    generator = np.random.default_rng(seed)
    label = np.arange(n) % 4
    prediction = np.where(
        generator.random((k, n)) < wrong, generator.integers(0, 4, (k, n)), label
    ).astype(np.int16)
    return prediction, generator.uniform(0.2, 1, (k, n)).astype(np.float32)


def seeds(*populations):
    names = ("dense_seeds", "variant_seeds")
    return {n: tuple(range(len(p[0]))) for n, p in zip(names, populations, strict=True)}


def slow(dense, variant, draws, ties):
    """Build every drawn population, run by run, and ask the functions of single populations."""
    count = np.zeros(dense[0].shape[1])
    n_resamples = draws[0].shape[1]
    for b in range(n_resamples):
        drawn = [
            tuple(np.repeat(array, weight[:, b].astype(int), axis=0) for array in population)
            for population, weight in zip((dense, variant), draws, strict=True)
        ]
        modals = [modal(*votes, ties=ties) for votes in drawn]
        count += is_pie(*modals, ties=ties)
    return count / n_resamples


@pytest.mark.parametrize("ties", TIE_RULES)
@pytest.mark.parametrize(("paired", "sizes"), [(False, (4, 4)), (True, (4, 4)), (False, (3, 6))])
def test_it_is_the_share_of_drawn_populations_in_which_the_image_is_a_pie(ties, paired, sizes):
    dense, variant = population(sizes[0], 0), population(sizes[1], 1)
    options = seeds(dense, variant)
    found = pie_stability(dense, variant, **options, paired=paired, ties=ties, n_resamples=40)
    draws = subject._draws(*options.values(), paired, 40)
    np.testing.assert_allclose(found, slow(dense, variant, draws, ties))
    assert 0 < found.mean() < 1


@pytest.mark.parametrize("images", [1, 50])
def test_taking_images_in_parts_changes_nothing(monkeypatch, images):
    dense, variant = population(4, 0), population(5, 1)
    options = {**seeds(dense, variant), "paired": False, "n_resamples": 10}
    whole = pie_stability(dense, variant, **options)
    monkeypatch.setattr(subject, "_CHUNK", images)
    np.testing.assert_array_equal(pie_stability(dense, variant, **options), whole)


def test_draws_keep_the_size_of_each_population():
    dense, variant = subject._draws((0, 1, 2), (0, 1, 2, 3, 4), False, 50)
    assert (dense.sum(axis=0) == 3).all()
    assert (variant.sum(axis=0) == 5).all()
    assert dense.std(axis=1).min() > 0


def test_paired_seeds_are_drawn_together_and_the_others_on_their_own():
    dense, variant = subject._draws((7, 2, 5), (5, 7, 8), True, 50)
    np.testing.assert_array_equal(dense[0], variant[1])
    np.testing.assert_array_equal(dense[2], variant[0])
    assert (dense.sum(axis=0) == 3).all()
    assert (variant.sum(axis=0) == 3).all()


def test_a_paired_identical_copy_is_never_a_pie_and_an_independent_one_now_and_then():
    dense = population(6, 0)
    options = seeds(dense, dense)
    assert not pie_stability(dense, dense, **options, paired=True).any()
    assert pie_stability(dense, dense, **options, paired=False).any()


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.booleans(), st.randoms(use_true_random=False))
def test_order_of_images_and_runs_changes_nothing(seed, paired, random):
    dense, variant = population(4, seed, n=12), population(4, seed + 1, n=12)
    names = (3, 8, 1, 6)
    one = pie_stability(
        dense, variant, dense_seeds=names, variant_seeds=names, paired=paired, n_resamples=20
    )
    images = random.sample(range(12), 12)
    runs, others = (random.sample(range(4), 4) for _ in range(2))
    other = pie_stability(
        tuple(array[runs][:, images] for array in dense),
        tuple(array[others][:, images] for array in variant),
        dense_seeds=tuple(names[i] for i in runs),
        variant_seeds=tuple(names[i] for i in others),
        paired=paired,
        n_resamples=20,
    )
    np.testing.assert_allclose(other, one[images])


def test_renaming_classes_in_their_order_changes_nothing():
    dense, variant = population(4, 0), population(4, 1)
    names = np.array([5, 11, 300, 4000], np.int16)
    options = {**seeds(dense, variant), "paired": False, "n_resamples": 30}
    renamed = [(names[prediction], confidence) for prediction, confidence in (dense, variant)]
    np.testing.assert_array_equal(
        pie_stability(*renamed, **options), pie_stability(dense, variant, **options)
    )


def test_unanimous_populations_are_settled():
    dense = (np.array([[0, 1, 2]] * 3), None)
    variant = (np.array([[0, 2, 2]] * 3), None)
    found = pie_stability(dense, variant, **seeds(dense, variant), paired=False)
    assert found.tolist() == [0, 1, 0]


def test_unknown_confidences_break_ties_as_none_do():
    dense, variant = population(4, 0), population(4, 1)
    unknown = [(p, np.full(c.shape, np.nan, np.float32)) for p, c in (dense, variant)]
    none = [(p, None) for p, _ in (dense, variant)]
    options = {**seeds(dense, variant), "paired": False, "n_resamples": 30}
    np.testing.assert_array_equal(
        pie_stability(*unknown, **options), pie_stability(*none, **options)
    )


@pytest.mark.parametrize(("k_dense", "k_variant"), [(1, 1), (1, 5), (5, 1)])
def test_with_a_single_run_there_is_nothing_to_resample(k_dense, k_variant):
    dense, variant = population(k_dense, 0), population(k_variant, 1)
    found = pie_stability(dense, variant, **seeds(dense, variant), paired=False)
    assert found.shape == (N,)
    assert np.isnan(found).all()
