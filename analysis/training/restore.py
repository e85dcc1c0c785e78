"""Restore a finished run from its stored weights and quantize it again if needed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from safetensors import safe_open
from torch import nn

from analysis.compression.registry import quantization, trained_part
from analysis.compression.trained import Compressed, Logits, Trained
from analysis.config import DENSE, Variant
from analysis.datasets.base import stratified_sample
from analysis.datasets.preprocess import Inputs
from analysis.datasets.rotation import places_of_seed
from analysis.errors import DamageError, LetheError, RunError
from analysis.filesystem import Location
from analysis.filesystem.copies import locally
from analysis.models.factory import create
from analysis.training.loop import Normalizer, evaluation_batches, predict
from analysis.training.messages import RunContext
from analysis.training.pruning import reshape

GRAPH = "graph.onnx"


@dataclass(frozen=True)
class RestoredRun:
    """A restored run: pixels [N, C, H, W] -> logits [N, classes].

    ``of_dense`` predicts with the dense run it is paired with, or is None.
    """

    of_run: Callable[[Any], Logits]
    of_dense: Callable[[Any], Logits] | None


def restore_run(context: RunContext, variant: Variant, seed: int) -> RestoredRun:
    """Restore a finished run from its weights, quantized again if needed, for predictions."""
    if quantization(variant) is None:
        model = load_run(context, variant, seed).to(context.device)
        normalize = normalizer_of(context, context.device)
        return RestoredRun(
            lambda pixels: predict(model, pixels, normalize),
            prediction_of_dense(context, variant, seed, model),
        )
    base, compressed = quantized(context, variant, seed)
    normalize = normalizer_of(context, "cpu")
    return RestoredRun(
        lambda pixels: logits_of_compressed(compressed, pixels, normalize),
        prediction_of_dense(context, variant, seed, base),
    )


def quantized(context: RunContext, variant: Variant, seed: int) -> tuple[nn.Module, Compressed]:
    """Quantize the trained run of a variant; return its float model too."""
    quantize = quantization(variant)
    if quantize is None:
        raise RunError(f"'{variant.variant_id}' has no method after training")
    trained, calibration = to_quantize(context, trained_part(variant), seed)
    with_layers = replace(trained, float_layers=variant.float_layers)
    compressed: Compressed = quantize.work(with_layers, calibration)
    return trained.model, compressed


def to_quantize(context: RunContext, variant: Variant, seed: int) -> tuple[Trained, Any]:
    """Load a trained run for quantization, with its calibration images."""
    from analysis.compression.onnx_export import onnx_model

    model = load_run(context, variant, seed)
    graph = context.store.derived / GRAPH
    exported = cache(lambda: onnx_model(model, context.spec, graph.read_bytes()))
    trained = Trained(model, exported, context.device)
    return trained, _calibration(context, seed, normalizer_of(context, "cpu"))


def logits_of_compressed(compressed: Compressed, pixels: Any, normalize: Normalizer) -> Logits:
    """Logits of all images, shape (N, C)."""
    return np.concatenate(
        [
            compressed.predict(normalize(batch).contiguous().numpy())
            for batch in evaluation_batches(pixels, "cpu")
        ]
    )


def prediction_of_dense(
    context: RunContext, variant: Variant, seed: int, base: nn.Module
) -> Callable[[Any], Logits] | None:
    """Return a predictor with the paired dense run; ``base`` is the run's float model."""
    is_quantized = quantization(variant) is not None
    if is_quantized and trained_part(variant).is_dense:
        dense = base
    elif context.sweep.training.pairs_runs and not variant.is_dense:
        dense = load_run(context, DENSE, seed)
    else:
        return None
    return lambda pixels: predict(dense, pixels, normalizer_of(context, "cpu"))


def load_run(context: RunContext, variant: Variant, seed: int) -> nn.Module:
    """Load the model of a trained run from its weights, on the CPU, in evaluation mode.

    Raises
    ------
    RunError
        The weights are missing or damaged.
    """
    path = context.store.weights_path(variant.variant_id, seed)
    model = create(context.spec)
    try:
        state, shape = context.store.read_checked(path, _weights)
        reshape(model, context.spec, shape)
        model.load_state_dict(state)
    except FileNotFoundError:
        raise RunError(
            f"{path} is missing; remove that run's predictions to train it again"
        ) from None
    except DamageError:
        raise RunError(
            f"{path} is damaged: it has changed since it was written; delete it and start the "
            "sweep again, which retrains that run"
        ) from None
    except LetheError:
        raise
    except Exception as error:
        raise RunError(f"{path} cannot be read: {error}") from error
    return model.eval()


def _weights(path: Location) -> tuple[dict[str, Any], dict[str, str]]:
    with locally(path) as here, safe_open(here, framework="pt") as file:
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return state, file.metadata() or {}


def normalizer_of(context: RunContext, device: str) -> Normalizer:
    """Return the model's own normalization, else that of the training pixels."""
    spec, inputs = context.spec, context.inputs
    return Normalizer(spec.mean or inputs.mean, spec.std or inputs.std, device)


@cache
def pixels_of(inputs: Inputs, split: str) -> Any:
    """Return the model inputs of a split, memory-mapped once per process."""
    return inputs.pixels(split)


def train_split(inputs: Inputs, seed: int) -> tuple[Any, Any]:
    """Return the training inputs and class ids of a seed's runs."""
    pixels, labels = pixels_of(inputs, "train"), inputs.labels("train")
    if inputs.tail is None:
        return pixels, labels
    chosen = places_of_seed(labels, inputs.tail, seed)
    return pixels[chosen], labels[chosen]


def _calibration(context: RunContext, seed: int, normalize: Normalizer) -> Any:
    pixels, labels = train_split(context.inputs, seed)
    size = min(max(context.sweep.calibration_images, len(np.unique(labels))), len(labels))
    chosen = stratified_sample(labels, size)
    return normalize(pixels[chosen]).contiguous().numpy()
