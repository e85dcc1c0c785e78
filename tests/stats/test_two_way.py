"""Variances over runs and images, against statsmodels' clustered standard errors."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from analysis.stats.classes import class_recall
from analysis.stats.two_way import (
    Variances,
    change_variances,
    changes,
    class_variances,
    normalized_change,
    two_way,
)

C = 3
LABEL = np.repeat([0, 1, 2], [7, 12, 5])
N = len(LABEL)
SIZE = np.bincount(LABEL)


def population(k, seed, *, paired_with=None):
    """Which of k runs are right on each image: images differ, and so do runs."""
    generator = np.random.default_rng(seed)
    difficulty = np.random.default_rng(99).normal(0.7, 1.5, N)
    logit = difficulty + generator.normal(0, 0.5, (k, 1)) + generator.normal(0, 1, (k, N))
    if paired_with is not None:
        return np.where(generator.random((k, N)) < 0.25, logit > 0, paired_with)
    return logit > 0


def parts(dense, variant, pairs=None):
    found = changes(dense, variant, LABEL, C, pairs)
    if pairs is not None:
        dense, variant = dense[pairs[0]], variant[pairs[1]]
    recalls = [recall_of(right) for right in (dense, variant)]
    shifted = [r - y.mean(axis=1)[:, None] for r, y in zip(recalls, (dense, variant), strict=True)]
    return found, recalls, shifted


def recall_of(right):
    return np.stack([np.bincount(LABEL, weights=row, minlength=C) / SIZE for row in right])


def weights(c, *, normalized):
    return (c == LABEL) / SIZE[c] - (1 / N if normalized else 0)


def fitted(y, cells, groups):
    """Clustered covariance of the means of the cells, without any correction for small samples."""
    design = (cells[:, None] == np.unique(cells)).astype(float)
    kwds = {"groups": groups, "use_correction": False}
    covariance = sm.OLS(y, design).fit(cov_type="cluster", cov_kwds=kwds).cov_params()
    return covariance[0] if isinstance(covariance, tuple) else covariance


def flat(*populations):
    """Right or not, variant, run, image of every prediction; runs are numbered through."""
    y = np.concatenate([p.ravel() for p in populations]).astype(float)
    which = np.concatenate([np.full(p.size, t) for t, p in enumerate(populations)])
    ends = np.cumsum([0, *(len(p) for p in populations)])
    run = np.concatenate([
        np.repeat(np.arange(len(p)) + start, N)
        for p, start in zip(populations, ends[:-1], strict=True)
    ])  # fmt: skip
    image = np.tile(np.arange(N), ends[-1])
    return y, which, run, image


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize(("k_dense", "k_variant"), [(5, 5), (6, 4)])
def test_independent_runs_have_the_clustered_variances_of_statsmodels(
    k_dense, k_variant, normalized
):
    dense, variant = population(k_dense, 0), population(k_variant, 1)
    found, recalls, shifted = parts(dense, variant)
    ours = class_variances(found, *shifted) if normalized else change_variances(found, *recalls)
    y, which, run, image = flat(dense, variant)
    of_class = which * C + LABEL[image]
    by_run = fitted(y, of_class, run)
    by_image = fitted(y, of_class, image)
    every = np.arange(len(y))
    of_runs = fitted(y, which * N + image, every)
    both_ways = fitted(y, of_class, np.column_stack([run, image]))
    alone = fitted(y, of_class, every)
    for c in range(C):
        w = weights(c, normalized=normalized)
        of_cells = np.array([w[b == LABEL].sum() for b in range(C)])
        contrast = np.concatenate([-of_cells, of_cells])
        # Clusters by run: the plain variance over runs, K for K - 1, of either population.
        values = shifted if normalized else recalls
        plain = sum(v[:, c].var() / len(v) for v in values)
        assert contrast @ by_run @ contrast == pytest.approx(plain, abs=1e-12)
        unbiased = sum(v[:, c].var() / (len(v) - 1) for v in values)
        assert ours.seeds[c] == pytest.approx(unbiased, abs=1e-12)
        # Clusters by image: n - 1 for n in each class.
        squared = np.array([(w[b == LABEL] ** 2).sum() for b in range(C)])
        plain = (squared * found.within * (SIZE - 1) / SIZE).sum()
        assert contrast @ by_image @ contrast == pytest.approx(plain, abs=1e-12)
        assert ours.images[c] == pytest.approx((squared * found.within).sum(), abs=1e-12)
        # What both count: a mean a variant and image, no clusters, K for K - 1.
        each = np.concatenate([-w, w])
        noise = [w**2 @ p.var(axis=0) / len(p) for p in (dense, variant)]
        assert each @ of_runs @ each == pytest.approx(sum(noise), abs=1e-12)
        noise = [w**2 @ p.var(axis=0, ddof=1) / len(p) for p in (dense, variant)]
        assert ours.both[c] == pytest.approx(sum(noise), abs=1e-12)
        # statsmodels takes off what is left around the class mean instead, image effects too.
        total = by_run + by_image - alone
        np.testing.assert_allclose(both_ways, total, atol=1e-12)


@pytest.mark.parametrize("normalized", [False, True])
def test_pairs_have_the_clustered_variances_of_their_differences(normalized):
    k = 5
    dense = population(k, 0)
    variant = population(k, 1, paired_with=dense)
    rows = (np.arange(k), np.arange(k))
    found, recalls, shifted = parts(dense, variant, rows)
    ours = class_variances(found, *shifted) if normalized else change_variances(found, *recalls)
    change = variant.astype(float) - dense
    run, image = np.repeat(np.arange(k), N), np.tile(np.arange(N), k)
    by_run = fitted(change.ravel(), LABEL[image], run)
    by_image = fitted(change.ravel(), LABEL[image], image)
    of_runs = fitted(change.ravel(), image, np.arange(k * N))
    for c in range(C):
        w = weights(c, normalized=normalized)
        contrast = np.array([w[b == LABEL].sum() for b in range(C)])
        squared = np.array([(w[b == LABEL] ** 2).sum() for b in range(C)])
        lost = (squared * found.within / SIZE).sum()
        assert ours.seeds[c] == pytest.approx(contrast @ by_run @ contrast * k / (k - 1), abs=1e-12)
        assert ours.images[c] == pytest.approx(contrast @ by_image @ contrast + lost, abs=1e-12)
        assert ours.both[c] == pytest.approx(w @ of_runs @ w * k / (k - 1), abs=1e-12)


def test_the_test_is_the_t_test_with_welch_satterthwaite_degrees_of_freedom():
    dense, variant = population(5, 0), population(4, 1)
    found, _, shifted = parts(dense, variant)
    test = normalized_change(found, *shifted)
    for c in range(C):
        shares = [s[:, c].var(ddof=1) / len(s) for s in shifted]
        w = weights(c, normalized=True)
        v_i = sum((w[b == LABEL] ** 2).sum() * found.mean[b == LABEL].var(ddof=1) for b in range(C))
        v_x = sum(w**2 @ p.var(axis=0, ddof=1) / len(p) for p in (dense, variant))
        v = max(sum(shares) + v_i - v_x, sum(shares), v_i)
        df = v**2 / (shares[0] ** 2 / 4 + shares[1] ** 2 / 3 + v_i**2 / (SIZE[c] - 1))
        d = shifted[1][:, c].mean() - shifted[0][:, c].mean()
        assert w @ found.mean == pytest.approx(d)
        assert test.se[c] == pytest.approx(np.sqrt(v))
        assert test.df[c] == pytest.approx(df)
        assert test.p[c] == pytest.approx(2 * stats.t.sf(abs(d) / np.sqrt(v), df))
        low, high = stats.t.interval(0.95, df, d, np.sqrt(v))
        assert (test.low[c], test.high[c]) == pytest.approx((low, high))


def test_with_one_run_a_side_only_images_vary():
    dense, variant = population(1, 0), population(1, 1)
    found, _, shifted = parts(dense, variant)
    test = normalized_change(found, *shifted)
    assert not found.has_seeds
    for c in range(C):
        w = weights(c, normalized=True)
        v = sum((w[b == LABEL] ** 2).sum() * found.mean[b == LABEL].var(ddof=1) for b in range(C))
        assert test.se[c] == pytest.approx(np.sqrt(v))
        assert test.df[c] == pytest.approx(SIZE[c] - 1)


@pytest.mark.parametrize(("k_dense", "k_variant"), [(1, 4), (4, 1)])
def test_one_run_on_one_side_leaves_the_seeds_out_too(k_dense, k_variant):
    found, _, shifted = parts(population(k_dense, 0), population(k_variant, 1))
    variances = class_variances(found, *shifted)
    assert np.isnan(variances.seeds).all()
    np.testing.assert_array_equal(variances.total, variances.images)


def test_the_variance_is_never_below_that_over_runs_or_images():
    some = [np.array([v]) for v in (0.3, 0.01, 0.2, 9.0, 5.0)]
    assert Variances(*some).total == 0.3
    assert Variances(*some, at_least_seeds=False).total == 0.2


@pytest.mark.parametrize("k", [1, 2, 6])
@pytest.mark.parametrize("rate", [0.0, 1.0])
@pytest.mark.parametrize("is_paired", [False, True])
def test_what_never_varies_has_no_test(k, rate, is_paired):
    right = np.full((k, N), rate == 1)
    pairs = (np.arange(k), np.arange(k)) if is_paired else None
    found, recalls, shifted = parts(right, right, pairs)
    for variances in (class_variances(found, *shifted), change_variances(found, *recalls)):
        test = two_way(np.zeros(C), variances)
        for values in (test.se, test.df, test.p, test.low, test.high):
            assert np.isnan(values).all()


def test_a_class_of_one_image_or_none_has_no_test_and_weighs_on_others_as_all_images_do():
    label = np.array([0, 0, 0, 0, 1, 3, 3])
    generator = np.random.default_rng(0)
    dense, variant = (generator.random((4, 7)) < 0.6 for _ in range(2))
    found = changes(dense, variant, label, 4, None)
    recalls = [
        class_recall(np.where(y, label, -1), label, 4, (0, 1, 2, 3)) for y in (dense, variant)
    ]
    test = normalized_change(found, *(r.shifted for r in recalls))
    assert np.isnan(test.p).tolist() == [False, True, True, False]
    assert found.within[1] == pytest.approx(found.mean.var(ddof=1))
    assert np.isnan(test.difference).tolist() == [False, False, True, False]


def test_no_pair_and_a_single_image_are_no_obstacle():
    none = np.zeros(0, np.intp)
    found = changes(population(2, 0), population(2, 1), LABEL, C, (none, none))
    assert np.isnan(found.mean).all()
    one = changes(np.ones((2, 1), bool), np.zeros((2, 1), bool), np.zeros(1, int), 1, None)
    variances = class_variances(one, np.zeros((2, 1)), np.zeros((2, 1)))
    assert np.isnan(two_way(np.zeros(1), variances).p).all()
