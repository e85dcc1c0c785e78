"""What people say of the images that compression adds, from those they judged."""

import numpy as np
import pytest

from analysis.stats.added_shares import Judged, added_shares

CODES = np.array([0, 1, 2])


def _population(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Categories, excess and strata of 3,000 images; images with much excess are of category 1."""
    generator = np.random.default_rng(seed)
    stratum = generator.choice(3, 3000, p=[0.1, 0.1, 0.8])
    mean = np.array([0.5, 0.0, 0.02])[stratum]
    excess = np.clip(mean + generator.normal(0, 0.2, 3000), -1, 1)
    category = np.where(generator.random(3000) < np.clip(excess, 0.1, 0.9), 1, 2 * (stratum > 0))
    return category, excess, stratum


def _drawn(category, excess, stratum, sizes, generator):
    chosen = np.concatenate(
        [
            generator.choice(np.nonzero(stratum == number)[0], size, replace=False)
            for number, size in enumerate(sizes)
        ]
    )
    size = np.bincount(stratum, minlength=3)
    return Judged(category[chosen], excess[chosen], stratum[chosen], size)


def test_judging_every_image_gives_the_excess_formula_itself():
    category, excess, stratum = _population(0)
    whole = Judged(category, excess, stratum, np.bincount(stratum))
    share, low, high = added_shares(whole, CODES)
    for code in CODES:
        expected = excess[category == code].sum() / excess.sum()
        assert share[code] == pytest.approx(expected)
    assert share.sum() == pytest.approx(1)
    assert (low <= share).all()
    assert (share <= high).all()


def test_it_is_the_formula_of_halves_and_aa():
    """(mean g on halves x halves share - mean g on A/A x floor) / excess, from counts of splits."""
    generator = np.random.default_rng(3)
    half, floor = generator.random((2, 500)) < [[0.4], [0.2]]
    category = generator.integers(0, 3, 500)
    judged = Judged(category, half.astype(float) - floor, np.zeros(500, int), np.array([500]))
    share, *_ = added_shares(judged, CODES)
    for code in CODES:
        g = category == code
        on_half, on_aa = g[half].mean(), g[floor].mean()
        expected = (on_half * half.mean() - on_aa * floor.mean()) / (half.mean() - floor.mean())
        assert share[code] == pytest.approx(expected)


def test_intervals_of_samples_hold_what_all_images_give():
    category, excess, stratum = _population(1)
    truth = np.array([excess[category == code].sum() for code in CODES]) / excess.sum()
    held = np.zeros(3)
    for seed in range(100):
        generator = np.random.default_rng(seed)
        _, low, high = added_shares(
            _drawn(category, excess, stratum, (60, 60, 60), generator), CODES
        )
        held += (low <= truth) & (truth <= high)
    assert (held >= 85).all(), held


def test_without_excess_nothing_is_said():
    none = Judged(
        np.zeros(4, int), np.array([-0.1, 0.0, 0.05, 0.0]), np.zeros(4, int), np.array([9])
    )
    empty = Judged(np.empty(0, int), np.empty(0), np.empty(0, int), np.array([9]))
    for judged in (none, empty):
        assert all(np.isnan(values).all() for values in added_shares(judged, CODES))


def test_an_excess_that_rests_on_one_image_has_no_interval():
    excess = np.array([0.9, -0.2, -0.2, -0.2])
    judged = Judged(np.zeros(4, int), excess, np.zeros(4, int), np.array([40]))
    share, low, high = added_shares(judged, CODES)
    assert share[0] == pytest.approx(1)
    assert np.isnan(low).all()
    assert np.isnan(high).all()
