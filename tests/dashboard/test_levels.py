import pytest

from dashboard.gallery.levels import at_level, methods, naming, nearest, place_of
from dashboard.gallery.variant_control import method_label
from dashboard.selection import Known, Selection, changed, parse, to_params

MADE = [
    ("magnitude-0.90", "magnitude", 0.9),
    ("magnitude-0.50", "magnitude", 0.5),
    ("int8-static", "int8-static", None),
    ("magnitude-0.90+int8-static", "magnitude+int8-static", 0.9),
    ("odd", "twice", None),
    ("twice-0.30", "twice", 0.3),
    ("twice-0.30b", "twice", 0.3),
]
METHODS = methods(MADE)
KNOWN = Known(
    variants=[one for one, _, _ in MADE], methods=METHODS, default_variant="magnitude-0.90"
)


def read(**params):
    return parse({name: [value] for name, value in params.items()}, KNOWN, sweep="made")


def test_levels_rise_and_combined_variants_are_a_method_of_their_own():
    assert [rung.label for rung in METHODS["magnitude"]] == ["0.50", "0.90"]
    assert list(METHODS) == ["magnitude", "int8-static", "magnitude+int8-static", "twice"]
    assert place_of(METHODS, "magnitude-0.90") == ("magnitude", 1)
    assert [method_label(one, METHODS[one]) for one in METHODS] == [
        "magnitude", "int8-static", "magnitude+int8-static (0.90)", "twice",
    ]  # fmt: skip


def test_what_method_and_level_do_not_name_alone_is_named_by_its_key():
    assert [rung.label for rung in METHODS["twice"]] == ["odd", "0.30", "twice-0.30b"]
    for variant in ("odd", "twice-0.30b"):
        assert naming(METHODS, variant) == {"variant": variant, "method": None, "sparsity": None}


@pytest.mark.parametrize("variant", [one for one, _, _ in MADE])
def test_every_variant_is_named_so_that_its_address_finds_it(variant):
    chosen = changed(Selection(sweep="made"), **naming(METHODS, variant))
    assert parse(to_params(chosen), KNOWN, sweep="made") == (chosen, [])


@pytest.mark.parametrize("text", ["0.9", "0.90", ".9", "0.900000"])
def test_a_level_is_a_number_however_it_is_written(text):
    assert at_level(METHODS["magnitude"], text).variant_id == "magnitude-0.90"


@pytest.mark.parametrize("text", ["", "nan", "inf", "9e-1", "-0.9", "0,9", "٠.٩", " 0.9", "0.9\n"])
def test_other_text_is_no_level(text):
    assert at_level(METHODS["magnitude"], text) is None


def test_another_method_begins_at_the_nearest_level():
    assert nearest(METHODS["magnitude"], 0.3).variant_id == "magnitude-0.50"
    assert nearest(METHODS["magnitude"], None).variant_id == "magnitude-0.90"
    assert nearest(METHODS["int8-static"], 0.9).variant_id == "int8-static"


@pytest.mark.parametrize(
    ("params", "variant", "noted"),
    [
        ({"method": "magnitude", "sparsity": "0.5"}, "magnitude-0.50", []),
        ({"sparsity": "0.50"}, "magnitude-0.50", []),
        ({"method": "magnitude"}, "magnitude-0.90", []),
        ({"method": "int8-static"}, "int8-static", []),
        ({"method": "magnitude+int8-static", "sparsity": ".9"}, "magnitude-0.90+int8-static", []),
        ({"variant": "int8-static", "method": "magnitude", "sparsity": "0.5"}, "int8-static", []),
        ({"variant": "x", "method": "magnitude", "sparsity": "0.5"}, "magnitude-0.50", ["variant"]),
        ({"method": "x"}, "magnitude-0.90", ["method"]),
        ({"sparsity": "0.77"}, "magnitude-0.90", ["sparsity"]),
        ({"method": "magnitude", "sparsity": "0.77"}, "magnitude-0.90", ["sparsity"]),
        ({"method": "int8-static", "sparsity": "0.5"}, "int8-static", ["sparsity"]),
        ({"method": "<b>", "sparsity": "<b>"}, "magnitude-0.90", ["method", "sparsity"]),
    ],
)
def test_method_and_sparsity_choose_the_variant_and_its_key_wins(params, variant, noted):
    selection, notes = read(**params)
    assert selection.variant == variant
    assert [note.partition("=")[0] for note in notes] == noted


def test_another_variant_keeps_page_image_and_filters():
    before = Selection(variant="a", method="m", sparsity=0.5, page=4, image=9, kinds=("changed",))
    after = changed(before, variant="b")
    assert after == Selection(variant="b", page=4, image=9, kinds=("changed",))


def test_a_sweep_without_a_variant_has_nothing_to_choose():
    selection, notes = parse({"sparsity": ["0.9"], "method": ["m"]}, Known(), sweep="made")
    assert selection == Selection(sweep="made")
    assert len(notes) == 2
