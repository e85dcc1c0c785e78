"""Open ONNX files in ONNX Runtime, with the declarations in their metadata and beside them."""

import hashlib
import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.compression import onnx_session
from analysis.errors import UserError, one_line
from analysis.external.declared import beside, merged, names_of_metadata, of_metadata
from analysis.external.files import read_regular
from analysis.external.model import Array, Feeding, Loaded, Needed
from analysis.external.onnx_weights import figures_of_file, nodes_of, tensors_of
from analysis.external.registry import register
from analysis.external.session import one_of, session_options, switch, threads
from analysis.stats.features import pooled

_TYPES = {
    "tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64",
    "tensor(uint8)": "uint8", "tensor(int8)": "int8",
}  # fmt: skip
_BRINGS = "pip install -r requirements.txt brings it"
_LEVELS = {
    "disable_all": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "layout": "ORT_ENABLE_LAYOUT",
    "all": "ORT_ENABLE_ALL",
}
# Attributes of SessionOptions.
_OPTIONS = {
    "graph_optimization_level": one_of(_LEVELS),
    "intra_op_num_threads": threads,
    "inter_op_num_threads": threads,
    "execution_mode": one_of({"sequential": "ORT_SEQUENTIAL", "parallel": "ORT_PARALLEL"}),
    "use_deterministic_compute": switch,
    "enable_cpu_mem_arena": switch,
    "enable_mem_pattern": switch,
    "enable_mem_reuse": switch,
}
# Configuration entries that change kernels; ONNX Runtime itself does not check them.
_ENTRIES = (
    "session.disable_prepacking",
    "session.disable_quant_qdq",
    "session.enable_quant_qdq_cleanup",
    "session.qdqisint8allowed",
    "session.set_denormal_as_zero",
    "session.x64quantprecision",
)
_DYNAMIC_QUANTIZERS = ("DynamicQuantizeLinear", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM")
_IR = re.compile(r"IR version: (\d+), max supported IR version: (\d+)")
_OPSET = re.compile(r"Opset (\d+) is under development.*?domain (\S*) is till opset (\d+)", re.S)


@register("onnx")
def open_onnx(where: str, needed: Needed) -> Loaded:
    """Open a file and its external data, which must lie in its folder.

    Raises
    ------
    UserError
        The file is missing or not ONNX, is newer than the runtime, needs files from elsewhere or
        missing operators, or takes more than one input.
    """
    onnx, onnxruntime = _libraries()
    known = _OPTIONS | dict.fromkeys(_ENTRIES, switch)
    options = session_options(needed.session_options, known, "ONNX Runtime")
    path = Path(where)
    content = read_regular(path)
    try:
        model = onnx.load_model_from_string(content)
    except Exception:
        raise UserError("not an ONNX file, or it is damaged: copy or export it again") from None
    if not model.graph.node:
        raise UserError("not an ONNX file, or it has no operator")
    files = _external_files(model, path.parent)
    digest = hashlib.sha256(content)
    for file in files:
        digest.update(file.name.encode() + hashlib.sha256(read_regular(file)).digest())
    providers = _providers(onnxruntime, needed.device)
    try:
        session = onnxruntime.InferenceSession(
            str(path) if files else content, _options(onnxruntime, options), providers=providers
        )
    except Exception as error:
        raise UserError(_refusal(onnxruntime, error)) from None
    if providers[0] not in session.get_providers():
        raise UserError(
            "ONNX Runtime could not start CUDA and would use the CPU; --device cpu, or the CUDA "
            "and cuDNN that this onnxruntime-gpu was built for"
        )
    shape, dtype, name = _input(session)
    metadata = {one.key: one.value for one in model.metadata_props}
    declared, declared_in, names = _declared(session, metadata, path.absolute().parent)
    return Loaded(
        _runner(session, name, model),
        digest.hexdigest(),
        figures_of_file(model, path, content, files),
        shape,
        dtype,
        declared=declared,
        declared_in=declared_in,
        class_names=names or _names_of_maps(model),
        is_batch_dependent=_is_batch_dependent(model, shape),
        penultimate=lambda output: feature_runner(
            onnxruntime, content, output, _options(onnxruntime, options), providers, path.parent
        ),
    )


def _options(onnxruntime: Any, requested: dict[str, Any]) -> Any:
    options = onnx_session.session_options(onnx_session.FATAL)
    enums = {
        "graph_optimization_level": onnxruntime.GraphOptimizationLevel,
        "execution_mode": onnxruntime.ExecutionMode,
    }
    for key, value in requested.items():
        if key in _ENTRIES:
            options.add_session_config_entry(key, str(int(value)))
        else:
            setattr(options, key, getattr(enums[key], value) if key in enums else value)
    return options


def _providers(onnxruntime: Any, device: str) -> list[str]:
    if device == "cpu":
        return ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise UserError(
            f"--device {device}: this ONNX Runtime runs on the CPU alone; pip install "
            "onnxruntime-gpu in place of onnxruntime brings CUDA, or --device cpu"
        )
    return ["CUDAExecutionProvider", "CPUExecutionProvider"]


def _refusal(onnxruntime: Any, error: Exception) -> str:
    """Explain why ONNX Runtime rejects a file, and what to do if the file is too new."""
    text, version = str(error), onnxruntime.__version__
    newer = "or pip install -U onnxruntime"
    found = _IR.search(text)
    if found is not None:
        return (
            f"it is written in IR version {found[1]}, and ONNX Runtime {version} reads up to "
            f"{found[2]}; set model.ir_version = {found[2]} and save it again, {newer}"
        )
    found = _OPSET.search(text)
    if found is not None:
        of = "" if found[2] in ("", "ai.onnx") else f" of {found[2]}"
        return (
            f"it uses opset {found[1]}{of}, and ONNX Runtime {version} reads up to {found[3]}; "
            f"export it again with opset_version={found[3]}, {newer}"
        )
    reason = re.sub(r"\S*/\S+\.(cc|h|cpp)(:\d+)?", "", one_line(error))
    return f"ONNX Runtime rejects it: {' '.join(reason.split())}"


def _runner(session: Any, name: str, model: Any) -> Any:
    names = [one.name for one in session.get_outputs()]
    keys = _keys_of_maps(model)

    def run(images: Any) -> dict[str, Any]:
        outputs = session.run(None, {name: images})
        return {
            name: _array(one, keys.get(name, [])) for name, one in zip(names, outputs, strict=True)
        }

    return run


def _array(output: Any, keys: list[Any]) -> Any:
    """Convert an output to an array; mappings, as of scikit-learn, to scores per class."""
    if isinstance(output, list) and output and isinstance(output[0], dict):
        order = [key for key in keys if key in output[0]] or sorted(output[0])
        return np.array([[row[key] for key in order] for row in output], np.float32)
    return np.asarray(output)


def _keys_of_maps(model: Any) -> dict[str, list[Any]]:
    """Return the classes of each mapping output, in the order of its scores."""
    found: dict[str, list[Any]] = {}
    for node in model.graph.node:
        if node.op_type == "ZipMap":
            for attribute in node.attribute:
                words = [one.decode("utf-8", "replace") for one in attribute.strings]
                found[node.output[0]] = words or list(attribute.ints)
    return found


def _names_of_maps(model: Any) -> tuple[str, ...]:
    keys = next(iter(_keys_of_maps(model).values()), [])
    return tuple(keys) if keys and isinstance(keys[0], str) else ()


def _declared(
    session: Any, metadata: dict[str, str], folder: Path
) -> tuple[Feeding, str, tuple[str, ...]]:
    """Read what the file, or Hugging Face's files beside it, declare of input and outputs.

    Exports for the browser lie in a subfolder ``onnx``.
    """
    own, names = of_metadata(metadata), names_of_metadata(metadata)
    feeding, file, others = beside(folder)
    if not file and not others and folder.name == "onnx":
        feeding, file, others = beside(folder.parent)
    sides = [one.shape[-1] for one in session.get_outputs() if one.shape]
    if not names and (len(others) in sides or not any(isinstance(one, int) for one in sides)):
        names = others
    by = ["its metadata"] * (own != Feeding()) + [file] * bool(file)
    return merged(own, feeding), " and ".join(by), names


def _is_batch_dependent(model: Any, shape: tuple[int | None, ...] | None) -> bool:
    """Return whether scales are computed at run time over a whole batch."""
    is_free = shape is None or not shape or shape[0] != 1
    return is_free and any(node.op_type in _DYNAMIC_QUANTIZERS for node in nodes_of(model))


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


def _input(session: Any) -> tuple[tuple[int | None, ...] | None, str, str]:
    inputs = session.get_inputs()
    if len(inputs) != 1:
        names = ", ".join(one.name for one in inputs)[:100] or "none"
        raise UserError(f"expected one input, the images; it has {len(inputs)}: {names}")
    (image,) = inputs
    if image.type not in _TYPES:
        raise UserError(f"its input is {image.type}; expected {', '.join(_TYPES)}")
    if not image.shape:
        return None, _TYPES[image.type], image.name
    shape = tuple(side if isinstance(side, int) and side > 0 else None for side in image.shape)
    return shape, _TYPES[image.type], image.name


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
            raise UserError(f"its weights are in {location[:100]!r}, outside its folder: refused")
        if not inside.is_file():
            raise UserError(
                f"its file of weights {location[:100]!r} is missing beside it: copy it there, or "
                "export the model into one file (torch.onnx.export with external_data=False)"
            )
        found[location] = folder / location
    return [found[name] for name in sorted(found)]


_LINEAR = ("MatMul", "Gemm", "FusedMatMul", "FusedGemm", "QGemm", "QLinearMatMul", "MatMulInteger",
           "MatMulNBits", "DynamicQuantizeMatMul")  # fmt: skip
_CONVOLUTIONS = ("Conv", "FusedConv", "QLinearConv", "ConvInteger")
_FOLDER = "session.model_external_initializers_file_folder_path"


@dataclass(frozen=True)
class BeforeLast:
    """The tensor before a graph's last layer, and whether that layer is a convolution."""

    name: str
    is_map: bool


def before_last(model: Any, output: str) -> BeforeLast | None:
    """Find the input of the last weighted layer before an output; None if there is none.

    That is the last matrix product or convolution before it; a product of two tensors that both
    depend on the image, as in attention, does not count.
    """
    graph = model.graph
    weights = {one.name for one in graph.initializer}
    of_image = {one.name for one in graph.input if one.name not in weights}
    for node in graph.node:
        if of_image.intersection(node.input):
            of_image.update(node.output)
    needed = {output}
    for node in reversed(graph.node):
        if not needed.intersection(node.output):
            continue
        if node.op_type in (*_LINEAR, *_CONVOLUTIONS):
            inputs = [name for name in node.input if name in of_image]
            if len(inputs) != 1:
                # Scales computed at run time come with their tensor.
                inputs = [name for name in inputs if not name.endswith(("_scale", "_zero_point"))]
            if len(inputs) != 1:
                return None
            return BeforeLast(inputs[0], node.op_type in _CONVOLUTIONS)
        needed.update(node.input)
    return None


def with_features(model: Any, at: BeforeLast) -> bytes:
    """Add a tensor to a graph's outputs; return the serialized model."""
    import onnx

    if at.name not in {one.name for one in model.graph.output}:
        model.graph.output.append(onnx.ValueInfoProto(name=at.name))
    return bytes(model.SerializeToString())


def feature_runner(
    onnxruntime: Any, content: bytes, output: str, options: Any, providers: list[str], folder: Path
) -> Callable[[Array], Array] | None:
    """Open a runner of the layer before the last one, (N, D); None if there is no such layer."""
    import onnx

    model = onnx.load_model_from_string(content)
    at = before_last(model, output)
    if at is None:
        return None
    options.add_session_config_entry(_FOLDER, str(folder))
    session = onnxruntime.InferenceSession(with_features(model, at), options, providers=providers)
    name = session.get_inputs()[0].name

    def run(images: Array) -> Array:
        return pooled(np.asarray(session.run([at.name], {name: images})[0]), is_map=at.is_map)

    return run
