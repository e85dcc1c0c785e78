"""Features of external models: what they compute before their last layer, else their scores."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from analysis.cli.main import main
from analysis.external.model import Needed
from analysis.external.onnx import before_last
from analysis.external.registry import open_model
from analysis.external.spec import parse_models
from analysis.models.penultimate import module_features
from analysis.store import Cache
from analysis.store.features import about_features, read_features
from tests.given.nets import BOTH, NEEDED, Small, sweep, write_onnx, write_pt2
from tests.given.other_formats import write_openvino

IMAGES = np.random.default_rng(0).random((6, 1, 8, 8), np.float32)


def expected(model: Small) -> Any:
    with torch.inference_mode():
        return torch.relu(model.features(torch.from_numpy(IMAGES))).flatten(1).numpy()


def penultimate(item: str, output: str, needed: Needed = NEEDED) -> Any:
    (model,) = parse_models([f"dense={item}"])
    opened = open_model(model, needed).penultimate
    assert opened is not None
    return opened(output)


@pytest.mark.parametrize("write", [write_onnx, write_pt2])
def test_the_input_of_the_last_layer(tmp_path: Path, write: Any) -> None:
    model = Small()
    path = write(model, tmp_path / f"net.{'onnx' if write is write_onnx else 'pt2'}")
    output = onnx.load(path).graph.output[0].name if write is write_onnx else "0"
    run = penultimate(str(path), output)
    assert np.allclose(run(IMAGES), expected(model), atol=1e-5)


def test_weights_beside_the_file(tmp_path: Path) -> None:
    model = Small()
    path = write_onnx(model, tmp_path / "net.onnx")
    read = onnx.load(path)
    folder = tmp_path / "beside"
    folder.mkdir()
    onnx.save(
        read, folder / "net.onnx", save_as_external_data=True, location="w.bin", size_threshold=128
    )
    run = penultimate(str(folder / "net.onnx"), read.graph.output[0].name)
    assert np.allclose(run(IMAGES), expected(model), atol=1e-5)


class Fully(nn.Module):
    """A head that is a convolution, pooled after it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body, self.head = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 10, 1)
        self.eval()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.body(images))).mean((2, 3))


@pytest.mark.parametrize("write", [write_onnx, write_pt2, None])
def test_the_map_before_a_convolution_is_pooled(tmp_path: Path, write: Any) -> None:
    model = Fully()
    with torch.inference_mode():
        wanted = torch.relu(model.body(torch.from_numpy(IMAGES))).mean((2, 3)).numpy()
    if write is None:
        run = module_features(model, "cpu")
    else:
        path = write(model, tmp_path / f"net.{'onnx' if write is write_onnx else 'pt2'}")
        output = onnx.load(path).graph.output[0].name if write is write_onnx else "0"
        run = penultimate(str(path), output)
    assert run is not None
    assert np.allclose(run(IMAGES), wanted, atol=1e-5)


class Headed(nn.Module):
    """A model with the two methods of timm's."""

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        return images * 2

    def forward_head(self, features: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        pooled = features.mean((2, 3))
        return pooled if pre_logits else pooled @ torch.ones(1, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.forward_head(self.forward_features(images))


def test_a_module_says_itself_where_its_head_begins() -> None:
    run = module_features(Headed(), "cpu")
    assert run is not None
    assert np.allclose(run(IMAGES), 2 * IMAGES.mean((2, 3)), atol=1e-6)
    small = module_features(Small(), "cpu")
    assert small is not None
    assert np.allclose(small(IMAGES), expected(Small()), atol=1e-5)
    assert module_features(nn.Flatten(), "cpu") is None


def _graph(nodes: list[Any], arrays: dict[str, Any]) -> Any:
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])
    stored = [numpy_helper.from_array(np.asarray(v, np.float32), k) for k, v in arrays.items()]
    return helper.make_model(helper.make_graph(nodes, "g", [given], [out], stored))


def test_what_is_no_last_layer_is_not_taken_for_one() -> None:
    square = [
        helper.make_node("Transpose", ["x"], ["t"]),
        helper.make_node("MatMul", ["x", "t"], ["y"]),
    ]
    assert before_last(_graph(square, {}), "y") is None
    assert before_last(_graph([helper.make_node("Relu", ["x"], ["y"])], {}), "y") is None
    # A layer on the way to another output is not that of this one.
    two = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("MatMul", ["r", "w"], ["y"]),
        helper.make_node("MatMul", ["y", "w"], ["other"]),
    ]
    found = before_last(_graph(two, {"w": np.eye(4)}), "y")
    assert found is not None
    assert found.name == "r"
    # Weights that come through an operator of their own are weights still.
    wrapped = [
        helper.make_node("Transpose", ["w"], ["wt"]),
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("MatMul", ["r", "wt"], ["y"]),
    ]
    found = before_last(_graph(wrapped, {"w": np.eye(4)}), "y")
    assert found is not None
    assert (found.name, found.is_map) == ("r", False)


@pytest.mark.usefixtures("models", "in_this_process")
def test_a_sweep_of_models_has_features_of_dense(capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep(*BOTH) == 0
    folder = Cache("cache").sweep("mine")
    assert folder.verify() == []
    assert about_features(folder) == "penultimate layer of dense seed 0"
    first = read_features(folder)
    assert first is not None
    assert len(first) == folder.manifest().dataset.n_test
    assert main(["features", "mine", "--cache", "cache"]) == 0
    again = read_features(folder)
    assert np.array_equal(first, again)
    assert "penultimate layer of dense seed 0" in capsys.readouterr().out
    assert folder.verify() == []


@pytest.mark.usefixtures("models", "in_this_process")
def test_logits_where_the_model_shows_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.external.onnx.before_last", lambda *_: None)
    assert sweep(*BOTH) == 0
    folder = Cache("cache").sweep("mine")
    assert about_features(folder) == "logits of dense seed 0"
    found = read_features(folder)
    assert found is not None
    assert found.shape[1] <= 10


@pytest.mark.usefixtures("models", "in_this_process")
def test_a_failure_is_one_line_and_the_sweep_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise ValueError("no <b>features</b>")

    monkeypatch.setattr("analysis.sweep.worker.features_of", fail)
    assert sweep(*BOTH) == 0
    said = capsys.readouterr()
    lines = [line for line in said.err.splitlines() if "features" in line]
    assert len(lines) == 1
    assert "python -m analysis features mine --cache" in lines[0]
    folder = Cache("cache").sweep("mine")
    assert read_features(folder) is None
    assert folder.manifest().is_complete
    assert folder.verify() == []


@pytest.mark.usefixtures("models", "in_this_process")
def test_a_format_that_shows_its_outputs_alone_gives_logits() -> None:
    write_openvino(Path("net.xml"))
    write_openvino(Path("other.xml"))
    assert sweep("--models", "dense=net.xml", "slim=other.xml") == 0
    folder = Cache("cache").sweep("mine")
    assert about_features(folder) == "logits of dense seed 0"
    assert read_features(folder) is not None
