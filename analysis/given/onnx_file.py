"""ONNX files, run by ONNX Runtime on the CPU."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from analysis.errors import UserError
from analysis.given.loaded import Figures, Loaded, Needed, figures_of
from analysis.given.registry import one_line, register

_TYPES = {
    "tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
}  # fmt: skip
_QUANTIZED = ("QLinear", "ConvInteger", "MatMulInteger", "DynamicQuantize", "MatMulNBits")
_MISSING = "is not installed; pip install -r requirements.txt brings it"


@register("onnx")
def open_onnx(where: str, _: Needed) -> Loaded:
    """Open a file and the files of its external data, which must lie in its folder.

    Raises
    ------
    UserError
        It is missing or no ONNX file, needs files from elsewhere or operators that are not there,
        or takes more than one input.
    """
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise UserError(f"'{error.name}' {_MISSING}") from None
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

    def run(images: Any) -> list[Any]:
        return [np.asarray(output) for output in session.run(None, {name: images})]

    return Loaded(run, digest.hexdigest(), _figures(model, path, bool(files)), shape, dtype)


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


def _tensors(model: Any) -> Iterator[Any]:
    """Every tensor of a file: initializers and constants, those of subgraphs and functions too."""
    graphs = [model.graph, *model.functions]
    while graphs:
        graph = graphs.pop()
        yield from getattr(graph, "initializer", ())
        for sparse in getattr(graph, "sparse_initializer", ()):
            yield from (sparse.values, sparse.indices)
        for node in graph.node:
            for attribute in node.attribute:
                yield attribute.t
                yield from attribute.tensors
                for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                    yield from (sparse.values, sparse.indices)
                if attribute.HasField("g"):
                    graphs.append(attribute.g)
                graphs += attribute.graphs


def _external_files(model: Any, folder: Path) -> list[Path]:
    import onnx

    found: dict[str, Path] = {}
    for tensor in _tensors(model):
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


def _figures(model: Any, path: Path, is_external: bool) -> Figures:
    import onnx
    from onnx import numpy_helper

    if is_external:
        # Its data lie in the model's folder: that was seen before.
        model = onnx.load(path)
    weights: list[tuple[int, int, float, bool, int | None]] = []
    constants = [
        attribute.t
        for node in model.graph.node
        if node.op_type == "Constant"
        for attribute in node.attribute
        if attribute.name == "value"
    ]
    for tensor in (*model.graph.initializer, *constants):
        array = numpy_helper.to_array(tensor)
        kind = onnx.TensorProto.DataType.Name(tensor.data_type)
        is_float = "FLOAT" in kind or kind == "DOUBLE"
        bits = 4.0 if kind in ("INT4", "UINT4", "FLOAT4E2M1") else 8.0 * array.dtype.itemsize
        zeros = array.size - int(np.count_nonzero(array)) if is_float else None
        weights.append((array.size, array.ndim, bits, is_float, zeros))
    operators = [node.op_type for node in model.graph.node]
    is_quantized = any(one.startswith(_QUANTIZED) for one in operators) or (
        "DequantizeLinear" in operators
    )
    figures = figures_of(weights)
    return Figures(
        figures.size_bytes, figures.weight_bits, None if is_quantized else figures.sparsity
    )
