"""Curve rows and accuracy on chosen images."""

import numpy as np
import pandas as pd
import pytest

from analysis import schema
from analysis.stats.accuracy import mean_interval
from analysis.stats.curves import METRICS, accuracy_on, curve_rows, curve_table

SUMMARY = {
    "method": "magnitude",
    "target_sparsity": 0.9,
    "sparsity": 0.8997,
    "pie_share": 0.12,
    "noise_floor_share": 0.05,
}
RUNS = pd.DataFrame(
    {
        "top1": [0.80, 0.84, 0.85],
        "top5": [np.nan] * 3,
        "ece": [0.02, 0.03, 0.07],
        "size_bytes": [1000, 1000, 1000],
        "latency_ms": [0.5, np.nan, 0.7],
    }
)


def rows_by_metric(**kwargs):
    table = curve_table(curve_rows(SUMMARY, RUNS, agreement=0.97, **kwargs))
    assert list(table.columns) == list(schema.CURVES_COLUMNS)
    return table.set_index("metric")


def test_metrics_of_single_runs_carry_their_interval():
    row, expected = rows_by_metric().loc["top1"], mean_interval(RUNS["top1"])
    assert row["mean"] == pytest.approx(0.83)
    assert (row["std"], row["ci_low"], row["ci_high"]) == pytest.approx(
        (expected.std, expected.low, expected.high)
    )
    assert row["n_runs"] == 3


def test_metrics_of_the_population_have_a_mean_alone():
    table = rows_by_metric()
    for metric, mean in (("pie_share", 0.12), ("noise_floor_share", 0.05), ("agreement", 0.97)):
        assert table.loc[metric, "mean"] == mean
        assert table.loc[metric, ["std", "ci_low", "ci_high"]].isna().all()


def test_a_metric_nobody_measured_has_no_row():
    assert "top5" not in rows_by_metric().index


def test_runs_without_the_metric_are_left_out_and_not_counted():
    row = rows_by_metric().loc["latency_ms"]
    assert row["mean"] == pytest.approx(0.6)
    assert row["n_runs"] == 2


def test_accuracy_on_pies_is_there_where_there_are_pies():
    table = rows_by_metric(on_pies=np.array([0.2, 0.4, 0.3]), on_non_pies=np.array([0.9] * 3))
    assert table.loc["top1_on_pies", "mean"] == pytest.approx(0.3)
    assert table.loc["top1_on_non_pies", "ci_low"] == pytest.approx(0.9)
    without = rows_by_metric(on_pies=np.full(3, np.nan), on_non_pies=np.full(3, 0.9))
    assert "top1_on_pies" not in without.index


def test_rows_come_in_the_order_of_the_metrics():
    table = rows_by_metric(on_pies=np.full(3, 0.5), on_non_pies=np.full(3, 0.9))
    assert list(table.index) == [m for m in METRICS if m != "top5"]


def test_dense_has_no_pie_share():
    rows = curve_rows(SUMMARY | {"pie_share": None}, RUNS, agreement=0.9)
    assert "pie_share" not in [row["metric"] for row in rows]


def test_accuracy_on_chosen_images_is_that_of_every_run():
    correct = np.array([[True, False, True], [False, False, True]])
    found = accuracy_on(correct, np.array([True, True, False]))
    np.testing.assert_array_equal(found, [0.5, 0.0])
    assert np.isnan(accuracy_on(correct, np.zeros(3, bool))).all()
