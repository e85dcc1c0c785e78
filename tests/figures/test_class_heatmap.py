"""Class heat map."""

import numpy as np
import pandas as pd
import pytest

from analysis.figures.class_heatmap import class_heatmap, class_heatmap_info
from tests.figures.frames import HOSTILE, classes


@pytest.fixture
def frame():
    weaker = classes(variant_id="magnitude-0.50", p=0.5, q=0.9, q_two_way=0.9)
    return pd.concat([classes(), weaker], ignore_index=True)


def test_values_are_spread_to_class_by_variant_in_order_of_appearance(frame):
    info = class_heatmap_info(frame, value="recall_delta")
    assert info.variant_ids == ("magnitude-0.90", "magnitude-0.50")
    assert info.class_names == ("ant", "bee", "cat", "dog")
    np.testing.assert_allclose(info.values[:, 0], frame["recall_delta"][:4])


def test_significance_follows_both_rules(frame):
    info = class_heatmap_info(frame)
    assert info.p_significant[:, 0].tolist() == [True, False, False, True]
    assert info.q_significant[:, 0].tolist() == [True, False, False, False]
    over_runs = class_heatmap_info(frame.assign(q=0.01, q_two_way=[0.9, 0.01] * 4))
    assert over_runs.q_significant[:, 0].tolist() == [False, True, False, True]
    assert not info.p_significant[:, 1].any()


def test_a_variant_without_a_class_leaves_the_cell_empty(frame):
    info = class_heatmap_info(frame.drop(index=5))
    assert np.isnan(info.values[1, 1])
    assert np.isfinite(info.values).sum() == 7


def test_classes_of_one_name_stay_apart():
    info = class_heatmap_info(classes(["crane", "crane", "dog"]))
    assert info.class_names == ("crane", "crane", "dog")
    assert info.values.shape == (3, 1)


def test_the_scale_is_centred_on_zero(frame):
    heat = class_heatmap(frame).data[0]
    assert heat.zmid == 0
    assert heat.zmin == -heat.zmax == pytest.approx(-20)


def test_significant_cells_carry_a_mark_for_each_rule(frame):
    marks = {t.name: list(zip(t.x, t.y, strict=True)) for t in class_heatmap(frame).data[1:]}
    assert marks == {
        "p ≤ 0.05, other seeds": [(0, 3)],
        "q ≤ 0.05, other seeds and images": [(0, 0)],
    }
    said = [cell[4] for row in class_heatmap(frame).data[0].customdata for cell in row]
    assert said[:3] == ["significant at q ≤ 0.05", "not significant", "not significant"]
    assert said[6] == "significant at the paper's p ≤ 0.05 alone"


def test_cells_carry_class_and_variant_as_they_are_in_the_data():
    custom = class_heatmap(classes(HOSTILE)).data[0].customdata
    assert [row[0][0] for row in custom] == list(HOSTILE)
    assert custom[0][0][1] == "magnitude-0.90"


def test_title_says_the_quantity_and_subtitle_the_counts(frame):
    layout = class_heatmap(frame).layout
    assert layout.title.text == "Normalized change of recall by class and variant"
    said = layout.title.subtitle.text.replace("<br>", " ")
    assert "Of 8 cells tested 1 are significant for other seeds and other images" in said
    assert (
        "2 by the paper's rule (p ≤ 0.05, other seeds on these images; 0.4 are by chance; "
        "diamond where it is alone)"
    ) in said
    none = class_heatmap(frame.assign(p=0.5, q_two_way=0.9)).layout.title.subtitle.text
    assert none.startswith("No class is significant")
    untested = class_heatmap(frame.assign(p=np.nan, q=np.nan)).layout.title.subtitle.text
    assert untested.startswith("No test")


def test_no_class_gives_an_empty_figure(frame):
    figure = class_heatmap(frame.iloc[:0])
    assert not figure.data
    assert figure.layout.title.text == "Normalized change of recall by class and variant"
    assert "no compressed variant" in figure.layout.annotations[0].text


def test_an_unknown_value_is_refused(frame):
    with pytest.raises(ValueError, match="accuracy"):
        class_heatmap(frame, value="accuracy")


def test_no_change_at_all_still_has_a_scale(frame):
    heat = class_heatmap(frame.assign(normalized_recall_delta=0.0)).data[0]
    assert heat.zmax > 0
