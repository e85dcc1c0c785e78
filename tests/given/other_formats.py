"""Tiny models of the digits as TFLite, OpenVINO and Hugging Face files, made inside the tests."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np

from tests.given.nets import prototypes, write_linear


def write_tflite(
    path: Path,
    *,
    kind: str = "float32",
    scale: float = 1 / 255,
    zero_point: int = -128,
    batch: int = -1,
    custom: bool = False,
    metadata: bytes | None = None,
    labels: str | None = None,
) -> Path:
    """Write the linear classifier [batch, 8, 8, 1] -> [batch, 10]; ``int8`` is quantized whole."""
    from ai_edge_litert import schema_py_generated as schema

    weight, bias = prototypes()
    is_int8 = kind == "int8"
    arrays: dict[str, np.ndarray] = {"weight": weight.T.copy(), "bias": bias}
    scales: dict[str, tuple[float, int]] = {}
    if is_int8:
        step = float(np.abs(weight).max() / 127)
        scales = {"images": (scale, zero_point), "weight": (step, 0), "bias": (step / 255, 0),
                  "flat": (scale, zero_point), "scores": (0.1, 10)}  # fmt: skip
        arrays = {
            "weight": np.rint(weight.T / step).astype(np.int8),
            "bias": np.rint(bias / (step / 255)).astype(np.int32),
        }
    arrays["shape"] = np.array([-1, 64], np.int32)
    types = {"float32": schema.TensorType.FLOAT32, "int8": schema.TensorType.INT8}
    model = schema.ModelT()
    model.version, model.description = 3, "linear"
    model.buffers = [schema.BufferT()]
    graph = schema.SubGraphT()
    graph.tensors, graph.operators = [], []

    def tensor(name: str, shape: list[int], type_: int, data: np.ndarray | None = None) -> int:
        one = schema.TensorT()
        one.name, one.shape, one.type = name, [abs(side) for side in shape], type_
        if -1 in shape:
            one.shapeSignature = shape
        one.buffer = 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            model.buffers.append(buffer)
            one.buffer = len(model.buffers) - 1
        if name in scales:
            one.quantization = schema.QuantizationParametersT()
            one.quantization.scale = [scales[name][0]]
            one.quantization.zeroPoint = [scales[name][1]]
        graph.tensors.append(one)
        return len(graph.tensors) - 1

    images = tensor("images", [batch, 8, 8, 1], types[kind])
    shape = tensor("shape", [2], schema.TensorType.INT32, arrays["shape"])
    flat = tensor("flat", [batch, 64], types[kind])
    weights = tensor("weight", [10, 64], types[kind], arrays["weight"])
    of_bias = schema.TensorType.INT32 if is_int8 else schema.TensorType.FLOAT32
    biases = tensor("bias", [10], of_bias, arrays["bias"])
    scores = tensor("scores", [batch, 10], types[kind])

    def operator(code: int, inputs: list[int], output: int, options: Any, named: str) -> None:
        one = schema.OperatorT()
        one.opcodeIndex, one.inputs, one.outputs = code, inputs, [output]
        one.builtinOptions = options
        one.builtinOptionsType = getattr(schema.BuiltinOptions, named)
        graph.operators.append(one)

    operator(0, [images, shape], flat, schema.ReshapeOptionsT(), "ReshapeOptions")
    dense = schema.FullyConnectedOptionsT()
    operator(1, [flat, weights, biases], scores, dense, "FullyConnectedOptions")
    graph.inputs, graph.outputs = [images], [scores]
    model.subgraphs = [graph]
    model.operatorCodes = []
    for name in ("RESHAPE", "FULLY_CONNECTED"):
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode, code.version = code.builtinCode, 1
        if custom and name == "RESHAPE":
            code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
            code.customCode = "FlexReshape"
        model.operatorCodes.append(code)
    if metadata is not None:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(metadata, np.uint8)
        model.buffers.append(buffer)
        entry = schema.MetadataT()
        entry.name, entry.buffer = "TFLITE_METADATA", len(model.buffers) - 1
        model.metadata = [entry]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    content = bytes(builder.Output())
    if labels is not None:
        packed = io.BytesIO(content)
        with zipfile.ZipFile(packed, "a") as archive:
            archive.writestr("labels.txt", labels)
        content = packed.getvalue()
    path.write_bytes(content)
    return path


def normalization(mean: list[float], std: list[float]) -> bytes:
    """TFLite metadata that says how pixels from 0 to 255 are normalized."""
    b = flatbuffers.Builder(256)

    def table(fields: dict[int, int], n: int, *, scalar: int | None = None) -> int:
        b.StartObject(n)
        if scalar is not None:
            b.PrependUint8Slot(0, scalar, 0)
        for place, offset in fields.items():
            b.PrependUOffsetTRelativeSlot(place, offset, 0)
        return b.EndObject()

    def vector(items: list[int]) -> int:
        b.StartVector(4, len(items), 4)
        for one in reversed(items):
            b.PrependUOffsetTRelative(one)
        return b.EndVector()

    def floats(values: list[float]) -> int:
        b.StartVector(4, len(values), 4)
        for one in reversed(values):
            b.PrependFloat32(one)
        return b.EndVector()

    options = table({0: floats(mean), 1: floats(std)}, 2)
    unit = table({1: options}, 2, scalar=1)
    tensor = table({4: vector([unit])}, 7)
    graph = table({2: vector([tensor])}, 9)
    b.Finish(table({3: vector([graph])}, 8), b"M001")
    return bytes(b.Output())


def write_openvino(path: Path, information: dict[str, str] | None = None, **changes: Any) -> Path:
    """Convert the linear classifier to OpenVINO; ``information`` is its ``model_info``."""
    import openvino

    model = openvino.convert_model(str(write_linear(path.with_suffix(".onnx"), **changes)))
    for key, value in (information or {}).items():
        model.set_rt_info(value, ["model_info", key])
    openvino.save_model(model, str(path), compress_to_fp16=False)
    return path


PROCESSOR = {
    "image_processor_type": "ViTImageProcessor",
    "size": {"height": 8, "width": 8},
    "do_resize": True,
    "do_rescale": True,
    "do_normalize": True,
    "rescale_factor": 1 / 255,
    "resample": 2,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.25, 0.25, 0.25],
}


def write_vit(folder: Path, names: list[str], processor: dict[str, Any] | None = None) -> Any:
    """Save a ViT with drawn weights, and return it."""
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        image_size=8, patch_size=4, num_channels=3,
        id2label=dict(enumerate(names)), label2id={name: i for i, name in enumerate(names)},
    )  # fmt: skip
    model = transformers.ViTForImageClassification(config).eval()
    model.save_pretrained(folder)
    if processor is not None:
        (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return model
