"""PIE share, accuracy on PIEs, and kinds of PIEs."""

import numpy as np
import pytest

from analysis.figures.hardness import pie_accuracy, pie_accuracy_info
from analysis.figures.pies import pie_kinds, pie_kinds_info, pie_share, pie_share_info
from tests.figures.frames import summary

VARIANTS = ["magnitude-0.50", "magnitude-0.90", "int8-static"]
FIGURES = [pie_share, pie_accuracy, pie_kinds]


def words(figure):
    return figure.layout.title.subtitle.text.replace("<br>", " ")


# --- share --------------------------------------------------------------------------------------
def test_shares_of_halves_stand_beside_the_floor():
    half, floor = pie_share(summary()).data
    assert list(half.x) == [0.06, 0.15, 0.03]
    assert list(floor.x) == [0.05] * 3


def test_the_share_of_full_populations_is_never_drawn():
    assert "0.4242" not in pie_share(summary()).to_json()


def test_the_whisker_is_the_interval_of_the_excess():
    half = pie_share(summary()).data[0]
    ends = np.array(half.x) - np.array(half.error_x.arrayminus)
    np.testing.assert_allclose(ends, 0.05 + np.array([-0.005, 0.08, -0.03]))


def test_both_signs_of_the_excess_are_counted():
    assert words(pie_share(summary())).startswith(
        "By its interval 1 of 3 variants make more PIEs than seed noise, 1 fewer."
    )
    assert "excess over the floor, over runs and images" in words(pie_share(summary()))


def test_variants_without_halves_are_left_out_and_counted():
    frame = summary()
    frame.loc[1, "pie_share_half"] = None
    info = pie_share_info(frame)
    assert info.rows["variant_id"].tolist() == VARIANTS[1:]
    assert info.n_unknown == 1
    assert "1 without enough runs left out" in words(pie_share(frame))


def test_without_any_floor_the_figure_says_what_it_needs():
    figure = pie_share(summary().assign(noise_floor_share=None, pie_share_half=None))
    assert not figure.data
    assert "at least two dense runs" in figure.layout.annotations[0].text.replace("<br>", " ")


# --- accuracy -----------------------------------------------------------------------------------
def test_accuracies_are_those_of_the_summary():
    points = pie_accuracy_info(summary()).points
    row = points[points["variant_id"] == "magnitude-0.90"].set_index(["images", "population"])
    assert row["accuracy"].to_dict() == {
        ("A/A PIEs", "dense"): 0.5, ("PIEs", "dense"): 0.6, ("PIEs", "variant"): 0.3,
        ("all images", "dense"): 0.92, ("all images", "variant"): 0.85,
        ("non-PIEs", "dense"): 0.95, ("non-PIEs", "variant"): 0.93,
    }  # fmt: skip


def test_every_population_and_set_has_its_own_mark():
    traces = list(pie_accuracy(summary()).data)
    assert {t.name for t in traces} == {
        "dense on PIEs", "variant on PIEs", "dense on non-PIEs", "variant on non-PIEs",
        "dense on all images", "variant on all images", "dense on A/A PIEs",
    }  # fmt: skip
    assert len({(t.marker.symbol, t.marker.color) for t in traces}) == 7


def test_the_comparison_with_aa_pies_is_asked_for_in_words():
    assert "A/A PIEs" in words(pie_accuracy(summary()))


def test_a_variant_without_pies_keeps_its_other_accuracies():
    frame = summary()
    frame.loc[1, ["dense_top1_on_pies", "top1_on_pies", "dense_top1_on_aa_pies"]] = None
    points = pie_accuracy_info(frame).points
    kept = points[points["variant_id"] == "magnitude-0.50"]
    assert set(kept["images"]) == {"all images", "non-PIEs"}


# --- kinds --------------------------------------------------------------------------------------
def test_forgotten_points_left_and_recovered_right_from_one_zero():
    forgotten, recovered, changed = pie_kinds(summary()).data
    assert list(forgotten.x) == [-10, -90, -4]
    assert list(recovered.x) == [12, 6, 4]
    assert list(changed.x) == [3, 14, 0]
    assert changed.xaxis != recovered.xaxis


def test_counts_are_written_without_a_sign():
    assert list(pie_kinds(summary()).data[0].text) == ["10", "90", "4"]
    assert not any("-" in t for t in pie_kinds(summary()).layout.xaxis.ticktext)


def test_the_three_kinds_are_told_apart_by_pattern():
    assert len({t.marker.pattern.shape for t in pie_kinds(summary()).data}) == 3


def test_both_panels_have_one_scale():
    layout = pie_kinds(summary()).layout
    pixels = [
        (axis.domain[1] - axis.domain[0]) / (axis.range[1] - axis.range[0])
        for axis in (layout.xaxis, layout.xaxis2)
    ]
    assert pixels[0] == pytest.approx(pixels[1], rel=0.01)


def test_both_directions_are_said_and_no_pie_at_all_too():
    assert "1 of 3 variants forgot more images than they recovered, 1 recovered more" in words(
        pie_kinds(summary())
    )
    none = summary().assign(n_pies=0, n_forgotten=0, n_recovered=0, n_changed=0)
    assert words(pie_kinds(none)) == "No PIE in any variant."


def test_kinds_are_whole_numbers_of_the_compressed_variants():
    rows = pie_kinds_info(summary()).rows
    assert rows["variant_id"].tolist() == VARIANTS
    assert rows["forgotten"].dtype == "int64"


# --- all three ----------------------------------------------------------------------------------
@pytest.mark.parametrize("draw", FIGURES)
@pytest.mark.parametrize("rows", [0, 1])
def test_without_a_compressed_variant_the_figure_is_empty_and_says_why(draw, rows):
    figure = draw(summary().iloc[:rows])
    assert not figure.data
    assert figure.layout.title.text == draw(summary()).layout.title.text
    assert figure.layout.xaxis.title.text
    (reason,) = [a.text for a in figure.layout.annotations if a.name == "reason"]
    assert "Nothing" in reason


@pytest.mark.parametrize("draw", FIGURES)
def test_variants_are_named_on_the_axis_from_the_top_and_notes_are_kept(draw):
    layout = draw(summary(), note="Sweep <made>").layout
    assert list(layout.yaxis.ticktext) == VARIANTS
    assert layout.yaxis.range[0] > layout.yaxis.range[1]
    assert [a.text for a in layout.annotations if a.name == "footnote"] == ["Sweep &lt;made&gt;"]
