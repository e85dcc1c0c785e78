"""ONNX files, run by ONNX Runtime on the CPU."""

import hashlib
import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from analysis.errors import UserError, one_line
from analysis.given.loaded import Figures, Loaded, Needed
from analysis.given.onnx_weights import computed_in, figures_of_graph, tensors_of
from analysis.given.registry import register

_TYPES = {
    "tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
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

    def run(images: Any) -> list[Any]:
        return [np.asarray(output) for output in session.run(None, {name: images})]

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
