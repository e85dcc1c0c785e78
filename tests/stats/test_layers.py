"""Culprit layers: halves that both forget, a ranking on one, figures of the other."""

import numpy as np
import pytest

from analysis.stats.layers import Answer, layer_rows, ranked, ranking_half
from analysis.stats.shares import wilson

DENSE = np.array([True] * 12 + [False] * 4)
COMPRESSED = np.array([False] * 8 + [True] * 6 + [False] * 2)
FORGOTTEN = DENSE & ~COMPRESSED


def restoring(images: list[int], *, losing: tuple[int, ...] = (), added: int = 10) -> Answer:
    right = COMPRESSED.copy()
    right[images] = True
    right[list(losing)] = False
    return Answer(("x",), right, added)


@pytest.mark.parametrize("n", [2, 3, 7, 100])
def test_either_half_has_forgotten_images_and_the_draw_is_always_the_same(n: int) -> None:
    forgotten = np.arange(5 * n) % 5 == 0
    half = ranking_half(forgotten)
    assert int((half & forgotten).sum()) == -(-n // 2)
    assert int((half & ~forgotten).sum()) == -(-4 * n // 2)
    assert np.array_equal(half, ranking_half(forgotten))


def test_layers_are_ranked_by_what_the_ranking_half_says_alone() -> None:
    half = np.arange(16) % 2 == 0  # of the forgotten: 0 2 4 6
    most, other, costly, worse = (
        restoring([0, 2, 4]),
        restoring([1, 3, 5, 7, 0]),  # more, but on the other half
        restoring([0, 2, 4], added=20),
        restoring([0, 2, 4], losing=(12,)),
    )
    assert ranked([other, costly, worse, most], DENSE, COMPRESSED, half) == [3, 1, 2, 0]


def test_rows_are_of_the_half_that_did_not_rank() -> None:
    half = np.arange(16) % 2 == 0
    row = layer_rows([restoring([0, 1, 3], losing=(13,))], DENSE, COMPRESSED, half).iloc[0]
    assert (row["n_forgotten"], row["n_restored"], row["n_images"]) == (4, 2, 8)
    assert row["forgotten_restored"] == 0.5
    low, high = wilson(np.array([2]), 4)
    assert (row["forgotten_restored_low"], row["forgotten_restored_high"]) == (low[0], high[0])
    assert (row["to_right"], row["to_wrong"]) == (2, 1)
    assert row["mcnemar_p"] == 1.0  # of three flips, two one way: 2 P(X <= 1) = 1
    assert row["compressed_top1"] == COMPRESSED[~half].mean()
    assert row["top1"] == (COMPRESSED[~half].sum() + 1) / 8
    assert (row["ranking_restored"], row["ranking_forgotten"]) == (1, 4)


def test_where_nothing_is_forgotten_the_share_is_null() -> None:
    right = np.ones(8, np.bool_)
    row = layer_rows([Answer(("x",), right, 1)], right, right, np.arange(8) < 4).iloc[0]
    assert np.isnan(row["forgotten_restored"])
    assert np.isnan(row["forgotten_restored_low"])
