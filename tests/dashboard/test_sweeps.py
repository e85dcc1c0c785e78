"""Sweeps from the screen: the page in every state, and a real sweep started, stopped, resumed."""

import os
import shlex
import subprocess
import sys
import time

import pytest
import streamlit as st

from analysis.cli.main import build_parser
from analysis.cli.sweep import sweep_from
from analysis.errors import UserError
from analysis.results import source
from analysis.store import Cache
from analysis.sweep.command import option_words, shift_words, sweep_command, sweep_words
from dashboard import data, permissions
from dashboard.sweeps import fields, launch, listing, train_form
from dashboard.sweeps.process import State
from tests.dashboard.test_pages import open_page, to_page, told, undo  # noqa: F401
from tests.synthetic import make_sweep

FILLED = {
    "kind": "digits", "place": "ignored", "model": "tiny_cnn", "pretrained": False,
    "pruning": ["magnitude", "semi-structured"], "levels": "0.5, .9", "quantization": [],
    "more": ["magnitude=0.9+int8-static"], "seeds": 2, "epochs": 1, "batch_size": 64, "lr": 0.1,
    "schedule": "gradual", "paired": True, "distill": 0.5, "corruptions": ["fog"], "severity": 2,
    "name": " tried ", "workers": 1, "train_limit": 200, "test_limit": 50, "image_size": None,
    "rotate_tail": False,
}  # fmt: skip
TINY = [
    "sweep", "--name", "tiny", "--dataset", "digits", "--train-limit", "300", "--test-limit", "60",
    "--variants", "magnitude=0.5", "--seeds", "6", "--epochs", "60", "--workers", "1",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_runs(monkeypatch):
    monkeypatch.setattr(train_form, "model_names", lambda: list(train_form.USUAL))
    yield
    launch.stop_all()


def until(happens, seconds=120):
    for _ in range(seconds * 20):
        if happens():
            return
        time.sleep(0.05)
    pytest.fail("it did not happen")


def labels(app):
    return {button.label for button in app.button}


def parsed(words):
    return sweep_from(vars(build_parser().parse_args(words)))


# --- what the form asks ----------------------------------------------------------------------
def test_the_form_is_the_command_it_shows():
    words = fields.words(fields.options(FILLED))
    assert words == shlex.split(
        "sweep --name tried --dataset digits --model tiny_cnn --variants magnitude=0.5,.9 "
        "--variants semi-structured --variants magnitude=0.9+int8-static --seeds 2 --epochs 1 "
        "--paired --distill 0.5 --train-limit 200 --test-limit 50 --workers 1 --corruptions fog=2"
    )
    assert parsed(words) == fields.checked(fields.options(FILLED))


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("levels", "50", "did you mean 0.5"),
        ("levels", "half", "is not a number"),
        ("more", ["nonsense"], "unknown method"),
        ("name", "../out", "sweep name '../out'"),
        ("name", "a; rm -rf /", "sweep name"),
        ("epochs", 0, "--epochs 0"),
        ("lr", 0.0, "--lr 0.0"),
        ("corruptions", ["fogg"], "fogg"),
    ],
)
def test_what_the_command_line_refuses_the_form_refuses_in_the_same_words(field, value, expected):
    given = fields.options(FILLED | {field: value})
    with pytest.raises(UserError, match=expected):
        fields.checked(given)


@pytest.mark.parametrize("text", ["--config=/etc/passwd", "-x", "$(touch struck)", "a'b c", "`id`"])
def test_typed_text_is_the_value_of_its_option_and_nothing_else(text):
    words = option_words({"dataset": "digits", "model": text, "variants": [text]})
    options = vars(build_parser().parse_args(words))
    assert options["model"] == text
    assert options["variants"] == [text]
    assert "config" not in options


def test_a_resumed_sweep_asks_for_its_shifts_too(tmp_path):
    manifest = make_sweep(tmp_path, shifts=("fog-3",)).manifest()
    manifest.config.options = fields.checked(fields.options(FILLED)).options()
    again = parsed([*sweep_words(manifest), *shift_words(manifest)])
    assert [shift.name for shift in again.shifts] == ["fog-3"]
    assert again.options() == manifest.config.options
    assert launch.why_not_resumable(manifest) is None


def test_a_manifest_cannot_choose_the_python_that_resuming_runs(tmp_path):
    manifest = make_sweep(tmp_path).manifest()
    assert "does not say how it was made" in launch.why_not_resumable(manifest)
    manifest.config.options = {"dataset": "digits"}
    manifest.config.method_files = {"/tmp/evil.py": "0"}
    with pytest.raises(UserError, match="on the command line"):
        launch.resume(tmp_path, manifest)
    assert "--method-file /tmp/evil.py" in sweep_command(manifest)


# --- a real process --------------------------------------------------------------------------
def test_a_sweep_is_started_seen_stopped_and_resumed_to_its_end(tmp_path, gate):
    folder = Cache(tmp_path).sweep("tiny")
    launch.start(tmp_path, "tiny", TINY)
    assert launch.state().is_running
    with pytest.raises(UserError, match="one at a time"):
        launch.start(tmp_path, "other", TINY)
    until(lambda: folder.exists and 0 < folder.manifest().n_done < 12)
    launch.stop()
    until(lambda: not launch.state().is_running)
    assert launch.state().was_stopped
    assert launch.state().failure is None
    assert not folder.is_running
    manifest = folder.manifest()
    assert 0 < manifest.n_done < 12
    # The run that was cut off had kept its weights and stood before its predictions.
    assert all(told.startswith("foreign: weights/") for told in folder.verify())
    first = folder.prediction_path("dense", 0).stat().st_mtime_ns
    assert launch.lacks_something(manifest)
    gate.open()
    launch.resume(tmp_path, manifest)
    until(lambda: not launch.state().is_running)
    assert launch.state() == State("tiny", (*launch.resuming(manifest), "--cache", str(tmp_path)))
    assert folder.manifest().is_complete
    assert folder.prediction_path("dense", 0).stat().st_mtime_ns == first, "what was done stays"
    assert folder.verify() == []
    assert Cache(tmp_path).names() == ["tiny"]
    assert Cache(tmp_path).headless() == []
    assert "12 of 12 runs done" in (tmp_path / launch.LOGS / "tiny.log").read_text()


def test_an_estimate_writes_nothing_and_a_bad_input_is_told_in_one_line(tmp_path):
    launch.start_estimate(tmp_path, "tiny", TINY)
    with pytest.raises(UserError, match="one at a time"):
        launch.start_estimate(tmp_path, "tiny", TINY)
    until(lambda: not launch.estimate()[0].is_running)
    state, said = launch.estimate()
    assert state.failure is None
    assert "12 runs to do" in said
    assert "time: about" in said
    assert list(tmp_path.iterdir()) == []
    launch.start_estimate(tmp_path, "tiny", ["sweep", "--dataset", f"folder:{tmp_path / '<b>'}"])
    until(lambda: not launch.estimate()[0].is_running)
    failure = launch.estimate()[0].failure
    assert failure.startswith("lethe: error:")
    assert "<b>" in failure


def test_an_estimate_is_given_up(tmp_path):
    launch.start_estimate(tmp_path, "tiny", TINY)
    launch.stop_estimate()
    until(lambda: not launch.estimate()[0].is_running)
    assert launch.estimate()[0].was_stopped


def test_a_sweep_that_another_process_makes_is_not_started_again(tmp_path):
    with make_sweep(tmp_path, "tiny").locked(), pytest.raises(UserError, match="another process"):
        launch.start(tmp_path, "tiny", TINY)
    assert not launch.state().is_running


# --- read-only -------------------------------------------------------------------------------
def test_a_read_only_dashboard_refuses_in_the_functions_themselves(tmp_path, monkeypatch):
    monkeypatch.setenv("LETHE_READ_ONLY", "")
    permissions.declare(read_only=True)
    manifest = make_sweep(tmp_path).manifest()
    manifest.config.options = {"dataset": "digits"}
    for act in (
        lambda: launch.start(tmp_path, "tiny", TINY),
        lambda: launch.start_demo(tmp_path),
        lambda: launch.resume(tmp_path, manifest),
        lambda: launch.start_estimate(tmp_path, "tiny", TINY),
        launch.stop,
    ):
        with pytest.raises(UserError, match="--read-only"):
            act()
    assert not (tmp_path / launch.LOGS).exists()


def test_a_read_only_dashboard_keeps_nothing_on_the_shelf(tmp_path, monkeypatch):
    st.cache_resource.clear()
    monkeypatch.setenv("LETHE_CACHE", str(tmp_path))
    monkeypatch.setattr(source, "_LARGE", 0)
    folder = make_sweep(tmp_path)
    monkeypatch.setenv("LETHE_READ_ONLY", "1")
    assert len(data.results("made", "confidence").summary())
    assert not folder.derived.exists()
    monkeypatch.setenv("LETHE_READ_ONLY", "")
    st.cache_resource.clear()
    data.results("made", "confidence").summary()
    assert folder.derived.exists()


def test_a_read_only_page_opens_no_file_of_the_cache_for_writing(tmp_path, open_page, monkeypatch):  # noqa: F811
    folder = make_sweep(tmp_path)
    undo(tmp_path, [("int8-static", 0)])
    monkeypatch.setenv("LETHE_READ_ONLY", "1")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with folder.locked():
        before |= {folder.path / ".lock": (folder.path / ".lock").stat().st_mtime_ns}
        app = open_page("sweeps")
        assert [badge for badge in badges(app) if "running" in badge]
        for page in ("", "gallery", "annotate"):
            open_page(page)
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert after.keys() <= before.keys()
    assert all(after[path] == before[path] for path in after if path.is_file())
    assert not labels(app) & {"Start", "Stop", "Resume", "Estimate"}
    assert "--read-only" in app.caption[0].value


@pytest.mark.skipif(os.name == "nt", reason="locks of POSIX")
def test_who_may_only_read_a_cache_still_sees_that_a_sweep_runs(tmp_path, monkeypatch):
    import filelock

    folder = make_sweep(tmp_path)

    def refused(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    with folder.locked():
        monkeypatch.setattr(filelock.FileLock, "acquire", refused)
        assert folder.is_running
        monkeypatch.undo()
    monkeypatch.setattr(filelock.FileLock, "acquire", refused)
    assert not folder.is_running


# --- the page --------------------------------------------------------------------------------
def badges(app):
    return [one.value for one in app.markdown if "-badge[" in one.value]


def test_an_empty_cache_shows_the_form(open_page):  # noqa: F811
    app = open_page("sweeps")
    assert {"Start the demo", "Estimate", "Start"} <= labels(app)
    command = app.code[0].value
    assert command.startswith("python -m analysis sweep --cache ")
    assert " --dataset digits-longtail" in command
    assert not app.error
    assert not app.warning


def test_an_empty_read_only_cache_offers_nothing(open_page, monkeypatch):  # noqa: F811
    monkeypatch.setenv("LETHE_READ_ONLY", "1")
    app = open_page("sweeps", part="new")
    assert "holds no sweep yet" in told(app)
    assert not labels(app)


def test_fields_change_the_command_and_stay_while_pages_change(open_page):  # noqa: F811
    app = open_page("sweeps")
    app.text_input(key="new-sweep-levels").set_value("0.25").run()
    app.number_input(key="new-sweep-seeds").set_value(3).run()
    assert "magnitude=0.25" in app.code[0].value
    to_page(app, "gallery")
    to_page(app, "sweeps")
    assert "magnitude=0.25" in app.code[0].value
    assert "--seeds 3" in app.code[0].value


def test_what_cannot_be_is_told_at_the_form_and_cannot_be_started(open_page):  # noqa: F811
    app = open_page("sweeps")
    app.text_input(key="new-sweep-name").set_value("<b>../x</b>").run()
    assert "sweep name" in app.error[0].value
    assert "<b>" not in app.error[0].value.replace("\\<", "")
    assert app.button(key="start").disabled
    assert app.button(key="estimate").disabled


def test_start_runs_the_command_shown_and_shows_the_cache(tmp_path, open_page, monkeypatch):  # noqa: F811
    started = []
    monkeypatch.setattr(launch, "start", lambda *given: started.append(given))
    app = open_page("sweeps")
    shown = app.code[0].value
    app.button(key="start").click().run()
    ((root, name, words),) = started
    assert (root, name) == (tmp_path, "digits-longtail-tiny_cnn")
    verb, *rest = words
    cache = ["--cache", str(tmp_path)]
    assert shlex.split(shown) == ["python", "-m", "analysis", verb, *cache, *rest]
    assert app.query_params["part"] == ["cache"] or app.query_params["part"] == "cache"


def test_a_refused_start_is_told(open_page, monkeypatch):  # noqa: F811
    def refused(*_):
        raise UserError("no, <b>never</b>")

    monkeypatch.setattr(launch, "start", refused)
    app = open_page("sweeps")
    app.button(key="start").click().run()
    assert "never" in app.error[0].value
    assert "<b>" not in app.error[0].value.replace("\\<", "")


def test_every_sweep_is_listed_as_it_stands(tmp_path, open_page):  # noqa: F811
    make_sweep(tmp_path, "whole")
    make_sweep(tmp_path, "broken")
    (tmp_path / "broken" / "manifest.json").write_text("{")
    make_sweep(tmp_path, "made")
    undo(tmp_path, [("int8-static", 0)])
    folder = Cache(tmp_path).sweep("made")
    manifest = folder.manifest()
    manifest.config.options = {"dataset": "digits"}
    folder.write_manifest(manifest)
    app = open_page("sweeps")
    standings = ("damaged", "unfinished", "complete")
    assert [word for one in badges(app) for word in standings if word in one] == list(standings)
    assert "Resume" in labels(app)
    with folder.locked():
        app = open_page("sweeps")
        assert "Run by another process" in [one.value for one in app.caption]
        assert not labels(app) & {"Resume", "Stop"}


def test_a_sweep_of_this_server_can_be_stopped(tmp_path, open_page, monkeypatch):  # noqa: F811
    make_sweep(tmp_path)
    undo(tmp_path, [("int8-static", 0)])
    monkeypatch.setattr(launch, "state", lambda: State("made", is_running=True))
    stopped = []
    monkeypatch.setattr(launch, "stop", lambda: stopped.append(True))
    app = open_page("sweeps")
    app.button(key="stop-made").click().run()
    assert stopped == [True]


def test_a_sweep_that_failed_says_why_and_what_it_wrote(open_page, monkeypatch):  # noqa: F811
    hostile = "<script>alert(1)</script> **bold**"
    monkeypatch.setattr(launch, "state", lambda: State("mine", failure=hostile))
    monkeypatch.setattr(launch, "log", lambda: f"first\n{hostile}")
    app = open_page("sweeps")
    assert "Sweep mine stopped before its end" in app.error[0].value
    assert "\\*\\*bold" in app.error[0].value
    assert app.code[0].value == f"first\n{hostile}"
    assert "Dismiss" in labels(app)


def test_a_sweep_that_never_began_leads_back_to_the_form_once(tmp_path, open_page, monkeypatch):  # noqa: F811
    make_sweep(tmp_path)
    failed = State("mine", ("sweep",), failure="no such folder")
    monkeypatch.setattr(launch, "state", lambda: failed)
    app = open_page("sweeps", part="cache")
    assert "no such folder" in app.error[0].value
    assert "Start" in labels(app)
    app.query_params["part"] = "cache"
    app.run()
    assert "Start" not in labels(app)


def test_hostile_facts_are_no_markup(tmp_path, open_page):  # noqa: F811
    folder = make_sweep(tmp_path)
    manifest = folder.manifest()
    manifest.dataset.spec = "<script>alert(1)</script>"
    manifest.model.name = "<img src=x onerror=alert(1)>"
    folder.write_manifest(manifest)
    assert "<script>" in listing.facts(manifest, 0)[0]
    app = open_page("sweeps")
    bodies = " ".join(one.proto.body for one in app.main.get("html"))
    assert "<script>" not in bodies
    assert "<img" not in bodies
    assert "&lt;script&gt;" in bodies


def test_no_address_reads_outside_the_cache(tmp_path, open_page):  # noqa: F811
    inside = tmp_path / "cache"
    make_sweep(inside)
    make_sweep(tmp_path, "outside")
    os.environ["LETHE_CACHE"] = str(inside)
    for sweep in ("../outside", str(tmp_path / "outside"), "..", "made/../../outside"):
        app = open_page(sweep=sweep)
        assert "is not in the cache" in told(app).replace("\\", "")
        assert app.selectbox(key="widget-sweep").value == "made"


# --- the names of models ---------------------------------------------------------------------
def test_models_are_listed_by_a_command():
    done = subprocess.run(
        [sys.executable, "-m", "analysis.models", "tiny"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "tiny_cnn" in done.stdout.split()
    assert all("tiny" in name for name in done.stdout.split())
