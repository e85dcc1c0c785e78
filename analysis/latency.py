"""Latency of a model: the median forward pass, within a bounded time."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch

_SECONDS = 0.25
_RUNS = 30


def median_latency(forward: Callable[[Any], Any], images: Any) -> float:
    """Median time of a forward pass, ms, after one to warm up: 30 of them, or 0.25 s."""
    times: list[float] = []
    begun = time.perf_counter()
    with torch.inference_mode():
        forward(images)
        _finish(images)
        while len(times) < _RUNS and time.perf_counter() - begun < _SECONDS:
            started = time.perf_counter()
            forward(images)
            _finish(images)
            times.append(time.perf_counter() - started)
    return 1000 * median(times) if times else 1000 * (time.perf_counter() - begun)


def _finish(images: Any) -> None:
    """Wait for a device that works on its own."""
    if isinstance(images, torch.Tensor) and images.is_cuda:
        torch.cuda.synchronize()
