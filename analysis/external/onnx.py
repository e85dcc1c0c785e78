"""ONNX files: opened in ONNX Runtime, and their weights measured in the graph."""

import hashlib
import importlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from analysis.errors import UserError, one_line
from analysis.external.model import Figures, Loaded, Needed, Stored, figures_of
from analysis.external.registry import register

_QUANTIZED = ("QLinear", "QGemm", "QAttention", "ConvInteger", "MatMulInteger", "MatMulNBits",
              "DynamicQuantize", "QuantizeLinear", "DequantizeLinear")  # fmt: skip
_INTEGER_LAYERS = ("QLinearConv", "QLinearMatMul", "QGemm", "QAttention", "ConvInteger",
                   "MatMulInteger", "DynamicQuantizeMatMul")  # fmt: skip
_FLOAT_LAYERS = ("Conv", "FusedConv", "ConvTranspose", "Gemm", "FusedGemm", "MatMul",
                 "FusedMatMul")  # fmt: skip
_FLOATS = {"FLOAT": "float32", "FLOAT16": "float16", "DOUBLE": "float64", "BFLOAT16": "bfloat16"}
_PACKED_BITS = {"INT4": 4.0, "UINT4": 4.0, "FLOAT4E2M1": 4.0, "INT2": 2.0, "UINT2": 2.0}
# Graphs above it are not written once more only to see what they compute in.
_HIGHEST_BYTES = 2**30


def nodes_of(model: Any) -> Iterator[Any]:
    """Every operator of a file, those of subgraphs and functions too."""
    for graph in _graphs(model):
        yield from graph.node


def tensors_of(model: Any) -> Iterator[Any]:
    """Every tensor of a file: initializers and constants, those of subgraphs and functions too."""
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
    """Measure all tensors; a graph that quantizes anywhere has no sparsity, and no type yet.

    Scales and zero points count in the size alone. Weights that a graph stores as float32 and
    rounds as it runs have 32 bits, as stored.
    """
    nodes = list(nodes_of(model))
    packed = {node.input[1]: node for node in nodes if node.op_type == "MatMulNBits"}
    beside = {name for node in nodes for name in _scales(node)}
    found = [_stored(tensor, packed, beside) for tensor in tensors_of(model)]
    figures = figures_of([one for one in found if one is not None])
    is_quantized = any(node.op_type.startswith(_QUANTIZED) for node in nodes)
    return replace(figures, sparsity=None if is_quantized else figures.sparsity, compute_dtype=None)


def _scales(node: Any) -> list[str]:
    """Operands that are scales and zero points."""
    places = {"QuantizeLinear": (1, 2), "DequantizeLinear": (1, 2), "MatMulNBits": (2, 3)}
    return [node.input[i] for i in places.get(node.op_type, ()) if i < len(node.input)]


def _stored(tensor: Any, packed: dict[str, Any], beside: set[str]) -> Stored | None:
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
    is_weight = array.ndim >= 2 and tensor.name not in beside and (is_float or bits <= 8)
    is_weight = is_weight and kind != "BOOL"
    zeros = array.size - int(np.count_nonzero(array)) if is_float else None
    return Stored(array.size, n_bytes, is_weight, bits, zeros)


def computed_in(source: Any, n_bytes: int) -> str | None:
    """Read what layers with weights compute in from the graph as ONNX Runtime runs it.

    ONNX Runtime makes one layer of integers of a layer of floats between a DequantizeLinear and a
    QuantizeLinear, where it has a kernel for it; the file does not say which.

    Parameters
    ----------
    source : bytes or str
        The model, or where it lies.

    Returns
    -------
    str or None
        Such as ``float32``, ``int8`` or, where layers differ, ``float32 and int8``. None where it
        cannot be seen: the model is large, has no such layer, or unpacks weights of 4 bits.
    """
    import onnx
    import onnxruntime

    if n_bytes > _HIGHEST_BYTES:
        return None
    with tempfile.TemporaryDirectory(prefix="lethe-") as folder:
        file = Path(folder) / "run.onnx"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        options.optimized_model_filepath = str(file)
        try:
            onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
            model = onnx.load(file, load_external_data=False)
        except Exception:
            return None  # it runs, but cannot be written
    return _computed(model)


def _computed(model: Any) -> str | None:
    import onnx

    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    nodes = list(nodes_of(model))
    for node in nodes:  # what is dequantized has the type of its scale
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


_TYPES = {
    "tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64",
    "tensor(uint8)": "uint8", "tensor(int8)": "int8",
}  # fmt: skip
_BRINGS = "pip install -r requirements.txt brings it"


@register("onnx")
def open_onnx(where: str, _: Needed) -> Loaded:
    """Open a file and the files of its external data, which must lie in its folder.

    Raises
    ------
    UserError
        It is missing or no ONNX file, needs files from elsewhere or operators that are not there,
        or takes more than one input.
    """
    onnx, onnxruntime = _libraries()
    path = Path(where)
    content = read_regular(path)
    try:
        model = onnx.load_model_from_string(content)
    except Exception:
        raise UserError("this is no ONNX file, or it is damaged") from None
    if not model.graph.node:
        raise UserError("this is no ONNX file, or it has no operator")
    files = _external_files(model, path.parent)
    digest = hashlib.sha256(content)
    for file in files:
        digest.update(file.name.encode() + hashlib.sha256(read_regular(file)).digest())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            str(path) if files else content, options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise UserError(f"ONNX Runtime does not take it: {one_line(error)}") from None
    shape, dtype, name = _input(session)

    names = [one.name for one in session.get_outputs()]

    def run(images: Any) -> dict[str, Any]:
        outputs = session.run(None, {name: images})
        return {name: np.asarray(one) for name, one in zip(names, outputs, strict=True)}

    return Loaded(run, digest.hexdigest(), _figures(model, path, content, files), shape, dtype)


def _libraries() -> tuple[Any, Any]:
    found = []
    for name in ("onnx", "onnxruntime"):
        try:
            found.append(importlib.import_module(name))
        except ModuleNotFoundError as error:
            raise UserError(f"{error.name or name} is not installed; {_BRINGS}") from None
        except ImportError as error:
            raise UserError(f"{name} cannot be imported ({one_line(error)}); {_BRINGS}") from None
    return found[0], found[1]


def read_regular(path: Path) -> bytes:
    """Read a file.

    Raises
    ------
    UserError
        It is missing, or no regular file.
    """
    if not path.exists():
        raise UserError("there is no such file")
    if not path.is_file():
        raise UserError("this is no file")
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}") from None


def _input(session: Any) -> tuple[tuple[int | None, ...] | None, str, str]:
    inputs = session.get_inputs()
    if len(inputs) != 1:
        names = ", ".join(one.name for one in inputs)[:100] or "none"
        raise UserError(f"expected one input, the images; it has {len(inputs)}: {names}")
    (given,) = inputs
    if given.type not in _TYPES:
        raise UserError(f"its input is {given.type}; expected {', '.join(_TYPES)}")
    if not given.shape:
        return None, _TYPES[given.type], given.name
    shape = tuple(side if isinstance(side, int) and side > 0 else None for side in given.shape)
    return shape, _TYPES[given.type], given.name


def _external_files(model: Any, folder: Path) -> list[Path]:
    import onnx

    found: dict[str, Path] = {}
    for tensor in tensors_of(model):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        location = next((one.value for one in tensor.external_data if one.key == "location"), "")
        inside = (folder / location).resolve()
        if (
            not location
            or Path(location).is_absolute()
            or ":" in location
            or ".." in location.replace("\\", "/").split("/")
            or not inside.is_relative_to(folder.resolve())
        ):
            raise UserError(
                f"its weights are to come from {location[:100]!r}, outside its folder: refused"
            )
        if not inside.is_file():
            raise UserError(f"its file of weights {location[:100]!r} is missing beside it")
        found[location] = folder / location
    return [found[name] for name in sorted(found)]


def _figures(model: Any, path: Path, content: bytes, files: list[Path]) -> Figures:
    import onnx

    if files:
        # Its data lie in the model's folder: that was seen before.
        model = onnx.load(path)
    n_bytes = len(content) + sum(file.stat().st_size for file in files)
    computed = computed_in(str(path) if files else content, n_bytes)
    return replace(figures_of_graph(model), compute_dtype=computed)
