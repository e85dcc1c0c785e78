"""PIEs, their kinds and the vote distance."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from analysis import schema
from analysis.stats.pie import image_table, is_pie, kind_of_pie, sort_pies, vote_distance
from analysis.stats.votes import TIE_RULES, Modal, modal


@st.composite
def two_populations(draw, classes=4):
    """Predictions of two populations of any sizes on the same images."""
    n = draw(st.integers(1, 10))
    sizes = draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))
    return tuple(
        draw(arrays.arrays(np.int16, (k, n), elements=st.integers(0, classes - 1))) for k in sizes
    )


def hand_made(label, tied):
    """A modal result given by hand."""
    return Modal(np.array(label, np.int32), np.ones(len(label)), np.array(tied))


def test_a_pie_is_an_image_whose_modal_label_changed():
    dense = hand_made([0, 1, 2, 3], [False, False, True, False])
    variant = hand_made([0, 2, 1, 0], [True, False, False, True])
    np.testing.assert_array_equal(is_pie(dense, variant), [False, True, True, True])
    np.testing.assert_array_equal(
        is_pie(dense, variant, ties="reference"), [False, True, True, True]
    )
    np.testing.assert_array_equal(
        is_pie(dense, variant, ties="exclude"), [False, True, False, False]
    )


@settings(deadline=None)
@given(two_populations(), st.sampled_from(TIE_RULES))
def test_being_a_pie_is_symmetric(populations, ties):
    one, other = (modal(p, None, ties=ties) for p in populations)
    np.testing.assert_array_equal(is_pie(one, other, ties=ties), is_pie(other, one, ties=ties))


@settings(deadline=None)
@given(two_populations())
def test_excluding_ties_only_ever_takes_pies_away(populations):
    one, other = (modal(p, None) for p in populations)
    assert not (is_pie(one, other, ties="exclude") & ~is_pie(one, other)).any()


@given(two_populations(), st.sampled_from(TIE_RULES))
def test_an_identical_copy_has_no_pie(populations, ties):
    one = modal(populations[0], None, ties=ties)
    assert not is_pie(one, modal(populations[0].copy(), None, ties=ties), ties=ties).any()


def test_kinds_say_what_became_of_the_truth():
    label = np.array([0, 0, 0, 0])
    dense = hand_made([0, 1, 1, 1], [False] * 4)
    variant = hand_made([1, 0, 2, 1], [False] * 4)
    kinds = kind_of_pie(label, dense, variant, is_pie(dense, variant))
    assert kinds.tolist() == ["forgotten", "recovered", "changed", ""]


def test_a_tied_image_has_no_kind_where_ties_are_excluded():
    dense, variant = hand_made([0], [True]), hand_made([1], [False])
    pie = is_pie(dense, variant, ties="exclude")
    assert kind_of_pie(np.array([0]), dense, variant, pie).tolist() == [""]


@settings(deadline=None)
@given(two_populations())
def test_vote_distance_is_the_sum_of_the_formula(populations):
    dense, variant = populations
    found = vote_distance(dense, variant)
    for i in range(dense.shape[1]):
        before, after = Counter(dense[:, i].tolist()), Counter(variant[:, i].tolist())
        expected = sum(
            abs(after[c] / len(variant) - before[c] / len(dense)) for c in before.keys() | after
        )
        assert found[i] == pytest.approx(expected / 2)


@settings(deadline=None)
@given(two_populations())
def test_vote_distance_is_symmetric_and_within_0_and_1(populations):
    found = vote_distance(*populations)
    np.testing.assert_array_equal(found, vote_distance(*populations[::-1]))
    assert ((found >= 0) & (found <= 1)).all()


@settings(deadline=None)
@given(two_populations(), st.permutations(range(4)))
def test_vote_distance_does_not_know_the_classes_apart(populations, relabel):
    dense, variant = (np.array(relabel)[p] for p in populations)
    np.testing.assert_array_equal(vote_distance(dense, variant), vote_distance(*populations))


def test_vote_distance_is_0_for_the_same_votes_and_1_for_none_in_common():
    dense = np.array([[0, 0], [1, 0]])
    np.testing.assert_array_equal(vote_distance(dense, np.array([[1, 3], [0, 2], [0, 1], [1, 1]])),
                                  [0, 1])  # fmt: skip


@pytest.mark.parametrize("shapes", [((0, 3), (2, 3)), ((2, 3), (2, 4)), ((3,), (2, 3))])
def test_vote_distance_of_what_is_no_population_is_refused(shapes):
    with pytest.raises(ValueError, match=r"dense and variant|population"):
        vote_distance(*(np.zeros(shape, np.int16) for shape in shapes))


@pytest.fixture
def table():
    label = np.array([0, 1, 2, 0])
    dense = {
        schema.PREDICTION: np.array([[0, 1, 2, 1], [0, 1, 1, 1], [0, 0, 2, 1]]),
        schema.CONFIDENCE: np.full((3, 4), 0.5, np.float32),
    }
    variant = {
        schema.PREDICTION: np.array([[0, 2, 1, 0], [0, 2, 1, 0]]),
        schema.CONFIDENCE: np.full((2, 4), 0.7, np.float32),
    }
    return image_table("magnitude-0.90", label, dense, variant)


def test_image_table_has_a_row_an_image_and_the_columns_of_the_contract(table):
    assert list(table.columns) == list(schema.PIE_COLUMNS)
    assert table["image_id"].tolist() == [0, 1, 2, 3]
    assert table["is_pie"].tolist() == [False, True, True, True]
    assert table["kind"].tolist() == ["", "forgotten", "forgotten", "recovered"]
    np.testing.assert_allclose(table["dense_agreement"], [1, 2 / 3, 2 / 3, 1])
    np.testing.assert_allclose(table["dense_accuracy"], [1, 2 / 3, 2 / 3, 0])
    np.testing.assert_allclose(table["accuracy"], [1, 0, 0, 1])
    np.testing.assert_allclose(table["vote_distance"], [0, 1, 2 / 3, 1])
    np.testing.assert_allclose(table["dense_confidence"], 0.5)


def test_image_table_works_without_confidences():
    votes = {schema.PREDICTION: np.array([[0, 1], [1, 1]])}
    found = image_table("int8-static", np.array([0, 1]), votes, votes)
    assert found["dense_confidence"].isna().all()
    assert found["dense_modal_label"].tolist() == [0, 1]
    assert not found["is_pie"].any()


def test_pies_come_by_falling_vote_distance_and_equal_ones_by_image(table):
    assert sort_pies(table)["image_id"].tolist() == [1, 3, 2]
