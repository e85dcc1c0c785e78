"""Loss ruled out, long tail, added PIEs by value and by tenth: what is drawn, and both signs."""

import numpy as np
import pandas as pd
import pytest

from analysis import schema
from analysis.figures.deciles import deciles
from analysis.figures.long_tail import long_tail
from analysis.figures.not_worse import LARGEST, not_worse
from analysis.figures.risk_difference import risk_difference
from tests.figures.frames import HOSTILE, classes
from tests.figures.frames import summary as summary_frame


def words(figure):
    return figure.layout.title.subtitle.text.replace("<br>", " ")


def reason(figure):
    assert not figure.data
    return figure.layout.annotations[0].text.replace("<br>", " ")


def ends(trace, axis="x"):
    """Value, lower and upper end of every marker of a trace."""
    error = getattr(trace, f"error_{axis}")
    return [
        (value, value - down, value + up)
        for value, down, up in zip(getattr(trace, axis), error.arrayminus, error.array, strict=True)
    ]


# --- not worse ------------------------------------------------------------------------------------
def losses(names=("ant", "bee", "cat"), **columns):
    n = len(names)
    given = {
        "recall_delta": np.linspace(-0.03, 0.01, n), "loss_upper": np.linspace(0.05, 0.005, n),
        "loss_upper_named": np.linspace(0.07, 0.015, n),
    }  # fmt: skip
    return classes(names, **given | columns)


def test_bars_reach_from_the_loss_to_its_bound():
    figure = not_worse(losses(), margin=0.02)
    drawn = {}
    for trace in figure.data:
        for y, (value, low, high) in zip(trace.y, ends(trace), strict=True):
            drawn[figure.layout.yaxis.ticktext[y]] = (value, low, high)
    assert drawn["ant"] == pytest.approx((3, 3, 5))
    assert drawn["cat"] == pytest.approx((-1, -1, 0.5))
    assert list(figure.layout.yaxis.ticktext) == ["ant", "bee", "cat"]


def test_classes_are_green_where_they_may_be_named_as_safe():
    figure = not_worse(losses(), margin=0.02)
    named = {t.name: [row[0] for row in t.customdata] for t in figure.data}
    assert named == {"shown": ["cat"], "not shown": ["ant", "bee"]}
    # Below the bound of all classes at once, above that of one class of all.
    between = not_worse(losses(loss_upper=0.01, loss_upper_named=0.03), margin=0.02)
    assert [t.name for t in between.data] == ["not shown"]
    assert "loses more than 2 points is shown" in words(between)
    assert "0 of 3 classes may be named as safe" in words(between)


@pytest.mark.parametrize(
    ("margin", "is_shown", "n_safe"), [(0.0499, False, 2), (0.05, True, 2), (0.5, True, 3)]
)
def test_the_verdict_is_of_the_largest_bound(margin, is_shown, n_safe):
    said = words(not_worse(losses(), margin=margin))
    assert f"points is {'' if is_shown else 'not '}shown (every bound at 95 %)" in said
    assert f"{n_safe} of 3 classes may be named as safe" in said
    (line,) = [s for s in not_worse(losses(), margin=margin).layout.shapes if s.x0 == 100 * margin]
    assert line.x1 == 100 * margin


def test_of_many_classes_those_with_the_largest_bounds_are_drawn_and_all_are_judged():
    names = [f"c{i:03d}" for i in range(LARGEST + 10)]
    bounds = np.linspace(0.001, 0.05, len(names))
    figure = not_worse(losses(names, loss_upper=bounds, loss_upper_named=bounds), margin=0.02)
    shown = [row[0] for t in figure.data for row in t.customdata]
    assert set(shown) == set(names[10:])
    assert "10 classes with smaller bounds are not drawn" in words(figure)
    assert f"{(bounds <= 0.02).sum()} of {len(names)} classes may be named" in words(figure)


def test_without_a_bound_the_figure_says_why():
    figure = not_worse(losses(loss_upper=np.nan))
    assert "no class has enough images for a bound" in reason(figure)
    assert "no class has enough images" in reason(not_worse(losses().iloc[:0]))
    partly = not_worse(losses(loss_upper=[0.05, np.nan, 0.01]))
    assert {row[0] for t in partly.data for row in t.customdata} == {"ant", "cat"}


# --- long tail ------------------------------------------------------------------------------------
def tail(slope=0.024, **columns):
    one = {"long_tail_slope": slope, "long_tail_low": slope - 0.015,
           "long_tail_high": slope + 0.015, "long_tail_p": 0.002}  # fmt: skip
    return summary_frame().assign(**one | columns)


COUNTS = [100, 200, 400, 800]


def test_classes_stand_at_their_training_images_with_their_interval():
    frame = classes(n_train=COUNTS)
    (points,) = [t for t in long_tail(frame, tail()).data if t.name == "class"]
    assert list(points.x) == COUNTS
    for i, (value, low, high) in enumerate(ends(points, "y")):
        row = frame.iloc[i]
        assert value == pytest.approx(100 * row["normalized_recall_delta"])
        assert (low, high) == pytest.approx(
            (100 * row["ci_low_two_way"], 100 * row["ci_high_two_way"])
        )
    assert long_tail(frame, tail()).layout.xaxis.type == "log"


@pytest.mark.parametrize("slope", [0.024, -0.024])
def test_the_line_has_the_slope_a_doubling_and_the_band_its_interval(slope):
    figure = long_tail(classes(n_train=COUNTS), tail(slope))
    (line,) = [t for t in figure.data if t.name == "slope"]
    doublings = np.log2(line.x[-1]) - np.log2(line.x[0])
    assert doublings == pytest.approx(3)
    assert (line.y[-1] - line.y[0]) / doublings == pytest.approx(100 * slope)
    (band,) = [t for t in figure.data if t.name.startswith("95 %")]
    half = len(band.x) // 2
    upper, lower = np.array(band.y[:half]), np.array(band.y[half:][::-1])
    assert (upper >= lower - 1e-12).all()
    assert upper[-1] - lower[-1] == pytest.approx(3 * doublings / 2)
    said = words(figure)
    assert f"{100 * slope:+.2f} points a doubling of training images" in said
    assert "p = 0.002, over runs and images" in said


def test_without_a_slope_the_classes_stand_alone():
    figure = long_tail(classes(n_train=COUNTS), tail(np.nan))
    assert [t.name for t in figure.data] == ["class"]
    assert words(figure) == "No slope."


@pytest.mark.parametrize("counts", [np.nan, 150.0, 0])
def test_unknown_or_equal_counts_as_of_a_rotated_tail_are_said(counts):
    figure = long_tail(classes(n_train=counts), tail())
    said = reason(figure)
    assert "not known, or equally many, as where the tail is rotated over the seeds" in said


def test_classes_without_training_images_are_left_out():
    (points,) = [
        t for t in long_tail(classes(n_train=[0, 200, 400, 800]), tail()).data if t.name == "class"
    ]
    assert list(points.x) == COUNTS[1:]


# --- by value -------------------------------------------------------------------------------------
def values(names=("more", "less", "same", "unknown"), **columns):
    known = {
        "risk_difference": [0.1, -0.1, 0.01, 0.2],
        "risk_difference_low": [0.05, -0.15, -0.02, np.nan],
        "risk_difference_high": [0.15, -0.05, 0.04, np.nan],
        "contrast": [0.08, -0.12, 0.0, 0.1], "contrast_low": [0.03, -0.2, -0.1, np.nan],
        "contrast_high": [0.13, -0.04, 0.1, np.nan],
    }  # fmt: skip
    frame = pd.DataFrame(
        {"variant_id": "magnitude-0.90", "attribute": "kind", "value": list(names),
         "n_images": 50} | known | columns
    )  # fmt: skip
    return frame.reindex(columns=list(schema.ATTRIBUTES_COLUMNS))


def test_values_are_drawn_by_the_sign_of_their_interval():
    figure = risk_difference(values())
    drawn = {t.name: [row[1] for row in t.customdata] for t in figure.data}
    assert drawn == {
        "more than seeds make": ["more"], "fewer": ["less"],
        "not significant": ["same"], "no interval": ["unknown"],
    }  # fmt: skip
    assert len({(t.marker.symbol, t.marker.color) for t in figure.data}) == 4
    (more,) = [t for t in figure.data if t.name == "more than seeds make"]
    assert ends(more) == [pytest.approx((10, 5, 15))]
    assert "Images of 1 of 4 values are likelier to be PIEs than seeds alone make them, of 1 " in (
        words(figure)
    )


def test_the_largest_differences_of_either_sign_are_kept_in_the_tables_order():
    n = 100
    size = np.concatenate(
        [np.linspace(0.5, 0.41, 10), np.full(80, 0.0), -np.linspace(0.41, 0.5, 10)]
    )
    frame = values(
        [f"v{i}" for i in range(n)], risk_difference=size, risk_difference_low=size - 0.01,
        risk_difference_high=size + 0.01, contrast=size, contrast_low=size, contrast_high=size,
    )  # fmt: skip
    figure = risk_difference(frame)
    shown = [text.rpartition("v")[2] for text in figure.layout.yaxis.ticktext]
    assert {str(i) for i in (*range(10), *range(90, 100))} <= set(shown)
    assert [int(one) for one in shown] == sorted(int(one) for one in shown)
    assert "20 values with smaller differences are not shown" in words(figure)


def test_without_halves_by_value_the_figure_says_why():
    assert "takes two dense runs" in reason(risk_difference(values(risk_difference=np.nan)))
    assert "takes two dense runs" in reason(risk_difference(values().iloc[:0]))


def test_several_variants_are_refused():
    both = pd.concat([values(), values(variant_id="int8-static")])
    with pytest.raises(ValueError, match="one variant"):
        risk_difference(both)


# --- by tenth -------------------------------------------------------------------------------------
def tenths(**columns):
    excess = np.linspace(-0.1, 0.2, 10)
    return pd.DataFrame(
        {"variant_id": "magnitude-0.90", "attribute": "size", "decile": range(1, 11),
         "from_value": np.arange(10.0), "to_value": np.arange(1.0, 11.0), "n_images": 20,
         "excess": excess, "excess_low": excess - 0.05, "excess_high": excess + 0.04} | columns
    )  # fmt: skip


def test_tenths_stand_in_order_with_their_interval_on_either_side_of_0():
    (points,) = deciles(tenths()).data
    assert list(points.x) == list(range(1, 11))
    assert [value for value, *_ in ends(points, "y")] == pytest.approx(
        (100 * tenths()["excess"]).tolist()
    )
    for value, low, high in ends(points, "y"):
        assert (low, high) == pytest.approx((value - 5, value + 4))
    assert tuple(points.customdata[0][:2]) == (0, 1)
    assert deciles(tenths()).layout.title.text == "PIE excess by size"
    assert [shape.y0 for shape in deciles(tenths()).layout.shapes] == [0]


def test_tenths_without_an_interval_have_no_whisker():
    (points,) = deciles(tenths(excess_low=np.nan, excess_high=np.nan)).data
    assert set(points.error_y.array) == set(points.error_y.arrayminus) == {0}


def test_without_an_excess_by_tenth_the_figure_says_why():
    assert "seed noise takes two dense runs" in reason(deciles(tenths(excess=np.nan)))
    assert "seed noise takes two dense runs" in reason(deciles(tenths().iloc[:0]))


# --- all ------------------------------------------------------------------------------------------
def test_clicks_carry_names_as_they_are_in_the_data():
    names = list(HOSTILE)
    n = len(names)
    by_class = classes(names, n_train=[10 * (i + 1) for i in range(n)])
    for figure in (not_worse(by_class), long_tail(by_class, tail())):
        found = {row[0] for t in figure.data if t.customdata is not None for row in t.customdata}
        assert found == set(names)
    rows = values()
    rows = pd.concat([rows] * 2).head(n).reset_index(drop=True).assign(value=names, attribute=names)
    figure = risk_difference(rows)
    assert {tuple(row[:2]) for t in figure.data for row in t.customdata} == {
        (name, name) for name in names
    }


def test_the_footnote_stands_below_each():
    frame = classes(n_train=COUNTS)
    for figure in (
        not_worse(frame, note="Sweep made"), long_tail(frame, tail(), note="Sweep made"),
        risk_difference(values(), note="Sweep made"), deciles(tenths(), note="Sweep made"),
        deciles(tenths().iloc[:0], note="Sweep made"),
    ):  # fmt: skip
        assert "Sweep made" in [one.text for one in figure.layout.annotations]
