"""Whether a variant has more PIEs than other seeds would make."""

import itertools

import numpy as np
import pytest

from analysis.stats import seed_test as subject
from analysis.stats.pairs import paired_rows
from analysis.stats.pie import is_pie
from analysis.stats.seed_test import n_ways, seed_test, smallest_p
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
    found = seed_test(dense, variant, None, ties=ties)
    assert found.share == pytest.approx(share(dense, variant, ties=ties))
    assert found.exchanged_share == pytest.approx(np.mean(shares[1:]), abs=1e-12)
    assert found.p == np.mean(np.array(shares) >= found.share - 1e-12)
    assert found.p_fewer == np.mean(np.array(shares) <= found.share + 1e-12)
    few = seed_test(dense, variant, None, ties=ties, n_exchanges=18)
    assert few.p * 19 == pytest.approx(round(few.p * 19))


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
    found = seed_test(dense, variant, pairs)
    assert found.exchanged_share == pytest.approx(np.mean(shares[1:]), abs=1e-12)
    assert found.p == np.mean(np.array(shares) >= found.share - 1e-12)


def test_drawn_exchanges_come_close_to_all_of_them():
    dense, variant = population(4, 0), population(4, 3)
    every, drawn = (seed_test(dense, variant, None, n_exchanges=n) for n in (70, 60))
    assert drawn.exchanged_share == pytest.approx(every.exchanged_share, abs=0.01)
    assert drawn.p == pytest.approx(every.p, abs=0.15)


@pytest.mark.parametrize(
    ("k_dense", "k_variant", "is_paired", "ways", "smallest"),
    [
        (2, 2, False, 6, 2 / 6), (3, 2, False, 10, 1 / 10), (4, 4, True, 16, 2 / 16),
        (10, 10, False, 184_756, 1 / 2000), (30, 30, True, 2**30, 1 / 2000),
    ],
)  # fmt: skip
def test_few_runs_have_few_ways_and_a_smallest_p(k_dense, k_variant, is_paired, ways, smallest):
    assert n_ways(k_dense, k_variant, is_paired=is_paired) == ways
    assert smallest_p(k_dense, k_variant, is_paired=is_paired) == smallest


@pytest.mark.parametrize(("k", "is_paired"), [(3, False), (3, True), (4, True)])
def test_harm_that_every_exchange_lessens_reaches_the_smallest_p(k, is_paired):
    # On each image one run of the variant stays right: any run less turns the votes.
    right = np.arange(N) % k == np.arange(k)[:, None]
    dense, variant = np.tile(LABEL, (k, 1)), np.where(right, LABEL, LABEL + 1)
    pairs = paired_rows(tuple(range(k)), tuple(range(k)), paired=True) if is_paired else None
    found = seed_test((dense, None), (variant, None), pairs)
    assert found.share == 1
    assert found.p == found.smallest_p
    assert found.p_fewer == 1


def test_harm_is_found_and_seed_noise_is_not():
    dense = population(8, 0)
    assert seed_test(dense, population(8, 1, 0.75), None).p == 1 / 2000
    assert seed_test(dense, population(8, 2), None).p > 0.05


def test_runs_of_unequal_ability_do_not_pass_for_compression():
    rejected = [
        seed_test(
            population(5, i, spread=0.15), population(5, 1000 + i, spread=0.15), None,
            n_exchanges=59,
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
    monkeypatch.setattr(subject, "TEST_SAMPLE", 50)
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
