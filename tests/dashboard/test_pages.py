import json
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from analysis.results import SweepResults
from analysis.store import Cache
from analysis.store.join import join
from dashboard import data
from dashboard.gallery import slices
from dashboard.selection import Selection
from dashboard.sweeps import launch
from dashboard.sweeps.process import State
from tests.synthetic import by_hand, make_sweep, with_map

APP = str(Path(__file__).resolve().parents[2] / "dashboard" / "app.py")
PAGES = ("", "gallery", "classes", "curves", "compare", "attributes", "image", "export", "annotate")
ALL_PAGES = (*PAGES, "robustness", "map", "remedies")
HOSTILE = ("<script>alert(1)</script>", "**bold**", ":red[x]", ":smile: $x^2$", "=1+1")


def to_page(app, name):
    """AppTest.switch_page knows pages that are files; these are functions with an address."""
    app._page_hash = calc_hash(name)
    app.run()


@pytest.fixture
def open_page(tmp_path, monkeypatch):
    st.cache_resource.clear()
    monkeypatch.setenv("LETHE_CACHE", str(tmp_path))
    # A busy machine may take any time for what a page would go on without.
    monkeypatch.setattr(data, "PATIENCE", 120)

    def opened(page="", /, **params):
        app = AppTest.from_file(APP, default_timeout=60)
        for name, value in params.items():
            app.query_params[name] = value
        to_page(app, page)
        assert not app.exception, [e.value for e in app.exception]
        return app

    return opened


def told(app):
    return " ".join(element.value for element in (*app.error, *app.info, *app.warning))


def test_every_page_has_its_heading_and_no_error(tmp_path, open_page):
    with_map(make_sweep(tmp_path, shifts=("fog-3",)))
    for page in ALL_PAGES:
        app = open_page(page)
        assert app.title[0].value == (page or "overview").capitalize()
        assert not app.error
        assert not told(app)


@pytest.mark.parametrize("page", ALL_PAGES)
def test_an_empty_cache_says_how_to_make_a_sweep(open_page, page):
    app = open_page(page)
    assert "holds no sweep yet" in told(app)
    assert "analysis demo" in app.code[0].value
    assert not app.error


@pytest.mark.parametrize(
    "text", ["[]", "null", '{"schema_version": 99}', '{"schema_version": 1}', ""]
)
def test_any_damage_to_a_manifest_is_told(tmp_path, open_page, text):
    make_sweep(tmp_path)
    (tmp_path / "made" / "manifest.json").write_text(text)
    assert len(open_page().error) == 1


def test_a_damaged_sweep_does_not_hide_the_others(tmp_path, open_page):
    make_sweep(tmp_path, "a")
    make_sweep(tmp_path, "b")
    (tmp_path / "a" / "manifest.json").write_text("{")
    app = open_page()
    assert not app.error
    assert app.selectbox(key="widget-sweep").value == "b"
    assert "a (damaged)" in app.selectbox(key="widget-sweep").options


def test_a_sweep_without_its_manifest_is_named(tmp_path, open_page):
    make_sweep(tmp_path)
    (tmp_path / "made" / "manifest.json").unlink()
    app = open_page()
    assert len(app.error) == 1
    assert "no manifest" in app.error[0].value.replace("\\", "")


def undo(tmp_path, runs):
    path = tmp_path / "made" / "manifest.json"
    manifest = by_hand(path)
    for variant_id, seed in runs:
        manifest["runs"][variant_id][str(seed)]["state"] = "planned"
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize("page", ["", "gallery"])
def test_a_half_finished_sweep_shows_what_is_there(tmp_path, open_page, page):
    make_sweep(tmp_path)
    undo(tmp_path, [("int8-static", s) for s in range(6)] + [("magnitude-0.90", 4)])
    app = open_page(page)
    assert not app.error
    assert app.selectbox(key="widget-sweep").options == ["made (17 of 24 runs)"]


@pytest.mark.parametrize("page", ["gallery", "classes", "curves"])
def test_dense_alone_says_that_nothing_is_there_to_hold_against_it(tmp_path, open_page, page):
    make_sweep(tmp_path)
    others = ("magnitude-0.50", "magnitude-0.90", "int8-static")
    undo(tmp_path, [(v, s) for v in others for s in range(6)])
    app = open_page(page)
    assert not app.error
    assert "No compressed variant" in told(app)


def test_one_run_a_variant_is_shown_without_tests(tmp_path, open_page):
    make_sweep(tmp_path, seeds=1)
    app = open_page()
    assert not app.error
    assert "K = 1" in told(app)


def test_a_demo_that_is_starting_is_announced(open_page, monkeypatch):
    monkeypatch.setattr(launch, "state", lambda: State("demo", is_running=True))
    app = open_page("gallery")
    assert "demo sweep is starting" in told(app)
    assert not app.code


def test_a_demo_that_failed_says_why_once(open_page, monkeypatch):
    monkeypatch.setattr(launch, "state", lambda: State("demo", failure="disk full"))
    app = open_page()
    assert [element.value for element in app.error] == [
        "Sweep demo stopped before its end\\. disk full"
    ]


@pytest.mark.parametrize("page", PAGES)
def test_a_running_sweep_shows_its_progress_on_every_page(tmp_path, open_page, page):
    folder = make_sweep(tmp_path)
    undo(tmp_path, [("int8-static", s) for s in range(4)])
    with folder.locked():
        app = open_page(page)
    assert not app.error
    texts = [element.proto.text for element in app.get("progress")]
    assert "Sweep made is running\\: 20 of 24 runs" in texts
    assert "int8\\-static\\: 2 of 6" in texts


def test_unknown_values_in_the_address_are_noted(tmp_path, open_page):
    make_sweep(tmp_path)
    app = open_page(sweep="nope", variant="magnitude-0.77", per_page="0")
    assert len(app.info) == 3, told(app)
    assert not app.error


def test_the_variant_goes_along_to_another_page(tmp_path, open_page):
    make_sweep(tmp_path)
    app = open_page("gallery")
    app.selectbox(key="widget-method").select("int8-static").run()
    assert app.query_params["method"] == "int8-static"
    to_page(app, "classes")
    assert app.selectbox(key="widget-method").value == "int8-static"
    assert app.query_params["method"] in ("int8-static", ["int8-static"])


def test_a_filter_is_written_to_the_address(tmp_path, open_page):
    make_sweep(tmp_path)
    app = open_page("gallery")
    app.radio(key="widget-population").set_value("all").run()
    app.multiselect(key="widget-class").set_value(["bee"]).run()
    assert app.query_params["population"] == "all"
    assert app.query_params["class"] == "bee"
    assert app.radio(key="widget-population").value == "all"


def test_a_tag_is_given_to_what_was_found_and_filters(tmp_path, open_page):
    folder = make_sweep(tmp_path)
    app = open_page("gallery")
    n_pies = len(SweepResults(folder).pies("magnitude-0.90"))
    app.session_state["gallery-tag"] = True
    app.run()
    app.text_input(key="tag-name").set_value("odd").run()
    app.button(key="tag-give").click().run()
    assert len(folder.marks.read().tags["odd"]) == n_pies
    app.multiselect(key="widget-tag").set_value(["odd"]).run()
    assert app.query_params["tag"] == "odd"
    app.session_state["gallery-tag"] = True
    app.run()
    app.button(key="tag-remove-odd").click().run()
    assert folder.marks.read().tags == {}
    assert "is not available here" in told(app)


def test_a_name_that_cannot_be_kept_is_told(tmp_path, open_page):
    folder = make_sweep(tmp_path)
    app = open_page("gallery")
    app.session_state["gallery-tag"] = True
    app.run()
    app.button(key="tag-give").click().run()
    assert "a tag needs a name" in told(app)
    assert folder.marks.stamp() == ""


def test_damaged_tags_are_told_and_the_gallery_stays(tmp_path, open_page):
    folder = make_sweep(tmp_path)
    folder.marks.tag("odd", [1])
    (tmp_path / "made" / "marks" / "marks.json").write_text("{")
    app = open_page("gallery")
    assert "marks\\.json is damaged" in told(app)
    assert app.radio(key="widget-population").value == "pies"


def test_read_only_offers_no_tags_and_keeps_no_view(tmp_path, open_page, monkeypatch):
    make_sweep(tmp_path).marks.save_view("mine", {"kind": ["forgotten"]})
    monkeypatch.setenv("LETHE_READ_ONLY", "1")
    app = open_page("gallery")
    app.session_state["gallery-views"] = True
    app.run()
    keys = {button.key for button in app.button}
    assert {"view-mine", "select-all"} <= keys
    assert not keys & {"tag-give", "view-keep", "view-forget-mine"}
    app.button(key="view-mine").click().run()
    assert app.query_params["kind"] == "forgotten"


def test_images_left_out_are_named(tmp_path, open_page):
    folder = make_sweep(tmp_path)
    manifest = folder.manifest()
    manifest.left_out = [{"file": "ant/<b>.png", "reason": "cannot be read"}]
    folder.write_manifest(manifest)
    app = open_page()
    assert "1 file was left out" in app.expander[0].label
    assert "ant/<b>.png" in app.dataframe[0].value["File"].tolist()


def test_a_new_run_shows_up_without_a_restart(tmp_path, open_page):
    make_sweep(tmp_path)
    undo(tmp_path, [("int8-static", s) for s in range(6)])
    app = open_page("export")
    assert "int8-static" not in app.dataframe[0].value["variant_id"].tolist()
    make_sweep(tmp_path)
    app.run()
    assert "int8-static" in app.dataframe[0].value["variant_id"].tolist()


def test_the_cache_of_the_test_is_what_the_app_reads(tmp_path, open_page):
    make_sweep(tmp_path, "only")
    assert open_page().selectbox(key="widget-sweep").options == ["only"]
    assert Cache(tmp_path).names() == ["only"]


@pytest.mark.parametrize("sort", ["stability", "breaking_point", "dense_vote_entropy"])
def test_the_gallery_sorts_by_what_is_computed_beside_it(tmp_path, open_page, sort):
    make_sweep(tmp_path)
    app = open_page("gallery", sort=sort)
    assert not app.error
    assert not told(app)
    assert not any("is being computed" in caption.value for caption in app.caption)


def test_a_stability_that_takes_long_is_announced_and_then_shown(tmp_path, open_page, monkeypatch):
    make_sweep(tmp_path)
    finish = threading.Event()
    compute = SweepResults.stability

    def slowly(self, *args, **kwargs):
        finish.wait(30)
        return compute(self, *args, **kwargs)

    monkeypatch.setattr(SweepResults, "stability", slowly)
    monkeypatch.setattr(data, "PATIENCE", 0.1)
    app = open_page("gallery", sort="stability")
    assert any("is being computed" in caption.value for caption in app.caption)
    finish.set()
    monkeypatch.setattr(data, "PATIENCE", 120)
    app.run()
    assert not any("is being computed" in caption.value for caption in app.caption)


def test_one_run_a_variant_has_no_stability_and_the_gallery_says_why(tmp_path, open_page):
    make_sweep(tmp_path, seeds=1)
    app = open_page("gallery", sort="stability", population="all")
    assert any("needs two runs" in caption.value for caption in app.caption)


def test_the_image_page_is_of_the_image_that_was_open_and_steps_as_the_gallery_is_sorted(
    tmp_path, open_page
):
    folder = make_sweep(tmp_path)
    ids = SweepResults(folder).pies("magnitude-0.90")["image_id"].tolist()
    app = open_page("gallery", image=str(ids[1]))
    to_page(app, "image")
    assert app.number_input(key="widget-image").value == ids[1]
    (following,) = (button for button in app.button if button.label == "Next")
    following.click().run()
    assert app.number_input(key="widget-image").value == ids[2]
    assert not app.error


def test_the_image_page_takes_the_first_of_the_gallery_where_none_was_open(tmp_path, open_page):
    folder = make_sweep(tmp_path)
    first = SweepResults(folder).pies("magnitude-0.90")["image_id"].iloc[0]
    assert open_page("image").number_input(key="widget-image").value == first


def test_compare_counts_what_the_overlap_table_counts(tmp_path, open_page):
    folder = make_sweep(tmp_path)
    app = open_page("compare", variant="magnitude-0.90")
    other = app.selectbox(key="local-other").value
    table = SweepResults(folder).overlap().set_index(["variant_id", "other_variant_id"])
    row = table.loc[("magnitude-0.90", other)]
    words = " ".join(element.value for element in app.markdown)
    assert f"**{row['n_both']:.0f}** of {row['n_either']:.0f} images are PIEs of both" in words


def test_compare_needs_two_compressed_variants(tmp_path, open_page):
    make_sweep(tmp_path, variants=("magnitude=0.9",))
    assert "takes two compressed variants" in told(open_page("compare"))


def test_attributes_shows_every_value_beside_the_aa_pies(tmp_path, open_page):
    make_sweep(tmp_path)
    app = open_page("attributes")
    shown = app.dataframe[0].value
    assert sorted(shown["value"]) == ["blur", "none"]
    assert {"over_representation", "aa_over_representation"} <= set(shown.columns)
    assert set(app.dataframe[1].value["value"]) == {"blur", "none"}


def test_attributes_without_metadata_says_how_to_bring_some(tmp_path, open_page):
    folder = make_sweep(tmp_path)
    images = folder.read_images().drop_columns(["meta_planted"])
    manifest = folder.manifest()
    manifest.files["images.parquet"] = folder.write_images(images)
    folder.write_manifest(manifest)
    app = open_page("attributes")
    assert "no metadata" in told(app)
    assert "join" in app.code[0].value


def test_a_numeric_attribute_is_held_against_non_pies_of_the_same_classes(tmp_path, open_page):
    folder = make_sweep(tmp_path)
    frame = pd.DataFrame({"image_id": range(200), "sharpness": np.linspace(0, 1, 200)})
    join(folder, frame)
    app = open_page("attributes")
    app.selectbox(key="local-attribute").select("sharpness").run()
    assert [metric.label for metric in app.metric] == [
        "On PIEs", "On non-PIEs", "Non-PIEs of the same classes",
    ]  # fmt: skip
    assert not app.error


def test_a_slice_that_was_found_filters_the_gallery_by_its_key(tmp_path, open_page):
    results = SweepResults(make_sweep(tmp_path))
    assert slices.names(results, ("class/0", "class/77", "class/", "none")) == ["class/0"]
    selection = Selection(slices=("class/0", "class/77"))
    assert (slices.masks(results, selection)["slice"] == (results.label == 0)).all()
    app = open_page("gallery", slice="class/0", population="all")
    assert not told(app)
    assert app.multiselect(key="widget-slice").value == ["class/0"]
