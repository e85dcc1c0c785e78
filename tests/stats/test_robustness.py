"""How much accuracy is kept under a shift, against dense."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis import schema
from analysis.stats.robustness import RunAccuracy, robustness, run_accuracy, with_q


def drawn(k, seed, wrong, n=200):
    generator = np.random.default_rng(seed)
    label = np.arange(n) % 10
    miss = generator.random((k, n)) < wrong
    prediction = np.where(miss, (label + 1) % 10, label)
    rank = np.where(miss, generator.integers(1, 10, (k, n)), 0)
    return prediction, label, rank


def scored(*arguments, ranks=True, **options):
    prediction, label, rank = drawn(*arguments, **options)
    return run_accuracy(prediction, label, rank if ranks else None)


def sets(**changes):
    return {
        "clean": scored(4, 0, 0.1),
        "shifted": scored(4, 1, 0.5, n=80),
        "dense_clean": scored(6, 2, 0.1),
        "dense_shifted": scored(6, 3, 0.3, n=80),
    } | changes


@pytest.mark.parametrize(("metric", "k"), [("top1", 1), ("top5", 5)])
def test_accuracy_of_a_run_is_its_share_of_images_ranked_well(metric, k):
    prediction, label, rank = drawn(3, 0, 0.4)
    counted = [np.mean([one < k for one in row]) for row in rank]
    assert run_accuracy(prediction, label, rank).of(metric).tolist() == pytest.approx(counted)


@pytest.mark.parametrize("metric", ["top1", "top5"])
def test_every_run_is_divided_by_its_own_clean_accuracy(metric):
    given = sets()
    row = robustness("v", "fog-3", **given).set_index("metric").loc[metric]
    relative = given["shifted"].of(metric) / given["clean"].of(metric)
    dense = given["dense_shifted"].of(metric) / given["dense_clean"].of(metric)
    assert row["relative"] == pytest.approx(relative.mean())
    assert row["dense_relative"] == pytest.approx(dense.mean())
    assert row["difference"] == pytest.approx(relative.mean() - dense.mean())
    test = stats.ttest_ind(relative, dense, equal_var=False)
    assert row["p"] == pytest.approx(test.pvalue)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(test.confidence_interval()))
    assert (row["n_runs"], row["dense_n_runs"]) == (4, 6)
    assert row["clean"] == pytest.approx(given["clean"].of(metric).mean())


def test_a_variant_that_suffers_more_than_dense_has_a_negative_difference():
    row = robustness("v", "fog-3", **sets()).iloc[0]
    assert row["difference"] < 0
    assert row["p"] < 0.01


def test_the_table_has_its_columns_and_a_row_a_metric():
    table = robustness("v", "fog-3", **sets())
    assert list(table.columns) == list(schema.ROBUSTNESS_COLUMNS)
    assert table["metric"].tolist() == ["top1", "top5"]


def test_without_ranks_there_is_no_top_5():
    table = robustness("v", "fog-3", **sets(clean=scored(4, 0, 0.1, ranks=False)))
    assert np.isnan(table.iloc[1]["relative"])
    assert table.iloc[1]["n_runs"] == 0
    assert np.isfinite(table.iloc[0]["relative"])


def test_runs_that_were_never_right_are_left_out_and_counted():
    clean = scored(4, 0, 0.1)
    clean = RunAccuracy(np.where(np.arange(4) == 2, 0.0, clean.top1), clean.top5)
    row = robustness("v", "fog-3", **sets(clean=clean)).iloc[0]
    assert row["n_runs"] == 3
    assert np.isfinite(row["relative"])
    never = scored(4, 0, 1.1)
    row = robustness("v", "fog-3", **sets(clean=never)).iloc[0]
    assert row["n_runs"] == 0
    assert row[["relative", "difference", "p"]].isna().all()


def test_single_runs_have_a_difference_without_an_interval():
    row = robustness(
        "v",
        "fog-3",
        clean=scored(1, 0, 0.1),
        shifted=scored(1, 1, 0.5),
        dense_clean=scored(1, 2, 0.1),
        dense_shifted=scored(1, 3, 0.3),
    ).iloc[0]
    assert np.isfinite(row["difference"])
    assert row[["ci_low", "ci_high", "p"]].isna().all()


def test_other_runs_on_shifted_images_are_refused():
    with pytest.raises(ValueError, match="same runs"):
        robustness("v", "fog-3", **sets(shifted=scored(3, 1, 0.5)))


def test_the_interval_of_what_is_kept_is_over_the_runs():
    given = sets()
    row = robustness("v", "fog-3", **given).iloc[0]
    relative = given["shifted"].top1 / given["clean"].top1
    interval = stats.t.interval(0.95, 3, relative.mean(), stats.sem(relative))
    assert (row["relative_low"], row["relative_high"]) == pytest.approx(interval)


def test_runs_that_do_not_differ_at_all_are_flagged():
    same = RunAccuracy(np.full(3, 0.5), np.full(3, 1.0))
    table = robustness(
        "v",
        "fog-3",
        clean=same,
        shifted=RunAccuracy(np.full(3, 0.25), np.full(3, 1.0)),
        dense_clean=same,
        dense_shifted=same,
    )
    assert table["p"].tolist() == [0, 1]
    assert table["degenerate"].tolist() == [True, False]


def test_q_is_over_all_variants_and_shifts_of_a_metric():
    table = pd.concat(
        [
            robustness(f"v{i}", "fog-3", **sets(shifted=scored(4, i, 0.3 + 0.05 * i)))
            for i in range(4)
        ],
        ignore_index=True,
    )
    found = with_q(table)
    for metric in ("top1", "top5"):
        rows = found[found["metric"] == metric]
        expected = stats.false_discovery_control(rows["p"])
        np.testing.assert_allclose(rows["q"], expected)


def test_runs_tied_to_dense_ones_are_tested_in_pairs():
    given = sets()
    pairs = np.array([3, 0, 2]), np.array([1, 5, 0])
    row = robustness("v", "fog-3", **given, pairs=pairs).iloc[0]
    own = (given["shifted"].top1 / given["clean"].top1)[pairs[0]]
    dense = (given["dense_shifted"].top1 / given["dense_clean"].top1)[pairs[1]]
    test = stats.ttest_rel(own, dense)
    assert row["p"] == pytest.approx(test.pvalue)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(test.confidence_interval()))
    assert row["difference"] == pytest.approx((own - dense).mean())
    assert row["test"] == "paired"
    assert robustness("v", "fog-3", **given).iloc[0]["test"] == "welch"


def test_a_pair_of_which_one_was_never_right_is_no_pair():
    clean = RunAccuracy(np.array([0.9, 0.0, 0.8]), np.ones(3))
    shifted = RunAccuracy(np.array([0.5, 0.5, 0.2]), np.ones(3))
    dense = RunAccuracy(np.full(3, 0.8), np.ones(3))
    places = np.arange(3)
    row = robustness(
        "v",
        "fog-3",
        clean=clean,
        shifted=shifted,
        dense_clean=dense,
        dense_shifted=dense,
        pairs=(places, places),
    ).iloc[0]
    assert row["difference"] == pytest.approx((0.5 / 0.9 + 0.25) / 2 - 1)
    assert (row["n_runs"], row["dense_n_runs"]) == (2, 3)
