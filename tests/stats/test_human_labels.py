import numpy as np
import pytest

from analysis.stats.multiple import benjamini_hochberg
from analysis.stats.raters import (
    DIVIDED,
    NOT_RATED,
    category_shares,
    draw_study,
    majority,
    rater_order,
)


def test_the_majority_counts_every_image_once_and_a_shared_lead_is_none():
    ratings = np.array(
        [
            [0, 1, 2, -1, 0, 3],
            [0, 1, 1, -1, 1, -1],
            [0, 2, 0, -1, -1, -1],
        ]
    )
    expected = [0, 1, DIVIDED, NOT_RATED, DIVIDED, 3]
    assert majority(ratings, 4).tolist() == expected


def test_nobody_at_all_leaves_every_image_unrated():
    assert majority(np.empty((0, 3), np.int64), 4).tolist() == [NOT_RATED] * 3


def shares(chosen, pie, aa_pie, non_pie):
    return category_shares(
        np.array(chosen),
        pie=np.array(pie, bool),
        aa_pie=np.array(aa_pie, bool),
        non_pie=np.array(non_pie, bool),
        categories=["a", "b"],
        divided="none",
    ).set_index("category")


def test_shares_are_of_the_rated_images_of_each_group():
    table = shares(
        [0, 0, 1, -1, DIVIDED, 1, 1, 0],
        [1, 1, 1, 1, 0, 0, 0, 0],
        [1, 0, 0, 0, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 1, 1, 1],
    )
    assert table["pie_images"].tolist() == [3, 3, 3]
    assert table["pie_count"].tolist() == [2, 1, 0]
    assert table["aa_share"].tolist() == [0.5, 0, 0.5]
    assert table["non_pie_share"].tolist() == pytest.approx([1 / 3, 2 / 3, 0])
    assert table["difference"].tolist() == pytest.approx([1 / 3, -1 / 3, 0])
    assert table["aa_difference"].tolist() == pytest.approx([2 / 3 - 0.5, 1 / 3, -0.5])
    assert np.isnan(table.loc["none", ["p", "q", "aa_p", "aa_q"]].astype(float)).all()
    assert table["q"].to_numpy()[:2] == pytest.approx(benjamini_hochberg(table["p"].to_numpy()[:2]))


def test_images_in_both_groups_say_nothing_of_their_difference():
    n = 60
    both = shares([0] * n, [1] * n, [1] * n, [0] * n)
    assert both["aa_difference"].tolist() == [0, 0, 0]
    assert both["aa_p"].isna().all()
    assert both["p"].isna().all(), "no non-PIE at all"


def test_a_planted_difference_is_found_and_none_where_there_is_none():
    chosen = [0] * 30 + [1] * 10 + [0] * 10 + [1] * 30
    table = shares(chosen, [1] * 40 + [0] * 40, [0] * 80, [0] * 40 + [1] * 40)
    assert table.loc["a", "q"] < 1e-3
    assert table.loc["a", "difference_low"] > 0
    same = shares([0, 1] * 40, [1] * 40 + [0] * 40, [0] * 80, [0] * 40 + [1] * 40)
    assert same.loc["a", "q"] == pytest.approx(1)


def every(ids):
    return np.ones(len(ids), bool)


# --- which images are drawn ---------------------------------------------------------------------
def population(n=4000, n_classes=8, seed=0):
    generator = np.random.default_rng(seed)
    label = generator.integers(0, n_classes, n)
    pie = generator.random(n) < 0.02 * (1 + label)
    return label, pie, generator.random(n) < 0.05


def test_non_pies_are_of_the_classes_of_the_pies():
    label, pie, aa = population()
    sample = draw_study(label, pie, aa, every, size=120, seed=1)
    assert len(sample.pie) == len(sample.aa_pie) == len(sample.non_pie) == 120
    assert pie[sample.pie].all()
    assert aa[sample.aa_pie].all()
    assert not pie[sample.non_pie].any()
    assert (np.bincount(label[sample.pie]) == np.bincount(label[sample.non_pie])).all()
    assert sample.n_unmatched == 0
    assert (sample.n_pies, sample.n_aa_pies) == (pie.sum(), aa.sum())


def test_the_seed_decides_and_images_without_a_picture_are_left_out():
    label, pie, aa = population()
    usable = np.arange(len(label)) % 3 > 0
    one, again, other = (
        draw_study(label, pie, aa, usable.__getitem__, size=50, seed=seed) for seed in (1, 1, 2)
    )
    assert one.pie.tolist() == again.pie.tolist() != other.pie.tolist()
    assert one.non_pie.tolist() == again.non_pie.tolist()
    assert all(usable[ids].all() for ids in (one.pie, one.aa_pie, one.non_pie))


def test_what_is_missing_is_taken_whole_and_counted():
    label = np.array([0, 0, 0, 1, 1])
    pie = np.array([True, True, False, True, False])
    sample = draw_study(label, pie, None, every, size=20, seed=0)
    assert sample.pie.tolist() == [0, 1, 3]
    assert sample.aa_pie.tolist() == []
    assert sample.non_pie.tolist() == [2, 4]
    assert sample.n_unmatched == 1


def test_every_image_is_as_likely_to_be_drawn():
    label, pie, _ = population(n=400, n_classes=1)
    (ids,) = np.nonzero(pie)
    drawn = np.zeros(400)
    for seed in range(4000):
        drawn[draw_study(label, pie, None, every, size=3, seed=seed).pie] += 1
    expected = 4000 * 3 / len(ids)
    assert np.abs(drawn[ids] - expected).max() < 5 * np.sqrt(expected)


def test_each_rater_has_an_own_order_of_the_same_images():
    images = [3, 8, 21, 40, 41, 50]
    ann, again, bo = (rater_order(images, seed=7, rater=r).tolist() for r in ("Ann", "Ann", "Bo"))
    assert ann == again != bo
    assert sorted(ann) == sorted(bo) == images
