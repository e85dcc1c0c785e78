"""External models from the screen: what the form asks, who may name code, and a real run."""

import shlex
from argparse import Namespace
from pathlib import Path

import pytest
from streamlit import config

from analysis.cli import external_models
from analysis.cli.main import build_parser
from analysis.errors import UserError
from analysis.external.options import ExternalModelsConfig, FeedingOptions, OutputOptions
from analysis.options import options_of
from analysis.store import Cache
from analysis.store.manifest import Config, DatasetRecord, ExternalModel, Manifest
from dashboard import __main__ as started
from dashboard import permissions, sign_in
from dashboard.sweeps import external_options, launch, trust
from tests.dashboard.test_import_form import captions
from tests.dashboard.test_pages import open_page, told  # noqa: F401
from tests.dashboard.test_sweeps import _nothing_runs, labels, until  # noqa: F401
from tests.given.nets import write_linear

FILLED = {
    "models": " dense=net.onnx \n\nint8@0=my nets/int8.onnx\n", "kind": "digits", "place": "",
    "normalize": "none", "mean": "ignored", "std": "", "input_size": 8, "name": " pair ",
    "paired": True, "train_limit": None, "test_limit": 50, "corruptions": ["fog"], "severity": 2,
    "workers": 1,
}  # fmt: skip
CODE = ["makers:dense", "a.b:c", "net.pt2", "/tmp/NET.PT2"]


@pytest.fixture
def alone(monkeypatch):
    """A server that nobody else reaches."""
    monkeypatch.setenv("LETHE_READ_ONLY", "")
    monkeypatch.setenv("LETHE_ALONE", "1")


# --- what the form asks ----------------------------------------------------------------------
def test_the_form_is_the_command_it_shows():
    words = external_options.words(external_options.options(FILLED))
    assert words == shlex.split(
        "sweep --name pair --dataset digits --normalize none --input-size 8 --test-limit 50 "
        "--paired --workers 1 --corruptions fog=2 --models dense=net.onnx "
        "'int8@0=my nets/int8.onnx'"
    )
    given = vars(build_parser().parse_args([*words, "--cache", "here"]))
    assert given["cache"] == "here"
    asked = external_models.config_from(given)
    assert asked == external_models.config_from(external_options.options(FILLED))
    assert external_options.checked(external_options.options(FILLED)) == "pair"


def test_numbers_of_ones_own():
    filled = FILLED | {"normalize": "own", "mean": "-0.5, 0.4 .3", "std": "1 1 1"}
    words = external_options.words(external_options.options(filled))
    given = vars(build_parser().parse_args(words))
    assert given["mean"] == [-0.5, 0.4, 0.3]
    assert given["std"] == [1.0, 1.0, 1.0]
    assert "normalize" not in given


MORE = {
    "split": "test", "max_value": 4095.0, "crop_pct": 0.9, "interpolation": "bicubic",
    "resize": "crop", "channels": "bgr", "pixels": "0..255", "layout": "NHWC", "output": " out ",
    "scores": "logits", "classes": "names.txt", "label_offset": 1, "only_labelled": True,
    "accept_classes": True, "dense_top1": 87.5,
    "session_option": "intra_op_num_threads=1\n\nint8:graph_optimization_level=basic\n",
}  # fmt: skip


def test_every_option_of_feeding_and_outputs_has_a_field():
    filled = FILLED | MORE | {"normalize": ""}
    given = vars(
        build_parser().parse_args(external_options.words(external_options.options(filled)))
    )
    asked = external_models.config_from(given)
    assert asked == external_models.config_from(external_options.options(filled))
    assert (asked.feeding.crop_pct, asked.feeding.channels, asked.split) == (0.9, "bgr", "test")
    assert (asked.outputs.output, asked.outputs.dense_top1) == ("out", 87.5)
    assert asked.options_of_session("int8")[1] == ("graph_optimization_level", "basic")
    shown = {*external_options.OF, "normalize", *external_options.NUMBERS}
    known = {one.name for one in options_of(FeedingOptions, OutputOptions)}
    assert known <= shown
    assert {one.name for one in options_of(ExternalModelsConfig)} <= shown | {
        "models", "session_option",
    }  # fmt: skip


def test_fields_left_alone_are_no_options():
    defaults = {name: external_options.default(name) for name in external_options.OF}
    given = external_options.options(defaults | FILLED | {"session_option": ""})
    assert given == external_options.options(FILLED)


def test_the_check_is_doctor_with_the_same_options():
    given = external_options.options(FILLED | MORE | {"normalize": ""})
    words = external_options.doctor_words(given)
    assert words[0] == "doctor"
    asked = external_models.config_from(vars(build_parser().parse_args(words)))
    swept = external_models.config_from(given)
    assert (asked.feeding, asked.outputs) == (swept.feeding, swept.outputs)
    assert not {"--name", "--paired", "--corruptions"} & {*words}


@pytest.mark.parametrize(
    ("advised", "expected"),
    [
        ("--normalize none", {"normalize": "none", "mean": "", "std": "", "pixels": ""}),
        (
            "--pixels 0..255 --mean 0.485 0.456 0.406 --std 1",
            {"normalize": "own", "mean": "0.485 0.456 0.406", "std": "1", "pixels": "0..255"},
        ),
        ("--crop-pct 0.875", {"resize": "", "crop_pct": 0.875}),
        ("--resize pad --input-size 224", {"resize": "pad", "crop_pct": None, "input_size": 224}),
        ("--channels bgr --output logits", {"channels": "bgr", "output": "logits"}),
    ],
)
def test_what_doctor_advises_fills_the_fields_in(advised, expected):
    assert external_options.filled_by(shlex.split(advised)) == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"crop_pct": 1.5}, "--crop-pct 1.5"),
        ({"resize": "pad", "crop_pct": 0.5}, "--crop-pct is for --resize crop"),
        ({"only_labelled": True, "scores": "labels"}, "--only-labelled needs scores"),
        ({"session_option": "small:threads=1"}, "--session-option small:threads=1"),
        ({"dense_top1": 101.0}, "from 0 to 100"),
        ({"models": "int8=net.onnx"}, "none is 'dense'"),
        ({"models": "dense=net.safetensors"}, "expected a file .onnx"),
        ({"models": "--config=/etc/passwd"}, "--models --config=/etc/passwd"),
        ({"models": "dense=a.onnx\ndense=b.onnx"}, "occurs twice"),
        ({"name": "../out"}, "sweep name"),
        ({"normalize": "own", "mean": "half", "std": "1"}, "--mean: expected numbers"),
        ({"normalize": "own", "mean": "0.5", "std": ""}, "one is missing"),
        ({"normalize": "own", "mean": "0.5", "std": "0"}, "numbers above 0"),
        ({"corruptions": ["fogg"]}, "fogg"),
    ],
)
def test_what_the_command_line_refuses_the_form_refuses_in_the_same_words(changed, expected):
    with pytest.raises(UserError, match=expected):
        external_options.checked(external_options.options(FILLED | changed))


# --- code of the server's machine ------------------------------------------------------------
@pytest.mark.parametrize("model", CODE)
def test_code_is_run_only_where_nobody_else_comes(tmp_path, monkeypatch, model):
    given = external_options.options(FILLED | {"models": f"dense=net.onnx\nint8={model}"})
    words = external_options.words(given)
    monkeypatch.setenv("LETHE_READ_ONLY", "")
    monkeypatch.delenv("LETHE_ALONE", raising=False)
    for act in (
        lambda: external_options.checked(given),
        lambda: launch.start(tmp_path, "pair", words),
        lambda: launch.start_estimate(tmp_path, "pair", words),
        lambda: launch.start(tmp_path, "pair", ["sweep", f"--models=dense={model}"]),
    ):
        with pytest.raises(UserError, match="nobody but this machine"):
            act()
    assert not launch.state().is_running
    assert list(tmp_path.iterdir()) == []
    permissions.declare(read_only=False, alone=True)
    assert external_options.checked(given) == "pair"
    trust.check(words)
    permissions.declare(read_only=True, alone=True)
    with pytest.raises(UserError, match="nobody but this machine"):
        trust.check(words)


def test_a_text_file_of_the_server_is_read_only_where_nobody_else_comes(monkeypatch):
    words = external_options.words(external_options.options(FILLED | {"classes": "/etc/hostname"}))
    monkeypatch.setenv("LETHE_READ_ONLY", "")
    monkeypatch.setenv("LETHE_ALONE", "")
    with pytest.raises(UserError, match="--classes: this reads a file of the server's machine"):
        trust.check(words)
    permissions.declare(read_only=False, alone=True)
    trust.check(words)


def test_files_of_numbers_are_no_code(monkeypatch):
    monkeypatch.delenv("LETHE_ALONE", raising=False)
    trust.check(["sweep", "--models", "dense=net.onnx", "a=timm:resnet18:w.pth", "--name", "m:n"])
    trust.check(["sweep", "--name", "a=m:f", "--variants", "magnitude=0.5"])


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True),
        ({"address": "localhost"}, True),
        ({"address": "::1", "public_host": "localhost"}, True),
        ({"address": "0.0.0.0"}, False),
        ({"public_host": "lethe.example.org"}, False),
        ({"base_path": "/lethe"}, False),
    ],
)
def test_who_is_alone(changed, expected):
    asked = {"address": "127.0.0.1", "public_host": None, "base_path": None} | changed
    assert started._is_alone(Namespace(**asked)) is expected


@pytest.mark.parametrize("how", ["sign-in", "other origins", "any origin"])
def test_who_lets_others_in_is_not_alone(monkeypatch, how):
    asked = Namespace(address="127.0.0.1", public_host=None, base_path=None)
    options = {"other origins": {"server.corsAllowedOrigins": ["https://a.example"]},
               "any origin": {"server.enableCORS": False}}.get(how, {})  # fmt: skip
    read = config.get_option
    monkeypatch.setattr(config, "get_option", lambda name: options.get(name, read(name)))
    monkeypatch.setattr(sign_in, "is_required", lambda: how == "sign-in")
    assert started._is_alone(asked) is False


# --- a sweep of external models in the listing ---------------------------------------------------
def manifest_of(models, **options):
    return Manifest(
        name="pair", origin="external", dataset=DatasetRecord(), dataset_fingerprint="",
        class_names=[], config=Config(options={"dataset": "folder:/pictures:a"} | options),
        models={run: ExternalModel(model, "", "") for run, model in models.items()},
    )  # fmt: skip


def test_what_was_asked_fills_the_form_in_again():
    manifest = manifest_of(
        {"dense@0": "net.onnx", "int8@0": "int8.onnx"},
        mean=[0.5], std=[0.25], normalize=None, input_size=8, test_limit=50, paired=True,
        channels="bgr", crop_pct=1, label_offset=1, session_option=["a=b", "int8:c=d"],
    )  # fmt: skip
    given = external_options.options(
        FILLED | external_options.filled_from(manifest) | {"corruptions": []}
    )
    assert {name: value for name, value in given.items() if name != "workers"} == {
        "name": "pair", "dataset": "folder:/pictures:a", "mean": [0.5], "std": [0.25],
        "input_size": 8, "test_limit": 50, "paired": True, "channels": "bgr", "crop_pct": 1,
        "label_offset": 1, "session_option": ["a=b", "int8:c=d"],
        "models": ["dense@0=net.onnx", "int8@0=int8.onnx"],
    }  # fmt: skip


def test_a_manifest_of_another_form_fills_in_what_it_can():
    manifest = manifest_of(
        {"dense@0": "net.onnx"}, normalize=["x"], input_size="8", mean="0.5", channels="<b>",
        crop_pct=-1, label_offset=True, output=["x"], session_option="a=b",
    )  # fmt: skip
    filled = external_options.filled_from(manifest)
    assert (filled["normalize"], filled["input_size"], filled["mean"]) == ("", None, "")
    assert (filled["channels"], filled["crop_pct"], filled["label_offset"]) == ("", None, 0)
    assert (filled["output"], filled["session_option"]) == ("", "")
    manifest.models = {}
    with pytest.raises(UserError, match="names no models"):
        external_options.filled_from(manifest)
    assert "cannot be read" in launch.why_not_resumable(manifest)


@pytest.mark.parametrize("model", CODE)
def test_a_manifest_cannot_choose_the_code_that_resuming_runs(tmp_path, alone, model):  # noqa: ARG001
    manifest = manifest_of({"dense@0": "net.onnx", "int8@0": model})
    with pytest.raises(UserError, match="is code"):
        launch.resume(tmp_path, manifest)
    plain = manifest_of({"dense@0": "net.onnx", "int8@0": "int8.onnx"})
    assert launch.why_not_resumable(plain) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"mean": ["0.5", "--models=int8=makers:dense"], "std": [1]},
        {"mean": [1], "std": ["--method-file=/tmp/evil.py"]},
        {"mean": "--config=/tmp/evil.toml"},
    ],
)
def test_numbers_of_a_manifest_are_no_options(tmp_path, alone, changed):  # noqa: ARG001
    manifest = manifest_of({"dense@0": "net.onnx"}, **changed)
    with pytest.raises(UserError, match="no list of numbers"):
        launch.resume(tmp_path, manifest)
    manifest = manifest_of({"--method-file": "/tmp/evil.py"})
    with pytest.raises(UserError, match="cannot be read"):
        launch.resume(tmp_path, manifest)
    assert list(tmp_path.iterdir()) == []


# --- the page --------------------------------------------------------------------------------
@pytest.fixture
def models(tmp_path_factory) -> Path:
    """Two linear classifiers of the digits, one of them a little off."""
    folder = tmp_path_factory.mktemp("models")
    write_linear(folder / "net.onnx")
    write_linear(folder / "slim.onnx", noise=0.3)
    return folder


def fill(app, models, *, second="slim.onnx"):
    app.selectbox(key="given-kind").set_value("digits")
    app.selectbox(key="given-normalize").set_value("none")
    app.text_input(key="given-name").set_value("pair")
    app.text_area(key="given-models").set_value(
        f"dense={models / 'net.onnx'}\nslim={models / second}"
    )
    return app.run()


def test_the_form_says_what_is_missing_and_what_may_be_named(open_page, monkeypatch):  # noqa: F811
    monkeypatch.delenv("LETHE_ALONE", raising=False)
    app = open_page("sweeps", part="models")
    assert "The models are still missing" in captions(app)
    assert "on the command line alone" in captions(app)
    app.text_area(key="given-models").set_value("dense=makers:net").run()
    assert "The place of the dataset is still missing" in captions(app)
    app.selectbox(key="given-kind").set_value("digits").run()
    assert "nobody but this machine" in app.error[0].value
    assert app.button(key="start").disabled
    assert app.button(key="estimate").disabled
    monkeypatch.setenv("LETHE_ALONE", "1")
    app.run()
    assert "name only what you trust" in captions(app)
    assert not app.error
    assert not app.button(key="start").disabled


def test_models_are_tried_then_run_then_more_can_be_added(tmp_path, open_page, models):  # noqa: F811
    app = fill(open_page("sweeps", part="models"), models)
    app.button(key="estimate").click().run()
    until(lambda: not launch.estimate()[0].is_running)
    app.run()
    assert "outputs 10 logits" in app.code[1].value
    assert "nothing was written" in app.code[1].value
    assert Cache(tmp_path).names() == []
    app.button(key="start").click().run()
    assert app.query_params["part"] in ("cache", ["cache"])
    until(lambda: not launch.state().is_running)
    app.run()
    assert "The models of sweep pair have been run" in " ".join(one.value for one in app.markdown)
    manifest = Cache(tmp_path).existing("pair").manifest()
    assert manifest.origin == "external"
    assert manifest.is_complete
    app.button(key="add-pair").click().run()
    assert "is there already" in told(app)
    assert app.text_area(key="given-models").value.splitlines() == [
        f"dense@0={models / 'net.onnx'}", f"slim@0={models / 'slim.onnx'}",
    ]  # fmt: skip
    assert not app.button(key="start").disabled


def test_a_better_feeding_is_a_finding_and_fills_the_form_in(tmp_path, open_page, models):  # noqa: F811
    app = open_page("sweeps", part="models")
    app = fill(app, models)
    app.selectbox(key="given-normalize").set_value("own").run()
    app.text_input(key="given-mean").set_value("0.9")
    app.text_input(key="given-std").set_value("0.1").run()
    app.button(key="try-doctor").click().run()
    until(lambda: not launch.estimate()[0].is_running)
    app.run()
    assert not app.error
    assert "significantly better" in app.warning[0].value
    assert launch.estimate()[0].has_finding
    assert any("McNemar" in one.value for one in app.code)
    assert Cache(tmp_path).names() == []
    advised = shlex.split(next(one.value for one in app.code if one.value.startswith("--")))
    app.button(key="take-advice").click().run()
    for name, value in external_options.filled_by(advised).items():
        assert app.session_state[f"given-{name}"] == value


def test_a_model_that_is_not_there_leads_back_to_the_form(open_page, models):  # noqa: F811
    app = fill(open_page("sweeps", part="models"), models, second="gone.onnx")
    app.button(key="start").click().run()
    until(lambda: not launch.state().is_running)
    app.run()
    assert "gone" in app.error[0].value
    assert app.query_params["part"] in ("models", ["models"])


def test_a_read_only_page_offers_none_of_the_forms(open_page, monkeypatch, models):  # noqa: F811
    app = fill(open_page("sweeps", part="models"), models)
    app.button(key="start").click().run()
    until(lambda: not launch.state().is_running)
    monkeypatch.setenv("LETHE_READ_ONLY", "1")
    for part in ("models", "import"):
        app = open_page("sweeps", part=part)
        assert not labels(app) & {"Start", "Add models", "Try the models", "Upload"}
        assert not app.file_uploader
