"""Modal labels, agreement and the three tie rules."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from analysis.stats.votes import TIE_RULES, modal

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 12))


@st.composite
def populations(draw, classes=4):
    """Predictions [K, N] and confidences of hundredths, so that sums really tie."""
    shape = draw(SHAPES)
    prediction = draw(arrays.arrays(np.int16, shape, elements=st.integers(0, classes - 1)))
    hundredths = draw(arrays.arrays(np.int16, shape, elements=st.integers(25, 100)))
    return prediction, (hundredths / 100).astype(np.float32)


def slow_modal(votes, confidences, ties):
    """Modal label of one image, written from the definition."""
    counts = Counter(votes)
    most = max(counts.values())
    tied = sorted(c for c, n in counts.items() if n == most)
    label = tied[0]
    if ties == "reference":
        label = tied[-1]
    elif confidences is not None:
        total = {
            c: sum(float(p) for v, p in zip(votes, confidences, strict=True) if v == c)
            for c in tied
        }
        largest = max(total.values())
        label = min(c for c in tied if total[c] >= largest * (1 - 1e-6))
    return label, most / len(votes), len(tied) > 1


@settings(deadline=None)
@given(populations(), st.sampled_from(TIE_RULES), st.booleans())
def test_modal_is_what_a_slow_loop_counts(population, ties, with_confidence):
    prediction, confidence = population
    found = modal(prediction, confidence if with_confidence else None, ties=ties)
    for i in range(prediction.shape[1]):
        known = confidence[:, i] if with_confidence else None
        label, agreement, tied = slow_modal(prediction[:, i].tolist(), known, ties)
        assert (found.label[i], found.tied[i]) == (label, tied)
        assert found.agreement[i] == pytest.approx(agreement)


@settings(deadline=None)
@given(populations(), st.sampled_from(TIE_RULES), st.randoms(use_true_random=False))
def test_the_order_of_seeds_changes_nothing(population, ties, random):
    prediction, confidence = population
    order = list(range(len(prediction)))
    random.shuffle(order)
    one, other = modal(prediction, confidence, ties=ties), None
    other = modal(prediction[order], confidence[order], ties=ties)
    np.testing.assert_array_equal(one.label, other.label)
    np.testing.assert_array_equal(one.agreement, other.agreement)
    np.testing.assert_array_equal(one.tied, other.tied)


@settings(deadline=None)
@given(populations(), st.sampled_from(TIE_RULES), st.randoms(use_true_random=False))
def test_the_order_of_images_only_moves_the_results(population, ties, random):
    prediction, confidence = population
    order = list(range(prediction.shape[1]))
    random.shuffle(order)
    one = modal(prediction, confidence, ties=ties)
    other = modal(prediction[:, order], confidence[:, order], ties=ties)
    np.testing.assert_array_equal(one.label[order], other.label)
    np.testing.assert_array_equal(one.tied[order], other.tied)


@settings(deadline=None)
@given(populations(), st.sampled_from(TIE_RULES))
def test_relabelling_classes_in_order_relabels_the_modal_labels(population, ties):
    prediction, confidence = population
    relabel = np.array([3, 10, 11, 900], np.int16)
    one = modal(prediction, confidence, ties=ties)
    other = modal(relabel[prediction], confidence, ties=ties)
    np.testing.assert_array_equal(relabel[one.label], other.label)
    np.testing.assert_array_equal(one.agreement, other.agreement)


TIED = np.array([[2], [2], [5], [5], [0]])


@pytest.mark.parametrize(
    ("ties", "confidence", "expected"),
    [
        ("confidence", [0.9, 0.5, 0.6, 0.7, 1.0], 2),
        ("confidence", [0.5, 0.5, 0.6, 0.7, 1.0], 5),
        ("confidence", [0.5, 0.7, 0.7, 0.5, 1.0], 2),
        ("confidence", None, 2),
        ("exclude", [0.5, 0.5, 0.6, 0.7, 1.0], 5),
        ("exclude", None, 2),
        ("reference", [0.9, 0.9, 0.6, 0.7, 1.0], 5),
        ("reference", None, 5),
    ],
)
def test_each_tie_rule_on_a_hand_made_tie(ties, confidence, expected):
    known = None if confidence is None else np.array(confidence, np.float32)[:, None]
    found = modal(TIED, known, ties=ties)
    assert found.label[0] == expected
    assert found.agreement[0] == 0.4
    assert found.tied[0]


@pytest.mark.parametrize(("gap", "expected"), [(0.5e-6, 2), (3e-6, 5)])
def test_confidence_sums_within_a_millionth_count_as_equal(gap, expected):
    confidence = np.array([0.5, 0.5, 0.5, 0.5 + gap, 1.0])[:, None]
    assert modal(TIED, confidence).label[0] == expected


def test_unknown_confidences_fall_back_to_the_smallest_class():
    assert modal(TIED, np.full(TIED.shape, np.nan, np.float32)).label[0] == 2


def test_a_single_run_is_its_own_mode():
    prediction = np.array([[3, 0, 7]], np.int16)
    found = modal(prediction, np.array([[0.2, 0.9, 0.5]], np.float32))
    np.testing.assert_array_equal(found.label, [3, 0, 7])
    np.testing.assert_array_equal(found.agreement, 1.0)
    assert not found.tied.any()


def test_when_every_run_disagrees_every_image_is_tied():
    prediction = np.arange(5)[:, None].repeat(3, axis=1)
    found = modal(prediction, None)
    assert found.tied.all()
    np.testing.assert_array_equal(found.label, 0)
    np.testing.assert_allclose(found.agreement, 0.2)


def test_more_images_than_a_chunk_are_counted_alike():
    generator = np.random.default_rng(0)
    prediction = generator.integers(0, 3, (4, 65_536 + 500)).astype(np.int16)
    confidence = generator.uniform(0.3, 1, prediction.shape).astype(np.float32)
    whole = modal(prediction, confidence)
    part = modal(prediction[:, 65_400:65_700], confidence[:, 65_400:65_700])
    np.testing.assert_array_equal(whole.label[65_400:65_700], part.label)
    np.testing.assert_array_equal(whole.tied[65_400:65_700], part.tied)


def test_no_images_give_empty_results():
    found = modal(np.zeros((3, 0), np.int16), np.zeros((3, 0), np.float32))
    assert len(found.label) == len(found.agreement) == len(found.tied) == 0


@pytest.mark.parametrize(
    ("prediction", "confidence", "ties"),
    [
        (np.zeros((0, 3), np.int16), None, "confidence"),
        (np.zeros(3, np.int16), None, "confidence"),
        (np.zeros((2, 3), np.int16), np.zeros((3, 2), np.float32), "confidence"),
        (np.zeros((2, 3), np.int16), None, "smallest"),
    ],
)
def test_what_is_no_population_is_refused(prediction, confidence, ties):
    with pytest.raises(ValueError, match=r"must"):
        modal(prediction, confidence, ties=ties)
