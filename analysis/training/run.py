"""Make one run: train and prune, or quantize; predict, measure, write; predict shifts."""

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from safetensors.torch import save as save_weights
from torch import nn

from analysis.compression.masking import CubicSchedule
from analysis.compression.registry import Method, method, target_sparsity_of
from analysis.config import DENSE, DENSE_ID, Training, Variant
from analysis.datasets.preprocess import Arrays
from analysis.errors import LetheError, RunError, one_line
from analysis.models.factory import create, start
from analysis.models.penultimate import module_features
from analysis.models.spec import ModelSpec
from analysis.models.weights import measured_sparsity, stored_bytes
from analysis.outputs.features import Features, gathered
from analysis.outputs.prediction import prediction_table
from analysis.store.manifest import FileRecord
from analysis.training.loop import (
    GradualPruning,
    Normalizer,
    SharedPhase,
    Teacher,
    TrainingData,
    evaluation_batches,
    mean_gradients,
    n_steps,
    predict,
    stream,
    train,
)
from analysis.training.machine import this_machine
from analysis.training.messages import RunContext, RunResult, ShiftResult
from analysis.training.profile import median_latency
from analysis.training.pruning import Pruning, start_pruning
from analysis.training.restore import (
    GRAPH,
    load_run,
    logits_of_compressed,
    normalizer_of,
    pixels_of,
    prediction_of_dense,
    quantized,
    restore_run,
    train_split,
)


def export_shared_graph(context: RunContext) -> None:
    """Export the model's graph once for the sweep."""
    from analysis.compression.onnx_export import (
        export_graph,  # half a second, not needed for pruning
    )

    torch.manual_seed(0)
    content = export_graph(create(context.spec), context.spec)
    context.store.write_bytes(context.store.derived / GRAPH, content)


def train_run(context: RunContext, variant: Variant, seed: int) -> RunResult:
    """Train one run on its own random stream, and write its predictions and weights."""
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
    """Train a dense or pruned model; return it with the notes to rebuild its shape."""
    options, spec = context.sweep.training, context.spec
    data = TrainingData(*train_split(context.inputs, seed), normalize)
    dense = None  # before the seed: creating a model draws weights
    if options.distill and not variant.is_dense:
        dense = load_run(context, DENSE, seed).to(context.device)
    torch.manual_seed(stream(DENSE_ID if options.paired else variant.variant_id, seed))
    if variant.is_dense or not options.from_dense:
        model = start(spec)[0].to(context.device)
    else:
        model = load_run(context, DENSE, seed).to(context.device)
    phase = _shared_phase(context, seed, len(data.labels))
    if variant.is_dense:
        train(model, data, options, phase=phase)
        return model, {}
    own_stream = stream(f"{variant.variant_id}/pruning", seed)
    pruning, sparsity = method(variant.steps[0].method), target_sparsity_of(variant) or 0.0
    return model, prune_run(
        model, spec, pruning, sparsity, data, options, stream=own_stream, phase=phase, dense=dense
    )


def _shared_phase(context: RunContext, seed: int, n_images: int) -> SharedPhase | None:
    """Return the first phase shared by a seed's runs: paired, gradual, and on the CPU.

    Other devices have their own random states.
    """
    options = context.sweep.training
    if not (options.paired and options.schedule == "gradual" and context.device == "cpu"):
        return None
    step = options.first_pruning(n_steps(options, n_images))
    path = context.store.derived / "phases" / f"seed-{seed}.safetensors"
    return SharedPhase(path, step, f"{this_machine(context.device)}") if step else None


def quantize_run(context: RunContext, variant: Variant, seed: int) -> RunResult:
    """Quantize the trained run that a variant starts from, and write its predictions."""
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
        # Values rounded to 0 are not pruned.
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
    """Compute the features of all test images: a dense run's penultimate layer.

    Raises
    ------
    RunError
        The weights are missing, or the last layer is unknown.
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
    """Predict one run on the named shifts and write each shift's predictions.

    A failed shift does not affect the others.
    """
    store, logits = context.store, restore_run(context, variant, seed)
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


# Every removal of channels traces the model and resets the momentum.
_CHANNEL_REMOVALS = 8


def prune_run(
    model: nn.Module,
    spec: ModelSpec,
    method: Method,
    sparsity: float,
    data: TrainingData,
    options: Training,
    *,
    stream: int,
    phase: SharedPhase | None = None,
    dense: nn.Module | None = None,
) -> dict[str, str]:
    """Prune a model in place by the schedule of the options.

    ``gradual`` prunes during training; ``finetune`` prunes in steps and retrains after each;
    ``oneshot`` prunes once without training. The latter two take a trained model.

    Parameters
    ----------
    stream : int
        Random stream of the method, independent of that of training.
    phase : SharedPhase, optional
        The phase before the first pruning shared by a seed's runs, for ``gradual``.
    dense : Module, optional
        The dense model of the seed, on the device, to distill from if the options request it.

    Returns
    -------
    dict
        The notes to rebuild the pruned model's shape.
    """
    pruning = start_pruning(
        model,
        method,
        spec,
        {
            # Both start from the same state at every update.
            "generator": lambda _: torch.Generator().manual_seed(stream),
            "gradients": lambda pruned: mean_gradients(
                pruned, data, options, torch.Generator().manual_seed(stream)
            ),
        },
    )
    teacher = _teacher(dense, options, n_steps(options, len(data.labels)))
    if options.schedule == "gradual":
        _gradual(model, method, pruning, sparsity, data, options, phase, teacher)
    elif options.schedule == "finetune":
        _finetune(model, pruning, sparsity, data, options, teacher)
    else:
        pruning.prune(sparsity)
    model.eval()
    return pruning.finish()


def _teacher(dense: nn.Module | None, options: Training, total: int) -> Teacher | None:
    """Return the teacher of a distilled run; None without distillation."""
    if dense is None or not options.distill:
        return None
    return Teacher(dense, options.distill, options.first_taught(total))


def _gradual(
    model: nn.Module,
    method: Method,
    pruning: Pruning,
    sparsity: float,
    data: TrainingData,
    options: Training,
    phase: SharedPhase | None,
    teacher: Teacher | None,
) -> None:
    """Prune on the cubic schedule during training (Zhu and Gupta 2017, as in Hooker et al. 2019).

    Channels are removed on the same schedule, in at most eight removals.
    """
    total = n_steps(options, len(data.labels))
    begin, end = options.first_pruning(total), round(options.prune_end * total)
    every = options.prune_every
    if method.removes == "channels":
        every = max(every, math.ceil((end - begin) / (_CHANNEL_REMOVALS - 1)))
    schedule = CubicSchedule(sparsity, begin, max(begin, end), every)
    gradual = GradualPruning(pruning, schedule)
    train(model, data, options, gradual=gradual, phase=phase, teacher=teacher)


def _finetune(
    model: nn.Module,
    pruning: Pruning,
    sparsity: float,
    data: TrainingData,
    options: Training,
    teacher: Teacher | None,
) -> None:
    """Remove the same share of the remaining weights in every step, and retrain after it.

    After step i of n the sparsity is ``1 - (1 - s)^(i / n)`` (iterative pruning, Han et al. 2015).
    """
    retraining = replace(options, epochs=options.finetune_epochs, lr=options.finetune_lr)
    for level in finetune_levels(sparsity, options.finetune_steps):
        pruning.prune(level)
        train(model, data, retraining, teacher=teacher)


def finetune_levels(sparsity: float, steps: int) -> list[float]:
    """Return the sparsity after each step, rising exactly to the target."""
    return [1 - (1 - sparsity) ** (i / steps) for i in range(1, steps)] + [sparsity]
