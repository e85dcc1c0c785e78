import numpy as np

from dashboard.gallery.class_filter import LISTED, listed, with_text

MANY = [f"kind {i:05d}" for i in range(21_000)]


def test_few_classes_are_all_listed_in_their_order():
    names = ["b", "a", "c"]
    assert listed(names, np.array([1, 2, 3]), ["c"], "zzz") == (names, 3)


def test_of_many_classes_those_with_most_images_are_listed_the_chosen_first():
    counts = np.zeros(21_000, int)
    counts[[20_000, 7]] = 9, 5
    options, n = listed(MANY, counts, [MANY[500]], "")
    assert options[:3] == [MANY[500], MANY[20_000], MANY[7]]
    assert len(options) == LISTED + 1
    assert n == 21_000


def test_a_part_of_a_name_lists_what_has_it_whatever_its_case():
    options, n = listed(MANY, np.zeros(21_000, int), [], "KIND 0123")
    assert n == 10
    assert options == [f"kind 0123{i}" for i in range(10)]
    assert with_text(MANY, "no such") == []


def test_text_that_nothing_has_lists_what_was_listed_before():
    options, n = listed(MANY, np.zeros(21_000, int), [], "no such")
    assert n == 0
    assert len(options) == LISTED
