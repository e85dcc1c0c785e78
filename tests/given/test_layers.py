"""Layers of a QDQ file put back to those of its float file, as its quantizer would leave them."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
from torch import nn

from analysis.cli.main import main
from analysis.errors import UserError
from analysis.external.layers import _matched, _restored, layers_of_pair
from analysis.external.spec import parse_models
from analysis.results import SweepResults
from analysis.store import Cache
from tests.security.hostile import TEXTS

QUANTIZED = [QuantFormat.QDQ, QuantFormat.QOperator]


class Net(nn.Module):
    """Two convolutions, cut off at 0 and at 6, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 8, 3, padding=1)
        self.head = nn.Linear(8 * 64, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        seen = nn.functional.relu6(self.second(torch.relu(self.first(images))))
        return self.head(seen.flatten(1))


def calibration() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(32, 1, 8, 8)).astype(np.float32)


class Images:
    def __init__(self) -> None:
        self.left = iter([calibration()])

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self.left, None)
        return None if batch is None else {"images": batch}


def quantize(source: Path, target: Path, excluded: list[str] | None = None,
             how: QuantFormat = QuantFormat.QDQ) -> Path:  # fmt: skip
    quantize_static(
        source, target, Images(), quant_format=how, per_channel=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        nodes_to_exclude=excluded or [],
    )  # fmt: skip
    return target


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``net.onnx`` and ``int8.onnx``. Do not change them."""
    here = tmp_path_factory.mktemp("pair")
    torch.onnx.export(
        Net().eval(), (torch.zeros(2, 1, 8, 8),), here / "net.onnx", dynamo=False,
        input_names=["images"], output_names=["scores"],
        dynamic_axes={"images": {0: "n"}, "scores": {0: "n"}},
    )  # fmt: skip
    quantize(here / "net.onnx", here / "int8.onnx")
    return here


def pair(folder: Path, dense: str = "net.onnx", int8: str = "int8.onnx") -> tuple[object, object]:
    return parse_models([f"dense={folder / dense}", f"int8={folder / int8}"])


def run(model: onnx.ModelProto | Path) -> np.ndarray:
    content = model.read_bytes() if isinstance(model, Path) else model.SerializeToString()
    return onnxruntime.InferenceSession(content).run(None, {"images": calibration()})[0]


def test_layers_are_called_after_their_weights_and_nodes(folder: Path) -> None:
    found = layers_of_pair(*pair(folder))
    assert [one.name for one in found] == ["first", "second", "head"] or [
        one.name.split(".")[0] for one in found
    ] == ["first", "second", "head"]
    nodes = {one.name for one in onnx.load(folder / "int8.onnx").graph.node}
    assert {one.node for one in found} <= nodes


@pytest.mark.parametrize("places", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)])
def test_layers_put_back_answer_as_those_that_the_quantizer_left_out(
    folder: Path, tmp_path: Path, places: tuple[int, ...]
) -> None:
    model, matches = _matched(*pair(folder))
    chosen = [matches[place] for place in places]
    restored = _restored(model, chosen)
    onnx.checker.check_model(restored)
    nodes = [one.layer.node for one in chosen]
    expected = run(quantize(folder / "net.onnx", tmp_path / "left.onnx", nodes))
    scale = np.abs(expected).max()
    assert np.abs(run(restored) - expected).max() < 0.02 * scale
    assert not np.array_equal(run(restored), run(folder / "int8.onnx"))
    assert len(places) < 3 or np.abs(run(restored) - run(folder / "net.onnx")).max() < 0.02 * scale


def test_a_planted_layer_is_found_and_its_table_kept(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = onnx.load(folder / "int8.onnx")
    second = layers_of_pair(*pair(folder))[1]
    node = next(one for one in model.graph.node if one.name == second.node)
    maker = next(one for one in model.graph.node if node.input[1] in one.output)
    weight = next(one for one in model.graph.initializer if one.name == maker.input[0])
    values = numpy_helper.to_array(weight)
    coarse = (np.rint(values / 127.0) * 127).astype(np.int8)
    weight.CopyFrom(numpy_helper.from_array(coarse, weight.name))
    onnx.save(model, tmp_path / "bad.onnx")
    cache = str(tmp_path / "cache")
    # No class is learnt: right is what the float model happens to be right on.
    assert main(["sweep", "--dataset", "digits", "--models", f"dense={folder / 'net.onnx'}",
                 f"int8={tmp_path / 'bad.onnx'}", "--name", "pair", "--cache", cache,
                 "--accept-classes", "--workers", "1"]) == 0  # fmt: skip
    capsys.readouterr()
    out = tmp_path / "out"
    assert main(["remedy", "pair", "layers", "--variant", "int8", "--cache", cache,
                 "--workers", "1", "--out", str(out)]) == 0  # fmt: skip
    results = SweepResults(Cache(cache).sweep("pair"))
    first = results.layers("int8").iloc[0]
    assert json.loads(first["nodes"]) == [second.node]
    assert first["forgotten_restored"] > 0.5
    assert results.folder.verify() == []
    assert (
        second.node in json.loads((out / "nodes_to_exclude.json").read_text())["nodes_to_exclude"]
    )
    assert not (out / "float.onnx").exists()  # it is the user's own file


def test_files_whose_layers_cannot_be_told_apart_are_refused(folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    other = onnx.load(folder / "net.onnx")
    for tensor in other.graph.initializer:
        if len(tensor.dims) > 1:
            drawn = torch.randn(*tensor.dims).numpy()
            tensor.CopyFrom(numpy_helper.from_array(drawn, tensor.name))
    onnx.save(other, tmp_path / "net.onnx")
    with pytest.raises(UserError, match=r"does not have the rounded weights of .*net\.onnx"):
        layers_of_pair(*parse_models([f"dense={tmp_path / 'net.onnx'}",
                                      f"int8={folder / 'int8.onnx'}"]))  # fmt: skip
    with pytest.raises(UserError, match=r"no layer between QuantizeLinear.*QuantFormat.QDQ"):
        layers_of_pair(*pair(folder, int8="net.onnx"))
    quantize(folder / "net.onnx", tmp_path / "op.onnx", how=QuantFormat.QOperator)
    with pytest.raises(UserError, match=r"no layer between QuantizeLinear"):
        layers_of_pair(*parse_models([f"dense={folder / 'net.onnx'}",
                                      f"int8={tmp_path / 'op.onnx'}"]))  # fmt: skip
    fewer = onnx.load(folder / "int8.onnx")
    nameless = next(one for one in fewer.graph.node if one.op_type == "Gemm")
    fewer.graph.node.append(
        helper.make_node("Gemm", [nameless.input[0], nameless.input[1]], ["more"], transB=1)
    )
    onnx.save(fewer, tmp_path / "more.onnx")
    with pytest.raises(UserError, match="dense has 3 with weights and it has 4"):
        layers_of_pair(*parse_models([f"dense={folder / 'net.onnx'}",
                                      f"int8={tmp_path / 'more.onnx'}"]))  # fmt: skip


def test_a_pair_in_another_format_is_told_how_to_get_there(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"only layers of ONNX files can be restored; export the float model"
    ):
        layers_of_pair(*parse_models([f"dense={tmp_path / 'a.tflite'}",
                                      f"int8={tmp_path / 'b.tflite'}"]))  # fmt: skip


@pytest.mark.parametrize("offset", range(0, len(TEXTS), 6))
def test_names_of_nodes_that_mean_harm_stay_text(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], offset: int
) -> None:
    """A file of others names its nodes and weights as it likes; both files agree."""
    for name in ("net.onnx", "int8.onnx"):
        model = onnx.load(folder / name)
        heavy = [one for one in model.graph.node if one.op_type in ("Conv", "Gemm")]
        for place, node in enumerate(heavy):
            node.name = TEXTS[(offset + place) % len(TEXTS)]
        onnx.save(model, tmp_path / name)
    found = layers_of_pair(*pair(tmp_path))
    assert [one.node for one in found] == [TEXTS[(offset + i) % len(TEXTS)] for i in range(3)]
    assert len({one.name for one in found}) == 3
    cache, out = str(tmp_path / "cache"), tmp_path / "out"
    assert main(["sweep", "--dataset", "digits", "--models", f"dense={tmp_path / 'net.onnx'}",
                 f"int8={tmp_path / 'int8.onnx'}", "--name", "pair", "--cache", cache,
                 "--accept-classes", "--workers", "1"]) == 0  # fmt: skip
    status = main(["remedy", "pair", "layers", "--variant", "int8", "--cache", cache, "--out",
                   str(out), "--workers", "1"])  # fmt: skip
    assert status == 0
    said = capsys.readouterr().out
    assert not any(one in said for one in "\x1b\x07\x9b\u202e\u2066")
    lists = json.loads((out / "nodes_to_exclude.json").read_text("utf-8"))
    assert {*lists["nodes_to_exclude"]} <= {*TEXTS}
    compile((out / "quantize.py").read_text("utf-8"), "quantize.py", "exec")
    assert not any(text in (out / "quantize.py").read_text("utf-8") for text in TEXTS
                   if len(text) > 9)  # fmt: skip
    assert {one.name for one in out.iterdir()} == {
        "layers.csv", "nodes_to_exclude.json", "nncf_ignored_scope.json", "quantize.py",
    }  # fmt: skip
