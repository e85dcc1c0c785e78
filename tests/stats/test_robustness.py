"""How much accuracy is kept under a shift, against dense."""

import numpy as np
import pytest
from scipy import stats

from analysis import schema
from analysis.stats.robustness import Scored, robustness


def scored(k, seed, wrong, n=200, ranks=True):
    generator = np.random.default_rng(seed)
    label = np.arange(n) % 10
    miss = generator.random((k, n)) < wrong
    prediction = np.where(miss, (label + 1) % 10, label)
    rank = np.where(miss, generator.integers(1, 10, (k, n)), 0)
    return Scored(prediction, label, rank if ranks else None)


def sets(**changes):
    return {
        "clean": scored(4, 0, 0.1),
        "shifted": scored(4, 1, 0.5, n=80),
        "dense_clean": scored(6, 2, 0.1),
        "dense_shifted": scored(6, 3, 0.3, n=80),
    } | changes


def accuracies(one, k):
    """Top-k of every run, counted one by one."""
    return np.array([np.mean([rank < k for rank in row]) for row in one.true_rank])


@pytest.mark.parametrize(("metric", "k"), [("top1", 1), ("top5", 5)])
def test_every_run_is_divided_by_its_own_clean_accuracy(metric, k):
    given = sets()
    row = robustness("v", **given).set_index("metric").loc[metric]
    relative = accuracies(given["shifted"], k) / accuracies(given["clean"], k)
    dense = accuracies(given["dense_shifted"], k) / accuracies(given["dense_clean"], k)
    assert row["relative"] == pytest.approx(relative.mean())
    assert row["dense_relative"] == pytest.approx(dense.mean())
    assert row["difference"] == pytest.approx(relative.mean() - dense.mean())
    test = stats.ttest_ind(relative, dense, equal_var=False)
    assert row["p"] == pytest.approx(test.pvalue)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(test.confidence_interval()))
    assert (row["n_runs"], row["dense_n_runs"]) == (4, 6)
    assert row["clean"] == pytest.approx(accuracies(given["clean"], k).mean())


def test_a_variant_that_suffers_more_than_dense_has_a_negative_difference():
    row = robustness("v", **sets()).iloc[0]
    assert row["difference"] < 0
    assert row["p"] < 0.01


def test_the_table_has_its_columns_and_a_row_a_metric():
    table = robustness("v", **sets())
    assert list(table.columns) == list(schema.ROBUSTNESS_COLUMNS)
    assert table["metric"].tolist() == ["top1", "top5"]


def test_without_ranks_there_is_no_top_5():
    table = robustness("v", **sets(clean=scored(4, 0, 0.1, ranks=False)))
    assert np.isnan(table.iloc[1]["relative"])
    assert table.iloc[1]["n_runs"] == 0
    assert np.isfinite(table.iloc[0]["relative"])


def test_runs_that_were_never_right_are_left_out_and_counted():
    clean = scored(4, 0, 0.1)
    clean.prediction[2] = (clean.label + 1) % 10
    row = robustness("v", **sets(clean=clean)).iloc[0]
    assert row["n_runs"] == 3
    assert np.isfinite(row["relative"])
    never = scored(4, 0, 1.1)
    row = robustness("v", **sets(clean=never)).iloc[0]
    assert row["n_runs"] == 0
    assert row[["relative", "difference", "p"]].isna().all()


def test_single_runs_have_a_difference_without_an_interval():
    row = robustness(
        "v",
        clean=scored(1, 0, 0.1),
        shifted=scored(1, 1, 0.5),
        dense_clean=scored(1, 2, 0.1),
        dense_shifted=scored(1, 3, 0.3),
    ).iloc[0]
    assert np.isfinite(row["difference"])
    assert row[["ci_low", "ci_high", "p"]].isna().all()


def test_other_runs_on_shifted_images_are_refused():
    with pytest.raises(ValueError, match="same runs"):
        robustness("v", **sets(shifted=scored(3, 1, 0.5)))
