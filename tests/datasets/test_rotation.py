"""A long tail that rotates over seeds: whose counts, which images, and who refuses."""

import numpy as np
import pytest

from analysis.datasets import open_dataset
from analysis.datasets.registry import tailed_kinds
from analysis.datasets.rotation import (
    check_tail,
    places_of_seed,
    rotated,
    rotated_counts,
    train_counts_by_seed,
)
from analysis.errors import UserError
from analysis.store.manifest import DatasetRecord, Manifest
from analysis.store.records import TailRecord


def _manifest(**data: object) -> Manifest:
    record = DatasetRecord("digits-longtail", **data)  # type: ignore[arg-type]
    return Manifest("one", record, "", ["a", "b", "c"])


def test_a_class_gets_the_count_of_the_class_that_lies_seed_before_it() -> None:
    base = [9, 5, 1]
    for seed in range(7):
        expected = [base[(c - seed) % 3] for c in range(3)]
        assert rotated_counts(base, [9, 9, 9], seed).tolist() == expected


def test_no_class_gets_more_images_than_there_are() -> None:
    assert rotated_counts([9, 5, 1], [9, 7, 9], 1).tolist() == [1, 7, 5]


def test_the_first_images_of_a_class_are_chosen_so_that_more_seeds_nest() -> None:
    labels = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 0])
    assert places_of_seed(labels, [4, 2, 1], 0).tolist() == [0, 1, 2, 3, 4, 6, 9]
    assert places_of_seed(labels, [4, 2, 1], 1).tolist() == [0, 1, 2, 4, 5, 7]
    assert places_of_seed(labels, [4, 2, 1], 3).tolist() == [0, 1, 2, 3, 4, 6, 9]


def test_seed_0_of_the_digits_has_the_images_of_the_tail_that_stands_still() -> None:
    still = open_dataset("digits-longtail")
    turned = rotated(still)
    assert turned.tail == tuple(np.bincount(still.train.labels).tolist())
    assert turned.n_train == len(still.train) < len(turned.train)
    chosen = places_of_seed(turned.train.labels, turned.tail, 0)
    taken = turned.train.take(chosen)
    assert sorted(taken.images.digests()) == sorted(still.train.images.digests())
    assert turned.test.digest() == still.test.digest()


def test_every_class_of_the_digits_is_the_rarest_once_in_ten_seeds() -> None:
    turned = rotated(open_dataset("digits-longtail"))
    rarest, commonest = [], []
    for seed in range(10):
        labels = turned.train.labels[places_of_seed(turned.train.labels, turned.tail or (), seed)]
        counts = np.bincount(labels, minlength=10)
        rarest.append(int(counts.argmin()))
        commonest.append(int(counts.argmax()))
    assert rarest == [(9 + seed) % 10 for seed in range(10)]
    assert commonest == list(range(10))


def test_the_limit_of_the_train_split_is_of_what_one_seed_is_trained_on() -> None:
    turned = rotated(open_dataset("digits-longtail").limited(100, None))
    assert turned.n_train == 100
    labels = turned.train.labels
    assert len(places_of_seed(labels, turned.tail or (), 4)) == 100


def test_data_whose_tail_rotates_have_a_fingerprint_of_their_own() -> None:
    still = open_dataset("digits-longtail")
    prints = {
        still.fingerprint(),
        rotated(still).fingerprint(),
        rotated(still.limited(100, None)).fingerprint(),
    }
    assert len(prints) == 3


def test_a_dataset_without_a_tail_is_refused_by_a_list_of_those_that_have_one() -> None:
    assert tailed_kinds() == ["digits-longtail"]
    check_tail("digits-longtail")
    for spec in ("digits", "folder:nowhere", "cifar10"):
        with pytest.raises(UserError, match=r"no long tail to rotate.*digits-longtail"):
            check_tail(spec)
    with pytest.raises(UserError, match="no long tail"):
        rotated(open_dataset("digits"))


def test_counts_by_seed_are_the_same_row_or_the_rotated_ones_or_unknown() -> None:
    still = train_counts_by_seed(_manifest(train_counts=[9, 5, 1]), [0, 4])
    assert still is not None
    assert still.tolist() == [[9, 5, 1], [9, 5, 1]]
    turned = train_counts_by_seed(_manifest(tail=TailRecord([9, 5, 1], [9, 7, 9])), [0, 1, 5])
    assert turned is not None
    assert turned.tolist() == [[9, 5, 1], [1, 7, 5], [5, 1, 9]]
    assert train_counts_by_seed(_manifest(), [0, 1]) is None
    none = train_counts_by_seed(_manifest(tail=TailRecord([9, 5, 1], [9, 7, 9])), [])
    assert none is not None
    assert none.shape == (0, 3)
