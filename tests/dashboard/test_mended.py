"""What once was wrong on the screen and must not come back.

Missing cells, numbers of images as attributes, marks that led nowhere, pairs that could not be
found.
"""

from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import pytest
import streamlit as st

import dashboard
from analysis.figures.breaking_points import breaking_points
from analysis.figures.confusion import label_pairs
from analysis.figures.curves import metric_curve
from analysis.figures.overlap import pie_overlap
from analysis.figures.pies import pie_kinds, pie_share
from analysis.presentation.formatting import NOTHING
from analysis.results import SweepResults
from analysis.store.join import join
from dashboard import links, pages, state
from dashboard.context import Context
from dashboard.frames import frame
from dashboard.selection import Selection
from tests.dashboard.test_pages import open_page as open_page
from tests.synthetic import make_sweep

NAMES = [f"kind {i:02d}" for i in range(50)]


# --- missing cells ------------------------------------------------------------------------------
def test_what_is_missing_is_a_dash_in_every_table(monkeypatch):
    drawn = {}
    monkeypatch.setattr(st, "dataframe", lambda shown, **more: drawn.update(more, shown=shown))
    table = pd.DataFrame({"a": [1.0, None], "b": ["x", None]})
    frame(table, height=200)
    assert drawn == {"shown": table, "placeholder": NOTHING, "hide_index": True, "height": 200}


def test_no_page_draws_a_table_of_its_own():
    for path in Path(dashboard.__file__).parent.rglob("*.py"):
        if path.name != "frames.py":
            text = path.read_text(encoding="utf-8")
            assert "st.dataframe(" not in text, path
            assert "st.table(" not in text, path


# --- numbers of images --------------------------------------------------------------------------
@pytest.mark.parametrize("more", [{}, {"size": [i % 7 for i in range(200)]}])
def test_attributes_never_open_on_what_numbers_the_images(tmp_path, open_page, more):
    folder = make_sweep(tmp_path)
    images = folder.read_images()
    kept = [name for name in images.column_names if not name.startswith("meta_")]
    manifest = folder.manifest()
    manifest.files["images.parquet"] = folder.write_images(images.select(kept))
    folder.write_manifest(manifest)
    join(folder, pd.DataFrame({"image_id": range(200), "index": range(200), **more}))
    app = open_page("attributes")
    (chosen,) = (one for one in app.selectbox if one.label == "Attribute")
    assert chosen.value is None
    assert "index" in chosen.options
    assert not any("Mean of index" in one.value for one in app.header)


# --- marks --------------------------------------------------------------------------------------
@pytest.fixture
def opened(tmp_path, monkeypatch):
    """A context, and the selections with which the gallery was opened."""
    folder = make_sweep(tmp_path, variants=("magnitude=0.5,0.9", "int8-static"))
    results, found = SweepResults(folder), []
    monkeypatch.setattr(pages, "page", lambda name: name)
    monkeypatch.setattr(state, "open_page", lambda page, chosen, _: found.append((page, chosen)))
    selection = Selection(sweep="made", variant="magnitude-0.90", tags=("odd",), page=3)
    return Context(results, selection, None, ()), found


def marks(figure: go.Figure):
    """What clicking each mark of a figure hands over."""
    for trace in figure.data:
        data = trace.customdata
        if data is None:
            continue
        rows = data if trace.type != "heatmap" else [cell for row in data for cell in row]
        yield from ({"customdata": list(one)} for one in rows if one is not None)


def gone_to(found):
    """The selection of the last opening, which keeps no filter of the page that was left."""
    page, chosen = found[-1]
    assert page == "gallery"
    assert (chosen.sweep, chosen.tags, chosen.page) == ("made", (), 1)
    return chosen


def test_every_mark_of_the_pie_share_opens_its_variant(opened):
    context, found = opened
    for point in marks(pie_share(context.results.summary())):
        links.open_variant(context, point)
    assert {gone_to(found[: i + 1]).variant for i in range(len(found))} == set(
        context.results.compressed_ids
    )


def test_every_mark_of_the_kinds_opens_variant_and_kind(opened):
    context, found = opened
    for point in marks(pie_kinds(context.results.summary())):
        links.open_kind(context, point)
    chosen = [gone_to(found[: i + 1]) for i in range(len(found))]
    assert {one.variant for one in chosen} == set(context.results.compressed_ids)
    assert {one.kinds for one in chosen} == {("forgotten",), ("recovered",), ("changed",)}


def test_every_cell_of_the_overlap_opens_what_both_are_pies_of(opened):
    context, found = opened
    for point in marks(pie_overlap(context.results.overlap())):
        links.open_overlap(context, point)
        chosen = gone_to(found)
        one, other = point["customdata"][:2]
        assert chosen.variant == one
        assert chosen.pie_in == (() if one == other else (other,))
    assert found


def test_every_point_of_a_curve_opens_the_variant_nearest_to_it(opened):
    context, found = opened
    curves = context.results.curves()
    for point in marks(metric_curve(curves[curves["metric"] == "top1"], metric="top1")):
        links.open_on_curve(context, point)
    assert {chosen.variant for _, chosen in found} >= {"magnitude-0.50", "magnitude-0.90"}


def test_every_bar_of_the_breaking_points_opens_its_images(opened):
    context, found = opened
    for point in marks(breaking_points(context.results.breaking_points())):
        links.open_breaking_point(context, point)
    assert found
    for _, chosen in found:
        (one,) = chosen.ranges
        assert (one.column, chosen.population) == ("breaking_point", "all")


# --- label pairs --------------------------------------------------------------------------------
def test_label_pairs_are_searched_in_both_classes_and_told_how_many(tmp_path, open_page):
    folder = make_sweep(tmp_path, n_images=600, class_names=NAMES)
    results = SweepResults(folder)
    pairs = label_pairs(results.pies("magnitude-0.90"), class_names=NAMES)
    wanted = str(pairs["dense"].iloc[0])
    expected = pairs[
        (pairs["dense"].astype(str) == wanted) | (pairs["variant"].astype(str) == wanted)
    ]
    app = open_page("classes", variant="magnitude-0.90", pair=wanted.upper())
    (table,) = (one.value for one in app.dataframe if "Of all PIEs" in one.proto.columns)
    assert table["dense"].tolist() == expected["dense"].astype(str).tolist()
    assert table["n_pies"].tolist() == expected["n_pies"].tolist()
    captions = " ".join(one.value for one in app.caption)
    assert f"{len(expected)} of {len(pairs)} pairs" in captions
    app = open_page("classes", variant="magnitude-0.90", pair="[.*")
    assert "No class of a pair has" in " ".join(one.value for one in app.caption)
    assert not app.error
