"""What an ONNX graph computes just before its last layer, as a second output of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.external.model import Array
from analysis.stats.features import pooled

_LINEAR = ("MatMul", "Gemm", "FusedMatMul", "FusedGemm", "QGemm", "QLinearMatMul", "MatMulInteger",
           "MatMulNBits", "DynamicQuantizeMatMul")  # fmt: skip
_CONVOLUTIONS = ("Conv", "FusedConv", "QLinearConv", "ConvInteger")
_FOLDER = "session.model_external_initializers_file_folder_path"


@dataclass(frozen=True)
class BeforeLast:
    """A tensor of a graph: its name, and whether a convolution takes it."""

    name: str
    is_map: bool


def before_last(model: Any, output: str) -> BeforeLast | None:
    """Find the input of the last layer with weights that an output is made of; None without one.

    That is the last matrix product or convolution on the way to it; where it multiplies two things
    that both depend on the image, as attention does, it is no such layer.
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
            given = [name for name in node.input if name in of_image]
            if len(given) != 1:
                # Scales that are found at run time come with what they belong to.
                given = [name for name in given if not name.endswith(("_scale", "_zero_point"))]
            if len(given) != 1:
                return None
            return BeforeLast(given[0], node.op_type in _CONVOLUTIONS)
        needed.update(node.input)
    return None


def with_features(model: Any, at: BeforeLast) -> bytes:
    """Add a tensor to a graph's outputs; return it as a file's bytes."""
    import onnx

    if at.name not in {one.name for one in model.graph.output}:
        model.graph.output.append(onnx.ValueInfoProto(name=at.name))
    return bytes(model.SerializeToString())


def feature_runner(
    onnxruntime: Any, content: bytes, output: str, options: Any, providers: list[str], folder: Path
) -> Callable[[Array], Array] | None:
    """Open the graph with that output, (N, D) for N images; None where it has no such layer."""
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
