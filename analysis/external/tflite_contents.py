"""Read weights, metadata and custom operators of a TFLite file, which LiteRT does not expose."""

import io
import struct
import zipfile
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analysis.errors import UserError
from analysis.external.declared import normalized
from analysis.external.model import Feeding, Figures, Stored, figures_of

_METADATA = b"TFLITE_METADATA"
_FLOATS = {"FLOAT32": ("float32", 32.0), "FLOAT16": ("float16", 16.0), "FLOAT64": ("float64", 64.0)}
_INTEGERS = {"INT8": 8.0, "UINT8": 8.0, "INT4": 4.0, "UINT4": 4.0, "INT2": 2.0, "INT16": 16.0}
_WIDE = {"INT32": 32.0, "INT64": 64.0, "UINT32": 32.0, "UINT64": 64.0, "BOOL": 8.0}
_LAYERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "CONV_3D",
           "BATCH_MATMUL")  # fmt: skip
_LARGEST_LABELS = 16 * 2**20


@dataclass(frozen=True)
class Contents:
    """The contents of a TFLite file."""

    figures: Figures
    declared: Feeding
    class_names: tuple[str, ...]
    custom: tuple[str, ...]


def contents_of(content: bytes) -> Contents:
    """Read weights, metadata and custom operators.

    Raises
    ------
    UserError
        The file is damaged.
    """
    from ai_edge_litert import schema_py_generated as schema

    try:
        model = schema.ModelT.InitFromPackedBuf(bytearray(content))
        if not model.subgraphs or not model.subgraphs[0].operators:
            raise ValueError("no operator")
        codes = {value: name for name, value in vars(schema.BuiltinOperator).items()
                 if isinstance(value, int)}  # fmt: skip
        types = {value: name for name, value in vars(schema.TensorType).items()
                 if isinstance(value, int)}  # fmt: skip
        figures = _figures(model, types, codes)
        custom = tuple(
            code.customCode.decode("utf-8", "replace")
            for code in model.operatorCodes
            if code.customCode and code.customCode != b"TFLite_Detection_PostProcess"
        )
    except MemoryError:
        raise
    except Exception:
        # A damaged file can raise any exception.
        raise UserError("not a TFLite file, or it is damaged") from None
    declared, names = _metadata(model, content)
    return Contents(figures, declared, names, custom)


def _figures(model: Any, types: dict[int, str], codes: dict[int, str]) -> Figures:
    stored: list[Stored | None] = []
    seen: set[int] = set()
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            n_bytes = _n_bytes(model.buffers[tensor.buffer])
            if n_bytes and tensor.buffer not in seen:
                seen.add(tensor.buffer)
                stored.append(_stored(tensor, n_bytes, model, types))
    if any(one is None for one in stored):
        return Figures(sum(_n_bytes(model.buffers[i]) for i in seen))
    figures = figures_of([one for one in stored if one is not None])
    scales = sum(
        8 * len(tensor.quantization.scale)
        for graph in model.subgraphs
        for tensor in graph.tensors
        if tensor.quantization is not None and tensor.quantization.scale is not None
    )
    is_quantized = scales > 0
    return replace(
        figures,
        size_bytes=None if figures.size_bytes is None else figures.size_bytes + scales,
        sparsity=None if is_quantized else figures.sparsity,
        compute_dtype=_computed(model, types, codes),
    )


def _n_bytes(buffer: Any) -> int:
    if buffer.data is not None and len(buffer.data):
        return len(buffer.data)
    # In files above 2 GiB the data follow the flatbuffer.
    return int(buffer.size) if buffer.offset and buffer.offset > 1 else 0


def _stored(tensor: Any, n_bytes: int, model: Any, types: dict[int, str]) -> Stored | None:
    kind = types.get(tensor.type, "")
    shape = [] if tensor.shape is None else [int(side) for side in tensor.shape]
    n = int(np.prod(shape)) if shape else 1
    if tensor.sparsity is not None:
        return None
    if kind in _FLOATS:
        name, bits = _FLOATS[kind]
        data = model.buffers[tensor.buffer].data
        zeros = None
        if data is not None and len(data) == n * bits / 8:
            zeros = n - int(np.count_nonzero(np.asarray(data, np.uint8).view(name)))
        return Stored(n, n_bytes, len(shape) >= 2, bits, zeros, name)
    if kind in _INTEGERS:
        return Stored(n, n_bytes, len(shape) >= 2, _INTEGERS[kind], None)
    if kind in _WIDE:  # shapes, indices and biases
        return Stored(n, n_bytes, False, _WIDE[kind], None)
    return None


def _computed(model: Any, types: dict[int, str], codes: dict[int, str]) -> str | None:
    """Return the type that layers with weights compute in, from their operands; None if unknown.

    Floats times integer weights are computed in either type, as the kernel decides.
    """
    found: set[str | None] = set()
    for graph in model.subgraphs:
        dequantized = {
            operator.outputs[0]
            for operator in graph.operators
            if _name(model, operator, codes) == "DEQUANTIZE"
        }
        for operator in graph.operators:
            if _name(model, operator, codes) not in _LAYERS:
                continue
            # A transposed convolution has its images third.
            indices = (2, 1) if _name(model, operator, codes) == "TRANSPOSE_CONV" else (0, 1)
            images, weights = (graph.tensors[operator.inputs[index]] for index in indices)
            kinds = types.get(images.type, ""), types.get(weights.type, "")
            if kinds[0] in _FLOATS:
                is_float = kinds[1] in _FLOATS or operator.inputs[indices[1]] in dequantized
                found.add(_FLOATS[kinds[0]][0] if is_float else None)
            else:
                found.add(kinds[0].lower())
    known = sorted(one for one in found if one is not None)
    return " and ".join(known) if known and None not in found else None


def _name(model: Any, operator: Any, codes: dict[int, str]) -> str:
    code = model.operatorCodes[operator.opcodeIndex]
    return codes.get(max(code.builtinCode, code.deprecatedBuiltinCode), "")


def _metadata(model: Any, content: bytes) -> tuple[Feeding, tuple[str, ...]]:
    """Read normalization and labels from TFLite metadata, empty if there are none."""
    declared, names = Feeding(), tuple[str, ...]()
    buffer = next((one.buffer for one in model.metadata or [] if one.name == _METADATA), None)
    if buffer is not None and model.buffers[buffer].data is not None:
        try:
            declared = _normalization(bytes(bytearray(model.buffers[buffer].data)))
        except (struct.error, IndexError, ValueError, TypeError):
            declared = Feeding()
    try:
        names = _labels(content)
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError):
        names = ()
    return declared, names


def _normalization(data: bytes) -> Feeding:
    """Read mean and standard deviation, in pixels to 255, from ``tflite::ModelMetadata``."""
    if data[4:8] != b"M001":
        return Feeding()
    (root,) = struct.unpack_from("<I", data, 0)
    graph = _first(_vector(data, root, 3))
    tensor = None if graph is None else _first(_vector(data, graph, 2))
    for unit in [] if tensor is None else _vector(data, tensor, 4):
        kind, options = _field(data, unit, 0), _field(data, unit, 1)
        if kind is None or options is None or data[kind] != 1:  # NormalizationOptions
            continue
        table = options + struct.unpack_from("<I", data, options)[0]
        mean, std = (_floats(data, table, index) for index in (0, 1))
        if not mean or not std or min(std) <= 0:
            continue
        if max(map(abs, mean)) <= 2 and max(std) <= 2 and (mean, std) != ((0.0,), (1.0,)):
            return normalized(Feeding(), mean, std)
        if set(mean) == {0.0} and set(std) == {1.0}:
            return Feeding(pixels="0..255")
        return Feeding(mean=tuple(m / 255 for m in mean), std=tuple(s / 255 for s in std))
    return Feeding()


def _field(data: bytes, table: int, index: int) -> int | None:
    """Return the offset of a field of a flatbuffer table; None if it is omitted."""
    head = table - struct.unpack_from("<i", data, table)[0]
    size = struct.unpack_from("<H", data, head)[0]
    at = 4 + 2 * index
    offset = struct.unpack_from("<H", data, head + at)[0] if at < size else 0
    return table + offset if offset else None


def _vector(data: bytes, table: int, index: int) -> list[int]:
    """Return the offsets of the tables in a vector."""
    at = _field(data, table, index)
    if at is None:
        return []
    start = at + struct.unpack_from("<I", data, at)[0]
    n = min(struct.unpack_from("<I", data, start)[0], 1_000)
    offsets = [start + 4 + 4 * i for i in range(n)]
    return [at + struct.unpack_from("<I", data, at)[0] for at in offsets]


def _floats(data: bytes, table: int, index: int) -> tuple[float, ...]:
    at = _field(data, table, index)
    if at is None:
        return ()
    start = at + struct.unpack_from("<I", data, at)[0]
    n = min(struct.unpack_from("<I", data, start)[0], 16)
    return struct.unpack_from(f"<{n}f", data, start + 4)


def _first(found: list[int]) -> int | None:
    return found[0] if found else None


def _labels(content: bytes) -> tuple[str, ...]:
    """Read the class names in the only text file packed behind the model."""
    file = io.BytesIO(content)
    if not zipfile.is_zipfile(file):
        return ()
    with zipfile.ZipFile(file) as packed:
        texts = [one for one in packed.infolist() if one.filename.lower().endswith(".txt")]
        if len(texts) != 1 or texts[0].file_size > _LARGEST_LABELS:
            return ()
        lines = packed.read(texts[0]).decode("utf-8-sig").split("\n")
    names = [line.strip() for line in lines]
    while names and not names[-1]:
        names.pop()
    return tuple(names) if names and all(names) else ()
