"""What the page Map is sent and what it reads: colours, shapes, density, and hostile events."""

import base64
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analysis.figures.theme import GREY
from dashboard.map import coloring, component, shapes
from dashboard.map.coloring import Coloring
from dashboard.views import map as view

SQUARE = [[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]]


def test_the_points_within_a_shape():
    placed = np.array([[0.5, 0.5], [0.1, 0.5], [0.79, 0.21], [0.9, 0.9]], np.float32)
    corners = shapes.read_corners(SQUARE)
    assert shapes.inside(placed, corners).tolist() == [0, 2]
    assert shapes.inside(placed, corners[::-1]).tolist() == [0, 2]
    # Edges that cross: what lies in both loops is without.
    bow = shapes.read_corners([[0, 0], [1, 1], [1, 0], [0, 1]])
    beside = np.array([[0.5, 0.9], [0.1, 0.5], [0.9, 0.5], [0.5, 0.1]], np.float32)
    assert shapes.inside(beside, bow).tolist() == [1, 2]


def test_shapes_agree_with_a_circle():
    placed = np.random.default_rng(0).random((5000, 2)).astype(np.float32)
    turns = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    corners = 0.5 + 0.3 * np.column_stack([np.cos(turns), np.sin(turns)])
    far = np.linalg.norm(placed - 0.5, axis=1)
    found = np.zeros(5000, bool)
    found[shapes.inside(placed, corners)] = True
    sure = np.abs(far - 0.3) > 0.001
    assert np.array_equal(found[sure], far[sure] < 0.3)


@pytest.mark.parametrize(
    "points",
    [
        None, "x", {}, [], SQUARE[:2], [[0, 0]] * 2001, [[0, 0], [1], [1, 1]],
        [[0, 0], ["<b>", 1], [1, 1]], [[0, 0], [None, 1], [1, 1]], [[0, 0], [True, 1], [1, 1]],
        [[0, 0], [float("nan"), 1], [1, 1]], [[0, 0], [float("inf"), 1], [1, 1]],
        [[0, 0], [10**400, 1], [1, 1]], [[0, 0], [1e300, 1], [1, 1]], [0, 1, 2],
    ],
)  # fmt: skip
def test_what_is_no_shape_selects_nothing(points):
    assert shapes.read_corners(points) is None
    placed = np.full((3, 2), 0.5, np.float32)
    colored = Coloring(np.zeros(3, np.uint8), [GREY], ["all"])
    assert view._meant({"type": "shape", "points": points}, placed, colored) is None


@pytest.mark.parametrize(
    "event",
    [None, 1, {}, {"type": "<script>"}, {"type": "code", "code": 7}, {"type": "code", "code": -1},
     {"type": "code", "code": "0"}, {"type": "code"}],
)  # fmt: skip
def test_what_is_no_event_selects_nothing(event):
    placed = np.full((3, 2), 0.5, np.float32)
    colored = Coloring(np.zeros(3, np.uint8), [GREY], ["all"])
    assert view._meant(event, placed, colored) is None
    assert view._meant({"type": "code", "code": 0}, placed, colored).tolist() == [0, 1, 2]


def test_the_largest_groups_have_a_colour_each():
    names = [f"<b>{i}" for i in range(14)]
    values = np.repeat(np.arange(14), np.arange(14, 0, -1))
    values = np.append(values, -1)
    found = coloring._of_groups(values, names)
    assert found.labels == ["others", *names[:10]]
    assert len(found.colors) == len(set(found.colors)) == 11
    assert (found.codes == 0).sum() == sum(range(1, 5)) + 1
    assert (found.codes[values == 3] == 4).all()
    few = coloring._of_groups(np.array([0, 1, 1]), ["a", "b", "never"])
    assert few.labels == ["a", "b"]
    assert few.codes.tolist() == [0, 1, 1]
    unknown = coloring._of_groups(np.array([0, -1]), ["a"])
    assert unknown.labels == ["no value", "a"]


def test_numbers_have_a_scale_and_what_is_not_known_is_grey():
    values = np.append(np.linspace(-1, 3, 99), np.nan)
    found = coloring._of_values(values)
    assert found.labels == []
    assert found.low == pytest.approx(-1, abs=0.1)
    assert found.high == pytest.approx(3, abs=0.1)
    assert found.n_unknown == 1
    assert found.codes[-1] == 0
    assert (np.diff(found.codes[:99].astype(int)) >= 0).all()
    assert len(found.colors) == found.codes.max() + 1
    centred = coloring._of_values(values, is_centred=True)
    assert centred.low == -centred.high
    assert coloring._of_values(np.full(4, np.nan)).labels == ["not known"]
    same = coloring._of_values(np.ones(4))
    assert (same.low, same.high) == (1, 1)


def _numbers(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


def test_what_is_sent_is_small_and_says_each_point():
    placed = np.random.default_rng(0).random((50, 2)).astype(np.float32)
    colored = Coloring((np.arange(50) % 3).astype(np.uint8), ["#000000"] * 3, ["a", "<b>", "c"])
    shown = np.arange(50) != 7
    chosen = np.arange(50) < 10
    sent = component.map_data(placed, shown, colored, chosen, "<script>")
    ids = _numbers(sent["ids"], "<u4")
    assert sorted(ids.tolist()) == [i for i in range(50) if i != 7]
    codes = _numbers(sent["codes"], np.uint8)
    assert (np.diff(codes.astype(int)) >= 0).all()
    assert np.array_equal(codes, colored.codes[ids])
    places = _numbers(sent["places"], "<u2").reshape(-1, 2) / 65_535
    assert np.allclose(places, placed[ids], atol=1e-4)
    assert np.array_equal(_numbers(sent["chosen"], np.uint8) == 1, ids < 10)
    assert [one["label"] for one in sent["legend"]] == ["a", "<b>", "c"]
    assert sent["density"] is None
    scale = Coloring(colored.codes, colored.colors, [], 0.0, 1.0)
    mixed = component.map_data(placed, shown, scale, None, "made")
    assert sorted(_numbers(mixed["ids"], "<u4").tolist()) == sorted(ids.tolist())
    assert (np.diff(_numbers(mixed["codes"], np.uint8).astype(int)) < 0).any()
    again = component.map_data(placed, shown, colored, None, "<script>")
    assert again["version"] != sent["version"]


def test_of_very_many_points_a_sample_is_drawn_beside_their_density(monkeypatch):
    monkeypatch.setattr(component, "MOST_LAID_OUT", 100)
    placed = np.random.default_rng(0).random((1000, 2)).astype(np.float32)
    colored = Coloring(np.zeros(1000, np.uint8), [GREY], ["all"])
    chosen = np.arange(1000) >= 980
    sent = component.map_data(placed, np.ones(1000, bool), colored, chosen, "made")
    ids = _numbers(sent["ids"], "<u4")
    assert 100 <= len(ids) <= 120
    assert set(range(980, 1000)) <= set(ids.tolist())
    assert (sent["n_drawn"], sent["n_shown"]) == (len(ids), 1000)
    picture = Image.open(io.BytesIO(base64.b64decode(sent["density"].partition(",")[2])))
    opacity = np.asarray(picture)[..., 3]
    assert (opacity > 0).sum() > 900
    same = component.map_data(placed, np.ones(1000, bool), colored, chosen, "made")
    assert same["version"] == sent["version"]


def test_categories_of_metadata_are_groups():
    values = pd.Categorical(["x", None, "y", "x"])
    found = coloring._of_groups(np.asarray(values.codes, np.int64), list(values.categories))
    assert found.labels == ["no value", "x", "y"]
    assert found.codes.tolist() == [1, 0, 2, 1]
