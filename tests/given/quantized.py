"""Graphs as NNCF, Intel Neural Compressor and ONNX Runtime write them, made by hand."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.given.nets import prototypes


def save(path: Path, nodes: list[onnx.NodeProto], arrays: dict[str, np.ndarray]) -> Path:
    """Write a graph from images [n, 1, 8, 8] to scores [n, 10]."""
    given = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 1, 8, 8])
    out = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 10])
    stored = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "quantized", [given], [out], stored)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    return path


def int8_weights() -> tuple[np.ndarray, np.ndarray]:
    """Weights [64, 10] of the linear classifier as int8, and a scale a class."""
    weight, _ = prototypes()
    scale = (np.abs(weight).max(axis=0) / 127).astype(np.float32)
    return np.rint(weight / scale).astype(np.int8), scale


def write_qdq(path: Path, *, fused: bool = True, rounded_as_it_runs: bool = False) -> Path:
    """Weights int8 behind a DequantizeLinear, activations between a pair, as NNCF writes them.

    Without ``fused`` the bias is of floats and the output is not quantized, and the layer stays one
    of floats. Rounded as it runs, the weights are stored as float32, before a pair.
    """
    weight, scale = int8_weights()
    _, bias = prototypes()
    arrays = {
        "shape": np.array([-1, 64]),
        "in_scale": np.array(1 / 255, np.float32), "in_zero": np.array(0, np.uint8),
        "weight_scale": scale, "weight_zero": np.zeros(10, np.int8), "weight": weight,
        "bias": np.rint(bias / (scale / 255)).astype(np.int32), "bias_scale": scale / 255,
        "bias_zero": np.zeros(10, np.int32),
        "out_scale": np.array(0.2, np.float32), "out_zero": np.array(128, np.uint8),
    }  # fmt: skip
    if not fused:
        arrays = {name: array for name, array in arrays.items() if name[:4] not in ("bias", "out_")}
        arrays["bias_dq"] = bias
    pair = ("QuantizeLinear", "DequantizeLinear")
    nodes = [helper.make_node("Reshape", ["images", "shape"], ["flat"])]
    nodes.append(helper.make_node(pair[0], ["flat", "in_scale", "in_zero"], ["q"]))
    nodes.append(helper.make_node(pair[1], ["q", "in_scale", "in_zero"], ["flat_dq"]))
    source = "weight"
    if rounded_as_it_runs:
        arrays["weight"] = (weight * scale).astype(np.float32)
        operands = ["weight", "weight_scale", "weight_zero"]
        nodes.append(helper.make_node(pair[0], operands, ["weight_q"], axis=1))
        source = "weight_q"
    for name, at in ((source, "weight"), ("bias", "bias"))[: 2 if fused else 1]:
        operands = [name, f"{at}_scale", f"{at}_zero"]
        nodes.append(helper.make_node(pair[1], operands, [f"{at}_dq"], axis=len(at) // 6))
    gemm = ["flat_dq", "weight_dq", "bias_dq"]
    nodes.append(helper.make_node("Gemm", gemm, ["gemm" if fused else "scores"]))
    if fused:
        nodes.append(helper.make_node(pair[0], ["gemm", "out_scale", "out_zero"], ["out_q"]))
        nodes.append(helper.make_node(pair[1], ["out_q", "out_scale", "out_zero"], ["scores"]))
    return save(path, nodes, arrays)


def write_integers(path: Path) -> Path:
    """Activations are quantized as they come, as dynamic quantization writes them."""
    weight, scale = int8_weights()
    _, bias = prototypes()
    arrays = {
        "shape": np.array([-1, 64]), "weight": weight, "scale": scale, "bias": bias,
    }  # fmt: skip
    nodes = [
        helper.make_node("Reshape", ["images", "shape"], ["flat"]),
        helper.make_node("DynamicQuantizeLinear", ["flat"], ["q", "q_scale", "q_zero"]),
        helper.make_node("MatMulInteger", ["q", "weight", "q_zero"], ["summed"]),
        helper.make_node("Cast", ["summed"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["q_scale", "scale"], ["scales"]),
        helper.make_node("Mul", ["cast", "scales"], ["scaled"]),
        helper.make_node("Add", ["scaled", "bias"], ["scores"]),
    ]
    return save(path, nodes, arrays)


def write_packed(path: Path) -> Path:
    """Weights of 4 bits, two a byte, with a scale for each 32 of them."""
    weight, bias = prototypes()
    blocks = weight.T.reshape(10, 2, 32)
    scale = np.abs(blocks).max(axis=2, keepdims=True) / 7 + np.float32(1e-6)
    levels = (np.rint(blocks / scale) + 8).astype(np.uint8)
    arrays = {
        "shape": np.array([-1, 64]), "bias": bias, "scale": scale[..., 0].astype(np.float32),
        "weight": levels[..., ::2] | (levels[..., 1::2] << 4),
    }  # fmt: skip
    nodes = [
        helper.make_node("Reshape", ["images", "shape"], ["flat"]),
        helper.make_node("MatMulNBits", ["flat", "weight", "scale"], ["summed"],
                         domain="com.microsoft", K=64, N=10, bits=4, block_size=32),
        helper.make_node("Add", ["summed", "bias"], ["scores"]),
    ]  # fmt: skip
    return save(path, nodes, arrays)
