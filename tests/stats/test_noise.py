"""The noise floor and what is compared with it, like for like."""

import numpy as np
import pytest

from analysis.stats import seed_noise
from analysis.stats.excess import excess_over_images
from analysis.stats.pie import is_pie
from analysis.stats.seed_noise import half_population_frequency, noise_floor
from analysis.stats.splits import make_splits, sample_images
from analysis.stats.votes import drawn_modal, modal

N = 400
LABEL = np.arange(N) % 5


def population(k, seed, wrong=0.25):
    """Predictions and confidences of k independent runs."""
    generator = np.random.default_rng(seed)
    prediction = np.where(
        generator.random((k, N)) < wrong, generator.integers(0, 5, (k, N)), LABEL
    ).astype(np.int16)
    return prediction, generator.uniform(0.3, 1, (k, N)).astype(np.float32)


@pytest.mark.parametrize(("k", "half"), [(2, 1), (3, 1), (7, 3), (10, 5)])
def test_halves_are_disjoint_and_of_half_the_runs_rounded_down(k, half):
    splits = make_splits(k)
    for split in splits:
        assert len(split.a) == len(split.b) == half
        assert not set(split.a) & set(split.b)
        assert set(split.a) | set(split.b) <= set(range(k))


def test_every_run_is_left_out_now_and_then_where_their_number_is_odd():
    used = [set(s.a) | set(s.b) for s in make_splits(3, 50)]
    assert {min(set(range(3)) - u) for u in used} == {0, 1, 2}


def test_splits_are_the_same_every_time():
    one, other = make_splits(6), make_splits(6)
    assert all((x.a == y.a).all() and (x.b == y.b).all() for x, y in zip(one, other, strict=True))


@pytest.mark.parametrize("k", [0, 1])
def test_fewer_than_two_runs_have_no_halves_and_no_floor(k):
    assert make_splits(k) == []
    prediction, confidence = population(max(k, 1), 0)
    assert noise_floor(prediction[:1], confidence[:1], LABEL) is None


def test_identical_runs_have_no_noise():
    prediction = np.tile(population(1, 0)[0], (6, 1))
    floor = noise_floor(prediction, None, LABEL)
    assert floor.share == 0
    assert floor.dense_top1_on_aa_pies is None


@pytest.mark.parametrize("ties", ["confidence", "reference", "exclude"])
def test_the_floor_is_what_a_slow_loop_over_the_splits_averages(ties):
    prediction, confidence = population(5, 0)
    shares, accuracies = [], []
    for split in make_splits(5):
        halves = [modal(prediction[s], confidence[s], ties=ties) for s in (split.a, split.b)]
        pie = is_pie(*halves, ties=ties)
        shares.append(pie.mean())
        accuracies += [(prediction[:, i] == LABEL[i]).mean() for i in np.flatnonzero(pie)]
    floor = noise_floor(prediction, confidence, LABEL, ties=ties)
    assert floor.share == pytest.approx(np.mean(shares))
    assert floor.dense_top1_on_aa_pies == pytest.approx(np.mean(accuracies))
    assert floor.frequency.mean() == pytest.approx(floor.share)
    assert floor.standard_error == 0


def test_images_the_dense_halves_disagree_on_are_hard():
    generator = np.random.default_rng(1)
    hard = generator.random(N) < 0.2
    prediction = np.where(
        generator.random((8, N)) < np.where(hard, 0.6, 0.01), (LABEL + 1) % 5, LABEL
    )
    floor = noise_floor(prediction, None, LABEL)
    assert floor.dense_top1_on_aa_pies < (prediction == LABEL).mean() - 0.2


def half(dense, variant, *, paired, dense_seeds=None, variant_seeds=None, **kwargs):
    return half_population_frequency(
        noise_floor(*dense, LABEL),
        *variant,
        dense_seeds=dense_seeds or tuple(range(len(dense[0]))),
        variant_seeds=variant_seeds or tuple(range(len(variant[0]))),
        paired=paired,
        **kwargs,
    )


@pytest.mark.parametrize("k", [2, 5, 6])
def test_a_paired_identical_copy_makes_exactly_the_floor_and_no_full_pie(k):
    dense = population(k, 0)
    floor = noise_floor(*dense, LABEL)
    frequency = half(dense, dense, paired=True)
    np.testing.assert_array_equal(frequency, floor.frequency)
    assert excess_over_images(frequency, floor.frequency)[0] == 0
    assert not is_pie(modal(*dense), modal(*dense)).any()


def test_paired_halves_never_have_a_seed_on_both_sides(monkeypatch):
    k, seeds = 7, (3, 5, 8, 9, 11, 20, 21)
    # Every run predicts its own seed, so that the halves name the seeds they are made of.
    dense = np.repeat(np.array(seeds)[:, None], N, axis=1)
    shuffled = tuple(reversed(seeds))
    variant = np.repeat(np.array(shuffled)[:, None], N, axis=1)
    drawn = []

    def record(prediction, confidence, runs, *, ties):
        drawn.append([set(prediction[chosen > 0, 0].tolist()) for chosen in runs.T])
        return drawn_modal(prediction, confidence, runs, ties=ties)

    monkeypatch.setattr(seed_noise, "drawn_modal", record)
    half((dense, None), (variant, None), paired=True, dense_seeds=seeds, variant_seeds=shuffled)
    halves_a, halves_b, variant_halves = drawn
    assert len(halves_a) == 70
    for a, b, other in zip(halves_a, halves_b, variant_halves, strict=True):
        assert not a & other
        assert other == b
        assert len(a) == len(other) == k // 2


def test_independent_halves_of_one_population_come_close_to_the_floor():
    dense, other = population(10, 0), population(10, 1)
    floor = noise_floor(*dense, LABEL).share
    assert half(dense, other, paired=False).mean() == pytest.approx(floor, abs=0.02)


def test_a_variant_that_errs_more_has_an_excess():
    dense, worse = population(10, 0), population(10, 1, wrong=0.7)
    floor = noise_floor(*dense, LABEL)
    excess, low, _ = excess_over_images(half(dense, worse, paired=False), floor.frequency)
    assert excess > 0
    assert low > 0


def test_a_variant_with_fewer_runs_than_half_has_no_share_of_halves():
    assert half(population(10, 0), population(4, 1), paired=False) is None
    assert half(population(10, 0), population(5, 1), paired=False) is not None


def test_a_paired_variant_that_lacks_a_seed_has_no_share_of_halves_yet():
    dense = population(4, 0)
    assert half(dense, population(3, 1), paired=True) is None


def test_excess_and_its_interval_follow_the_formula():
    variant, floor = np.array([1.0, 0.5, 0.0, 0.25]), np.array([0.5, 0.5, 0.0, 0.0])
    difference = variant - floor
    margin = 1.959964 * difference.std(ddof=1) / 2
    excess, low, high = excess_over_images(variant, floor)
    assert excess == pytest.approx(difference.mean())
    assert (low, high) == pytest.approx((excess - margin, excess + margin))


def test_the_excess_of_one_image_has_no_interval():
    assert np.isnan(excess_over_images(np.ones(1), np.zeros(1))[1:]).all()


def test_sampled_images_are_a_fixed_ascending_draw_without_repeats():
    np.testing.assert_array_equal(sample_images(10, 10), np.arange(10))
    sample = sample_images(1000, 100)
    assert len(set(sample.tolist())) == 100
    assert (np.diff(sample) > 0).all()
    np.testing.assert_array_equal(sample, sample_images(1000, 100))


def test_large_test_sets_are_sampled_and_say_how_sure_they_are(monkeypatch):
    whole = noise_floor(*population(6, 0), LABEL)
    monkeypatch.setattr(seed_noise, "sample_images", lambda n: sample_images(n, 100))
    part = noise_floor(*population(6, 0), LABEL)
    assert len(part.frequency) == len(part.sample) == 100
    assert part.standard_error > 0
    assert abs(part.share - whole.share) < 5 * part.standard_error
    np.testing.assert_array_equal(part.frequency, whole.frequency[part.sample])
