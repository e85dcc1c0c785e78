"""Images without an answer: -1 is no vote, wrong everywhere, and never the last class."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis import schema
from analysis.presentation.formatting import class_name
from analysis.stats.accuracy import calibration_error, top_k
from analysis.stats.classes import class_recall
from analysis.stats.pie import image_table, vote_distance
from analysis.stats.rates import false_positive_rate
from analysis.stats.votes import TIE_RULES, drawn_modal, modal

VOTES = arrays(
    np.int16, st.tuples(st.integers(1, 5), st.integers(1, 12)), elements=st.integers(-1, 2)
)


def expected(votes: list[int], *, largest: bool) -> tuple[int, int, bool]:
    counts = Counter(vote for vote in votes if vote >= 0)
    if not counts:
        return -1, 0, False
    most = max(counts.values())
    tied = sorted(c for c, n in counts.items() if n == most)
    return tied[-1 if largest else 0], most, len(tied) > 1


@given(prediction=VOTES)
@pytest.mark.parametrize("rule", ["confidence", "reference"])
def test_the_modal_label_is_of_those_that_answer(rule: str, prediction: np.ndarray) -> None:
    k, n = prediction.shape
    found = modal(prediction, None, ties=rule)  # type: ignore[arg-type]
    confidence = np.where(prediction < 0, np.nan, 0.5)
    confident = modal(prediction, confidence, ties=rule)  # type: ignore[arg-type]
    drawn = drawn_modal(prediction, confidence, np.ones((k, 1)), ties=rule)  # type: ignore[arg-type]
    for i in range(n):
        label, votes, tied = expected(prediction[:, i].tolist(), largest=rule == "reference")
        assert (found.label[i], found.tied[i]) == (label, tied)
        assert found.agreement[i] == votes / k
        assert confident.label[i] == drawn.label[i, 0] == label


def test_an_image_that_only_dense_answers_is_forgotten_or_changed() -> None:
    label = np.array([0, 1, 0])
    dense = {"prediction": np.array([[0, 0, -1]]), "confidence": np.array([[0.9, 0.9, np.nan]])}
    variant = {"prediction": np.array([[-1, -1, -1]]), "confidence": np.full((1, 3), np.nan)}
    table = image_table("int8", label, dense, variant)
    assert table["is_pie"].tolist() == [True, True, False]
    assert table["kind"].tolist()[:2] == ["forgotten", "changed"]
    assert table["vote_distance"].tolist() == [1, 1, 0]
    assert table["accuracy"].tolist() == [0, 0, 0]
    assert np.isnan(table["dense_confidence"][2])


def test_vote_distance_counts_no_answer_as_a_class_of_its_own() -> None:
    dense, variant = np.array([[0], [0], [1], [-1]]), np.array([[0], [-1], [-1], [-1]])
    assert vote_distance(dense, variant)[0] == pytest.approx((1 / 4 + 1 / 4 + 2 / 4) / 2)


def test_no_answer_is_wrong_and_no_false_positive_of_a_class() -> None:
    prediction, label = np.array([[0, -1, 1, -1]]), np.array([0, 0, 1, 1])
    assert class_recall(prediction, label, 3, (0,)).recall[0, :2].tolist() == [0.5, 0.5]
    assert np.nan_to_num(false_positive_rate(prediction, label, 3)).sum() == 0
    assert top_k(np.array([[0, 5, 0, 5]]), 5).tolist() == [0.5]
    confidence = np.array([[0.75, np.nan, 0.75, np.nan]])
    answered = prediction != schema.NO_ANSWER
    found = calibration_error(confidence, prediction == label, answered)
    assert found[0] == pytest.approx(0.25)


def test_no_answer_has_a_name_of_its_own() -> None:
    assert class_name(["cat", "dog"], -1) == "no answer"
    assert class_name(["cat", "dog"], np.int16(1)) == "dog"


@pytest.mark.parametrize("ties", TIE_RULES)
def test_a_draw_in_which_no_run_answers_has_no_label(ties):
    prediction = np.array([[-1, 2], [-1, -1], [1, 3]])
    drawn = np.array([[1.0, 1, 0], [1, 0, 1], [0, 1, 1]])
    for confidence in (None, np.full((3, 2), 0.5)):
        found = drawn_modal(prediction, confidence, drawn, ties=ties)
        largest = 3 if ties == "reference" else 2
        np.testing.assert_array_equal(found.label, [[-1, 1, 1], [2, largest, 3]])
        np.testing.assert_array_equal(found.tied, [[False] * 3, [False, True, False]])
