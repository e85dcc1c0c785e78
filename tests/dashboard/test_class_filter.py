import numpy as np

from dashboard.gallery.filters import FIRST, LISTED, listed, only_one, with_text

MANY = [f"kind {i:05d}" for i in range(21_000)]
NONE = np.zeros(21_000, int)


def test_few_classes_are_all_listed_in_their_order():
    names = ["b", "a", "c"]
    assert listed(names, np.array([1, 2, 3]), ["c"], "") == names


def test_of_a_thousand_all_are_listed_so_that_typing_finds_any():
    names = MANY[:LISTED]
    assert listed(names, NONE[:LISTED], [], "") == names


def test_of_many_classes_those_with_most_images_are_listed_the_chosen_first():
    counts = NONE.copy()
    counts[[20_000, 7]] = 9, 5
    options = listed(MANY, counts, [MANY[500]], "")
    assert options[:3] == [MANY[500], MANY[20_000], MANY[7]]
    assert len(options) == FIRST + 1


def test_a_part_of_a_name_lists_what_has_it_whatever_its_case():
    assert listed(MANY, NONE, [], "KIND 0123") == [f"kind 0123{i}" for i in range(10)]
    assert with_text(MANY, "no such") == []


def test_text_that_nothing_has_lists_what_was_listed_before():
    assert listed(MANY, NONE, [], "no such") == MANY[:FIRST]


def test_a_text_means_a_class_of_that_name_or_the_only_one_that_has_it():
    names = ["cat", "Catfish", "dog"]
    assert only_one(names, "CAT") == "cat"
    assert only_one(names, "fish") == "Catfish"
    assert only_one(names, "ca") is None
    assert only_one(names, "zebra") is None
    assert only_one(names, "") is None
