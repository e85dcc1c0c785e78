"""Every usual mistake of the first five minutes is answered with what to type."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis.cli.main import main
from analysis.cli.next_steps import to_look_at
from analysis.datasets import open_dataset
from analysis.errors import UserError
from analysis.external.files import read_regular
from analysis.external.spec import check_runs, parse_models
from analysis.filesystem.nearby import nearby
from analysis.outputs.label_space import label_space
from analysis.outputs.order import OrderFinding
from analysis.store import Cache
from analysis.sweep.record import check_same_options
from tests.synthetic import make_sweep


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to work in, with pictures of two classes and two files of models."""
    monkeypatch.chdir(tmp_path)
    for name in ("cat", "dog"):
        (Path("pictures") / name).mkdir(parents=True)
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(f"pictures/{name}/1.png")
    for name in ("net.onnx", "net-int8.onnx", "net.xml", "net.bin"):
        Path(name).touch()
    return tmp_path


def refusal(act, *arguments):
    with pytest.raises(UserError) as caught:
        act(*arguments)
    return f"{caught.value}"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("folder:picture", "no such folder; there is pictures"),
        (
            "folder:nowhere/pictures",
            "the folder nowhere is missing too (looked for from this folder)",
        ),
        ("pictures", "a folder of class folders is folder:pictures"),
        ("folder:pictures/cat", "open all classes with folder:pictures"),
        ("test.parquet", "a table of images is parquet:test.parquet"),
    ],
)
def test_a_wrong_dataset_says_the_right_one(spec, said):
    assert said in refusal(open_dataset, spec)


def test_a_file_that_is_not_there_says_what_is(here):
    assert "there is net.onnx" in refusal(read_regular, Path("nett.onnx"))
    assert "there is net.onnx, net-int8.onnx" in nearby(Path("int8.onnx"))
    assert nearby(Path("zzz")) == " (looked for from this folder)"
    assert "looked for from the root" in nearby(here / "zzz")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("net.onnx", "such as dense=net.onnx for the uncompressed model and int8=MODEL"),
        ("int8=net.bin", "use the .xml beside them"),
        ("int8=net.foo", ".foo is none of them: export the model to ONNX"),
    ],
)
def test_a_model_that_cannot_be_read_says_how_it_is_given(given, said):
    assert said in refusal(parse_models, [given])


@pytest.mark.usefixtures("here")
def test_models_without_dense_say_how_it_is_named():
    models = parse_models(["fp32=net.onnx", "int8=net-int8.onnx"])
    assert "dense=net.onnx if that is the one" in refusal(check_runs, models, False)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("sweep folder:pictures", "for images, type --dataset folder:pictures"),
        ("sweep pictures", "for a folder of images, type --dataset folder:pictures"),
        ("sweep --dataset digits net.onnx", "for a model, type --models dense=net.onnx"),
        ("sweep --dataset digits int8=net.onnx", "for a model, type --models int8=net.onnx"),
        ("dashboard", "'python -m dashboard' opens it"),
        ("show", "'python -m analysis list' names the sweeps"),
        ("export pair", "'python -m analysis export --help' names the tables"),
    ],
)
def test_stray_and_missing_words_are_answered(capsys, words, said):
    with pytest.raises(SystemExit) as ended:
        main(shlex.split(words))
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_file_as_the_model_to_train_names_the_option_for_it(here, capsys):
    words = ["sweep", "--dataset", "digits", "--model", "net.onnx", "--cache", f"{here / 'c'}"]
    assert main(words) == 2
    assert "--models dense=net.onnx" in capsys.readouterr().err


def test_other_numbers_of_classes_doubt_the_folder_too():
    said = refusal(lambda: label_space(["cache", "pictures"], 10))
    assert "the images are of another dataset or folder" in said


def test_another_option_says_how_to_go_on(tmp_path):
    manifest = make_sweep(tmp_path, seeds=1).manifest()
    said = refusal(check_same_options, manifest, ("normalize", None, "imagenet"))
    assert "was made without normalize, and this is with normalize = imagenet" in said
    assert "another --name, or remove it first: 'remove made'" in said


def test_a_long_order_says_where_all_of_it_is():
    found = OrderFinding("", True, tuple(map(str, range(50))))
    assert found.listing().endswith("… 50 in all: 'doctor --format json' prints them as a list")


def test_a_finished_sweep_says_what_to_type_next(tmp_path, monkeypatch):
    manifest = make_sweep(tmp_path / "my sweeps", seeds=1).manifest()
    cache = Cache(f"{tmp_path / 'my sweeps'}")
    said = to_look_at(manifest, cache, "lethe")
    where = shlex.quote(f"{tmp_path / 'my sweeps'}")
    assert f"    lethe show made --results --cache {where}\n" in said
    assert said.endswith(f"    lethe dashboard --cache {where}")
    assert "python -m dashboard" in to_look_at(manifest, cache, "python -m analysis")
    monkeypatch.setenv("LETHE_CACHE", f"{tmp_path / 'my sweeps'}")
    assert "--cache" not in to_look_at(manifest, cache, "lethe")
    manifest.variants = manifest.variants[:1]
    assert "there is no compressed model yet" in to_look_at(manifest, cache, "lethe")
