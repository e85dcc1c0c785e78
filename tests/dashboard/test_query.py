from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.results import SweepResults
from dashboard.gallery.query import ImageIndex, find
from dashboard.gallery.tiles import chips, count_line
from dashboard.selection import Selection
from tests.synthetic import make_sweep

VARIANT = "magnitude-0.90"
ALL = Selection(population="all")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return SweepResults(make_sweep(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="module")
def index(results):
    return ImageIndex.from_frame(results.images("magnitude-0.90"))


@pytest.fixture(scope="module")
def planted(results):
    column = results.folder.read_images(["meta_planted"])["meta_planted"].to_pylist()
    return {"planted": pd.Categorical(column)}


def search(index, results, planted, **filters):
    return find(index, replace(ALL, **filters), results.class_names, planted)


def test_pies_are_in_the_order_of_the_exported_table(index, results, planted):
    found = find(index, Selection(), results.class_names, planted)
    assert found.ids.tolist() == results.pies("magnitude-0.90")["image_id"].tolist()


def test_populations_part_the_images(index, results, planted):
    found = [search(index, results, planted, population=p) for p in ("pies", "non-pies", "all")]
    pies, rest, everything = (set(f.ids.tolist()) for f in found)
    assert pies | rest == everything == set(range(len(index)))
    assert not pies & rest


@pytest.mark.parametrize(
    "filters",
    [
        {"kinds": ("forgotten",)},
        {"kinds": ("recovered", "changed"), "classes": ("ant",)},
        {"classes": ("bee", "cat"), "class_of": "variant", "population": "pies"},
        {"becomes": ("dog",), "agreement": (30, 80)},
        {"meta": (("planted", "blur"),), "distance": (10, 100)},
    ],
)
def test_every_count_is_what_its_option_shows(index, results, planted, filters):
    facets = search(index, results, planted, **filters).facets
    for kind, n in facets.kind.items():
        assert n == len(search(index, results, planted, **filters | {"kinds": (kind,)}).ids)
    for population, n in facets.population.items():
        assert n == len(search(index, results, planted, **filters | {"population": population}).ids)
    for name, n in zip(results.class_names, facets.classes, strict=True):
        assert n == len(search(index, results, planted, **filters | {"classes": (name,)}).ids)
    for name, n in zip(results.class_names, facets.becomes, strict=True):
        assert n == len(search(index, results, planted, **filters | {"becomes": (name,)}).ids)
    for value, n in facets.meta["planted"].items():
        alone = filters | {"meta": (("planted", value),)}
        assert n == len(search(index, results, planted, **alone).ids)


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort", ["agreement_drop", "dense_confidence", "label", "vote_distance"])
def test_equal_values_stand_in_order_of_image_id(index, results, planted, sort, order):
    ids = search(index, results, planted, sort=sort, order=order).ids
    values = {
        "agreement_drop": np.round(index.dense_agreement - index.agreement, 5),
        "dense_confidence": index.dense_confidence,
        "label": index.label,
        "vote_distance": index.distance,
    }[sort][ids]
    steps = np.diff(values.astype(float)) * (1 if order == "asc" else -1)
    assert (steps >= 0).all()
    assert (np.diff(ids)[steps == 0] > 0).all()


def test_pages_part_the_images_found(index, results, planted):
    found = search(index, results, planted)
    pages = [found.page(i + 1, 7) for i in range(found.n_pages(7))]
    assert np.concatenate(pages).tolist() == found.ids.tolist()


@pytest.mark.parametrize("population", ["pies", "non-pies", "all"])
def test_ties_are_those_of_the_images_found(index, results, planted, population):
    found = find(index, Selection(population=population), results.class_names, planted)
    assert found.n_tied == index.tied[found.ids].sum()
    if population == "all":
        assert found.n_tied == results.summary().set_index("variant_id").loc[VARIANT, "n_tied"]


def test_sets_between_variants_leave_out_and_keep(index, results, planted):
    pies = {v: results.images(v)["is_pie"].to_numpy() for v in results.compressed_ids}
    other, third = "magnitude-0.50", "int8-static"
    for filters, expected in (
        ({"not_pie_in": (other,)}, index.pie & ~pies[other]),
        ({"not_pie_in": (other, third)}, index.pie & ~pies[other] & ~pies[third]),
        ({"pie_in": (other, third)}, index.pie & pies[other] & pies[third]),
        ({"pie_in": (other,), "not_pie_in": (VARIANT,)}, np.zeros(len(index), bool)),
    ):
        found = find(
            index, Selection(sort="image_id", order="asc", **filters), results.class_names,
            planted, pies=pies,
        )  # fmt: skip
        assert found.ids.tolist() == np.flatnonzero(expected).tolist()
        assert found.facets.population["pies"] == len(found.ids)


@pytest.mark.parametrize("class_of", ["label", "dense", "variant"])
def test_classes_and_tags_are_left_out(index, results, planted, class_of):
    whole = search(index, results, planted, class_of=class_of)
    left = search(index, results, planted, class_of=class_of, not_classes=("ant", "cat"))
    gone = [whole.facets.not_classes[results.class_names.index(one)] for one in ("ant", "cat")]
    assert len(left.ids) == len(index) - sum(gone)
    tags = {"odd": [1, 2, 900], "even": [2, 4]}
    selection = replace(ALL, not_tags=("odd", "even"), sort="image_id", order="asc")
    found = find(index, selection, results.class_names, planted, tags=tags)
    assert found.ids.tolist() == [i for i in range(len(index)) if i not in (1, 2, 4)]


def test_the_count_line_says_shown_found_share_and_ties():
    line = count_line(Selection(), 60, 1243, 10_000, 17)
    assert line == "60 of 1,243 PIEs (12.4 % of 10,000 images), 17 tied"


def test_every_active_filter_has_a_chip():
    selection = Selection(
        classes=("<b>", "ant"), becomes=("bee",), kinds=("changed",), population="all",
        agreement=(0, 50), distance=(1, 100), meta=(("planted", "blur"),), not_classes=("cat",),
        pie_in=("magnitude-0.50",), not_pie_in=("int8-static", "magnitude-0.50"), not_tags=("t",),
        slices=("odd", "<b>"), selected="1-3",
    )  # fmt: skip
    assert len(chips(selection)) == 16
    assert chips(Selection(variant="v", sort="label", page=2)) == []


@pytest.mark.parametrize("sort", ["stability", "breaking_point", "dense_vote_entropy"])
def test_values_beside_the_index_sort_either_way_and_unknown_ones_come_last(
    index, results, planted, sort
):
    values = np.random.default_rng(0).permutation(len(index)).astype(float)
    values[:3] = np.nan
    for order, expected in (("asc", np.sort(values)), ("desc", -np.sort(-values))):
        selection = replace(ALL, sort=sort, order=order)
        found = find(index, selection, results.class_names, planted, values=values)
        np.testing.assert_array_equal(values[found.ids], expected)


def test_a_sort_whose_values_are_not_there_yet_falls_back_to_vote_distance(index, results, planted):
    waiting = find(index, replace(ALL, sort="stability"), results.class_names, planted)
    assert waiting.ids.tolist() == search(index, results, planted).ids.tolist()


def test_tags_filter_as_any_of_them_and_are_counted_beside_the_rest(index, results, planted):
    tags = {"odd": [1, 5, 9], "even": [2, 5], "gone": [10**6]}
    selection = replace(ALL, tags=("odd", "even"), sort="image_id", order="asc")
    found = find(index, selection, results.class_names, planted, tags=tags)
    assert found.ids.tolist() == [1, 2, 5, 9]
    assert found.facets.tags == {"odd": 3, "even": 2, "gone": 0}
    narrowed = replace(selection, classes=(results.class_names[int(index.label[5])],))
    narrow = find(index, narrowed, results.class_names, planted, tags=tags)
    same = [i for i in (1, 2, 5, 9) if index.label[i] == index.label[5]]
    assert narrow.ids.tolist() == same
    assert narrow.facets.tags["odd"] == len(set(same) & {1, 5, 9})


def test_a_tag_that_is_no_more_finds_nothing(index, results, planted):
    found = find(index, replace(ALL, tags=("lost",)), results.class_names, planted, tags={})
    assert len(found.ids) == 0
