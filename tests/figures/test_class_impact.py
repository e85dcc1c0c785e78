"""Class impact: chosen, sorted and judged classes, and how they are drawn."""

import numpy as np
import pandas as pd
import pytest

from analysis.figures.class_impact import class_impact, class_impact_info, usual_rule
from tests.figures.frames import HOSTILE, classes


def test_classes_are_judged_by_rule_and_sign():
    by_p, by_q = class_impact_info(classes(), rule="p"), class_impact_info(classes())
    assert by_p.rows["sign"].tolist() == ["lost", "not significant", "not significant", "gained"]
    assert (by_p.n_lost, by_p.n_gained) == (1, 1)
    assert by_q.rows["sign"].tolist() == ["lost"] + ["not significant"] * 3
    assert (by_q.n_lost, by_q.n_gained) == (1, 0)


@pytest.mark.parametrize("rule", ["q_two_way", "q_sweep", "p", "q"])
def test_each_rule_judges_by_its_own_column_alone(rule):
    others = {name: 0.9 for name in ("q_two_way", "q_sweep", "p", "q") if name != rule}
    info = class_impact_info(classes(**others | {rule: [0.9, 0.04, 0.9, 0.9]}), rule=rule)
    assert info.rows["sign"].tolist() == ["not significant", "lost"] + ["not significant"] * 2


def test_populations_are_judged_over_runs_and_images_by_default():
    frame = classes(q_two_way=[0.9, 0.01, 0.9, 0.9], p=0.01, q=0.01)
    assert usual_rule(frame) == "q_two_way"
    assert class_impact_info(frame).rows["sign"].tolist()[:2] == ["not significant", "lost"]


def test_the_sign_is_that_of_the_normalized_delta_not_of_the_bar():
    row = class_impact_info(classes(), rule="p").rows.iloc[-1]
    frame = classes(recall_delta=-0.3)
    assert class_impact_info(frame, rule="p").rows.iloc[-1]["sign"] == row["sign"] == "gained"


def test_classes_are_sorted_by_the_column_asked():
    frame = classes(n_images=[30, 10, 40, 20])
    assert class_impact_info(frame, sort="n_images").rows["n_images"].tolist() == [10, 20, 30, 40]
    assert class_impact_info(frame).rows["class_name"].tolist() == ["ant", "bee", "cat", "dog"]


def test_top_keeps_the_lowest_and_the_highest_and_counts_the_rest():
    info = class_impact_info(classes([f"c{i}" for i in range(10)]), top=2)
    assert info.rows["class_name"].tolist() == ["c0", "c1", "c8", "c9"]
    assert info.n_hidden == 6
    assert info.n_classes == 10


@pytest.mark.parametrize("top", [2, 3, 99])
def test_top_that_covers_all_classes_shows_each_once(top):
    info = class_impact_info(classes(), top=top)
    assert info.rows["class_name"].tolist() == ["ant", "bee", "cat", "dog"]
    assert info.n_hidden == 0


def test_counts_are_over_all_classes_not_over_the_shown():
    frame = classes([f"c{i}" for i in range(10)], q_two_way=0.01)
    info = class_impact_info(frame, top=1)
    assert info.n_lost + info.n_gained == 10


def test_classes_without_images_are_left_out_and_counted():
    frame = classes()
    frame.loc[1, ["normalized_recall_delta", "recall_delta", "p", "q"]] = np.nan
    info = class_impact_info(frame)
    assert "bee" not in set(info.rows["class_name"])
    assert info.n_empty == 1
    assert "1 without test images left out" in said(frame)


def said(frame, **options):
    return class_impact(frame, **options).layout.title.subtitle.text.replace("<br>", " ")


def test_without_a_test_nothing_is_called_significant_or_not():
    frame = classes(q_two_way=np.nan, ci_low_two_way=np.nan, ci_high_two_way=np.nan)
    info = class_impact_info(frame)
    assert set(info.rows["sign"]) == {"not tested"}
    assert info.n_tested == 0
    assert said(frame).startswith("No test")
    assert "interval over" not in said(frame)


@pytest.mark.parametrize(
    "wrong", [{"rule": "t"}, {"sort": "size"}, {"top": 0}],
)  # fmt: skip
def test_what_cannot_be_used_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        class_impact(classes(), **wrong)


def test_several_variants_are_refused():
    both = pd.concat([classes(), classes(variant_id="int8-static")])
    with pytest.raises(ValueError, match="one variant"):
        class_impact(both)


def bars_and_markers(figure):
    return ([t for t in figure.data if t.type == kind] for kind in ("bar", "scatter"))


@pytest.mark.parametrize(
    ("rule", "kind", "over"),
    [("q_two_way", "_two_way", "runs and images"), ("q_sweep", "_two_way", "runs and images"),
     ("p", "", "runs"), ("q", "", "runs")],
)  # fmt: skip
def test_bars_are_recall_deltas_and_markers_normalized_deltas_with_the_rules_interval(
    rule, kind, over
):
    frame = classes()
    bars, markers = bars_and_markers(class_impact(frame, rule=rule))
    assert f"with its 95 % interval over {over}." in said(frame, rule=rule)
    drawn = {y: x for t in bars for y, x in zip(t.y, t.x, strict=True)}
    assert [drawn[i] for i in range(4)] == pytest.approx((100 * frame["recall_delta"]).tolist())
    for trace in markers:
        for y, x, up, down in zip(
            trace.y, trace.x, trace.error_x.array, trace.error_x.arrayminus, strict=True
        ):
            assert x == pytest.approx(100 * frame["normalized_recall_delta"][y])
            assert x + up == pytest.approx(100 * frame[f"ci_high{kind}"][y])
            assert x - down == pytest.approx(100 * frame[f"ci_low{kind}"][y])


def test_of_one_pair_marker_colour_and_interval_speak_of_the_change_that_is_tested():
    # The change of recall is a loss where the normalized change is a gain.
    frame = classes(
        p=np.nan, mcnemar_p=[0.001] * 4, mcnemar_q=[0.001] * 4, recall_delta=[-0.3, -0.2, 0.1, 0.2],
        normalized_recall_delta=[0.3, 0.2, -0.1, -0.2],
        mcnemar_low=[-0.4, -0.3, 0.05, 0.1], mcnemar_high=[-0.2, -0.1, 0.15, 0.3],
    )  # fmt: skip
    bars, markers = bars_and_markers(class_impact(frame, rule="mcnemar_p"))
    for trace in markers:
        for x, up, down, row in zip(
            trace.x, trace.error_x.array, trace.error_x.arrayminus, trace.customdata, strict=True
        ):
            tested = frame.set_index("class_name").loc[row[0]]
            assert x == pytest.approx(100 * tested["recall_delta"])
            assert x - down == pytest.approx(100 * tested["mcnemar_low"])
            assert x + up == pytest.approx(100 * tested["mcnemar_high"])
            assert trace.name == ("lost" if x < 0 else "gained")
    # A bar of the other change has no sign.
    assert len({(t.marker.color, t.marker.pattern.shape) for t in bars}) == 1


def test_significance_is_told_by_symbol_and_name_not_by_colour_alone():
    _, markers = bars_and_markers(class_impact(classes(), rule="p"))
    assert {t.name for t in markers} == {"lost", "gained", "not significant"}
    assert len({t.marker.symbol for t in markers}) == 3


def test_clicks_carry_the_class_name_as_it_is_in_the_data():
    figure = class_impact(classes(HOSTILE))
    assert {row[0] for t in figure.data for row in t.customdata} == set(HOSTILE)


def test_the_lowest_class_is_on_top():
    low, high = class_impact(classes()).layout.yaxis.range
    assert low > high
    assert class_impact(classes()).layout.yaxis.ticktext[0] == "ant"


def test_title_axis_and_expected_number_by_chance():
    layout = class_impact(classes(), note="Sweep made").layout
    assert layout.title.text == "Change of recall by class, magnitude-0.90"
    assert layout.xaxis.title.text == "Change of recall (percentage points)"
    by_paper = said(classes(), rule="p")
    assert "p ≤ 0.05, the paper's rule: for other seeds, on these images, 0.2 expected" in by_paper
    assert "q ≤ 0.05, for other seeds and other images)" in said(classes())
    assert "expected" not in said(classes())
    assert [a.text for a in layout.annotations if a.name == "footnote"] == ["Sweep made"]


def test_gains_come_with_their_caution_and_nothing_significant_is_said_plainly():
    assert "A gain may only mean that others lost" in said(classes(), rule="p")
    assert "A gain" not in said(classes())
    assert said(classes(q_two_way=0.5)).startswith("No class is significant (q ≤ 0.05")


def test_what_lies_between_is_said_on_the_figure():
    figure = class_impact(classes([f"c{i}" for i in range(30)]), top=3)
    assert [a.text for a in figure.layout.annotations if a.name == "between"] == [
        "24 classes between"
    ]


def test_a_thousand_classes_have_a_bounded_height_and_labels_that_fit():
    figure = class_impact(classes([f"class {i}" for i in range(1000)]))
    assert figure.layout.height < 3000
    assert len(figure.layout.yaxis.ticktext) < 200
    assert sum(len(t.y) for t in figure.data if t.type == "bar") == 1000


def test_no_class_gives_an_empty_figure_that_says_why():
    figure = class_impact(classes().iloc[:0])
    assert not figure.data
    assert figure.layout.title.text == "Change of recall by class"
    assert figure.layout.xaxis.title.text == "Change of recall (percentage points)"
    assert "No class to show" in figure.layout.annotations[0].text


def test_a_long_variant_is_cut_in_the_title_where_names_are_alike():
    name = f"int8-{'per-channel-' * 8}run-2"
    title = class_impact(classes(variant_id=name)).layout.title.text
    assert title.endswith("run-2")
    assert len(title) < 70
