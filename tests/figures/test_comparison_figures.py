"""Overlap, breaking points, difficulty beside A/A PIEs, and over-representation."""

import numpy as np
import pandas as pd
import pytest

from analysis import schema
from analysis.figures.breaking_points import breaking_points, breaking_points_info
from analysis.figures.class_heatmap import most_changed
from analysis.figures.hardness import pie_difficulty, pie_difficulty_info
from analysis.figures.over_representation import over_representation, over_representation_info
from analysis.figures.overlap import pie_overlap, pie_overlap_info
from analysis.stats.pie import pie_overlap as overlap_table
from tests.figures import frames


def words(figure):
    return figure.layout.title.subtitle.text.replace("<br>", " ")


def reason(figure):
    assert not figure.data
    return figure.layout.annotations[0].text.replace("<br>", " ")


def overlap():
    flags = np.array([[1, 1, 1, 0], [0, 1, 1, 1], [0, 0, 0, 0]], bool)
    return overlap_table(["b-0.90", "a-0.50", "none"], flags)


def difficulty():
    frame = frames.summary()
    for name, values in {
        "dense_top1_on_half_pies": (None, 0.4, 0.6, 0.5),
        "dense_top1_on_aa_pies": (0.5, 0.5, 0.5, 0.5),
        "dense_entropy_on_half_pies": (None, 0.9, 0.7, 0.8),
        "dense_entropy_on_aa_pies": (0.8, 0.8, 0.8, 0.8),
    }.items():
        frame[name] = values
    return frame


def attributes(values=("none", "blur"), variant_id="magnitude-0.90"):
    n = len(values)
    ratio = np.linspace(0.5, 3.0, n)
    frame = pd.DataFrame(
        {
            "variant_id": variant_id, "attribute": "planted", "value": list(values),
            "n_images": 50, "n_pies": np.arange(n), "over_representation": ratio,
            "ci_low": ratio - 0.2, "ci_high": ratio + 0.3, "aa_over_representation": 1.1,
            "aa_ci_low": 1.0, "aa_ci_high": 1.3, "difference": ratio - 1.1,
            "difference_low": ratio - 1.4, "difference_high": ratio - 0.8,
        }
    )  # fmt: skip
    return frame.reindex(columns=list(schema.ATTRIBUTES_COLUMNS))


def broken():
    return pd.DataFrame(
        {"method": ["magnitude"] * 6 + ["random"] * 6,
         "breaking_point": [0.9, 0.9, 0.5, None, None, None, 0.5, None, None, None, None, None]}
    )  # fmt: skip


# --- overlap ------------------------------------------------------------------------------------
def test_overlap_is_spread_in_the_order_of_the_table():
    info = pie_overlap_info(overlap())
    assert info.variant_ids == ("b-0.90", "a-0.50", "none")
    np.testing.assert_allclose(info.jaccard[:2, :2], [[1, 0.5], [0.5, 1]])
    assert np.isnan(info.jaccard[2, 2])
    assert info.n_both[0].tolist() == [3, 2, 0]


def test_overlap_takes_two_variants():
    one = overlap_table(["only"], np.ones((1, 4), bool))
    assert "takes two compressed variants" in reason(pie_overlap(one))


# --- breaking points ----------------------------------------------------------------------------
def test_images_are_counted_by_method_and_breaking_point():
    info = breaking_points_info(broken())
    counts = info.counts.set_index(["method", "breaking_point"])["n"].to_dict()
    assert counts == {("magnitude", 0.5): 1, ("magnitude", 0.9): 2, ("random", 0.5): 1}
    assert info.n_never == {"magnitude": 3, "random": 5}


def test_bars_stand_at_their_sparsity_and_those_that_never_break_are_told():
    figure = breaking_points(broken())
    assert list(figure.layout.xaxis.ticktext) == ["50 %", "90 %"]
    assert [list(bar.x) for bar in figure.data] == [[0, 1], [0]]
    assert "magnitude: 3 of 6 never; random: 5 of 6 never" in words(figure)


def test_no_breaking_point_is_said():
    assert "No image has a breaking point" in reason(breaking_points(broken().iloc[3:6]))


# --- difficulty ---------------------------------------------------------------------------------
def test_pies_of_halves_stand_beside_aa_pies_in_both_panels():
    rows = pie_difficulty_info(difficulty()).rows
    assert rows["variant_id"].tolist() == ["magnitude-0.50", "magnitude-0.90", "int8-static"]
    figure = pie_difficulty(difficulty())
    panels = {(trace.name, trace.xaxis): list(trace.x) for trace in figure.data}
    assert panels["PIEs of halves", "x"] == [0.4, 0.6, 0.5]
    assert panels["A/A PIEs", "x"] == [0.5] * 3
    assert panels["PIEs of halves", "x2"] == [0.9, 0.7, 0.8]


def test_what_compression_adds_is_held_against_non_pies():
    frame = difficulty()
    assert "No variant adds images beyond seed noise for certain" in words(pie_difficulty(frame))
    added = [None] * (len(frame) - 2) + [0.1, 0.99]
    told = words(pie_difficulty(frame.assign(dense_top1_on_added=added)))
    assert "harder for dense than non-PIEs in 1 of the 2 variants that add any" in told


def test_difficulty_without_halves_says_what_it_takes():
    frame = difficulty().assign(dense_top1_on_half_pies=None)
    assert "at least two dense runs" in reason(pie_difficulty(frame))


# --- over-representation ------------------------------------------------------------------------
def test_ratios_of_pies_and_of_aa_pies_have_their_intervals():
    pies, aa = over_representation(attributes()).data
    assert list(pies.x) == [0.5, 3.0]
    np.testing.assert_allclose(np.array(pies.x) + np.array(pies.error_x.array), [0.8, 3.3])
    np.testing.assert_allclose(np.array(aa.x) - np.array(aa.error_x.arrayminus), [1.0, 1.0])


def test_both_signs_of_the_difference_are_counted():
    told = words(over_representation(attributes(("a", "b", "c"))))
    assert "2 of 3 values are over-represented more" in told
    assert "seeds alone, 1 less" in told


def test_the_values_with_most_pies_are_kept_and_the_others_counted():
    info = over_representation_info(attributes([f"v{i}" for i in range(50)]))
    assert info.rows["value"].tolist() == [f"v{i}" for i in range(10, 50)]
    assert "10 values with fewer PIEs" in words(
        over_representation(attributes([f"v{i}" for i in range(50)]))
    )


def test_several_variants_are_refused():
    both = pd.concat([attributes(), attributes(variant_id="int8-static")])
    with pytest.raises(ValueError, match="one variant"):
        over_representation_info(both)


def test_no_metadata_is_said():
    assert "no categorical metadata" in reason(over_representation(attributes().head(0)))


@pytest.mark.parametrize("text", frames.HOSTILE)
def test_values_of_the_data_are_shown_as_they_are(text):
    drawn = over_representation(attributes((text, "other"))).to_json()
    assert "<script>" not in drawn
    assert "<b>bold" not in drawn


# --- heat map -----------------------------------------------------------------------------------
def test_the_classes_that_changed_most_under_any_variant_are_kept():
    names = [f"c{i}" for i in range(6)]
    one = frames.classes(names, normalized_recall_delta=[0.0, -0.5, 0.1, 0.0, 0.0, 0.0])
    two = frames.classes(names, "int8-static", normalized_recall_delta=[0, 0, 0, 0, 0.3, 0.0])
    kept = most_changed(pd.concat([one, two]), 2)
    assert set(kept["class_name"]) == {"c1", "c4"}
    assert len(kept) == 4
