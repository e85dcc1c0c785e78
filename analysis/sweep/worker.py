"""The jobs of a worker process: resolve the model, export its graph, train, quantize, shift.

Each job writes its own files through the store and returns its results for the manifest. A job
depends only on its arguments, so that the result is the same in every worker.
"""

import logging
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from analysis.compression.registry import load_files, quantization
from analysis.config import Sweep, Variant
from analysis.datasets.preprocess import Arrays
from analysis.errors import RunError, UserError
from analysis.execution.local import end_with
from analysis.external.evaluate import (
    ExternalContext,
    evaluate,
    evaluate_shifts,
    features_of,
    look_at,
    predict_dense,
    right_on,
    try_model,
)
from analysis.external.fit import Fit
from analysis.external.layers import answer_of_pair, layers_of_pair
from analysis.models.factory import create, resolve
from analysis.models.spec import ModelSpec
from analysis.models.weights import layers
from analysis.outputs.features import Features
from analysis.training.layers import answer_with_float, calibration_of, layers_of_run
from analysis.training.machine import this_machine
from analysis.training.messages import RunContext, RunResult, ShiftResult
from analysis.training.profile import profile_model
from analysis.training.run import (
    export_shared_graph,
    features_of_run,
    quantize_run,
    shift_run,
    train_run,
)

__all__ = [
    "answer_of_pair",
    "answer_with_float",
    "calibration_of",
    "compute_run",
    "dense_predictions",
    "evaluate_model_file",
    "export_shared_graph",
    "features_of_model_file",
    "features_of_trained",
    "layers_of_pair",
    "layers_of_run",
    "look_at",
    "predict_shifted",
    "profile_model",
    "resolve_model",
    "right_on",
    "shift_model_file",
    "start_worker",
    "try_model",
]


def start_worker(parent: int) -> None:
    """Set up a worker process: one thread, ended with its parent."""
    use_one_thread()
    end_with(parent)


def use_one_thread() -> None:
    """Set one thread, on which results and speed depend, and quiet logging."""
    torch.set_num_threads(1)
    logging.getLogger().setLevel(logging.ERROR)
    logging.getLogger("analysis").setLevel(logging.WARNING)


def resolve_device(requested: str) -> str:
    """Return the device a sweep runs on: ``auto`` takes CUDA, then MPS, then the CPU.

    Raises
    ------
    RunError
        The requested device is not available.
    """
    is_available = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if requested == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if is_available[device])
    if not is_available.get(requested, False):
        raise RunError(f"device '{requested}' is not available; use --device auto")
    return requested


def resolve_model(
    sweep: Sweep, n_classes: int, channels: int, native_size: tuple[int, int] | None, device: str
) -> tuple[ModelSpec, str]:
    """Resolve the model and the device in a worker, so that the main process never loads torch.

    Raises
    ------
    UserError
        The model cannot be created, or its checkpoint cannot be used.
    """
    spec = resolve(
        sweep.model,
        n_classes,
        channels,
        image_size=sweep.image_size,
        native_size=native_size,
        pretrained=sweep.pretrained,
        checkpoint=sweep.checkpoint,
    )
    if spec.weights_note and sweep.training.epochs == 0:
        raise UserError(
            f"the model cannot be used without training, {spec.weights_note} where the data have "
            f"{n_classes}; train it with --epochs"
        )
    _check_float_layers(sweep, spec)
    return spec, resolve_device(device)


def _check_float_layers(sweep: Sweep, spec: ModelSpec) -> None:
    float_layers = [(one.variant_id, layer) for one in sweep.variants for layer in one.float_layers]
    known = list(layers(create(spec))) if float_layers else []
    for variant_id, layer in float_layers:
        if layer not in known:
            near = ", ".join(get_close_matches(layer, known, 5) or known[:5])
            raise UserError(
                f"variant '{variant_id}': model '{spec.name}' has no layer '{layer}'; expected a "
                f"convolution or linear layer, such as {near}"
            )


def compute_run(context: RunContext, variant: Variant, seed: int) -> RunResult:
    """Make one run: quantize it if its variant ends with quantization, else train it."""
    load_files(context.sweep.method_files)
    work = train_run if quantization(variant) is None else quantize_run
    return replace(work(context, variant, seed), machine=this_machine(context.device))


def predict_shifted(
    context: RunContext, variant: Variant, seed: int, arrays: Arrays, names: tuple[str, ...]
) -> ShiftResult:
    """Predict one finished run on some shifts."""
    load_files(context.sweep.method_files)
    return shift_run(context, variant, seed, arrays, names)


def features_of_trained(context: RunContext, seed: int) -> Features:
    """Compute the features of all test images from a trained dense run."""
    return features_of_run(context, seed)


def features_of_model_file(context: tuple[Any, ...], fit: Fit) -> Features:
    """Compute the features of all test images from an external model."""
    return features_of(ExternalContext(*context), fit)


def evaluate_model_file(context: tuple[Any, ...], fit: Fit, dense: Fit | None) -> RunResult:
    """Predict all test images with an external model; ``context`` fills ``ExternalContext``."""
    external = ExternalContext(*context)
    machine = this_machine(external.needed[fit.key].device)
    return replace(evaluate(external, fit, dense), machine=machine)


def dense_predictions(context: tuple[Any, ...], fit: Fit) -> npt.NDArray[np.int64]:
    """Predict all test images with a dense model, (N,); its scores are kept."""
    return predict_dense(ExternalContext(*context), fit)


def shift_model_file(
    context: tuple[Any, ...], fit: Fit, dense: Fit | None, folder: Path, names: tuple[str, ...]
) -> ShiftResult:
    """Predict the images of some shifts with an external model."""
    return evaluate_shifts(ExternalContext(*context), fit, dense, folder, names)
