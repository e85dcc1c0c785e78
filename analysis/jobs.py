"""What a worker process does: resolve the model, export its graph, train a run, quantize a run.

Each job writes its own files through the store and returns what the manifest needs. A job depends
on nothing but its arguments, so the result is the same whichever worker runs it.
"""

import logging
import os
import threading
import time
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch
from safetensors.torch import load as load_weights
from safetensors.torch import save as save_weights
from torch import nn

from analysis.compression.registry import method, quantization, trained_part
from analysis.compression.trained import Trained
from analysis.config import DENSE, DENSE_ID, Sweep, Variant
from analysis.datasets.base import stratified_sample
from analysis.errors import RunError
from analysis.graph import export_graph, onnx_model
from analysis.latency import median_latency
from analysis.manifest import FileRecord
from analysis.models.factory import create, resolve
from analysis.models.spec import ModelSpec
from analysis.models.weights import measured_sparsity, stored_bytes
from analysis.prediction import prediction_table
from analysis.preparing import Inputs
from analysis.run import Context, Outcome
from analysis.training import (
    Normalizer,
    predict,
    stream,
    train,
)

_GRAPH = "graph.onnx"


def start_worker(parent: int) -> None:
    """Set a worker process up: one thread, and an end when its parent has gone."""
    torch.set_num_threads(1)
    logging.getLogger().setLevel(logging.ERROR)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def resolve_device(asked: str) -> str:
    """Return the device a sweep runs on: ``auto`` takes CUDA, then MPS, then the CPU.

    Raises
    ------
    RunError
        The device asked for is not there.
    """
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if asked == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if there[device])
    if not there.get(asked, False):
        raise RunError(f"device '{asked}' is not there; --device auto takes what is")
    return asked


def resolve_model(
    sweep: Sweep, n_classes: int, channels: int, native_size: tuple[int, int] | None, device: str
) -> tuple[ModelSpec, str]:
    """Resolve the model and the device in a worker, so that the main process never loads torch."""
    spec = resolve(
        sweep.model, n_classes, channels, image_size=sweep.image_size, native_size=native_size
    )
    return spec, resolve_device(device)


def time_step(sweep: Sweep, spec: ModelSpec, device: str, *, steps: int = 10) -> float:
    """Mean seconds of a training step on drawn pixels."""
    batch = sweep.training.batch_size
    generator = np.random.default_rng(0)
    shape = (batch, spec.channels, *spec.image_size)
    pixels = generator.integers(0, 256, shape, dtype=np.uint8)
    labels = np.resize(np.arange(spec.n_classes), batch)
    model = create(spec).to(device)
    normalize = Normalizer((0.5,) * spec.channels, (0.5,) * spec.channels, device)
    train(model, pixels, labels, replace(sweep.training, epochs=2), normalize)
    started = time.perf_counter()
    train(model, pixels, labels, replace(sweep.training, epochs=steps), normalize)
    return (time.perf_counter() - started) / steps


def export_shared_graph(context: Context) -> None:
    """Export the model's graph once for the whole sweep."""
    torch.manual_seed(0)
    content = export_graph(create(context.spec), context.spec)
    context.store.write_bytes(context.store.derived / _GRAPH, content)


def train_run(context: Context, variant: Variant, seed: int) -> Outcome:
    """Train one run, by itself on its own random stream, and write its predictions and weights."""
    started = time.perf_counter()
    options = context.sweep.training
    scope = DENSE_ID if options.paired else variant.variant_id
    torch.manual_seed(stream(scope, seed))
    model = create(context.spec).to(context.device)
    normalize = _normalizer(context, context.device)
    masks = method(variant.steps[0].method).work if variant.steps else None
    train(
        model,
        _pixels(context.inputs, "train"),
        context.inputs.labels("train"),
        options,
        normalize,
        masks=masks,
        sparsity=variant.steps[0].level or 0.0 if variant.steps else 0.0,
    )
    logits = predict(model, _pixels(context.inputs, "test"), normalize)
    dense = None
    if options.paired and not variant.is_dense:
        dense = _logits_of(context, DENSE, seed)
    measured = {
        "sparsity": measured_sparsity(model),
        "weight_bits": 32.0,
        "size_bytes": stored_bytes(model),
    }
    table = prediction_table(logits, context.inputs.labels("test"), dense_logits=dense)
    store = context.store
    weights = store.weights_path(variant.variant_id, seed)
    state = {name: tensor.contiguous().cpu() for name, tensor in model.state_dict().items()}
    files = {store.relative(weights): store.write_bytes(weights, save_weights(state))}
    latency = median_latency(lambda batch: model(batch), _one_image(context, normalize))
    return _finish(context, variant, seed, table, measured, latency, started, files)


def quantize_run(context: Context, variant: Variant, seed: int) -> Outcome:
    """Quantize the trained run a variant starts from, and write the predictions."""
    started = time.perf_counter()
    base = trained_part(variant)
    quantize = quantization(variant)
    if quantize is None:
        raise RunError(f"'{variant.variant_id}' has no method after training")
    model = load_run(context, base, seed)
    graph = (context.store.derived / _GRAPH).read_bytes()
    normalize = _normalizer(context, "cpu")
    compressed = quantize.work(
        Trained(model, lambda: onnx_model(model, context.spec, graph)),
        _calibration(context, normalize),
    )
    pixels = _pixels(context.inputs, "test")
    logits = np.concatenate(
        [
            compressed.predict(normalize(pixels[i : i + 256]).contiguous().numpy())
            for i in range(0, len(pixels), 256)
        ]
    )
    dense = predict(model, pixels, normalize) if base.is_dense else None
    table = prediction_table(logits, context.inputs.labels("test"), dense_logits=dense)
    measured = {
        "sparsity": compressed.sparsity,
        "weight_bits": compressed.weight_bits,
        "size_bytes": compressed.size_bytes,
    }
    one = _one_image(context, normalize).contiguous().numpy()
    latency = median_latency(compressed.predict, one)
    return _finish(context, variant, seed, table, measured, latency, started, {})


def load_run(context: Context, variant: Variant, seed: int) -> nn.Module:
    """Make the model of a trained run again from its weights, on the CPU, in evaluation mode.

    Raises
    ------
    RunError
        The weights are missing or damaged.
    """
    path = context.store.weights_path(variant.variant_id, seed)
    model = create(context.spec)
    try:
        model.load_state_dict(load_weights(path.read_bytes()))
    except FileNotFoundError:
        raise RunError(
            f"{path} is missing; remove that run's predictions to train it anew"
        ) from None
    except Exception as error:
        raise RunError(f"{path} cannot be read: {error}") from error
    return model.eval()


def _finish(
    context: Context,
    variant: Variant,
    seed: int,
    table: Any,
    measured: dict[str, Any],
    latency: float | None,
    started: float,
    files: dict[str, FileRecord],
) -> Outcome:
    store, variant_id = context.store, variant.variant_id
    record = store.write_predictions(variant_id, seed, table, measured)
    files = files | {store.relative(store.prediction_path(variant_id, seed)): record}
    return Outcome(variant_id, seed, measured, latency, time.perf_counter() - started, files)


@cache
def _pixels(inputs: Inputs, split: str) -> Any:
    return inputs.pixels(split)


def _normalizer(context: Context, device: str) -> Normalizer:
    return Normalizer(context.inputs.mean, context.inputs.std, device)


def _logits_of(context: Context, variant: Variant, seed: int) -> Any:
    model = load_run(context, variant, seed)
    return predict(model, _pixels(context.inputs, "test"), _normalizer(context, "cpu"))


def _calibration(context: Context, normalize: Normalizer) -> Any:
    labels = context.inputs.labels("train")
    size = min(max(context.sweep.calibration_images, len(np.unique(labels))), len(labels))
    chosen = stratified_sample(labels, size)
    return normalize(_pixels(context.inputs, "train")[chosen]).contiguous().numpy()


def _one_image(context: Context, normalize: Normalizer) -> torch.Tensor:
    return normalize(_pixels(context.inputs, "test")[:1])


def compute_run(context: Context, variant: Variant, seed: int) -> Outcome:
    """Make one run: quantize it where its variant ends with a method after training, else train."""
    work = train_run if quantization(variant) is None else quantize_run
    return work(context, variant, seed)
