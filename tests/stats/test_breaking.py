"""From which sparsity on an image is a PIE."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from analysis.stats.pie import breaking_point

LEVELS = (0.3, 0.5, 0.9)


@pytest.mark.parametrize(
    ("pies", "point"),
    [
        ([True, True, True], 0.3),
        ([False, True, True], 0.5),
        ([True, False, True], 0.9),
        ([True, True, False], None),
        ([False, False, False], None),
    ],
)
def test_the_point_is_the_smallest_level_from_which_on_it_is_a_pie(pies, point):
    found = breaking_point(LEVELS, np.array(pies)[:, None])[0]
    assert np.isnan(found) if point is None else found == point


@settings(deadline=None)
@given(arrays.arrays(np.bool_, (4, 7)), st.permutations(range(4)))
def test_it_is_what_a_slow_loop_finds_in_any_order_of_levels(pies, order):
    levels = [0.1, 0.5, 0.7, 0.95]
    found = breaking_point([levels[i] for i in order], pies[list(order)])
    for image in range(7):
        expected = None
        for level, flag in sorted(zip(levels, pies[:, image], strict=True), reverse=True):
            if not flag:
                break
            expected = level
        assert np.isnan(found[image]) if expected is None else found[image] == expected


def test_one_level_alone_is_the_point_of_its_pies():
    found = breaking_point([0.9], np.array([[True, False]]))
    assert found[0] == 0.9
    assert np.isnan(found[1])


def test_variants_of_one_sparsity_count_as_one():
    pies = np.array([[True, True], [True, False], [True, True]])
    assert breaking_point([0.5, 0.5, 0.9], pies).tolist() == [0.5, 0.9]


@pytest.mark.parametrize("levels", [[], [0.5]])
def test_levels_that_do_not_match_the_rows_are_refused(levels):
    with pytest.raises(ValueError, match="one row of flags"):
        breaking_point(levels, np.zeros((2 if levels else 0, 3), bool))
