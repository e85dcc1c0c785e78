"""Measure the stored weights of an ONNX graph and the type its layers compute in."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from analysis.compression.onnx_session import FATAL, session_options
from analysis.external.model import Figures, Stored, figures_of

_QUANTIZED = ("QLinear", "QGemm", "QAttention", "ConvInteger", "MatMulInteger", "MatMulNBits",
              "DynamicQuantize", "QuantizeLinear", "DequantizeLinear")  # fmt: skip
_INTEGER_LAYERS = ("QLinearConv", "QLinearMatMul", "QGemm", "QAttention", "ConvInteger",
                   "MatMulInteger", "DynamicQuantizeMatMul")  # fmt: skip
_FLOAT_LAYERS = ("Conv", "FusedConv", "ConvTranspose", "Gemm", "FusedGemm", "MatMul",
                 "FusedMatMul")  # fmt: skip
_FLOATS = {"FLOAT": "float32", "FLOAT16": "float16", "DOUBLE": "float64", "BFLOAT16": "bfloat16"}
_PACKED_BITS = {"INT4": 4.0, "UINT4": 4.0, "FLOAT4E2M1": 4.0, "INT2": 2.0, "UINT2": 2.0}
# Larger graphs are not written again to read their computation type.
_HIGHEST_BYTES = 2**30


def nodes_of(model: Any) -> Iterator[Any]:
    """Iterate over all operators of a file, including subgraphs and functions."""
    for graph in _graphs(model):
        yield from graph.node


def tensors_of(model: Any) -> Iterator[Any]:
    """Iterate over all initializers and constants, including subgraphs and functions."""
    for graph in _graphs(model):
        yield from getattr(graph, "initializer", ())
        for sparse in getattr(graph, "sparse_initializer", ()):
            yield from (sparse.values, sparse.indices)
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield attribute.t
                yield from attribute.tensors
                for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                    yield from (sparse.values, sparse.indices)


def _graphs(model: Any) -> Iterator[Any]:
    graphs = [model.graph, *model.functions]
    while graphs:
        graph = graphs.pop()
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    graphs.append(attribute.g)
                graphs += attribute.graphs


def figures_of_graph(model: Any) -> Figures:
    """Measure all tensors; a quantized graph has no sparsity, and ``compute_dtype`` is None.

    Scales and zero points count only in the size. Weights stored as float32 and rounded at run time
    have 32 bits.
    """
    nodes = list(nodes_of(model))
    packed = {node.input[1]: node for node in nodes if node.op_type == "MatMulNBits"}
    beside = {name for node in nodes for name in _scales(node)}
    found = [_stored(tensor, packed, beside) for tensor in tensors_of(model)]
    figures = figures_of([one for one in found if one is not None])
    is_quantized = any(node.op_type.startswith(_QUANTIZED) for node in nodes)
    return replace(figures, sparsity=None if is_quantized else figures.sparsity, compute_dtype=None)


def _scales(node: Any) -> list[str]:
    """Return the operands that are scales and zero points."""
    places = {"QuantizeLinear": (1, 2), "DequantizeLinear": (1, 2), "MatMulNBits": (2, 3)}
    return [node.input[i] for i in places.get(node.op_type, ()) if i < len(node.input)]


def _stored(tensor: Any, packed: dict[str, Any], scales: set[str]) -> Stored | None:
    import onnx
    from onnx import numpy_helper

    kind = onnx.TensorProto.DataType.Name(tensor.data_type)
    if kind in ("UNDEFINED", "STRING"):
        return None
    array = numpy_helper.to_array(tensor)
    bits = _PACKED_BITS.get(kind, 8.0 * array.dtype.itemsize)
    n_bytes = array.size * bits / 8
    if tensor.name in packed:
        sizes = {one.name: one.i for one in packed[tensor.name].attribute}
        return Stored(sizes["N"] * sizes["K"], n_bytes, True, float(sizes.get("bits", 4)), None)
    is_float = "FLOAT" in kind or kind == "DOUBLE"
    # Wider integers are shapes, indices and biases.
    is_weight = array.ndim >= 2 and tensor.name not in scales and (is_float or bits <= 8)
    is_weight = is_weight and kind != "BOOL"
    zeros = array.size - int(np.count_nonzero(array)) if is_float else None
    return Stored(array.size, n_bytes, is_weight, bits, zeros)


def computed_in(source: Any, n_bytes: int) -> str | None:
    """Return the type that layers with weights compute in, from ONNX Runtime's optimized graph.

    ONNX Runtime fuses a float layer between DequantizeLinear and QuantizeLinear into an integer
    layer if it has a kernel for it; the file does not tell.

    Parameters
    ----------
    source : bytes or str
        The model or its path.

    Returns
    -------
    str or None
        Such as ``float32``, ``int8`` or, for mixed layers, ``float32 and int8``. None if unknown:
        the model is large, has no such layer, or unpacks 4-bit weights.
    """
    import onnx
    import onnxruntime

    if n_bytes > _HIGHEST_BYTES:
        return None
    with tempfile.TemporaryDirectory(prefix="lethe-") as folder:
        file = Path(folder) / "run.onnx"
        options = session_options(FATAL)
        options.optimized_model_filepath = str(file)
        try:
            onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
            model = onnx.load(file, load_external_data=False)
        except Exception:
            return None  # it runs but cannot be written
    return _computed(model)


def _computed(model: Any) -> str | None:
    import onnx

    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    nodes = list(nodes_of(model))
    for node in nodes:  # a dequantized tensor has the type of its scale
        if node.op_type == "DequantizeLinear" and node.input[0] in types:
            types[node.output[0]] = types.get(node.input[1], onnx.TensorProto.UNDEFINED)
    found: set[str | None] = set()
    for node in nodes:
        if node.op_type == "MatMulNBits":
            found.add(None)
        elif node.op_type.startswith(_INTEGER_LAYERS):
            found.add("int8")
        elif node.op_type in _FLOAT_LAYERS and node.input[1] in types:
            found.add(_FLOATS.get(onnx.TensorProto.DataType.Name(types[node.input[1]])))
    known = sorted(one for one in found if one is not None)
    return " and ".join(known) if known and None not in found else None


def figures_of_file(model: Any, path: Path, content: bytes, files: list[Path]) -> Figures:
    """Measure a file with its external data."""
    import onnx

    if files:
        model = onnx.load(path)
    n_bytes = len(content) + sum(file.stat().st_size for file in files)
    computed = computed_in(str(path) if files else content, n_bytes)
    return replace(figures_of_graph(model), compute_dtype=computed)
