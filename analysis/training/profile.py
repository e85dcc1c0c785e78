"""Time a model: its median forward pass, training steps and predictions on random pixels."""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np
import torch

from analysis.compression.masking import CubicSchedule
from analysis.compression.registry import method
from analysis.config import Sweep
from analysis.models.factory import create
from analysis.models.spec import ModelSpec
from analysis.models.weights import stored_bytes
from analysis.training.loop import GradualPruning, Normalizer, TrainingData, predict, train
from analysis.training.messages import Profile
from analysis.training.pruning import start_pruning

_SECONDS = 1.5
_FEW, _MANY = 3, 300
_N_IMAGES = 256
_PASS_SECONDS = 0.25
_PASSES = 30


def median_latency(forward: Callable[[Any], Any], images: Any) -> float:
    """Return the median time of a forward pass, ms, over 30 passes or 0.25 s, after a warm-up."""
    times: list[float] = []
    begun = time.perf_counter()
    with torch.inference_mode():
        forward(images)
        _wait_for_device(images)
        while len(times) < _PASSES and time.perf_counter() - begun < _PASS_SECONDS:
            started = time.perf_counter()
            forward(images)
            _wait_for_device(images)
            times.append(time.perf_counter() - started)
    return 1000 * median(times) if times else 1000 * (time.perf_counter() - begun)


def _wait_for_device(images: Any) -> None:
    """Synchronize an asynchronous device."""
    if isinstance(images, torch.Tensor) and images.is_cuda:
        torch.cuda.synchronize()


def profile_model(sweep: Sweep, spec: ModelSpec, device: str) -> Profile:
    """Measure training steps under masks, prediction, latency and memory of a sweep's model."""
    batch = sweep.training.batch_size
    generator = np.random.default_rng(0)
    shape = (max(batch, _N_IMAGES), spec.channels, *spec.image_size)
    pixels = generator.integers(0, 256, shape, dtype=np.uint8)
    normalize = Normalizer((0.5,) * spec.channels, (0.5,) * spec.channels, device)
    labels = np.resize(np.arange(spec.n_classes), batch)
    data = TrainingData(pixels[:batch], labels, normalize)
    model = create(spec).to(device)
    step = 0.0
    if sweep.training.epochs:
        pruning = start_pruning(model, method("magnitude"), spec, {})
        options = replace(sweep.training, epochs=1, schedule="gradual")
        gradual = GradualPruning(pruning, CubicSchedule(0.5, 0, 10**9, options.prune_every))
        train(model, data, options, gradual=gradual)
        step = _seconds_each(
            lambda n: train(model, data, replace(options, epochs=n), gradual=gradual)
        )
        pruning.finish()
    predict(model, pixels[:2], normalize)
    started = time.perf_counter()
    predict(model, pixels[:_N_IMAGES], normalize)
    image = (time.perf_counter() - started) / _N_IMAGES
    started = time.perf_counter()
    median_latency(lambda one: model(one), normalize(pixels[:1]))
    latency = time.perf_counter() - started
    return Profile(step, image, latency, stored_bytes(model), _peak_memory())


def _seconds_each(work: Callable[[int], None]) -> float:
    """Time enough repetitions of some work for a stable mean."""
    started = time.perf_counter()
    work(_FEW)
    each = (time.perf_counter() - started) / _FEW
    n = max(_FEW, min(_MANY, round(_SECONDS / each)))
    started = time.perf_counter()
    work(n)
    return (time.perf_counter() - started) / n


def _peak_memory() -> int:
    """Return the peak memory of this process and of its share of a GPU, bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return peak + (torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0)
