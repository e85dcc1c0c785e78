"""Which runs belong together."""

import pytest

from analysis.stats.pairs import paired_rows


def test_paired_runs_are_those_of_equal_seed_in_ascending_order():
    dense, variant = paired_rows((5, 1, 3), (3, 9, 5), paired=True)
    assert (dense.tolist(), variant.tolist()) == ([2, 0], [0, 2])


def test_independent_populations_have_no_pair_though_their_seeds_are_equal():
    dense, variant = paired_rows((0, 1), (0, 1), paired=False)
    assert len(dense) == len(variant) == 0


@pytest.mark.parametrize("paired", [False, True])
def test_single_models_are_one_pair(paired):
    dense, variant = paired_rows((4,), (4,), paired=paired)
    assert (dense.tolist(), variant.tolist()) == ([0], [0])


def test_paired_populations_without_a_common_seed_have_no_pair():
    assert len(paired_rows((0, 1), (2, 3), paired=True)[0]) == 0
