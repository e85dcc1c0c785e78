"""Export a model's ONNX graph once and fill it with the weights of each run."""

import logging
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from analysis.compression.onnx_session import session_options
from analysis.errors import RunError
from analysis.models.spec import ModelSpec

if TYPE_CHECKING:
    import onnx
    import torch
    from torch import nn

_TOLERANCE = 1e-3


def export_graph(model: "nn.Module", spec: ModelSpec) -> bytes:
    """Export a model for a dynamic batch, its initializers named as in its state dict.

    Input ``images`` float32 [B, C, H, W], output ``logits`` [B, classes].
    """
    import torch

    example = torch.zeros(2, spec.channels, *spec.image_size)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model.eval(),
            (example,),
            dynamo=True,
            optimize=False,
            verbose=False,
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
        )
    if program is None:
        raise RunError(f"model '{spec.name}' could not be exported to ONNX")
    return program.model_proto.SerializeToString()


def fill_graph(graph: bytes, weights: Mapping[str, "torch.Tensor"]) -> "onnx.ModelProto | None":
    """Put weights into an exported graph; None if a weight has no matching initializer.

    Shapes must match: a model with removed channels has its own graph.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load_model_from_string(graph)
    missing = {name for name in weights if not name.endswith("num_batches_tracked")}
    for tensor in model.graph.initializer:
        if tensor.name in weights and list(tensor.dims) == list(weights[tensor.name].shape):
            values = weights[tensor.name].detach().cpu().numpy()
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), tensor.name))
            missing.discard(tensor.name)
    return None if missing else model


def onnx_model(model: "nn.Module", spec: ModelSpec, graph: bytes) -> "onnx.ModelProto":
    """Return the ONNX graph of a trained model: the shared graph with its weights, verified.

    Batch norms are folded into the convolutions before them. Outputs are compared on two images;

    if they differ by more than 1e-3 relative, because the exporter changed a weight, the model is
    exported on its own.

    Raises
    ------
    RunError
        The own export differs from the model too.
    """
    import onnx

    filled = fill_graph(graph, model.state_dict())
    if filled is not None:
        filled = _folded(filled)
        if _agrees(filled, model, spec):
            return filled
    own = _folded(onnx.load_model_from_string(export_graph(model, spec)))
    if not _agrees(own, model, spec):
        raise RunError(f"the ONNX export of '{spec.name}' differs from the model in its outputs")
    return own


def _folded(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """Fold constants and batch norms, after filling: folded weights lose their names."""
    import onnxscript.optimizer

    folded = onnxscript.optimizer.optimize(model)
    del folded.graph.value_info[:]
    return folded


def _agrees(candidate: "onnx.ModelProto", model: "nn.Module", spec: ModelSpec) -> bool:
    import onnxruntime
    import torch

    generator = np.random.default_rng(0)
    images = generator.normal(size=(2, spec.channels, *spec.image_size)).astype(np.float32)
    session = onnxruntime.InferenceSession(
        candidate.SerializeToString(), session_options(), providers=["CPUExecutionProvider"]
    )
    got: npt.NDArray[np.float32] = session.run(None, {"images": images})[0]
    with torch.inference_mode():
        expected = model.eval()(torch.from_numpy(images)).numpy()
    scale = max(1.0, float(np.abs(expected).max()))
    return bool(np.abs(got - expected).max() <= _TOLERANCE * scale)
