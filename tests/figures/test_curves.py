"""Metric curves."""

import numpy as np
import pytest

from analysis.figures import theme
from analysis.figures.curves import metric_curve, metric_curve_info
from tests.figures.frames import curves


def trace(figure, name):
    (found,) = [t for t in figure.data if t.name == name]
    return found


def test_methods_are_split_and_sorted_by_measured_sparsity():
    info = metric_curve_info(curves())
    assert list(info.pruned) == ["magnitude"]
    assert info.pruned["magnitude"]["sparsity"].tolist() == [0.5, 0.7, 0.899]
    assert info.unpruned["method"].tolist() == ["int8-static"]
    assert len(info.dense) == 1


def test_other_metrics_are_left_out():
    assert metric_curve_info(curves(), metric="ece").is_empty


def test_a_pruned_method_is_a_line_over_measured_sparsity_with_its_band():
    figure = metric_curve(curves())
    line, band = trace(figure, "magnitude"), trace(figure, "magnitude band")
    assert list(line.x) == [0.5, 0.7, 0.899]
    assert list(line.y) == [0.90, 0.85, 0.70]
    assert list(band.y) == pytest.approx([0.92, 0.87, 0.72, 0.68, 0.83, 0.88])


def test_dense_is_always_a_dotted_line_with_its_band():
    figure = metric_curve(curves())
    dense = trace(figure, "dense")
    assert dense.line.dash == "dot"
    assert set(dense.y) == {0.92}
    (band,) = [s for s in figure.layout.shapes if s.type == "rect"]
    assert (band.y0, band.y1) == pytest.approx((0.90, 0.94))


def test_dense_alone_is_still_drawn():
    figure = metric_curve(curves()[lambda c: c["method"] == "dense"])
    assert [t.name for t in figure.data] == ["dense"]


def test_what_prunes_nothing_stands_left_of_zero_with_its_name_and_interval():
    point = trace(metric_curve(curves()), "int8-static")
    assert point.x[0] < 0
    assert point.y[0] == 0.91
    assert point.error_y.array[0] == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("metric", "scale", "title", "first"),
    [
        ("top1", 1, "Top-1 accuracy (%)", 0.90),
        ("size_bytes", 1e6, "Size of the weights (MB)", 0.90),
        ("latency_ms", 1, "Latency of one forward pass (ms)", 0.90),
    ],
)
def test_axes_say_the_unit_and_values_are_in_it(metric, scale, title, first):
    figure = metric_curve(curves(metric, scale), metric=metric)
    assert figure.layout.yaxis.title.text == title
    assert trace(figure, "magnitude").y[0] == pytest.approx(first)


def test_shares_have_percent_ticks():
    assert "%" in metric_curve(curves()).layout.yaxis.tickformat
    assert (
        "%" not in metric_curve(curves("size_bytes"), metric="size_bytes").layout.yaxis.tickformat
    )


def test_without_intervals_there_is_no_band_and_the_figure_says_so():
    figure = metric_curve(curves().assign(std=np.nan, ci_low=np.nan, ci_high=np.nan))
    assert "magnitude band" not in [t.name for t in figure.data]
    assert not [s for s in figure.layout.shapes if s.type == "rect"]
    assert "No interval over runs" in figure.layout.title.subtitle.text


def test_a_methods_colour_does_not_depend_on_its_company():
    alone = curves()[lambda c: c["method"].isin(["dense", "int8-static"])]
    one, other = (
        trace(metric_curve(alone), "int8-static"),
        trace(metric_curve(curves()), "int8-static"),
    )
    assert one.marker.color == other.marker.color == theme.method_color("int8-static")


def test_hostile_method_names_are_escaped():
    figure = metric_curve(curves().replace({"method": {"magnitude": "<b>x</b>"}}))
    assert trace(figure, "&lt;b&gt;x&lt;/b&gt;").y[0] == 0.90


def test_an_unknown_metric_gives_an_empty_figure_with_title_and_axes():
    figure = metric_curve(curves(), metric="agreement")
    assert not figure.data
    assert figure.layout.title.text == "Mean agreement against sparsity"
    assert figure.layout.yaxis.title.text == "Mean agreement (%)"
    assert "no variant has mean agreement" in figure.layout.annotations[0].text


def test_the_full_pie_share_comes_with_its_caution():
    assert "noise floor" in metric_curve(
        curves("pie_share"), metric="pie_share"
    ).layout.title.subtitle.text.replace("<br>", " ")
