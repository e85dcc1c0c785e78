"""A compressed run with some of its layers put back to float, one evaluation at a time."""

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
    """List the layers of a compressed run that can be put back to float, in their order."""
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
    """Keep the model, its graph and its calibration from one evaluation to the next."""
    return to_quantize(context, variant, seed)


def answer_with_float(
    context: RunContext, variant: Variant, seed: int, names: tuple[str, ...]
) -> LayerAnswer:
    """Predict all test images with a compressed run of which some layers are float again.

    A layer of a pruned run gets the weights of the dense run of its seed; those that come back
    count four bytes each, since a file of weights without noughts would hold them.
    """
    pixels = pixels_of(context.inputs, "test")
    method = quantization(variant)
    if method is None:
        model = load_run(context, variant, seed)
        n_bytes = _FLOAT_BYTES * _put_back(model, load_run(context, DENSE, seed), names)
        model.to(context.device)
        logits = predict(model, pixels, normalizer_of(context, context.device))
        return LayerAnswer(predictions(logits), n_bytes)
    trained, calibration = _to_quantize(context, trained_part(variant), seed)
    kept = replace(trained, float_layers=(*variant.float_layers, *names))
    compressed = method.work(kept, calibration)
    logits = logits_of_compressed(compressed, pixels, normalizer_of(context, "cpu"))
    return LayerAnswer(predictions(np.asarray(logits)), compressed.size_bytes)


def _put_back(pruned: nn.Module, dense: nn.Module, names: tuple[str, ...]) -> int:
    """Give layers of a pruned model the dense weights; return how many weights are not 0 then."""
    ours, theirs = layers(pruned), layers(dense)
    for name in names:
        ours[name].load_state_dict(theirs[name].state_dict())
    return sum(int(one.get_parameter("weight").count_nonzero()) for one in ours.values())


def calibration_of(context: RunContext, variant: Variant, seed: int) -> tuple[bytes, Any]:
    """Return the float graph that a run is quantized from, and its calibration images."""
    trained, calibration = _to_quantize(context, trained_part(variant), seed)
    return trained.onnx_model().SerializeToString(), calibration
