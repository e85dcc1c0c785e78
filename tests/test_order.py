"""The order check: it finds a swap of two classes, and lets good and small models alone."""

import numpy as np
import pytest

from analysis.outputs.order import check_order

NAMES = [f"class {c}" for c in range(10)]


def drawn(n: int, n_classes: int, accuracy: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    label = generator.integers(0, n_classes, n)
    other = generator.integers(0, n_classes, n)
    return label, np.where(generator.random(n) < accuracy, label, other)


@pytest.mark.parametrize("seed", range(5))
def test_two_swapped_neighbours_are_named_with_the_order_that_is_right(seed: int) -> None:
    label, prediction = drawn(600, 10, 0.7, seed)
    swap = np.arange(10)
    swap[[3, 4]] = 4, 3
    found = check_order(label, swap[prediction], NAMES)
    assert found.is_wrong
    assert found.p < 1e-3
    assert "class 3" in found.sentence
    assert "class 4" in found.sentence
    assert found.names == tuple(NAMES[c] for c in swap)


def test_an_order_that_is_all_wrong_is_found() -> None:
    label, prediction = drawn(2_000, 10, 0.6, 1)
    order = np.random.default_rng(2).permutation(10)
    found = check_order(label, order[prediction], NAMES)
    assert found.is_wrong
    names = np.array(found.names)
    assert (names[order] == NAMES).all()


def test_two_of_a_thousand_classes_are_found() -> None:
    label, prediction = drawn(20_000, 1_000, 0.7, 1)
    swap = np.arange(1_000)
    swap[[500, 501]] = 501, 500
    found = check_order(label, swap[prediction], [str(c) for c in range(1_000)])
    assert found.is_wrong
    assert found.gain < 0.03


@pytest.mark.parametrize("accuracy", [0.02, 0.1, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("n", [60, 500, 5_000])
def test_a_model_in_the_right_order_is_let_alone(n: int, accuracy: float) -> None:
    for seed in range(10):
        assert not check_order(*drawn(n, 10, accuracy, seed), NAMES).is_wrong


def test_classes_with_few_images_are_not_judged() -> None:
    label = np.arange(143)
    found = check_order(label, (label + 1) % 143, [str(c) for c in range(143)])
    assert not found.is_wrong
    assert "not checked" in found.sentence


def test_an_offset_of_one_output_is_found_and_no_answer_takes_no_part() -> None:
    label, prediction = drawn(1_000, 10, 0.8, 3)
    prediction = prediction + 1
    prediction[:100] = -1
    found = check_order(label, prediction, [*NAMES, "more"])
    assert found.is_wrong
    assert found.names is not None
    assert found.names[1:] == tuple(NAMES)
    assert sorted(found.names) == sorted([*NAMES, "more"])
