"""How hard images are for the dense models."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from analysis.stats.votes import vote_entropy

VOTES = arrays.arrays(
    np.int16, st.tuples(st.integers(1, 9), st.integers(1, 12)), elements=st.integers(0, 4)
)


@settings(deadline=None)
@given(VOTES)
def test_entropy_is_what_scipy_says_of_the_vote_counts(prediction):
    expected = [stats.entropy(np.bincount(column)) for column in prediction.T]
    np.testing.assert_allclose(vote_entropy(prediction), expected, atol=1e-12)


@settings(deadline=None)
@given(VOTES, st.randoms(use_true_random=False))
def test_order_of_runs_and_names_of_classes_change_nothing(prediction, random):
    runs = random.sample(range(len(prediction)), len(prediction))
    names = np.array(random.sample(range(100), 5), np.int16)
    np.testing.assert_allclose(
        vote_entropy(names[prediction[runs]]), vote_entropy(prediction), atol=1e-12
    )


def test_unanimous_votes_and_single_runs_have_exactly_no_entropy():
    np.testing.assert_array_equal(vote_entropy(np.full((7, 3), 2)), 0)
    np.testing.assert_array_equal(vote_entropy(np.array([[3, 1, 2]])), 0)


def test_entropy_is_largest_where_every_run_says_something_else():
    assert vote_entropy(np.arange(6)[:, None])[0] == pytest.approx(np.log(6))


def test_an_empty_population_is_refused():
    with pytest.raises(ValueError, match="empty"):
        vote_entropy(np.empty((0, 3), np.int16))


def test_large_numbers_of_images_are_taken_in_parts():
    prediction = np.random.default_rng(0).integers(0, 3, (4, 70_000)).astype(np.int16)
    part = slice(65_530, 65_545)
    np.testing.assert_array_equal(vote_entropy(prediction)[part], vote_entropy(prediction[:, part]))
