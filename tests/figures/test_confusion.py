"""Confusion flow of the PIEs."""

import numpy as np
import pandas as pd
import pytest

from analysis.figures.confusion import confusion_flow, confusion_flow_info
from tests.figures.frames import HOSTILE, images

NAMES = ("ant", "bee", "cat")
MANY = tuple(f"class {i}" for i in range(200))


def test_pies_are_counted_from_dense_row_to_variant_column():
    info = confusion_flow_info(images({(0, 1): 3, (1, 0): 1, (2, 1): 2}), class_names=NAMES)
    np.testing.assert_array_equal(info.counts, [[0, 3, 0], [1, 0, 0], [0, 2, 0]])
    assert info.n_pies == 6
    assert info.n_outside == 0


def test_non_pies_are_not_counted():
    info = confusion_flow_info(images({(0, 1): 1}, non_pies=100), class_names=NAMES)
    assert info.counts.sum() == 1


def test_an_image_that_differs_but_is_no_pie_is_not_counted():
    frame = images({(0, 1): 2})
    frame.loc[0, "is_pie"] = False
    assert confusion_flow_info(frame, class_names=NAMES).counts.sum() == 1


def test_few_classes_are_all_shown():
    assert confusion_flow_info(images({(0, 1): 1}), class_names=NAMES).class_names == NAMES


def test_of_many_classes_only_those_with_a_flow_are_shown():
    info = confusion_flow_info(images({(7, 3): 2, (150, 3): 1}), class_names=MANY)
    assert info.class_ids == (3, 7, 150)
    assert info.counts[1, 0] == 2
    assert (
        "all that have any"
        in confusion_flow(images({(7, 3): 2}), class_names=MANY).layout.title.subtitle.text
    )


def test_where_too_many_flow_the_largest_flows_are_kept_and_the_rest_counted():
    flows = {(i, i + 1): 1 for i in range(0, 198, 2)} | {(190, 10): 9}
    info = confusion_flow_info(images(flows), class_names=MANY)
    assert len(info.class_ids) == 60
    assert {190, 10} <= set(info.class_ids)
    assert info.counts.max() == 9
    assert info.counts.sum() + info.n_outside == info.n_pies == 108


def test_cells_carry_both_class_names_as_they_are_in_the_data():
    heat = confusion_flow(images({(0, 1): 1}), class_names=HOSTILE).data[0]
    assert list(heat.customdata[0][1][:2]) == list(HOSTILE[:2])


def test_titles_say_rows_and_columns():
    layout = confusion_flow(images({(0, 1): 1}), class_names=NAMES).layout
    assert layout.title.text == "PIEs by dense and variant modal label, magnitude-0.90"
    assert layout.xaxis.title.text == "Modal label of the variant"
    assert layout.yaxis.title.text == "Modal label of the dense runs"


@pytest.mark.parametrize("frame", [images({}), images({}, non_pies=0)])
def test_no_pie_gives_an_empty_figure_that_says_so(frame):
    figure = confusion_flow(frame, class_names=NAMES)
    assert not figure.data
    assert "No PIE" in figure.layout.annotations[0].text
    assert figure.layout.xaxis.title.text == "Modal label of the variant"


def test_several_variants_are_refused():
    both = pd.concat([images({(0, 1): 1}), images({(0, 1): 1}, variant_id="int8-static")])
    with pytest.raises(ValueError, match="one variant"):
        confusion_flow(both, class_names=NAMES)
