"""Make one run.

Train and prune or quantize, predict, measure, write; later predict it on shifts.
"""

import time
from typing import Any

import numpy as np
import torch
from safetensors.torch import save as save_weights
from torch import nn

from analysis.compression.registry import asked_sparsity, method
from analysis.config import DENSE, DENSE_ID, Variant
from analysis.datasets.preprocess import Arrays
from analysis.errors import LetheError, RunError, one_line
from analysis.models.factory import create, start
from analysis.models.penultimate import module_features
from analysis.models.weights import measured_sparsity, stored_bytes
from analysis.outputs.features import Features, gathered
from analysis.outputs.prediction import prediction_table
from analysis.store.manifest import FileRecord
from analysis.training.loop import (
    Normalizer,
    SharedPhase,
    TrainingData,
    evaluation_batches,
    n_steps,
    predict,
    stream,
    train,
)
from analysis.training.machine import this_machine
from analysis.training.messages import RunContext, RunResult, ShiftResult
from analysis.training.profile import median_latency
from analysis.training.restore import (
    GRAPH,
    load_run,
    logits_of_compressed,
    normalizer_of,
    pixels_of,
    prediction_of_dense,
    quantized,
    ready,
    train_split,
)
from analysis.training.schedules import prune_run


def export_shared_graph(context: RunContext) -> None:
    """Export the model's graph once for the whole sweep."""
    from analysis.compression.onnx_export import (
        export_graph,  # half a second that pruning alone need not wait
    )

    torch.manual_seed(0)
    content = export_graph(create(context.spec), context.spec)
    context.store.write_bytes(context.store.derived / GRAPH, content)


def train_run(context: RunContext, variant: Variant, seed: int) -> RunResult:
    """Train one run, by itself on its own random stream, and write its predictions and weights."""
    started = time.perf_counter()
    normalize = normalizer_of(context, context.device)
    model, notes = _trained_model(context, variant, seed, normalize)
    logits = predict(model, pixels_of(context.inputs, "test"), normalize)
    of_dense = prediction_of_dense(context, variant, seed, model)
    dense = None if of_dense is None else of_dense(pixels_of(context.inputs, "test"))
    measured = {
        "sparsity": measured_sparsity(model, context.spec.prunable),
        "weight_bits": 32.0,
        "size_bytes": stored_bytes(model),
        "compute_dtype": "float32",
    }
    if not np.isfinite(logits).any():
        raise RunError("the model's outputs are not finite: training diverged; try a smaller --lr")
    table = prediction_table(logits, context.inputs.labels("test"), dense_logits=dense)
    store = context.store
    weights = store.weights_path(variant.variant_id, seed)
    state = {name: tensor.contiguous().cpu() for name, tensor in model.state_dict().items()}
    content = save_weights(state, metadata=notes or None)
    files = {store.relative(weights): store.write_bytes(weights, content)}
    latency = median_latency(lambda batch: model(batch), _one_image(context, normalize))
    return _finish(context, variant, seed, table, measured, latency, started, files)


def _trained_model(
    context: RunContext, variant: Variant, seed: int, normalize: Normalizer
) -> tuple[nn.Module, dict[str, str]]:
    """Train a dense or pruned model; return it with what its weights do not say of its shape."""
    options, spec = context.sweep.training, context.spec
    lessons = TrainingData(*train_split(context.inputs, seed), normalize)
    dense = None  # before the seed: a model draws weights when it is made
    if options.distill and not variant.is_dense:
        dense = load_run(context, DENSE, seed).to(context.device)
    torch.manual_seed(stream(DENSE_ID if options.paired else variant.variant_id, seed))
    if variant.is_dense or not options.from_dense:
        model = start(spec)[0].to(context.device)
    else:
        model = load_run(context, DENSE, seed).to(context.device)
    phase = _shared_phase(context, seed, len(lessons.labels))
    if variant.is_dense:
        train(model, lessons, options, phase=phase)
        return model, {}
    own = stream(f"{variant.variant_id}/pruning", seed)
    pruning, sparsity = method(variant.steps[0].method), asked_sparsity(variant) or 0.0
    return model, prune_run(
        model, spec, pruning, sparsity, lessons, options, stream=own, phase=phase, dense=dense
    )


def _shared_phase(context: RunContext, seed: int, n_images: int) -> SharedPhase | None:
    """Find where a seed's runs share their first phase: paired, gradual, and on the CPU.

    Elsewhere the device has random states of its own.
    """
    options = context.sweep.training
    if not (options.paired and options.schedule == "gradual" and context.device == "cpu"):
        return None
    step = options.first_pruning(n_steps(options, n_images))
    path = context.store.derived / "phases" / f"seed-{seed}.safetensors"
    return SharedPhase(path, step, f"{this_machine(context.device)}") if step else None


def quantize_run(context: RunContext, variant: Variant, seed: int) -> RunResult:
    """Quantize the trained run a variant starts from, and write the predictions."""
    started = time.perf_counter()
    model, compressed = quantized(context, variant, seed)
    normalize = normalizer_of(context, "cpu")
    pixels = pixels_of(context.inputs, "test")
    of_dense = prediction_of_dense(context, variant, seed, model)
    table = prediction_table(
        logits_of_compressed(compressed, pixels, normalize),
        context.inputs.labels("test"),
        dense_logits=None if of_dense is None else of_dense(pixels),
    )
    measured = {
        # What rounds to 0 on the way is not called pruned.
        "sparsity": measured_sparsity(model, context.spec.prunable),
        "weight_bits": compressed.weight_bits,
        "size_bytes": compressed.size_bytes,
        "compute_dtype": compressed.compute_dtype,
    }
    one = _one_image(context, normalize).contiguous().numpy()
    latency = median_latency(compressed.predict, one)
    return _finish(context, variant, seed, table, measured, latency, started, {})


def _finish(
    context: RunContext,
    variant: Variant,
    seed: int,
    table: Any,
    measured: dict[str, Any],
    latency: float | None,
    started: float,
    files: dict[str, FileRecord],
) -> RunResult:
    store, variant_id = context.store, variant.variant_id
    record = store.write_predictions(variant_id, seed, table, measured)
    files = files | {store.relative(store.prediction_path(variant_id, seed)): record}
    return RunResult(variant_id, seed, measured, latency, time.perf_counter() - started, files)


def _one_image(context: RunContext, normalize: Normalizer) -> torch.Tensor:
    return normalize(pixels_of(context.inputs, "test")[:1])


def features_of_run(context: RunContext, seed: int) -> Features:
    """Features of all test images: what a dense run computes before its last layer.

    Raises
    ------
    RunError
        Its weights are missing, or its last layer cannot be told.
    """
    model = load_run(context, DENSE, seed).to(context.device)
    run = module_features(model, context.device)
    if run is None:
        raise RunError(f"'{context.spec.name}' has no last layer to take features before")
    pixels, normalize = pixels_of(context.inputs, "test"), normalizer_of(context, context.device)
    parts = (run(normalize(batch)) for batch in evaluation_batches(pixels, context.device))
    return gathered(
        parts, len(pixels), context.inputs.arrays.path("test").parent,
        f"penultimate layer of dense seed {seed}",
    )  # fmt: skip


def shift_run(
    context: RunContext, variant: Variant, seed: int, arrays: Arrays, names: tuple[str, ...]
) -> ShiftResult:
    """Predict one run on every shift named, and write each shift's predictions as they are there.

    A shift on which that fails leaves the others alone.
    """
    store, logits = context.store, ready(context, variant, seed)
    files: dict[str, FileRecord] = {}
    done, failed = [], {}
    for name in names:
        try:
            pixels = arrays.pixels(name)
            dense = logits.of_dense(pixels) if logits.of_dense is not None else None
            table = prediction_table(logits.of_run(pixels), arrays.labels(name), dense_logits=dense)
            record = store.write_predictions(variant.variant_id, seed, table, {}, shift=name)
        except LetheError as error:
            failed[name] = one_line(error)
            continue
        path = store.prediction_path(variant.variant_id, seed, shift=name)
        files[store.relative(path)] = record
        done.append(name)
    return ShiftResult(tuple(done), failed, files)
