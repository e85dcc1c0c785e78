"""What was evaluated: which images, how models are fed, what was noted; on screen and in words."""

from analysis.cli.main import main
from analysis.presentation.evaluated import feeding_sentences, images_sentence, note_sentences
from analysis.store.manifest import Config, DatasetRecord, ExternalModel, Manifest
from dashboard.text import plain
from tests.dashboard.test_pages import open_page  # noqa: F401
from tests.synthetic import make_sweep

NOTE = "dense is right on 80.0 % as it is fed, and on 90.0 % with <b>--normalize none</b>"


def manifest_of(models, **dataset):
    return Manifest(
        name="pair", origin="external", dataset=DatasetRecord(**dataset), dataset_fingerprint="",
        class_names=[], config=Config(), models=models,
    )  # fmt: skip


def test_models_that_are_fed_alike_stand_together_without_their_places():
    models = {
        "dense@0": ExternalModel("/a/net.onnx", "", "dense@0=/a/net.onnx: float32, crop"),
        "dense@1": ExternalModel("/a/two.onnx", "", "dense@1=/a/two.onnx: float32, crop"),
        "int8@0": ExternalModel("/a/int8.onnx", "", "int8=/a/int8.onnx: float32, crop"),
        "half@0": ExternalModel("m:f", "", "half=m:f: float16, pad\x1b[31m"),
    }
    assert feeding_sentences(manifest_of(models)) == [
        "dense, int8: float32, crop", "half: float16, pad [31m",
    ]  # fmt: skip
    assert feeding_sentences(manifest_of({})) == []


def test_notes_and_selection_are_plain_lines():
    manifest = manifest_of({}, notes=[NOTE, NOTE, " ", "two\nlines"], selection="5 of 9 images")
    assert note_sentences(manifest) == [NOTE, "two lines"]
    assert images_sentence(manifest) == "5 of 9 images"
    assert images_sentence(manifest_of({})) == ""


def test_show_says_which_images_and_what_was_noted(tmp_path, capsys):
    folder = make_sweep(tmp_path, "made", seeds=1)
    manifest = folder.manifest()
    manifest.dataset.selection = "200 of 1,797 images: the test split"
    manifest.dataset.notes = [NOTE]
    folder.write_manifest(manifest)
    assert main(["show", "made", "--cache", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "images: 200 of 1,797 images: the test split\n" in said
    assert f"note: {NOTE}\n" in said


def test_the_overview_warns_of_what_was_noted_and_says_which_images(tmp_path, open_page):  # noqa: F811
    folder = make_sweep(tmp_path, "made", seeds=1)
    manifest = folder.manifest()
    manifest.dataset.selection = "200 of 1,797 images: the test split"
    manifest.dataset.notes = [NOTE, *(f"note {n}" for n in range(9))]
    folder.write_manifest(manifest)
    app = open_page()
    warned = next(one.value for one in app.warning if "80" in one.value)
    assert plain(NOTE) in warned
    assert "4 more" in warned
    html = " ".join(one.proto.body for one in app.get("html"))
    assert "Evaluated on 200 of 1,797 images: the test split." in html
