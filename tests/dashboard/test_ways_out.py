"""What leaves the pages: images, figures as JSON, tables as code, the whole report."""

import io
import zipfile

import numpy as np
import pandas as pd
import plotly.io
import pyarrow as pa
import pytest

from analysis import schema
from analysis.errors import UserError
from analysis.export import formats
from analysis.figures.files import FigureExportError, figure_bytes
from analysis.figures.pies import pie_share
from analysis.results import TABLES, SweepResults, load_sweep
from analysis.results.code import table_code, where, where_contains, where_in
from analysis.stats.votes import TIE_RULES
from dashboard import export_panel, figure_panel, report_panel
from dashboard.views import export
from tests.dashboard.test_pages import ALL_PAGES, HOSTILE, open_page, to_page  # noqa: F401
from tests.sharing.conftest import rewrite, without_pictures
from tests.synthetic import make_sweep


@pytest.fixture
def offered(monkeypatch):
    """Every table shown with its code."""
    pairs = []

    def take(table, code):
        pairs.append((table, code))

    monkeypatch.setattr(figure_panel, "as_code", take)
    monkeypatch.setattr(export, "as_code", take)
    return pairs


def executed(code):
    names = {}
    exec(code, names)
    return names["table"].reset_index(drop=True)


def check(pairs):
    for table, code in pairs:
        pd.testing.assert_frame_equal(executed(code), table.reset_index(drop=True), obj=code)


# --- code -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "page", [page for page in ALL_PAGES if page not in ("gallery", "annotate", "map")]
)
def test_the_code_of_every_figure_gives_its_table(tmp_path, open_page, offered, page):  # noqa: F811
    folder = make_sweep(tmp_path, class_names=HOSTILE, seeds=4, shifts=("fog-3",))
    # What is computed beside the page would be there for the code, and for the page not yet.
    SweepResults(folder, ties="reference").inference.keep(lambda *_: None)
    app = open_page(page, ties="reference")
    assert not app.error
    assert offered
    check(offered)
    assert all("ties='reference'" in code for _, code in offered)


def test_the_code_follows_the_search_for_a_class(tmp_path, open_page, offered):  # noqa: F811
    make_sweep(tmp_path, class_names=HOSTILE, seeds=3)
    app = open_page("classes")
    offered.clear()
    app.text_input(key="local-search").set_value("$X^2").run()
    assert offered[0][0]["class_name"].tolist() == [":smile: $x^2$"]
    check(offered)


def test_the_code_names_the_most_changed_of_many_classes(tmp_path, open_page, offered):  # noqa: F811
    names = [f"class {i}" for i in range(130)]
    make_sweep(tmp_path, n_images=600, class_names=names, seeds=2)
    open_page("classes")
    assert any("most_changed" in code for _, code in offered)
    check(offered)


@pytest.mark.parametrize("variant", [export._ALL, "magnitude-0.90"])
def test_the_code_of_every_exported_table_gives_it(tmp_path, open_page, offered, variant):  # noqa: F811
    make_sweep(tmp_path, n_images=60, seeds=2)
    app = open_page("export")
    for table in TABLES:
        offered.clear()
        app.selectbox(key="export-table").set_value(table).run()
        chosen = app.selectbox(key=f"export-variant-{TABLES[table].has_dense}")
        if chosen.value != variant:
            offered.clear()
            chosen.set_value(variant).run()
        assert not app.exception, table
        # One table and one figure, each with its code.
        assert len(offered) == 2, table
        check(offered)


def test_the_code_of_every_exported_figure_gives_its_table(tmp_path, open_page, offered):  # noqa: F811
    make_sweep(tmp_path, n_images=60, seeds=2, shifts=("fog-3",))
    app = open_page("export")
    for name in app.selectbox(key="export-figure").options:
        app.selectbox(key="export-figure").set_value(name).run()
        assert not app.exception
    check(offered)
    assert len({code for _, code in offered}) > 8


def test_the_code_is_on_the_page(tmp_path, open_page):  # noqa: F811
    make_sweep(tmp_path)
    app = open_page("curves")
    assert any("load_sweep('made'" in one.value for one in app.code)


def test_values_of_the_code_are_literals(tmp_path):
    make_sweep(tmp_path, n_images=20, seeds=1)
    evil = "'); raise SystemExit #\n\u202e"
    results = load_sweep("made", cache=tmp_path)
    for ties in TIE_RULES:
        code = table_code(load_sweep("made", cache=tmp_path, ties=ties), "summary")
        code += where("variant_id", evil) + where_in("variant_id", [evil, np.int64(3)])
        code += where_contains("variant_id", evil)
        assert executed(code).empty
        assert "\u202e" not in code
    assert str(tmp_path) in table_code(results, "summary")


# --- figures as JSON --------------------------------------------------------------------------
def test_a_figure_as_json_is_read_back(tmp_path):
    make_sweep(tmp_path, n_images=60, seeds=2)
    drawn = pie_share(load_sweep("made", cache=tmp_path).summary(), note="note <b>")
    back = plotly.io.from_json(figure_bytes(drawn, "json").decode())
    assert back.layout.title.text == drawn.layout.title.text
    assert [trace.type for trace in back.data] == [trace.type for trace in drawn.data]
    assert figure_panel.PICTURES["json"] == "application/json"


# --- images -----------------------------------------------------------------------------------
@pytest.fixture
def made_bytes(monkeypatch):
    """Make what a download button would, of every panel drawn."""
    calls = []
    real = export_panel.st.download_button

    def button(label, data, **options):
        calls.append((label, data, options))
        return real(label, data, **options)

    monkeypatch.setattr(export_panel.st, "download_button", button)
    return lambda key: next(c for c in reversed(calls) if c[2]["key"].startswith(key))


def test_export_offers_the_pies_in_every_format(tmp_path, open_page, made_bytes):  # noqa: F811
    make_sweep(tmp_path)
    app = open_page("export")
    pies = load_sweep("made", cache=tmp_path).pies("magnitude-0.90")
    for name in formats():
        app.selectbox(key="ways-out-format-export").set_value(name).run()
        assert not app.exception
        label, data, options = made_bytes("ways-out-download-export")
        assert label == f"Download {len(pies)} images"
        assert options["file_name"] == f"made-magnitude-0.90-export{formats()[name].suffix}"
        assert data()
    app.selectbox(key="ways-out-format-export").set_value("zip").run()
    app.multiselect(key="export-images-class").set_value(["bee"]).run()
    _, data, _ = made_bytes("ways-out-download-export")
    with zipfile.ZipFile(io.BytesIO(data())) as archive:
        table = pd.read_csv(archive.open("images.csv"))
    assert table["image_id"].tolist() == pies[pies["label"] == 1]["image_id"].tolist()


def test_nothing_chosen_and_too_many_are_told_and_cannot_be_downloaded(
    tmp_path,
    open_page,  # noqa: F811
    made_bytes,
):
    make_sweep(tmp_path, n_images=300, class_names=("a", "b", "unused"), seeds=2)
    folder = load_sweep("made", cache=tmp_path).folder
    label = folder.read_images([schema.LABEL])[schema.LABEL].to_numpy()
    rewrite(folder, {schema.LABEL: pa.array(np.where(label == 2, 0, label).astype(np.int32))})
    app = open_page("export")
    app.multiselect(key="export-images-class").set_value(["unused"]).run()
    assert any("no image is chosen" in one.value.lower() for one in app.info)
    assert made_bytes("ways-out-download-export")[2]["disabled"]
    app.multiselect(key="export-images-class").set_value([]).run()
    app.selectbox(key="export-images-population").set_value("all").run()
    app.selectbox(key="ways-out-format-export").set_value("contact-sheet-png").run()
    assert any("takes 240 images at most" in one.value for one in app.info)
    assert made_bytes("ways-out-download-export")[2]["disabled"]


def test_more_than_a_browser_holds_is_for_the_command_line(
    tmp_path,
    open_page,  # noqa: F811
    made_bytes,
    monkeypatch,
):
    make_sweep(tmp_path, n_images=60, seeds=2)
    monkeypatch.setattr(export_panel, "_BROWSER_MOST", 3)
    app = open_page("export")
    assert any("analysis share" in told_plainly(one) for one in app.info)
    assert made_bytes("ways-out-download-export")[2]["disabled"]


def test_images_without_pictures_leave_as_a_table(tmp_path, open_page, made_bytes):  # noqa: F811
    folder = make_sweep(tmp_path, n_images=60, seeds=1)
    without_pictures(folder, list(range(60)))
    app = open_page("export")
    assert not app.error
    _, data, _ = made_bytes("ways-out-download-export")
    with zipfile.ZipFile(io.BytesIO(data())) as archive:
        assert set(archive.namelist()) == {"images.csv", "README.txt"}
    for name in ("hugging-face", "fiftyone"):
        app.selectbox(key="ways-out-format-export").set_value(name).run()
        assert any("None of the chosen images has a picture" in one.value for one in app.info)
        assert made_bytes("ways-out-download-export")[2]["disabled"]


def test_compare_offers_both_sets_and_what_they_share(tmp_path, open_page, made_bytes):  # noqa: F811
    make_sweep(tmp_path)
    app = open_page("compare")
    one, other = "magnitude-0.90", app.selectbox(key="local-other").value
    results = load_sweep("made", cache=tmp_path)
    pies = {v: set(results.pies(v)["image_id"]) for v in (one, other)}
    expected = {
        f"alone-{one}": pies[one] - pies[other],
        f"alone-{other}": pies[other] - pies[one],
        "both": pies[one] & pies[other],
    }
    for key, image_ids in expected.items():
        label, data, _ = made_bytes(f"ways-out-download-{key}")
        assert str(len(image_ids)) in label
        with zipfile.ZipFile(io.BytesIO(data())) as archive:
            table = pd.read_csv(archive.open("images.csv"))
        assert set(table["image_id"]) == image_ids
        assert set(table["variant_id"]) == {other if key == f"alone-{other}" else one}


def test_of_each_class_the_first_are_taken_by_every_panel(tmp_path, open_page, made_bytes):  # noqa: F811
    make_sweep(tmp_path)
    results = load_sweep("made", cache=tmp_path)
    for page, key in (("export", "export"), ("compare", "alone-magnitude-0.90")):
        app = open_page(page)
        _, data, _ = made_bytes(f"ways-out-download-{key}")
        with zipfile.ZipFile(io.BytesIO(data())) as archive:
            before = pd.read_csv(archive.open("images.csv"))
        app.number_input(key=f"ways-out-each-{key}").set_value(2).run()
        _, data, _ = made_bytes(f"ways-out-download-{key}")
        with zipfile.ZipFile(io.BytesIO(data())) as archive:
            table = pd.read_csv(archive.open("images.csv"))
            assert "the first 2 of each class" in archive.read("README.txt").decode()
        first = before.groupby("label").head(2)
        assert table["image_id"].tolist() == first["image_id"].tolist()
        assert len(first) < len(before) <= len(results.label)


# --- the whole report -------------------------------------------------------------------------
def test_the_whole_report_is_made_when_asked_for(tmp_path, open_page, monkeypatch):  # noqa: F811
    make_sweep(tmp_path, n_images=60, seeds=2)
    monkeypatch.setattr(report_panel, "missing_browser", lambda: "PNG, SVG and PDF need Chrome.")

    def no_browser(*_):
        raise FigureExportError("no Chrome was found")

    monkeypatch.setattr("analysis.report.pictures.figure_pictures", no_browser)
    app = open_page("export")
    assert any("The report is made without them" in one.value for one in app.info)
    assert "memory-report" not in app.session_state
    app.button(key="report-make").click().run()
    assert not app.exception
    assert len(downloads(app)) == 1
    content = app.session_state["memory-report"]["content"]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert {"index.html", "tables/summary.csv"} <= set(archive.namelist())
    assert any("left out: no Chrome was found" in told_plainly(one) for one in app.caption)
    to_page(app, "curves")
    to_page(app, "export")
    assert len(downloads(app)) == 1
    app.query_params["ties"] = "reference"
    app.run()
    assert not downloads(app)


def test_a_report_that_fails_is_told(tmp_path, open_page, monkeypatch):  # noqa: F811
    make_sweep(tmp_path, n_images=60, seeds=2)

    def fails(*_, **__):
        raise UserError("nothing to <report> yet")

    monkeypatch.setattr(report_panel, "write_report", fails)
    app = open_page("export")
    app.button(key="report-make").click().run()
    assert "nothing to" in told_plainly(app.error[0])
    assert not downloads(app)


def told_plainly(element):
    return element.value.replace("\\", "")


def downloads(app):
    labels = [one.proto.label for one in app.get("download_button")]
    return [label for label in labels if label.startswith("Download the report")]
