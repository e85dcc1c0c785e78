"""Figures set for a paper: their size, their letters, what stands around, and what they draw."""

import re

import pytest
from choreographer.browsers.chromium import Chromium

from analysis.errors import UserError
from analysis.figures.class_impact import class_impact
from analysis.figures.curves import metric_curve
from analysis.figures.drawn import drawn_data, units
from analysis.figures.files import figure_bytes
from analysis.figures.layout import _heading, _legend_rows, fit
from analysis.figures.lettering import text_width
from analysis.figures.preset import SCREEN, FigurePreset
from analysis.figures.trade_off import usual_cost
from tests.figures.frames import HOSTILE, classes, curves, summary

needs_browser = pytest.mark.skipif(
    Chromium.find_browser(skip_local=False) is None, reason="no Chrome or Chromium here"
)
COLUMN = FigurePreset(width="85mm", type_size=8.0)
NOTE = "Sweep demo, variant magnitude-0.90, a footnote that is longer than a column of a paper is"


def test_letters_have_their_size_at_the_width():
    # 85 mm are 321 CSS pixels, 8 pt are 10.67; the layout has letters of 12.
    assert COLUMN.width_px == pytest.approx(321.26, abs=0.01)
    assert COLUMN.scale * 12 == pytest.approx(8 * 96 / 72)
    assert COLUMN.layout_px * COLUMN.scale == pytest.approx(COLUMN.width_px)
    assert (SCREEN.scale, SCREEN.layout_px) == (1.0, 900.0)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"width": "85"}, "--figure-width 85"),
        ({"width": "10mm"}, "--figure-width 10mm"),
        ({"width": "1e9px"}, "--figure-width 1e9px"),
        ({"type_size": 1.0}, "--type-size 1.0"),
        ({"width": "85mm", "type_size": 30.0}, "at most"),
        ({"dpi": 10_000}, "--dpi 10000"),
    ],
)
def test_what_cannot_be_set_is_refused_by_name(given, named):
    with pytest.raises(UserError, match=re.escape(named)):
        FigurePreset(**given)


@pytest.mark.parametrize("width", [241, 361, 640, 900, 1300])
def test_words_are_broken_at_the_width_there_is(width):
    figure = fit(class_impact(classes(HOSTILE), note=NOTE), width)
    heading = figure.layout.title
    for text, size in (
        (heading.text, heading.font.size), (heading.subtitle.text, 12),
        (next(a.text for a in figure.layout.annotations if a.name == "footnote"), 10),
    ):  # fmt: skip
        for line in text.split("<br>"):
            assert text_width([line]) * size / 12 <= width - 28 or " " not in line
    # The names of rows leave the plot more than half.
    assert figure.layout.margin.l < 0.5 * width


def test_words_are_left_out_one_by_one_and_give_their_room_back():
    figure = class_impact(classes(), note=NOTE)
    bare = fit(figure, 361, title=False, subtitle=False, note=False)
    whole = fit(figure, 361)
    assert not bare.layout.title.text
    assert "footnote" not in [a.name for a in bare.layout.annotations]
    assert bare.layout.height < whole.layout.height
    assert figure.layout.title.text == class_impact(classes()).layout.title.text


def test_no_letter_of_print_is_smaller_than_the_others():
    figure = fit(class_impact(classes(HOSTILE), top=1, note=NOTE), 361, smallest=12)
    assert all((a.font.size or 12) >= 12 for a in figure.layout.annotations)


@needs_browser
def test_a_vector_file_has_its_size_in_millimetres_and_its_font_with_it():
    svg = figure_bytes(class_impact(classes()), "svg", COLUMN).decode()
    head = svg[: svg.index(">")]
    assert re.search(r'width="8[45]\.\d+mm"', head)
    assert "@font-face" in svg
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]+"', "", svg)
    assert (
        "@font-face"
        not in figure_bytes(class_impact(classes()), "svg", COLUMN, has_font=False).decode()
    )


def test_what_is_drawn_is_a_row_a_mark_in_the_units_of_the_axes():
    frame = classes()
    table = drawn_data(class_impact(frame))
    marked = table[table["x_low"].notna()].set_index("name")
    for row in frame.to_dict("records"):
        found = marked.loc[row["class_name"]]
        assert found["x"] == pytest.approx(100 * row["normalized_recall_delta"])
        assert found["x_low"] == pytest.approx(100 * row["ci_low_two_way"])
        assert found["x_high"] == pytest.approx(100 * row["ci_high_two_way"])
    assert units(class_impact(frame))["columns"]["x"]["unit"] == "percentage points"


def test_a_curve_is_in_percent_with_the_ends_of_its_band():
    table = drawn_data(metric_curve(curves()))
    pruned = table[table["series"] == "magnitude"]
    assert pruned["y"].tolist() == pytest.approx([90, 85, 70])
    assert pruned["y_low"].tolist() == pytest.approx([88, 83, 68])
    assert pruned["y_high"].tolist() == pytest.approx([92, 87, 72])
    assert units(metric_curve(curves()))["columns"]["y"]["unit"] == "%"


def test_pruning_that_leaves_the_size_is_shown_by_the_weights_kept():
    rows = summary().assign(size_bytes=1_000_000, sparsity=[0.0, 0.5, 0.9, 0.0])
    assert usual_cost(rows) == "kept"
    smaller = rows.assign(size_bytes=[4e6, 2e6, 1e6, 1.5e6])
    assert usual_cost(smaller) == "size_bytes"
    assert usual_cost(smaller.assign(sparsity=None)) == "size_bytes"


def test_a_legend_has_room_for_the_rows_it_takes_and_no_more():
    names = ["more than seeds make", "not significant"]
    assert _legend_rows(names, 347) == 1
    assert _legend_rows(names, 200) == 2
    longer = [f"dense on PIEs {i}" for i in range(7)]
    assert _legend_rows(longer, 347) == 4
    assert _legend_rows(longer, 100) == 7


def test_a_title_of_several_lines_starts_no_higher_than_one_of_one():
    one, two = _heading(["A"], [], 14), _heading(["A", "B"], [], 14)
    assert two["pad"]["t"] >= one["pad"]["t"] + 0.5 * 14
