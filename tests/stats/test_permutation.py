"""Whether a variant has more PIEs than other seeds would make."""

import itertools

import numpy as np
import pytest

from analysis.stats import seed_noise
from analysis.stats.pairs import paired_rows
from analysis.stats.pie import is_pie
from analysis.stats.seed_noise import seed_test
from analysis.stats.votes import TIE_RULES, modal

N = 200
LABEL = np.arange(N) % 5


def population(k, seed, wrong=0.25, spread=0.0):
    """Runs that err on images at random, and with ``spread`` some runs much more than others."""
    generator = np.random.default_rng(seed)
    rate = np.clip(wrong + generator.normal(0, spread, (k, 1)), 0, 1)
    prediction = np.where(generator.random((k, N)) < rate, generator.integers(0, 5, (k, N)), LABEL)
    return prediction.astype(np.int16), generator.uniform(0.3, 1, (k, N)).astype(np.float32)


def share(one, other, ties="confidence"):
    return is_pie(modal(*one, ties=ties), modal(*other, ties=ties), ties=ties).mean()


@pytest.mark.parametrize("ties", TIE_RULES)
def test_independent_runs_are_dealt_into_every_pair_of_populations(ties):
    dense, variant = population(3, 0), population(3, 1, 0.5)
    pooled = [np.concatenate([d, v]) for d, v in zip(dense, variant, strict=True)]
    shares = []
    for chosen in itertools.combinations(range(6), 3):
        rest = [i for i in range(6) if i not in chosen]
        shares.append(
            share(*([array[list(rows)] for array in pooled] for rows in (chosen, rest)), ties=ties)
        )
    found = seed_test(dense, variant, None, ties=ties, n_permutations=4000)
    assert found.share == pytest.approx(share(dense, variant, ties=ties))
    assert found.exchanged_share == pytest.approx(np.mean(shares), abs=0.003)
    expected = np.mean(np.array(shares) >= found.share - 1e-12)
    assert found.p == pytest.approx(expected, abs=0.03)


def test_paired_runs_are_swapped_within_their_pair_alone():
    dense, variant = population(3, 0), population(3, 1, 0.5)
    pairs = paired_rows((0, 1, 2), (0, 1, 2), paired=True)
    shares = []
    for swap in itertools.product([False, True], repeat=3):
        one, other = (
            [np.where(np.array(swap)[:, None], b, a) for a, b in zip(x, y, strict=True)]
            for x, y in ((dense, variant), (variant, dense))
        )
        shares.append(share(one, other))
    found = seed_test(dense, variant, pairs, n_permutations=4000)
    assert found.exchanged_share == pytest.approx(np.mean(shares), abs=0.003)
    assert found.p == pytest.approx(np.mean(np.array(shares) >= found.share - 1e-12), abs=0.03)


def test_harm_is_found_and_seed_noise_is_not():
    dense = population(8, 0)
    assert seed_test(dense, population(8, 1, 0.75), None).p == 1 / 200
    assert seed_test(dense, population(8, 2), None).p > 0.05


def test_runs_of_unequal_ability_do_not_pass_for_compression():
    rejected = [
        seed_test(
            population(5, i, spread=0.15), population(5, 1000 + i, spread=0.15), None,
            n_permutations=59,
        ).p <= 0.05
        for i in range(80)
    ]  # fmt: skip
    assert np.mean(rejected) < 0.12


def test_an_identical_copy_has_nothing_to_tell():
    dense = population(4, 0)
    pairs = paired_rows((0, 1, 2, 3), (0, 1, 2, 3), paired=True)
    found = seed_test(dense, dense, pairs)
    assert (found.share, found.exchanged_share, found.p) == (0, 0, 1)


def test_order_of_images_changes_nothing():
    dense, variant = population(4, 0), population(5, 1, 0.4)
    order = np.random.default_rng(0).permutation(N)
    shuffled = [tuple(array[:, order] for array in p) for p in (dense, variant)]
    assert seed_test(*shuffled, None) == seed_test(dense, variant, None)


def test_large_test_sets_are_sampled(monkeypatch):
    monkeypatch.setattr(seed_noise, "TEST_SAMPLE", 50)
    assert seed_test(population(4, 0), population(4, 1), None).n_images == 50


@pytest.mark.parametrize(("k_dense", "k_variant"), [(1, 1), (1, 4), (4, 1)])
def test_a_single_run_cannot_be_exchanged(k_dense, k_variant):
    assert seed_test(population(k_dense, 0), population(k_variant, 1), None) is None


def test_paired_runs_without_two_common_seeds_have_no_test():
    pairs = paired_rows((0, 1, 2), (2, 3, 4), paired=True)
    assert seed_test(population(3, 0), population(3, 1), pairs) is None


def test_unknown_confidences_are_no_obstacle():
    dense, variant = (population(4, s)[0] for s in (0, 1))
    assert 0 < seed_test((dense, None), (variant, None), None).p <= 1
