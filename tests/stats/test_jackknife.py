"""The jackknife of the PIE excess, against plain counting for every deleted run."""

from collections import Counter

import numpy as np
import pytest

from analysis.stats import jackknife as subject
from analysis.stats.jackknife import DenseHalves, jackknife
from analysis.stats.splits import RANDOM_SEED
from analysis.stats.votes import TIE_RULES

N = 60
LABEL = np.arange(N) % 4
SAMPLE = np.arange(N)


def population(k, seed, wrong=0.4, *, no_answer=0.0):
    generator = np.random.default_rng(seed)
    prediction = np.where(generator.random((k, N)) < wrong, generator.integers(0, 4, (k, N)), LABEL)
    prediction[generator.random((k, N)) < no_answer] = -1
    # Few distinct confidences, so that sums of them tie as well.
    confidence = generator.integers(5, 9, (k, N)) / 8
    return prediction.astype(np.int16), confidence.astype(np.float32)


def label_of(population, runs, image, ties):
    """Modal label of some runs on an image, and whether another class had as many votes."""
    prediction, confidence = population
    votes, sums = Counter(), Counter()
    for run in runs:
        c = int(prediction[run, image])
        if c >= 0:
            votes[c] += 1
            sums[c] += 0 if confidence is None else float(confidence[run, image])
    if not votes:
        return -1, False
    most = [c for c in votes if votes[c] == max(votes.values())]
    if ties == "reference":
        return max(most), len(most) > 1
    if confidence is None:
        return min(most), len(most) > 1
    best = max(sums[c] for c in most)
    return min(c for c in most if sums[c] >= best * (1 - 1e-6)), len(most) > 1


def differ(one, other, image, ties):
    (a, tied), (b, other_tied) = (label_of(p, runs, image, ties) for p, runs in (one, other))
    return a != b and not (ties == "exclude" and (tied or other_tied))


def excess(dense, variant, halves, ties):
    """Of each image: half minus floor, mean over the splits."""
    total = np.zeros(N)
    for a, b, v in halves:
        for i in range(N):
            total[i] += differ((dense, a), (variant, v), i, ties)
            total[i] -= differ((dense, a), (dense, b), i, ties)
    return total / len(halves)


def without(runs, deleted, spare):
    return [spare if run == deleted else run for run in runs]


def slow(dense, variant, splits, of_variant, ties, *, paired):
    """Excess of each image without each run, less that with all; of either population."""
    spare = [int(s.spare[0]) for s in splits]
    whole = [(list(s.a), list(s.b), list(v)) for s, (v, _) in zip(splits, of_variant, strict=True)]
    base = excess(dense, variant, whole, ties)
    moved = []
    for run in range(len(dense[0])):
        halves = []
        for (a, b, v), other in zip(whole, spare, strict=True):
            a_, b_ = without(a, run, other), without(b, run, other)
            v_ = without(v, run, other) if paired else v
            halves.append((a_, b_, v_))
        moved.append(excess(dense, variant, halves, ties) - base)
    if paired:
        return [np.array(moved)]
    of_runs = []
    for run in range(len(variant[0])):
        halves = [
            (a, b, without(v, run, other))
            for (a, b, v), (_, other) in zip(whole, of_variant, strict=True)
        ]
        of_runs.append(excess(dense, variant, halves, ties) - base)
    return [np.array(moved), np.array(of_runs)]


@pytest.mark.parametrize("ties", TIE_RULES)
@pytest.mark.parametrize(("k", "confident"), [(6, True), (5, True), (6, False)])
def test_independent_runs_move_the_excess_as_counting_again_says(k, confident, ties):
    dense, variant = population(k, 0), population(k + 1, 1, 0.6)
    if not confident:
        dense, variant = (dense[0], None), (variant[0], None)
    halves = DenseHalves(dense, SAMPLE, ties=ties, n_splits=6)
    found = jackknife(
        halves,
        variant,
        dense_seeds=tuple(range(k)),
        variant_seeds=tuple(range(k + 1)),
        paired=False,
    )
    generator = np.random.default_rng([RANDOM_SEED, k + 1, 3])
    orders = [generator.permutation(k + 1) for _ in halves.splits]
    size = (k - 1) // 2
    of_variant = [(order[:size], int(order[size])) for order in orders]
    expected = slow(dense, variant, halves.splits, of_variant, ties, paired=False)
    assert len(found.moved) == 2
    for ours, theirs in zip(found.moved, expected, strict=True):
        assert np.abs(theirs).max() > 0
        np.testing.assert_allclose(ours, theirs, atol=1e-9, rtol=0)


@pytest.mark.parametrize("ties", TIE_RULES)
@pytest.mark.parametrize("k", [3, 6])
def test_a_seed_leaves_both_populations_together_where_they_are_paired(k, ties):
    dense, variant = population(k, 0, no_answer=0.1), population(k + 1, 1, 0.6, no_answer=0.1)
    # The variant's runs are in another order, and one has no partner.
    seeds = tuple(range(10, 10 + k))
    theirs = (99, *reversed(seeds))
    halves = DenseHalves(dense, SAMPLE, ties=ties, n_splits=6)
    found = jackknife(halves, variant, dense_seeds=seeds, variant_seeds=theirs, paired=True)
    in_order = [array[[theirs.index(seed) for seed in seeds]] for array in variant]
    of_variant = [(split.b, None) for split in halves.splits]
    expected = slow(dense, in_order, halves.splits, of_variant, ties, paired=True)
    assert len(found.moved) == 1
    np.testing.assert_allclose(found.moved[0], expected[0], atol=1e-9, rtol=0)


def test_computing_in_parts_changes_nothing(monkeypatch):
    def moved():
        return jackknife(
            DenseHalves(population(6, 0), SAMPLE), population(6, 1),
            dense_seeds=tuple(range(6)), variant_seeds=tuple(range(6)), paired=False,
        ).moved  # fmt: skip

    whole = moved()
    monkeypatch.setattr(subject, "_CHUNK", 7)
    for one, other in zip(whole, moved(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_sample_of_the_images_has_their_moves():
    dense, variant = population(6, 0), population(6, 1)
    seeds = {"dense_seeds": tuple(range(6)), "variant_seeds": tuple(range(6)), "paired": False}
    some = np.arange(3, N, 5)
    whole = jackknife(DenseHalves(dense, SAMPLE), variant, **seeds)
    part = jackknife(DenseHalves(dense, some), variant, **seeds)
    for one, other in zip(whole.moved, part.moved, strict=True):
        np.testing.assert_array_equal(one[:, some], other)


@pytest.mark.parametrize("paired", [False, True])
def test_runs_that_all_agree_move_nothing(paired):
    right = np.tile(LABEL, (5, 1)).astype(np.int16)
    wrong = (right + 1).astype(np.int16)
    seeds = tuple(range(5))
    found = jackknife(
        DenseHalves((right, None), SAMPLE), (wrong, None),
        dense_seeds=seeds, variant_seeds=seeds, paired=paired,
    )  # fmt: skip
    for part in found.moved:
        assert part.shape == (5, N)
        np.testing.assert_array_equal(part, 0)


@pytest.mark.parametrize(
    ("k_dense", "variant_seeds", "paired"),
    [
        (2, (0, 1), False), (2, (0, 1), True), (6, (0, 1), False), (4, (0, 1, 2), True),
        (1, (0,), True),
    ],
)  # fmt: skip
def test_too_few_runs_or_a_missing_seed_have_no_jackknife(k_dense, variant_seeds, paired):
    found = jackknife(
        DenseHalves(population(k_dense, 0), SAMPLE),
        population(len(variant_seeds), 1),
        dense_seeds=tuple(range(k_dense)),
        variant_seeds=variant_seeds,
        paired=paired,
    )
    assert found is None


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("k_dense", range(1, 7))
@pytest.mark.parametrize("k_variant", range(1, 7))
def test_seeds_alone_say_whether_there_is_a_jackknife(k_dense, k_variant, paired):
    seeds = {"dense_seeds": tuple(range(k_dense)), "variant_seeds": tuple(range(k_variant))}
    found = jackknife(
        DenseHalves(population(k_dense, 0), SAMPLE), population(k_variant, 1), **seeds,
        paired=paired,
    )  # fmt: skip
    assert subject.has_runs(**seeds, paired=paired) == (found is not None)
