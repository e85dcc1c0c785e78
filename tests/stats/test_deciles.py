"""Tenths of a number that each image has."""

import numpy as np
import pytest

from analysis import schema
from analysis.stats.deciles import decile_table, deciles
from analysis.stats.excess import group_excess
from analysis.stats.jackknife import Jackknife


def test_tenths_hold_equally_many_images_in_order():
    x = np.random.default_rng(0).permutation(np.arange(200.0))
    code, edges = deciles(x)
    assert np.bincount(code).tolist() == [20] * 10
    np.testing.assert_array_equal(code, x // 20)
    np.testing.assert_array_equal(edges, [*range(0, 200, 20), 199])


@pytest.mark.parametrize(
    ("x", "codes", "edges"),
    [
        ([3.0, 3.0, 3.0], [0, 0, 0], [3, 3]),
        ([0.0, 1.0, 0.0, 1.0], [0, 1, 0, 1], [0, 1, 1]),
        ([5.0], [0], [5, 5]),
        ([np.nan, 2.0, np.nan], [-1, 0, -1], [2, 2]),
        ([np.nan, np.nan], [-1, -1], []),
    ],
)
def test_equal_values_are_in_one_tenth_and_unknown_ones_in_none(x, codes, edges):
    code, found = deciles(np.array(x))
    assert code.tolist() == codes
    np.testing.assert_array_equal(found, edges)


def test_the_table_has_the_columns_of_the_contract_and_the_excess_of_each_tenth():
    generator = np.random.default_rng(1)
    x, half = generator.random(100), generator.random(100)
    code, edges = deciles(x)
    moved = Jackknife((generator.normal(0, 0.01, (5, 100)),))
    found = group_excess(half, np.zeros(100), moved, code, 10)
    table = decile_table("magnitude-0.90", "brightness", code, edges, found)
    assert tuple(table.columns) == schema.DECILES_COLUMNS
    assert table["n_images"].tolist() == [10] * 10
    for row in table.itertuples():
        inside = (x >= row.from_value) & (
            x < row.to_value if row.decile < 10 else x <= row.to_value
        )
        assert row.excess == pytest.approx(half[inside].mean())
        assert row.excess_low < row.excess < row.excess_high


def test_without_values_there_is_no_row_and_without_runs_no_excess():
    assert decile_table("v", "a", *deciles(np.full(3, np.nan)), None).empty
    table = decile_table("v", "a", *deciles(np.arange(30.0)), None)
    assert table["excess"].isna().all()
