import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.stats.votes import TIE_RULES, drawn_modal, modal


def population(k, n, n_classes, seed):
    generator = np.random.default_rng(seed)
    prediction = generator.integers(0, n_classes, (k, n)).astype(np.int16)
    prediction[:, : n // 3] = prediction[0, : n // 3]
    # Few distinct confidences, so that their sums tie too.
    confidence = generator.choice([0.25, 0.5, 0.75], (k, n)).astype(np.float32)
    return prediction, confidence


@pytest.mark.parametrize("ties", TIE_RULES)
@given(
    k=st.integers(1, 7),
    n_classes=st.integers(1, 9),
    seed=st.integers(0, 10**6),
    with_=st.booleans(),
)
def test_a_draw_is_the_modal_label_of_the_runs_repeated_as_often_as_drawn(
    ties, k, n_classes, seed, with_
):
    prediction, confidence = population(k, 30, n_classes, seed)
    drawn = np.random.default_rng(seed).multinomial(k, np.full(k, 1 / k), 5).T.astype(float)
    found = drawn_modal(prediction, confidence if with_ else None, drawn, ties=ties)
    for number, times in enumerate(drawn.T.astype(int)):
        runs = np.repeat(np.arange(k), times)
        expected = modal(prediction[runs], confidence[runs] if with_ else None, ties=ties)
        np.testing.assert_array_equal(found.label[:, number], expected.label)
        np.testing.assert_array_equal(found.tied[:, number], expected.tied)


def test_the_size_of_the_products_changes_nothing(monkeypatch):
    prediction, confidence = population(6, 300, 5, 0)
    drawn = np.eye(6)[:, :4] + 1
    whole = drawn_modal(prediction, confidence, drawn)
    monkeypatch.setattr("analysis.stats.votes._CELLS", 50)
    in_parts = drawn_modal(prediction, confidence, drawn)
    np.testing.assert_array_equal(whole.label, in_parts.label)
    np.testing.assert_array_equal(whole.tied, in_parts.tied)


def test_a_population_that_agrees_is_no_draw_of_chance():
    prediction = np.full((4, 3), 2, np.int16)
    found = drawn_modal(prediction, None, np.ones((4, 2)))
    assert (found.label == 2).all()
    assert not found.tied.any()
