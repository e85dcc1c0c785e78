"""Whether rare classes lose more."""

import numpy as np
import pytest
from scipy import stats

from analysis.stats.long_tail import long_tail

C = 5
LABEL = np.repeat(np.arange(C), [9, 6, 12, 7, 8])
N = len(LABEL)
TRAIN = np.array([1000, 500, 120, 60, 31])


def population(k, seed, harm=0.0):
    generator = np.random.default_rng(seed)
    rate = 0.8 - harm * LABEL / C + generator.normal(0, 0.05, (k, 1))
    return generator.random((k, N)) < rate


def counts(k, train=TRAIN):
    return np.tile(train, (k, 1))


def by_run(right, train):
    """The slope of each run, as least squares have it."""
    x = np.log2(train)
    return np.array([
        stats.linregress(x, [row[c == LABEL].mean() for c in range(C)]).slope for row in right
    ])  # fmt: skip


def by_hand(before, after, image_parts, noise, samples):
    shares = [s.var(ddof=1) / len(s) for s in samples]
    v_i = sum((c == LABEL).sum() * image_parts[c == LABEL].var(ddof=1) for c in range(C))
    v = max(sum(shares) + v_i - noise, sum(shares), v_i)
    terms = sum(share**2 / (len(s) - 1) for share, s in zip(shares, samples, strict=True))
    df = v**2 / (terms + v_i**2 / (N - C))
    slope = after.mean() - before.mean()
    return slope, v, df


def weight():
    x = np.log2(TRAIN) - np.log2(TRAIN).mean()
    return x[LABEL] / np.bincount(LABEL)[LABEL] / (x**2).sum()


def check(found, slope, v, df):
    assert found.slope == pytest.approx(slope, abs=1e-12)
    low, high = stats.t.interval(0.95, df, slope, np.sqrt(v))
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(slope) / np.sqrt(v), df), abs=1e-9)


def test_the_slope_of_independent_runs_is_the_difference_of_their_regressions():
    dense, variant = population(6, 0), population(5, 1, 0.4)
    found = long_tail(dense, variant, LABEL, counts(6), counts(5), None)
    w = weight()
    image = w * (variant.mean(axis=0) - dense.mean(axis=0))
    noise = sum(w**2 @ y.var(axis=0, ddof=1) / len(y) for y in (dense, variant))
    samples = [by_run(y, TRAIN) for y in (dense, variant)]
    check(found, *by_hand(*samples, image, noise, samples))
    assert (found.n_classes, found.n_left_out) == (5, 0)
    assert found.slope > 0


def test_the_slope_of_pairs_is_that_of_the_common_seeds():
    dense, variant = population(6, 0), population(5, 1, 0.4)
    rows = np.array([0, 2, 3, 5]), np.array([4, 1, 0, 2])
    found = long_tail(dense, variant, LABEL, counts(6), counts(5), rows)
    before, after = dense[rows[0]], variant[rows[1]]
    change = after.astype(float) - before
    noise = weight() ** 2 @ change.var(axis=0, ddof=1) / 4
    slopes = [by_run(y, TRAIN) for y in (before, after)]
    image = weight() * change.mean(axis=0)
    check(found, *by_hand(*slopes, image, noise, [slopes[1] - slopes[0]]))


def test_a_tail_that_is_rotated_over_seeds_gives_each_run_its_own_slope():
    tails = np.stack([np.roll(TRAIN, r) for r in range(4)])
    dense, variant = population(4, 0), population(4, 1, 0.3)
    found = long_tail(dense, variant, LABEL, tails, tails, None)
    slopes = [np.mean([by_run(y[[k]], tails[k]) for k in range(4)]) for y in (dense, variant)]
    assert found.slope == pytest.approx(slopes[1] - slopes[0])


def test_one_run_a_side_has_an_interval_over_images_alone():
    dense, variant = population(1, 0), population(1, 1, 0.4)
    found = long_tail(dense, variant, LABEL, counts(1), counts(1), None)
    image = weight() * (variant[0].astype(float) - dense[0])
    v = sum((c == LABEL).sum() * image[c == LABEL].var(ddof=1) for c in range(C))
    margin = stats.t.ppf(0.975, N - C) * np.sqrt(v)
    assert found.high - found.slope == pytest.approx(margin)


def test_classes_without_training_or_test_images_are_left_out_and_counted():
    train = np.append(TRAIN, [0, 77])
    train[1] = 0
    dense, variant = population(4, 0), population(4, 1, 0.4)
    found = long_tail(dense, variant, LABEL, counts(4, train), counts(4, train), None)
    assert (found.n_classes, found.n_left_out) == (4, 3)
    kept = LABEL != 1
    place = np.array([0, -1, 1, 2, 3])[LABEL[kept]]
    alone = np.delete(TRAIN, 1)
    same = long_tail(
        dense[:, kept], variant[:, kept], place, counts(4, alone), counts(4, alone), None
    )
    assert (found.slope, found.low, found.p) == pytest.approx((same.slope, same.low, same.p))


def test_a_class_of_one_image_varies_as_all_images_do():
    keep = (LABEL != 2) | (np.cumsum(LABEL == 2) == 1)
    dense, variant, label = population(1, 0)[:, keep], population(1, 1, 0.4)[:, keep], LABEL[keep]
    found = long_tail(dense, variant, label, counts(1), counts(1), None)
    x = np.log2(TRAIN) - np.log2(TRAIN).mean()
    change = variant[0].astype(float) - dense[0]
    v = 0.0
    for c in range(C):
        n = (label == c).sum()
        spread = change.var(ddof=1) if n == 1 else change[label == c].var(ddof=1)
        v += (x[c] / (x**2).sum()) ** 2 / n * spread
    margin = stats.t.ppf(0.975, len(label) - C) * np.sqrt(v)
    assert found.high - found.slope == pytest.approx(margin)


def test_where_no_line_is_defined_there_is_none():
    dense, variant = population(3, 0), population(3, 1)
    equal = np.full((3, C), 100)
    assert long_tail(dense, variant, LABEL, equal, equal, None) is None
    single = counts(3, np.array([100, 0, 0, 0, 0]))
    assert long_tail(dense, variant, LABEL, single, single, None) is None
    none = np.zeros(0, np.intp)
    assert long_tail(dense, variant, LABEL, counts(3), counts(3), (none, none)) is None


@pytest.mark.parametrize("k", [1, 2, 5])
def test_what_never_varies_has_a_slope_and_no_test(k):
    right = np.ones((k, N), bool)
    found = long_tail(right, right, LABEL, counts(k), counts(k), None)
    assert found.slope == 0
    assert np.isnan([found.low, found.high, found.p]).all()
