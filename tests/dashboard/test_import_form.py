"""Predictions imported from the screen: what the form asks, its states, and a real import."""

import io
import shlex

import numpy as np
import pytest

from analysis.cli.main import build_parser
from analysis.errors import UserError
from analysis.store import Cache
from dashboard import permissions
from dashboard.sweeps import import_form, launch, uploads
from dashboard.sweeps.import_form import OURS
from dashboard.sweeps.uploads import own_folder
from tests.dashboard.mine import COLUMNS, csv
from tests.dashboard.test_pages import open_page, told  # noqa: F401
from tests.dashboard.test_sweeps import _nothing_runs, labels, until  # noqa: F401
from tests.synthetic import make_sweep

FILLED = {
    "name": " mine ", "kind": "", "place": "ignored", "classes": None, "paired": True,
    "allow_missing": False, "overwrite": False, "accept_classes": False, "check": False,
    "layout": "rows", "dense": "", "dense_file": "", "dense_column": "", "compressed_columns": [],
    "split": None, "label_offset": 0, "scores": "auto", "understood": (), "labels": "",
    "class_file": "", "paths_file": "", "features": "", **{f"column-{ours}": "" for ours in OURS},
}  # fmt: skip


class File(io.BytesIO):
    def __init__(self, name: str, content: bytes) -> None:
        super().__init__(content)
        self.name = name


def named(**changed):
    return FILLED | {f"column-{ours}": theirs for ours, theirs in COLUMNS.items()} | changed


def put_aside():
    return list(own_folder().glob("uploads-*"))


# --- what the form asks ----------------------------------------------------------------------
def test_the_form_is_the_command_it_shows():
    words = import_form.words(named(classes=3), ["mine.csv"], are_uploaded=True)
    assert words == shlex.split(
        "import mine.csv --name mine --map path=file --map label=truth --map variant_id=model "
        "--map prediction=pred --map confidence=score --classes 3 --paired"
    )
    options = build_parser().parse_args(words)
    assert options.files == ["mine.csv"]
    assert options.classes == "3"
    assert not hasattr(options, "images")


@pytest.mark.parametrize("text", ["--config=/etc/passwd", "-x.csv", "$(touch struck).csv", "a;b"])
def test_typed_text_is_a_file_or_the_value_of_its_option(text):
    filled = FILLED | {"column-label": text, "kind": "folder", "place": text}
    words = import_form.words(filled, [text], are_uploaded=False)
    options = build_parser().parse_args([*words, "--cache", "here"])
    assert [one.removeprefix("./") for one in options.files] == [text]
    assert options.map == [f"label={text}"]
    assert options.images == f"folder:{text}"
    assert options.cache == "here"


def test_images_of_an_upload_are_found_where_the_server_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = FILLED | {"kind": "folder", "place": "pictures"}
    assert f"folder:{tmp_path}/pictures" in import_form.words(images, ["a.csv"], are_uploaded=True)
    assert "folder:pictures" in import_form.words(images, ["a.csv"], are_uploaded=False)
    hub = FILLED | {"kind": "hf", "place": "some/data"}
    assert "hf:some/data" in import_form.words(hub, ["a.csv"], are_uploaded=True)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"name": "../out"}, "sweep name '../out'"),
        ({"classes": 10**7}, "--classes 10000000"),
    ],
)
def test_what_the_command_line_refuses_the_form_refuses_in_the_same_words(changed, expected):
    with pytest.raises(UserError, match=expected):
        import_form.checked(named(**changed), ["mine.csv"], are_uploaded=True)


def test_a_column_a_model():
    filled = FILLED | {
        "layout": "wide", "dense_column": "fp32", "compressed_columns": ["q 8", "fp32", "dense"],
        "column-path": "filepath", "column-variant_id": "ignored", "column-prediction": "ignored",
        "labels": "y.csv", "scores": "logits", "label_offset": 1, "class_file": "c.json",
    }  # fmt: skip
    words = import_form.words(filled, ["t.csv", "y.csv", "c.json"], are_uploaded=True)
    assert words == shlex.split(
        "import t.csv --name mine --wide dense=fp32 --wide 'q-8=q 8' --wide compressed=dense "
        "--map path=filepath --classes c.json --labels y.csv --label-offset 1 --scores logits "
        "--paired"
    )
    assert import_form.checked(filled, ["t.csv", "y.csv", "c.json"], are_uploaded=True) == "mine"


def test_a_file_a_model():
    filled = FILLED | {"layout": "files", "dense_file": "fp32.csv", "check": True, "paired": False}
    files = ["q.csv", "fp32.csv", "q.jsonl", "magnitude-0.90__seed-3.npz"]
    words = import_form.words(filled, files, are_uploaded=True)
    assert words == shlex.split(
        "import --name mine --variant dense=fp32.csv --variant q=q.csv --variant q-2=q.jsonl "
        "--variant magnitude-0.90@3=magnitude-0.90__seed-3.npz --check"
    )
    assert import_form.checked(filled, files, are_uploaded=True) == "mine"


def test_what_is_lacking_of_dense():
    for layout, key in (("wide", "dense_column"), ("files", "dense_file")):
        filled = FILLED | {"layout": layout}
        assert "dense model is still missing" in import_form.lacking(filled, ["a.csv"])
        assert import_form.lacking(filled | {key: "a.csv"}, ["a.csv"]) is None
    only = FILLED | {"labels": "a.csv"}
    assert "files are still missing" in import_form.lacking(only, ["a.csv"])


def test_a_usual_column_can_be_left_out_and_another_name_of_dense():
    filled = FILLED | {"understood": ("confidence", "path"), "dense": "fp32"}
    words = import_form.words(filled, ["a.csv"], are_uploaded=True)
    assert words == shlex.split("import a.csv --name mine --dense fp32 --map confidence= --paired")


# --- a real process --------------------------------------------------------------------------
def start(tmp_path, name="mine", content=None):
    words = import_form.words(named(name=name), ["mine.csv"], are_uploaded=True)
    file = File("mine.csv", csv() if content is None else content)
    launch.start_on_uploads(tmp_path, name, words, [file])


def test_uploads_are_imported_and_gone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    start("cache")
    (folder,) = put_aside()
    assert folder.stat().st_mode & 0o077 == 0
    until(lambda: not launch.state().is_running)
    assert launch.state().failure is None
    assert "imported 2 runs of 2 variants on 60 images" in launch.log()
    until(lambda: not put_aside())
    manifest = Cache(tmp_path / "cache").existing("mine").manifest()
    assert manifest.is_complete
    assert [one.file for one in manifest.imported] == ["mine.csv"]
    assert str(folder) not in launch.log()


def test_scores_keep_the_names_that_say_their_runs(tmp_path):
    drawn, label, files = np.random.default_rng(0), np.arange(30) % 3, []
    for name in ("dense__seed-0.npz", "magnitude-0.90+int8-static__seed-0.npz"):
        content = io.BytesIO()
        np.savez(content, logits=drawn.normal(size=(30, 3)), labels=label)
        files.append(File(name, content.getvalue()))
    names = [one.name for one in files]
    words = import_form.words(FILLED, names, are_uploaded=True)
    launch.start_on_uploads(tmp_path, "mine", words, files)
    until(lambda: not launch.state().is_running)
    assert launch.state().failure is None
    manifest = Cache(tmp_path).existing("mine").manifest()
    assert [one.variant_id for one in manifest.variants] == [
        "dense", "magnitude-0.90+int8-static",
    ]  # fmt: skip


def test_uploads_of_an_import_that_fails_or_is_stopped_are_gone_too(tmp_path):
    start(tmp_path, content=csv(without=7))
    until(lambda: not launch.state().is_running)
    assert "mine.csv" in launch.state().failure
    assert "c1/7.png" in launch.state().failure
    assert str(own_folder()) not in launch.state().failure
    until(lambda: not put_aside())
    start(tmp_path)
    launch.stop_all()
    until(lambda: not put_aside())


def test_uploads_that_cannot_be_started_are_gone(tmp_path):
    with make_sweep(tmp_path, "mine").locked(), pytest.raises(UserError, match="another process"):
        start(tmp_path)
    assert put_aside() == []


def test_a_read_only_dashboard_puts_nothing_aside(tmp_path, monkeypatch):
    monkeypatch.setenv("LETHE_READ_ONLY", "")
    permissions.declare(read_only=True)
    with pytest.raises(UserError, match="--read-only"):
        start(tmp_path)
    assert put_aside() == []
    assert list(tmp_path.iterdir()) == []


# --- names -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name",
    [
        "magnitude-0.90+int8-static__seed-3.npz",
        "results (1).csv",
        "a.csv.gz",
        "Größe.JSONL",
        "b.pq",
    ],
)
def test_names_that_are_kept(name):
    uploads.check_names([name])
    folder = uploads.put_aside([File(name, b"x")])
    assert [one.name for one in folder.iterdir()] == [name]
    uploads.remove(folder)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.csv", "A.CSV"], "two files have this name"),
        (["evil.py"], "ends in"),
        (["a.npz.gz"], "ends in"),
        (["a.csv/"], "cannot be used"),
        (["-rf.csv"], "cannot be used"),
        ([".hidden.csv"], "cannot be used"),
        (["*.csv"], "cannot be used"),
        (["a\0.csv"], "cannot be used"),
        (["x" * 300 + ".csv"], "cannot be used"),
    ],
)
def test_names_that_are_refused(names, expected):
    with pytest.raises(UserError, match=expected):
        uploads.put_aside([File(name, b"") for name in names])
    assert put_aside() == []


# --- the page --------------------------------------------------------------------------------
def captions(app):
    return " ".join(one.value for one in app.caption)


def fill(app, **texts):
    for key, text in texts.items():
        app.text_input(key=f"import-{key}").set_value(text)
    return app.run()


def chosen(app):
    """What is chosen for each of our columns."""
    keys = {ours: f"import-column-{ours}" for ours in OURS}
    boxes = {one.key: one.value for one in app.selectbox}
    return {ours: boxes[key] for ours, key in keys.items() if boxes.get(key)}


def test_the_form_says_what_is_missing(open_page):  # noqa: F811
    app = open_page("sweeps", part="import")
    assert "The files are still missing" in captions(app)
    assert app.button(key="start").disabled
    assert not app.error
    app.file_uploader[0].set_value([("mine.csv", csv(), "text/csv")]).run()
    assert "The name of the sweep is still missing" in captions(app)
    fill(app, name="mine")
    assert chosen(app) == {one: COLUMNS[one] for one in COLUMNS if one != "variant_id"}
    app.selectbox(key="import-column-variant_id").set_value("model").run()
    assert app.code[0].value.endswith(
        " mine.csv --name mine --map path=file --map label=truth --map variant_id=model "
        "--map prediction=pred --map confidence=score"
    )
    assert app.selectbox(key="import-dense").options == ["Not chosen", "dense", "int8"]
    assert not app.button(key="start").disabled


def test_an_odd_name_of_an_upload_is_told(open_page):  # noqa: F811
    app = open_page("sweeps", part="import")
    app.file_uploader[0].set_value([("<b>x</b>.csv", csv(), "text/csv")]).run()
    fill(app, name="mine")
    assert "rename it" in app.error[0].value
    assert app.button(key="start").disabled


def test_an_upload_is_started_and_shows_where_it_went(tmp_path, open_page):  # noqa: F811
    app = open_page("sweeps", part="import")
    app.file_uploader[0].set_value([("mine.csv", csv(), "text/csv")]).run()
    app.selectbox(key="import-column-variant_id").set_value("model").run()
    fill(app, name="mine")
    app.button(key="start").click().run()
    assert app.query_params["part"] in ("cache", ["cache"])
    until(lambda: not launch.state().is_running)
    app.run()
    assert "The predictions are in sweep mine" in " ".join(one.value for one in app.markdown)
    assert Cache(tmp_path).existing("mine").manifest().origin == "imported"
    assert {"Add predictions", "Dismiss"} <= labels(app)
    app.button(key="add-mine").click().run()
    assert app.text_input(key="import-name").value == "mine"
    assert "The files are still missing" in captions(app)
    app.radio(key="import-source").set_value("On the server").run()
    app.text_area(key="import-paths").set_value("more.csv").run()
    assert "mine is there already" in told(app)


def test_an_import_that_fails_leads_back_with_its_files(open_page):  # noqa: F811
    app = open_page("sweeps", part="import")
    app.file_uploader[0].set_value([("mine.csv", csv(), "text/csv")]).run()
    fill(app, name="mine")
    app.button(key="start").click().run()
    until(lambda: not launch.state().is_running)
    app.run()
    assert "Nothing was imported into sweep mine" in app.error[0].value
    assert app.query_params["part"] in ("import", ["import"])
    assert app.text_input(key="import-name").value == "mine"
    assert " mine.csv " in app.code[1].value


def test_files_on_the_server_are_named(tmp_path, open_page, monkeypatch):  # noqa: F811
    started = []
    monkeypatch.setattr(launch, "start", lambda *given: started.append(given))
    app = open_page("sweeps", part="import")
    app.radio(key="import-source").set_value("On the server").run()
    app.text_area(key="import-paths").set_value("/a/*.csv\n\n b.npz \n").run()
    fill(app, name="mine")
    app.button(key="start").click().run()
    ((root, name, words),) = started
    assert (root, name) == (tmp_path, "mine")
    assert words == ["import", "/a/*.csv", "b.npz", "--name", "mine"]
