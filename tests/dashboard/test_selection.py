import pytest

from dashboard.gallery.range_keys import Range
from dashboard.selection import Known, Selection, changed, parse, to_params, without_filters

KNOWN = Known(
    variants=["magnitude-0.50", "magnitude-0.90"],
    default_variant="magnitude-0.90",
    class_names=["ant", "<script>", "a:b"],
    n_images=100,
    numbers=frozenset(["meta_light: left"]),
    meta={"planted": ["blur", "none"]},
    slices=["<b>", "odd"],
    has_selected=lambda text: text == "1-3,9",
)


def read(**params):
    listed = {k: v if isinstance(v, list) else [v] for k, v in params.items()}
    return parse(listed, KNOWN, sweep="made")


def test_an_empty_address_has_the_defaults_and_no_note():
    selection, notes = read()
    assert selection == Selection(sweep="made", variant="magnitude-0.90")
    assert (selection.population, selection.sort, selection.order) == (
        "pies", "vote_distance", "desc",
    )  # fmt: skip
    assert (selection.page, selection.per_page, selection.ties) == (1, 60, "confidence")
    assert notes == []


def test_a_selection_survives_the_address():
    ranges = (Range("kl", -1e-7, 0.25), Range("meta_light: left", -3.0, 1e20))
    selection = Selection(
        ranges=ranges,
        sweep="made", variant="magnitude-0.50", ties="exclude", classes=("<script>", "ant"),
        class_of="dense", becomes=("a:b",), kinds=("recovered",), population="all",
        agreement=(10, 90), distance=(5, 100), meta=(("planted", "blur"),), sort="label",
        slices=("<b>", "odd"), selected="1-3,9",
        not_classes=("<script>",), pie_in=("magnitude-0.90",), not_pie_in=("magnitude-0.50",),
        order="asc", page=3, per_page=24, tile="large", image=7,
    )  # fmt: skip
    spelled = to_params(selection, default_variant="magnitude-0.90")
    assert parse(spelled, KNOWN, sweep="made") == (selection, [])


def test_defaults_are_left_out_of_the_address():
    selection = Selection(sweep="made", variant="magnitude-0.90")
    assert to_params(selection, default_variant="magnitude-0.90") == {"sweep": ["made"]}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("variant", "magnitude-0.77"), ("variant", "dense"), ("class", "wasp"), ("kind", "lost"),
        ("class_of", "x"), ("population", "pie"), ("sort", "--"), ("order", "up"), ("page", "0"),
        ("page", "-1"), ("page", "²"), ("page", "9" * 40), ("per_page", "241"), ("per_page", "x"),
        ("ties", "coin"), ("image", "100"), ("image", "-1"), ("image", "1.5"), ("tile", "huge"),
        ("agreement", "90-10"), ("distance", "0-101"), ("meta", "planted:rain"), ("meta", "x"),
        ("becomes", ""), ("not_class", "wasp"), ("not_tag", "nobody's"), ("pie_in", "dense"),
        ("not_pie_in", "magnitude-0.77"), ("not_pie_in", "<script>"),
        ("range", "kl:2..1"), ("range", "kl:nan..1"), ("range", "kl:0..1e999"), ("range", "kl:0-1"),
        ("range", "label:0..1"), ("range", "meta_unknown:0..1"), ("range", "<b>:0..1"),
        ("range", "kl"), ("range", "kl:٠..١"), ("range", "kl:0..1..2"), ("range", "kl:.."),
        ("sort", "meta_unknown"), ("slice", "even"), ("slice", "<script>"), ("selected", "1-"),
        ("selected", "~0123456789abcdef"), ("selected", "<b>"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_falls_back_with_a_note(name, value):
    selection, notes = read(**{name: value})
    assert selection == read()[0]
    assert len(notes) == 1
    assert notes[0].startswith(f"{name}=")


def test_good_classes_are_kept_beside_unknown_ones():
    selection, notes = read(**{"class": ["ant", "wasp", "ant"]})
    assert selection.classes == ("ant",)
    assert len(notes) == 1


def test_a_filter_goes_back_to_page_one_and_closes_the_image():
    before = Selection(page=4, image=9)
    assert changed(before, kinds=("changed",)) == Selection(kinds=("changed",))
    assert changed(before, tile="small") == Selection(page=4, image=9, tile="small")


def test_reset_keeps_what_is_no_filter():
    selection = Selection(
        sweep="s", variant="v", kinds=("changed",), sort="label", per_page=24, slices=("odd",),
        selected="1-3,9",
    )  # fmt: skip
    assert without_filters(selection) == Selection(
        sweep="s", variant="v", sort="label", per_page=24
    )


def test_the_last_range_of_a_column_counts_and_entropy_is_a_name_of_its_sort():
    selection, notes = read(range=["kl:0..1", "margin:.5..1", "kl:0.25..0.5"], sort="entropy")
    assert selection.ranges == (Range("kl", 0.25, 0.5), Range("margin", 0.5, 1.0))
    assert selection.sort == "dense_vote_entropy"
    assert notes == []
    assert read(sort="meta_light: left")[0].sort == "meta_light: left"
