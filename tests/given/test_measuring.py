"""Sizes, bits, zeros and types of models as other tools store them."""

import sys
import types
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from analysis.errors import UserError
from analysis.external.model import Figures
from analysis.external.torch_modules import figures_of_module, figures_of_tensors
from tests.given.nets import Small, tried, write_linear, write_onnx
from tests.given.quantized import write_integers, write_packed, write_qdq

N = 640  # weights of the linear classifier


def figures(path: Path) -> Figures:
    return tried(f"slim={path}").signature.figures


def test_int8_weights_behind_a_dequantize_linear(tmp_path: Path) -> None:
    fused = figures(write_qdq(tmp_path / "a.onnx"))
    # int8 weights and zero points, int32 bias and zero points, two float scales a class; the scales
    # and zero points of input and output, and the shape.
    assert fused == Figures(N + 10 + 2 * 40 + 2 * 40 + 2 * 5 + 16, 8.0, None, "int8")
    loose = figures(write_qdq(tmp_path / "b.onnx", fused=False))
    assert loose == Figures(N + 10 + 40 + 40 + 5 + 16, 8.0, None, "float32")


def test_weights_that_are_rounded_as_the_graph_runs_count_as_stored(tmp_path: Path) -> None:
    path = write_qdq(tmp_path / "a.onnx", rounded_as_it_runs=True)
    found, plain = figures(path), figures(write_qdq(tmp_path / "b.onnx"))
    assert found.weight_bits == 32
    assert found.size_bytes == plain.size_bytes + 3 * N
    assert found.sparsity is None


def test_quantized_as_it_comes(tmp_path: Path) -> None:
    found = figures(write_integers(tmp_path / "a.onnx"))
    assert found == Figures(N + 40 + 40 + 16, 8.0, None, "int8")


def test_weights_of_four_bits_packed_into_bytes(tmp_path: Path) -> None:
    found = figures(write_packed(tmp_path / "a.onnx"))
    assert found == Figures(N // 2 + 20 * 4 + 40 + 16, 4.0, None, None)


def test_what_layers_compute_in(tmp_path: Path) -> None:
    assert figures(write_linear(tmp_path / "a.onnx")).compute_dtype == "float32"
    beside = tmp_path / "b.onnx"
    onnx.save(onnx.load(tmp_path / "a.onnx"), beside, save_as_external_data=True,
              location="b.bin", size_threshold=200)  # fmt: skip
    assert figures(beside).compute_dtype == "float32"
    both = onnx.load(write_onnx(Small(), tmp_path / "c.onnx"))
    quantized = onnx.load(write_qdq(tmp_path / "d.onnx"))
    (given,) = both.graph.input
    for node in quantized.graph.node:
        for i, name in enumerate(node.input):
            if name == "images":
                node.input[i] = given.name
    both.graph.node.extend(quantized.graph.node)
    both.graph.initializer.extend(quantized.graph.initializer)
    both.graph.output.extend(quantized.graph.output)
    onnx.save(both, tmp_path / "e.onnx")
    assert figures(tmp_path / "e.onnx").compute_dtype == "float32 and int8"
    assert figures_of_module(Small()).compute_dtype == "float32"
    assert figures_of_module(Small().half()).compute_dtype == "float16"
    assert figures_of_tensors([torch.zeros(2, 2), torch.zeros(2, 2).half()]).compute_dtype is None


def test_a_constant_in_a_branch_counts(tmp_path: Path) -> None:
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(write_linear(tmp_path / "a.onnx"))
    before = figures(tmp_path / "a.onnx").size_bytes
    extra = numpy_helper.from_array(np.ones((1, 10), np.float32), "extra")
    info = helper.make_tensor_value_info("branch", TensorProto.FLOAT, [None, 10])
    branches = {
        f"{name}_branch": helper.make_graph(
            [helper.make_node("Add", ["scores", "extra"], ["branch"])], name, [], [info], [extra]
        )
        for name in ("then", "else")
    }
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "is_so"))
    model.graph.node.append(helper.make_node("If", ["is_so"], ["out"], **branches))
    model.graph.output[0].name = "out"
    onnx.save(model, tmp_path / "b.onnx")
    assert figures(tmp_path / "b.onnx").size_bytes == before + 2 * 40 + 1


@pytest.mark.filterwarnings("ignore")
def test_quantized_layers_of_torch_hold_what_is_no_parameter() -> None:
    net = Small()
    made = torch.ao.quantization.quantize_dynamic(net, {nn.Linear}, dtype=torch.qint8)
    found = figures_of_module(made)
    weights = 36 + 2560
    assert found.weight_bits == pytest.approx((32 * 36 + 8 * 2560) / weights)
    # float convolution, int8 linear layer with a scale and zero point, float biases, and the scale
    # and zero point of what comes out, a float and an integer of 64 bits.
    assert found.size_bytes == 4 * 36 + 2560 + 16 + 4 * (4 + 10) + 12
    assert found.sparsity is None
    assert found.compute_dtype is None


@pytest.mark.filterwarnings("ignore")
def test_scales_of_quantized_tensors() -> None:
    drawn = torch.randn(6, 4)
    one = torch.quantize_per_tensor(drawn, 0.1, 0, torch.qint8)
    assert figures_of_tensors([one]) == Figures(24 + 16, 8.0)
    scales, zeros = torch.full((6,), 0.1).double(), torch.zeros(6, dtype=torch.int64)
    each = torch.quantize_per_channel(drawn, scales, zeros, 0, torch.qint8)
    assert figures_of_tensors([each]) == Figures(24 + 6 * 16, 8.0)


def test_indices_are_no_weights_and_packed_integers_are_unknown() -> None:
    net = Small()
    plain = figures_of_module(net)
    net.register_buffer("place", torch.zeros(8, 8, dtype=torch.int64))
    found = figures_of_module(net)
    assert found.size_bytes == plain.size_bytes + 8 * 64
    assert (found.weight_bits, found.sparsity) == (32.0, 0.0)
    net.register_buffer("packed", torch.zeros(8, 8, dtype=torch.int32))
    assert figures_of_module(net) == Figures(found.size_bytes + 4 * 64)


def test_an_exported_module_cannot_be_put_into_evaluation_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        free = ({0: torch.export.Dim("n", min=1, max=4096)},)
        program = torch.export.export(Small(), (torch.zeros(2, 1, 8, 8),), dynamic_shapes=free)
    module = types.ModuleType("exported_maker")
    vars(module)["net"] = program.module
    monkeypatch.setitem(sys.modules, "exported_maker", module)
    fit = tried("dense=exported_maker:net")
    assert "run in the mode of its export" in fit.signature.notes[1]
    assert fit.signature.figures.weight_bits == 32


@pytest.mark.parametrize("name", ["onnx", "onnxruntime"])
def test_a_library_that_is_not_there_is_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_linear(tmp_path / "a.onnx")
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError) as raised:
        tried(f"slim={path}")
    assert str(raised.value) == (
        f"slim={path}: {name} is not installed; pip install -r requirements.txt brings it"
    )


def test_the_reason_at_the_end_of_a_long_message_is_said(tmp_path: Path) -> None:
    model = onnx.load(write_qdq(tmp_path / "a.onnx"))
    for tensor in model.graph.initializer:
        if tensor.name == "weight_scale":  # as NNCF writes those of compressed convolutions
            tensor.dims[:] = [1, 10]
    onnx.save(model, tmp_path / "b.onnx")
    with pytest.raises(UserError, match=r"must be 1D tensor with size 10$") as raised:
        tried(f"slim={tmp_path / 'b.onnx'}")
    assert "\n" not in str(raised.value)
