"""What the formats of torch share: running a module on arrays, and measuring its weights."""

import copy
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import nn

from analysis.given.loaded import Figures, figures_of
from analysis.models.weights import measured_sparsity

_FED = {torch.float32: "float32", torch.float16: "float16", torch.float64: "float64",
        torch.uint8: "uint8"}  # fmt: skip


def fed(dtype: torch.dtype) -> str:
    """Name what a module is fed; anything but half and double precision is fed float32."""
    return _FED.get(dtype, "float32")


def runner(module: Callable[..., Any]) -> Callable[[Any], list[Any]]:
    """Run a module, or a function of tensors, on arrays."""

    def run(images: Any) -> list[Any]:
        with torch.inference_mode():
            return arrays(module(torch.from_numpy(np.ascontiguousarray(images))))

    return run


def arrays(outputs: Any) -> list[Any]:
    """Outputs of whatever form as arrays."""
    if isinstance(outputs, torch.Tensor):
        tensor = outputs.detach().cpu()
        return [(tensor.float() if tensor.is_floating_point() else tensor).numpy()]
    if isinstance(outputs, np.ndarray):
        return [outputs]
    if isinstance(outputs, dict):  # such as the outputs of transformers
        return [one for value in outputs.values() for one in arrays(value)]
    if isinstance(outputs, list | tuple):
        return [one for value in outputs for one in arrays(value)]
    return []


def figures_of_tensors(tensors: Iterable[torch.Tensor]) -> Figures:
    """Measure a state dict: parameters and buffers."""
    weights: list[tuple[int, int, float, bool, int | None]] = []
    for tensor in tensors:
        is_plain = type(tensor.data) is torch.Tensor and not tensor.is_quantized
        is_float = is_plain and tensor.is_floating_point()
        zeros = tensor.numel() - int(tensor.count_nonzero()) if is_float else None
        bits = 8.0 * tensor.element_size()
        if not is_plain:
            return Figures()  # its own form of storage: what it takes is not known
        weights.append((tensor.numel(), tensor.ndim, bits, is_float, zeros))
    return figures_of(weights)


def figures_of_module(module: nn.Module) -> Figures:
    """Measure a module; where it names its head, sparsity leaves that out as everywhere."""
    figures = figures_of_tensors([*module.parameters(), *module.buffers()])
    if figures.sparsity is None or not hasattr(module, "get_classifier"):
        return figures
    return Figures(figures.size_bytes, figures.weight_bits, measured_sparsity(module))


def evaluating(module: nn.Module) -> nn.Module:
    """Return a copy in evaluation mode, on the CPU."""
    return copy.deepcopy(module).cpu().eval()
