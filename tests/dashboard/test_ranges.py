import numpy as np
import pytest

from analysis.results import SweepResults
from dashboard.gallery.query import ImageIndex, find
from dashboard.gallery.range_keys import COLUMNS, Range, histogram, scale_of, sort_of_range
from dashboard.gallery.ranges import bars
from dashboard.gallery.tiles import chips
from dashboard.selection import Selection
from tests.dashboard.test_pages import HOSTILE, told
from tests.dashboard.test_pages import open_page as open_page
from tests.synthetic import make_sweep

LIGHT = "meta_light"


def sweep(tmp_path, name=LIGHT):
    values = [None if i % 9 == 0 else i / 7 for i in range(200)]
    return make_sweep(
        tmp_path, metadata={name: values, "meta_on": [i % 2 == 0 for i in range(200)]}
    )


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, (0.0, 1.0, 0.01)),
        (0.1403, 0.9987, (0.14, 1.0, 0.01)),
        (-0.371, 0.5804, (-0.37999, 0.59, 0.01)),
        (3, 90_000, (0, 90_000, 1000)),
        (1e-9, 9e-9, (1e-9, 9e-9, 1e-10)),
    ],
)
def test_a_scale_is_round_and_holds_every_value(low, high, expected):
    scale = scale_of(np.array([high, np.nan, low]))
    assert scale.low <= low <= high <= scale.high
    assert scale.step == pytest.approx(expected[2])
    assert scale.low == pytest.approx(expected[0], abs=2 * scale.step)
    assert scale.high == pytest.approx(expected[1], abs=2 * scale.step)
    assert round(scale.low, scale.digits) == scale.low
    assert sum(histogram(np.array([high, np.nan, low]), scale)) == 2


@pytest.mark.parametrize("values", [[], [np.nan], [0.5, 0.5, np.nan]])
def test_values_that_do_not_differ_have_no_scale(values):
    assert scale_of(np.array(values)) is None


def test_a_histogram_names_what_it_shows_and_no_markup_gets_through():
    values = np.array([0.0, 0.2, 0.2, 1.0, np.nan])
    drawn = bars(values, scale_of(values), (0.0, 0.5), HOSTILE[0])
    assert drawn.count("lethe-bin") == 24
    assert 0 < drawn.count("lethe-in") < 24
    assert "<script" not in drawn
    assert "4 images between 0 and 1" in drawn


def test_a_range_keeps_its_ends_and_leaves_out_what_is_not_known():
    values = np.array([0.1, np.nan, 0.2, 0.3, 0.4])
    assert Range("kl", 0.2, 0.3).holds(values).tolist() == [False, False, True, True, False]


def test_ranges_filter_together_and_know_the_images_without_them(tmp_path):
    results = SweepResults(sweep(tmp_path))
    index = ImageIndex.from_frame(results.images("magnitude-0.90"))
    numbers = {"margin": results.images("magnitude-0.90")["margin"].to_numpy()}
    numbers[LIGHT] = results.metadata()[LIGHT].to_numpy(float)
    asked = (Range("margin", 0.3, 0.9), Range(LIGHT, 5.0, 20.0), Range("stability", 0.0, 0.1))
    selection = Selection(population="all", ranges=asked, sort="image_id", order="asc")
    found = find(index, selection, results.class_names, {}, numbers=numbers)
    margin, light = (one.holds(numbers[one.column]) for one in asked[:2])
    assert found.ids.tolist() == np.flatnonzero(margin & light).tolist()
    assert found.without("range:margin", len(index)).tolist() == light.tolist()
    assert len(chips(selection)) == 4


@pytest.mark.parametrize("column", [*COLUMNS, LIGHT])
def test_every_range_can_be_moved_and_sorted_by(tmp_path, open_page, column):
    sweep(tmp_path)
    sort = sort_of_range(column).key
    app = open_page("gallery", population="all", variant="magnitude-0.90", sort=sort)
    assert not app.error, told(app)
    assert app.selectbox(key="widget-sort").value == sort
    sliders = [one for one in app.slider if one.key == f"widget-range-{column}"]
    if column == "kl":  # Of pruned runs, which are not paired, it is not known.
        assert not sliders
        return
    (slider,) = sliders
    slider.set_value((slider.min, (slider.min + slider.max) / 2)).run()
    assert f"{column}:" in str(app.query_params["range"])
    assert not app.error, told(app)
    (slider,) = [one for one in app.slider if one.key == f"widget-range-{column}"]
    slider.set_value((slider.min, slider.max)).run()
    assert "range" not in app.query_params


def test_a_range_of_what_is_not_known_says_so(tmp_path, open_page):
    sweep(tmp_path)
    app = open_page("gallery", variant="magnitude-0.90", range="kl:0..1")
    assert not app.error
    assert any("range of KL from dense leaves no image out" in one.value for one in app.caption)


def test_numbers_alone_can_be_ranges_of_metadata(tmp_path, open_page):
    sweep(tmp_path, name=f"meta_{HOSTILE[1]}")
    app = open_page(
        "gallery", range=[f"meta_{HOSTILE[1]}:0..9", "meta_on:0..1", "meta_planted:0..1"]
    )
    assert len(app.info) == 2, told(app)
    assert not app.error
