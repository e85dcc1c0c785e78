"""Evaluate a compressed run with some of its layers restored to float."""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from torch import nn

from analysis.compression.registry import needs_graph, quantization, trained_part
from analysis.compression.trained import Trained
from analysis.config import DENSE, Variant
from analysis.models.weights import layers, prunable
from analysis.outputs.run_scores import predictions
from analysis.training.loop import predict
from analysis.training.messages import Layer, LayerAnswer, RunContext
from analysis.training.restore import (
    load_run,
    logits_of_compressed,
    normalizer_of,
    pixels_of,
    to_quantize,
)

_FLOAT_BYTES = 4


def layers_of_run(context: RunContext, variant: Variant, seed: int) -> list[Layer]:
    """List the layers of a compressed run that can be restored to float, in order."""
    if quantization(variant) is None:
        return [Layer(name) for name in prunable(load_run(context, variant, seed))]
    trained = _to_quantize(context, trained_part(variant), seed)[0]
    if needs_graph(variant):
        from analysis.compression.layers import layer_nodes

        found = [Layer(*one) for one in layer_nodes(trained.onnx_model()).items()]
    else:
        found = [Layer(name) for name in layers(trained.model)]
    return [one for one in found if one.name not in variant.float_layers]


@lru_cache(maxsize=1)
def _to_quantize(context: RunContext, variant: Variant, seed: int) -> tuple[Trained, Any]:
    """Cache the model, its graph and its calibration between evaluations."""
    return to_quantize(context, variant, seed)


def answer_with_float(
    context: RunContext, variant: Variant, seed: int, names: tuple[str, ...]
) -> LayerAnswer:
    """Predict all test images with a compressed run after restoring some layers to float.

    A layer of a pruned run gets the weights of the dense run of its seed; each restored nonzero
    weight counts four bytes, as in a sparse file.
    """
    pixels = pixels_of(context.inputs, "test")
    method = quantization(variant)
    if method is None:
        model = load_run(context, variant, seed)
        n_bytes = _FLOAT_BYTES * _restore_layers(model, load_run(context, DENSE, seed), names)
        model.to(context.device)
        logits = predict(model, pixels, normalizer_of(context, context.device))
        return LayerAnswer(predictions(logits), n_bytes)
    trained, calibration = _to_quantize(context, trained_part(variant), seed)
    with_float = replace(trained, float_layers=(*variant.float_layers, *names))
    compressed = method.work(with_float, calibration)
    logits = logits_of_compressed(compressed, pixels, normalizer_of(context, "cpu"))
    return LayerAnswer(predictions(np.asarray(logits)), compressed.size_bytes)


def _restore_layers(pruned: nn.Module, dense: nn.Module, names: tuple[str, ...]) -> int:
    """Restore dense weights of layers of a pruned model; return the number of nonzero weights."""
    ours, theirs = layers(pruned), layers(dense)
    for name in names:
        ours[name].load_state_dict(theirs[name].state_dict())
    return sum(int(one.get_parameter("weight").count_nonzero()) for one in ours.values())


def calibration_of(context: RunContext, variant: Variant, seed: int) -> tuple[bytes, Any]:
    """Return the float graph that a run is quantized from, and its calibration images."""
    trained, calibration = _to_quantize(context, trained_part(variant), seed)
    return trained.onnx_model().SerializeToString(), calibration
