"""What the scores of a model are is decided over all images and all of its outputs."""

from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from analysis.cli.main import main
from analysis.outputs.run_scores import run_scores
from analysis.outputs.scores import two_classes
from analysis.store import Cache
from lethe import audit
from tests.given.nets import write_linear


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def swept(*words: str) -> pd.DataFrame:
    assert main(["sweep", *words, "--name", "m", "--cache", "cache", "--workers", "1"]) == 0
    return pd.read_parquet(Cache("cache").existing("m").prediction_path("dense", 0))


def grey_folder(shades: list[tuple[str, int]]) -> None:
    for i, (name, shade) in enumerate(shades):
        folder = Path("pictures") / name
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), shade, np.uint8)).save(folder / f"{i:03d}.png")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("is_softmax", [False, True])
def test_probabilities_of_some_classes_are_those_among_them(is_softmax):
    """--only-labelled with a softmax: its scores of some classes alone do not sum to 1."""
    grey_folder([(name, 20 * i) for i, name in enumerate(["3", "5", "8"] * 4)])
    write_linear(Path("net.onnx"), softmax=is_softmax, scale=0.2)
    words = ["--dataset", "folder:pictures", "--models", "dense=net.onnx", "--normalize", "none"]
    found = swept(*words, "--classes", classes(), "--only-labelled")
    assert found["confidence"].between(1 / 3, 1).all()
    assert found["true_rank"].between(0, 2).all()
    other = run_scores(scores_of(Path("net.onnx")), columns=(3, 5, 8))
    expected = other.logits(0, len(found)).astype(float)
    expected = np.exp(expected) / np.exp(expected).sum(axis=1, keepdims=True)
    assert np.allclose(found["confidence"], expected.max(axis=1), atol=1e-6)


def classes() -> str:
    Path("names.txt").write_text("\n".join(map(str, range(10))))
    return "names.txt"


def scores_of(path: Path) -> np.ndarray:
    from onnxruntime import InferenceSession

    files = sorted(Path("pictures").rglob("*.png"), key=lambda file: (file.parent.name, file.name))
    pixels = [np.asarray(Image.open(file).convert("L"), np.float32)[None] / 255 for file in files]
    session = InferenceSession(path)
    return np.asarray(session.run(None, {"images": np.stack(pixels)})[0])


@pytest.mark.usefixtures("here")
def test_one_logit_an_image_is_a_logit_for_every_image():
    """A model that takes one image at a time: some of its logits lie in 0..1 by chance."""
    grey_folder([("a", 0), ("b", 255)] * 6 + [("a", 140), ("b", 150)] * 2)
    weight = np.full((192, 1), 8 / 192, np.float32)  # the mean shade, -4 to 4
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["images"], ["flat"]),
         helper.make_node("Gemm", ["flat", "weight", "bias"], ["score"])],
        "net",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [1, 1])],
        [numpy_helper.from_array(weight, "weight"),
         numpy_helper.from_array(np.float32([-4]), "bias")],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=opsets), "net.onnx")
    found = swept(
        "--dataset", "folder:pictures", "--models", "dense=net.onnx", "--normalize", "none"
    )
    shades = np.array([0] * 6 + [140] * 2 + [255] * 6 + [150] * 2)
    logit = 8 * shades / 255 - 4
    assert found["prediction"].tolist() == (logit > 0).astype(int).tolist()
    expected = 1 / (1 + np.exp(-np.abs(logit)))
    assert np.allclose(found["confidence"], expected, atol=1e-5)


def test_one_output_said_to_be_a_logit_is_one(tmp_path):
    score = np.linspace(0.1, 0.9, 20)[:, None]
    assert two_classes(score)[0].tolist() == [0.9, 0.1]
    assert two_classes(score, "logits")[0].tolist() == [0.0, 0.1]
    label = np.arange(20) % 2
    given = {"dense": score, "int8": score}
    found = audit(given, labels=label, scores="logits", cache=tmp_path, accept_classes=True)
    images = found.images("int8").sort_values("image_id")
    assert np.allclose(images["dense_confidence"], 1 / (1 + np.exp(-score[:, 0])))
