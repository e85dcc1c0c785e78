"""Open ``.tflite`` models in LiteRT on the CPU; integer outputs become scores."""

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from analysis.errors import UserError, one_line
from analysis.external.declared import merged, range_of
from analysis.external.files import missing_runtime, read_regular
from analysis.external.model import Array, Feeding, Loaded, Needed
from analysis.external.registry import register
from analysis.external.session import one_of, session_options, threads
from analysis.external.tflite_contents import contents_of

_TYPES = ("float32", "float16", "uint8", "int8")
_OPTIONS = {
    "num_threads": threads,
    # Kernels of other devices: the same file may predict differently with each.
    "op_resolver": one_of(
        {
            "auto": "AUTO",
            "builtin": "BUILTIN",
            "reference": "BUILTIN_REF",
            "without_delegates": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
        }
    ),
}


@register("tflite")
def open_tflite(where: str, needed: Needed) -> Loaded:
    """Open a file with one input, the images.

    Raises
    ------
    UserError
        LiteRT is not installed, or the file is missing or not TFLite, needs missing operators, or
        takes more than one input.
    """
    litert = _library()
    options = session_options(needed.session_options, _OPTIONS, "LiteRT")
    if needed.device != "cpu":
        raise UserError("TFLite models run on the CPU; --device cpu")
    content = read_regular(Path(where))
    if content[4:8] != b"TFL3":
        raise UserError("not a TFLite file: its first bytes are not those of one")
    contents = contents_of(content)  # raises for a damaged file
    interpreter = _interpreter(litert, content, options, contents.custom)
    inputs = interpreter.get_input_details()
    if len(inputs) != 1:
        names = ", ".join(one["name"] for one in inputs)[:100] or "none"
        raise UserError(f"expected one input, the images; it has {len(inputs)}: {names}")
    (image,) = inputs
    dtype = np.dtype(image["dtype"]).name
    if dtype not in _TYPES:
        raise UserError(f"its input is {dtype}; expected {', '.join(_TYPES)}")
    signature = [int(side) for side in image["shape_signature"]]
    if len(signature) != len(image["shape"]):
        signature = [int(side) for side in image["shape"]]
    quantization = _quantization(image)
    from_scale = _range(dtype, quantization)
    declared_in = "" if from_scale == Feeding() else "the scale of its input"
    if contents.declared != Feeding():
        declared_in = "the model's metadata"
    return Loaded(
        _runner(interpreter, image, _names(interpreter)),
        hashlib.sha256(content).hexdigest(),
        contents.figures,
        tuple(None if side < 1 else side for side in signature),
        dtype,
        quantization,
        declared=merged(contents.declared, from_scale),
        declared_in=declared_in,
        class_names=contents.class_names,
    )


def _library() -> Any:
    try:
        from ai_edge_litert import interpreter
    except ImportError as error:
        raise missing_runtime(error, "ai-edge-litert", "tflite") from None
    return interpreter


def _interpreter(
    litert: Any, content: bytes, options: dict[str, Any], custom: tuple[str, ...]
) -> Any:
    try:
        with _quiet():
            interpreter = litert.Interpreter(
                model_content=content,
                num_threads=options.get("num_threads", 1),
                experimental_op_resolver_type=litert.OpResolverType[
                    options.get("op_resolver", "AUTO")
                ],
            )
            interpreter.allocate_tensors()
    except Exception as error:
        if custom:
            raise UserError(
                f"it needs operators that LiteRT alone does not have: {', '.join(custom)[:200]}; "
                "convert it again with converter.target_spec.supported_ops = "
                "[tf.lite.OpsSet.TFLITE_BUILTINS]"
            ) from None
        raise UserError(f"LiteRT rejects it: {one_line(error)}") from None
    return interpreter


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence what LiteRT's native code writes to standard error."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _names(interpreter: Any) -> dict[str, dict[str, Any]]:
    """Return outputs by name, from the only signature, which all copies of a model share."""
    outputs = interpreter.get_output_details()
    signatures = interpreter.get_signature_list()
    if len(signatures) == 1:
        ((key, signature),) = signatures.items()
        details = interpreter.get_signature_runner(key).get_output_details()
        by_index = {detail["index"]: name for name, detail in details.items()}
        if len(by_index) == len(signature["outputs"]) == len(outputs) and all(
            one["index"] in by_index for one in outputs
        ):
            return {by_index[one["index"]]: one for one in outputs}
    names = [one["name"] for one in outputs]
    if len(set(names)) < len(names):
        names = [str(i) for i in range(len(names))]
    return dict(zip(names, outputs, strict=True))


def _runner(interpreter: Any, image: dict[str, Any], outputs: dict[str, dict[str, Any]]) -> Any:
    index, shape = image["index"], [int(side) for side in image["shape"]]

    def run(images: Array) -> dict[str, Array]:
        nonlocal shape
        if list(images.shape) != shape:
            with _quiet():
                interpreter.resize_tensor_input(index, list(images.shape), strict=True)
                interpreter.allocate_tensors()
            shape = list(images.shape)
        interpreter.set_tensor(index, images)
        interpreter.invoke()
        return {
            name: _dequantized(interpreter.get_tensor(one["index"]), _quantization(one))
            for name, one in outputs.items()
        }

    return run


def _dequantized(values: Array, quantization: tuple[float, int] | None) -> Array:
    """Convert integers to their scores; equal ones stay equal."""
    if quantization is None or values.dtype.kind not in "iu":
        return values
    scale, zero_point = quantization
    return np.float32(scale) * (values.astype(np.int32) - zero_point).astype(np.float32)


def _quantization(detail: dict[str, Any]) -> tuple[float, int] | None:
    scale, zero_point = detail["quantization"]
    return (float(scale), int(zero_point)) if scale > 0 else None


def _range(dtype: str, quantization: tuple[float, int] | None) -> Feeding:
    if quantization is None or dtype not in ("uint8", "int8"):
        return Feeding()
    limits = np.iinfo(dtype)
    return Feeding(pixels=range_of(*quantization, int(limits.min), int(limits.max)))
