"""Halves of a population."""

import math
from itertools import combinations

import numpy as np
import pytest

from analysis.stats.pie import is_pie
from analysis.stats.seed_noise import noise_floor
from analysis.stats.splits import drawn_runs, make_splits, spare_splits
from analysis.stats.votes import modal


def halves_of(k):
    """Every pair of disjoint halves, once."""
    half = k // 2
    return {
        frozenset((frozenset(a), frozenset(b)))
        for a in combinations(range(k), half)
        for b in combinations(range(k), half)
        if not set(a) & set(b)
    }


@pytest.mark.parametrize(
    ("k", "number"), [(2, 1), (3, 3), (4, 3), (5, 15), (7, 70), (8, 35), (10, 126)]
)
def test_all_distinct_splits_are_made_where_they_are_few(k, number):
    splits = make_splits(k)
    made = {frozenset((frozenset(s.a.tolist()), frozenset(s.b.tolist()))) for s in splits}
    assert made == halves_of(k)
    assert len(splits) == len(made) == number
    for split in splits:
        assert sorted([*split.a, *split.b, *split.spare]) == list(range(k))


@pytest.mark.parametrize("k", [9, 11, 12, 30])
def test_sixty_random_splits_are_made_where_they_are_many(k):
    half = k // 2
    assert math.comb(k, half) * math.comb(k - half, half) // 2 > 200
    splits = make_splits(k)
    assert len(splits) == 60
    for split in splits:
        assert len(split.a) == len(split.b) == half
        assert sorted([*split.a, *split.b, *split.spare]) == list(range(k))


def test_each_run_is_in_half_a_about_as_often_as_in_half_b():
    splits = make_splits(10)
    in_a = drawn_runs(10, [s.a for s in splits]).mean(axis=1)
    assert (np.abs(in_a - 0.5) < 0.2).all()


@pytest.mark.parametrize("k", [5, 6])
def test_the_floor_is_the_mean_over_every_split(k):
    generator = np.random.default_rng(0)
    label = np.arange(80) % 4
    prediction = np.where(
        generator.random((k, 80)) < 0.4, generator.integers(0, 4, (k, 80)), label
    ).astype(np.int16)
    shares = [
        is_pie(*(modal(prediction[sorted(half)]) for half in halves)).mean()
        for halves in map(tuple, halves_of(k))
    ]
    assert noise_floor(prediction, None, label).share == pytest.approx(np.mean(shares), abs=1e-12)


@pytest.mark.parametrize(("k", "half", "spare"), [(3, 1, 1), (4, 1, 2), (9, 4, 1), (10, 4, 2)])
def test_splits_of_the_jackknife_have_a_run_to_spare(k, half, spare):
    splits = spare_splits(k, 40)
    assert len(splits) == 40
    for split in splits:
        assert (len(split.a), len(split.b), len(split.spare)) == (half, half, spare)
        assert sorted([*split.a, *split.b, *split.spare]) == list(range(k))


@pytest.mark.parametrize("k", [0, 1, 2])
def test_fewer_than_three_runs_have_none_to_spare(k):
    assert spare_splits(k, 40) == []
