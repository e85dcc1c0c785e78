"""Open OpenVINO models, ``.xml`` with ``.bin``, on the CPU."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from analysis.errors import UserError, one_line
from analysis.external.declared import beside, class_names_in, merged, normalized
from analysis.external.files import missing_runtime, read_regular
from analysis.external.model import Array, Feeding, Figures, Loaded, Needed, Stored, figures_of
from analysis.external.registry import register
from analysis.external.session import one_of, session_options, threads

_TYPES = {"f32": "float32", "f16": "float16", "f64": "float64", "u8": "uint8", "i8": "int8"}
_OPTIONS = {
    "inference_num_threads": threads,
    "inference_precision_hint": one_of({"f32": "f32", "bf16": "bf16", "f16": "f16"}),
    "execution_mode_hint": one_of({"accuracy": "ACCURACY", "performance": "PERFORMANCE"}),
}
# OpenVINO chooses bfloat16 on processors that have it, which changes predictions.
_DEFAULTS = {
    "inference_num_threads": 1,
    "inference_precision_hint": "f32",
    "performance_hint": "THROUGHPUT",
    "num_streams": 1,
}
_LAYERS = ("Convolution", "GroupConvolution", "FullyConnected", "MatMul", "Deconvolution")
_RESIZED = {"standard": "squash", "crop": "crop", "fit_to_window": "pad",
            "fit_to_window_letterbox": "pad"}  # fmt: skip
_LAYOUT = re.compile(r"[^A-Z]")


@register("openvino")
def open_openvino(where: str, needed: Needed) -> Loaded:
    """Open a model with one input, the images; its weights lie beside it.

    Raises
    ------
    UserError
        OpenVINO is not installed, or the files are missing, damaged or of another kind, or take
        more than one input.
    """
    openvino = _library()
    options = session_options(needed.session_options, _OPTIONS, "OpenVINO")
    if needed.device != "cpu":
        raise UserError("OpenVINO models run on the CPU; --device cpu")
    path = Path(where)
    content = read_regular(path)
    if b"<net" not in content[:4096]:
        raise UserError("not an OpenVINO model: expected <net> in its first lines")
    weights_path = path.with_suffix(".bin")
    if not weights_path.is_file():
        raise UserError(f"its weights, {weights_path.name}, are missing beside it: copy it there")
    weights = read_regular(weights_path)
    core = openvino.Core()
    try:
        model = core.read_model(content, weights)
    except Exception as error:
        raise UserError(f"OpenVINO does not read it: {_reason(error)}") from None
    shape, dtype, layout = _input(model)
    settings = {key.upper(): value for key, value in (_DEFAULTS | options).items()}
    try:
        compiled = core.compile_model(model, "CPU", settings)
    except Exception as error:
        raise UserError(f"OpenVINO rejects it: {_reason(error)}") from None
    information = _information(model)
    feeding, file, names = beside(path.parent)
    own = _declared(information, dtype)
    own_names = _labels(information)
    declared = merged(own, feeding)
    return Loaded(
        _runner(compiled),
        hashlib.sha256(content + hashlib.sha256(weights).digest()).hexdigest(),
        replace(_figures(model), compute_dtype=_computed(compiled)),
        shape,
        dtype,
        declared=replace(declared, layout=layout),
        declared_in=" and ".join(["its rt_info"] * (own != Feeding()) + [file] * bool(file)),
        class_names=own_names or (names if len(names) == _n_outputs(model, names) else ()),
    )


def _library() -> Any:
    try:
        import openvino
    except ImportError as error:
        raise missing_runtime(error, "openvino", "openvino") from None
    return openvino


def _reason(error: Exception) -> str:
    """Return the reason of an error without places in OpenVINO's code."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reasons = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    text = re.sub(r"\S+\.(cpp|hpp):\d+:?", "", reasons[0] if reasons else one_line(error))
    return " ".join(text.split())[:300]


def _input(model: Any) -> tuple[tuple[int | None, ...] | None, str, str | None]:
    if len(model.inputs) != 1:
        names = ", ".join(one.any_name for one in model.inputs if one.names)[:100] or "none"
        raise UserError(f"expected one input, the images; it has {len(model.inputs)}: {names}")
    image = model.input()
    kind = image.element_type.get_type_name()
    if kind not in _TYPES:
        raise UserError(f"its input is {kind}; expected {', '.join(_TYPES)}")
    letters = _LAYOUT.sub("", str(image.get_node().layout).upper())
    layout = letters if letters in ("NCHW", "NHWC") else None
    if image.partial_shape.rank.is_dynamic:
        return None, _TYPES[kind], layout
    shape = tuple(
        None if side.is_dynamic else int(side.get_length()) for side in image.partial_shape
    )
    return shape, _TYPES[kind], layout


def _runner(compiled: Any) -> Any:
    names = [one.any_name if one.names else str(i) for i, one in enumerate(compiled.outputs)]

    def run(images: Array) -> dict[str, Array]:
        outputs = compiled([images])
        return {name: np.array(outputs[i]) for i, name in enumerate(names)}

    return run


def _information(model: Any) -> dict[str, Any]:
    """Read the sections of a model's ``rt_info`` that describe its input and output."""
    found: dict[str, Any] = {}
    for section in ("model_info", "conversion_parameters"):
        if model.has_rt_info([section]):
            value = model.get_rt_info([section])
            value = getattr(value, "value", value)
            if isinstance(value, Mapping):
                found[section] = {
                    str(key): str(getattr(one, "value", one)) for key, one in value.items()
                }
    return found


def _declared(information: dict[str, Any], dtype: str) -> Feeding:
    """Read the feeding that Model API and the model converter declare."""
    info = information.get("model_info", {})
    converted = information.get("conversion_parameters", {})
    is_reversed = info.get("reverse_input_channels", "").lower()
    feeding = Feeding(
        resize=_RESIZED.get(info.get("resize_type", "").lower()),
        channels={"true": "rgb", "yes": "rgb", "false": "bgr", "no": "bgr"}.get(is_reversed),
    )
    if info.get("embedded_processing", "").lower() in ("true", "yes"):
        # Mean and scale are layers of the model itself.
        return feeding if dtype == "uint8" else replace(feeding, pixels="0..255")
    mean, std = (_numbers(info.get(name, "")) for name in ("mean_values", "scale_values"))
    if mean or std:
        mean, std = mean or (0.0,), std or (1.0,)
        if max(*map(abs, mean), *std) <= 2 and max(std) < 1 + 1e-6 and set(std) != {1.0}:
            return normalized(feeding, mean, std)
        if set(mean) == {0.0} and set(std) == {1.0}:
            return replace(feeding, pixels="0..255")
        return replace(feeding, mean=tuple(m / 255 for m in mean), std=tuple(s / 255 for s in std))
    built_in = [converted.get(name, "") for name in ("mean_values", "scale_values", "scale")]
    if any(number > 2 for text in built_in for number in _numbers(text)):
        # The converter made them layers of the model, whose input is raw pixels.
        feeding = replace(feeding, pixels="0..255")
    return feeding


def _numbers(text: str) -> tuple[float, ...]:
    """Parse the numbers in a text such as ``[123.7,116.3,103.5]`` or ``input[123.7,…]``."""
    inside = text.rpartition("[")[2].partition("]")[0]
    parts = inside.replace(",", " ").split()
    try:
        found = tuple(float(part) for part in parts)
    except ValueError:
        return ()
    return found if len(found) in (1, 3) and all(np.isfinite(found)) else ()


def _labels(information: dict[str, Any]) -> tuple[str, ...]:
    """Read the class names, which Model API separates by spaces."""
    text = information.get("model_info", {}).get("labels", "")
    return class_names_in(text) or (tuple(text.split()) if len(text.split()) > 1 else ())


def _n_outputs(model: Any, names: tuple[str, ...]) -> int:
    """Return the declared number of classes, else the number of names."""
    sides = [one.partial_shape for one in model.outputs]
    declared = [
        int(side.get_length())
        for shape in sides
        if not shape.rank.is_dynamic
        for side in list(shape)[1:]
        if not side.is_dynamic
    ]
    return len(names) if not declared or len(names) in declared else declared[-1]


def _figures(model: Any) -> Figures:
    """Measure the constants; weights have two or more sides above 1."""
    stored: list[Stored] = []
    is_quantized = False
    for operator in model.get_ops():
        if operator.get_type_name() == "FakeQuantize":
            is_quantized = True
        if operator.get_type_name() != "Constant":
            continue
        kind = operator.get_output_element_type(0)
        bits = float(kind.bitwidth)
        shape = list(operator.get_output_shape(0))
        n = int(np.prod(shape)) if shape else 1
        is_float = kind.is_real()
        is_weight = sum(side > 1 for side in shape) >= 2 and (is_float or bits <= 8)
        zeros = None
        if is_weight and is_float and bits in (16, 32, 64) and kind.get_type_name() != "bf16":
            zeros = n - int(np.count_nonzero(operator.data))
        is_quantized = is_quantized or (is_weight and not is_float)
        stored.append(Stored(n, n * bits / 8, is_weight, bits, zeros))
    figures = figures_of(stored)
    return replace(figures, sparsity=None) if is_quantized else figures


def _computed(compiled: Any) -> str | None:
    """Return the types that layers compute in, from OpenVINO's compiled graph."""
    try:
        operators = compiled.get_runtime_model().get_ops()
    except Exception:
        return None  # it runs without a runtime graph
    found = set()
    for operator in operators:
        info = {key: str(getattr(one, "value", one)) for key, one in operator.get_rt_info().items()}
        if info.get("layerType") in _LAYERS:
            kind = info.get("runtimePrecision", "")
            found.add({"f32": "float32", "f16": "float16", "bf16": "bfloat16", "i8": "int8",
                       "u8": "int8"}.get(kind.lower(), kind))  # fmt: skip
    return " and ".join(sorted(one for one in found if one)) or None
