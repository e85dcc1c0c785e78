import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from analysis.stats.raters import cohen_kappa, krippendorff_alpha

# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C: four observers, twelve
# units, categories 1 to 5, missing values as -1. Its nominal alpha is 0.743.
FOUR_OBSERVERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, -1, -1, -1],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, -1, 3],
        [-1, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, -1],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, -1],
    ]
)


def test_alpha_is_that_of_krippendorffs_own_example():
    ratings = np.where(FOUR_OBSERVERS > 0, FOUR_OBSERVERS - 1, -1)
    found = krippendorff_alpha(ratings, 5)
    assert found.coefficient == pytest.approx(0.743, abs=5e-4)
    assert found.n_images == 11, "the unit with one rating is left out"
    assert found.low < found.coefficient < found.high


def test_alpha_is_that_of_krippendorffs_binary_example():
    # Ibid., section A: two observers, ten units; alpha = 0.095.
    meg = np.array([0, 1, 0, 0, 0, 0, 0, 0, 1, 0])
    owen = np.array([1, 1, 1, 0, 0, 1, 0, 0, 0, 0])
    found = krippendorff_alpha(np.stack([meg, owen]), 2)
    assert found.coefficient == pytest.approx(0.095, abs=5e-4)
    assert found.observed == pytest.approx(0.6)


def test_alpha_counts_pairs_as_written_out_one_by_one():
    generator = np.random.default_rng(3)
    ratings = generator.integers(-1, 4, (5, 40))
    pairs = same = 0.0
    values = []
    for unit in ratings.T:
        given = unit[unit >= 0]
        if len(given) < 2:
            continue
        values += list(given)
        for i in range(len(given)):
            for j in range(len(given)):
                if i != j:
                    pairs += 1 / (len(given) - 1)
                    same += (given[i] == given[j]) / (len(given) - 1)
    n, counts = len(values), np.bincount(values)
    expected = (counts * (n - counts)).sum() / (n * (n - 1))
    found = krippendorff_alpha(ratings, 4)
    assert found.observed == pytest.approx(same / pairs)
    assert found.coefficient == pytest.approx(1 - (1 - same / pairs) / expected)


def test_kappa_is_that_of_the_textbook_table():
    # 50 proposals: both yes 20, first alone 5, second alone 10, both no 15; kappa = 0.4.
    first = np.repeat([0, 0, 1, 1], [20, 5, 10, 15])
    second = np.repeat([0, 1, 0, 1], [20, 5, 10, 15])
    found = cohen_kappa(first, second, 2)
    assert found.observed == pytest.approx(0.7)
    assert found.coefficient == pytest.approx(0.4)
    # The delta method's standard error of this table is 0.1278.
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * 0.1278, rel=0.1)


@pytest.mark.parametrize("seed", range(5))
def test_kappa_is_that_of_scikit_learn(seed):
    generator = np.random.default_rng(seed)
    first = generator.integers(0, 8, 60)
    second = np.where(generator.random(60) < 0.5, first, generator.integers(0, 8, 60))
    missing = generator.random(60) < 0.2
    found = cohen_kappa(np.where(missing, -1, first), second, 8)
    assert found.n_images == (~missing).sum()
    assert found.coefficient == pytest.approx(cohen_kappa_score(first[~missing], second[~missing]))


def test_full_agreement_is_one_and_chance_is_near_zero():
    generator = np.random.default_rng(0)
    one, other = generator.integers(0, 4, (2, 20_000))
    assert cohen_kappa(one, one, 4).coefficient == 1
    assert krippendorff_alpha(np.stack([one, one, one]), 4).coefficient == 1
    assert abs(cohen_kappa(one, other, 4).coefficient) < 0.02
    assert abs(krippendorff_alpha(np.stack([one, other]), 4).coefficient) < 0.02


def test_without_variation_nothing_can_be_said():
    same = np.zeros(10, np.int64)
    for found in (cohen_kappa(same, same, 8), krippendorff_alpha(np.stack([same, same]), 8)):
        assert found.n_images == 10
        assert found.observed == 1
        assert found.coefficient is found.low is found.high is None


def test_without_a_common_image_nothing_can_be_said():
    one, other = np.array([1, 2, -1, -1]), np.array([-1, -1, 1, 2])
    for found in (cohen_kappa(one, other, 8), krippendorff_alpha(np.stack([one, other]), 8)):
        assert found.n_images == 0
        assert found.observed is found.coefficient is None


def test_resamples_without_variation_are_left_out_of_the_interval():
    # One image of two is of another category: half of the resamples hold one category alone.
    one = np.array([0, 1])
    for found in (cohen_kappa(one, one, 2), krippendorff_alpha(np.stack([one, one]), 2)):
        assert (found.coefficient, found.low, found.high) == (1, 1, 1)


def test_the_interval_covers_alpha_as_often_as_it_says():
    generator = np.random.default_rng(5)

    def drawn(n):
        truth = generator.integers(0, 4, n)
        wrong = generator.random((3, n)) < 0.4
        return np.where(wrong, generator.integers(0, 4, (3, n)), truth)

    true = krippendorff_alpha(drawn(200_000), 4, n_resamples=2).coefficient
    found = [krippendorff_alpha(drawn(120), 4, n_resamples=300) for _ in range(200)]
    covered = np.mean([one.low <= true <= one.high for one in found])
    assert 0.9 <= covered <= 0.99
