"""Run torch modules on arrays and measure their weights, for all torch formats."""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from analysis.errors import UserError, one_line
from analysis.external.model import Figures, Stored, figures_of
from analysis.models.weights import measured_sparsity

_FED = {torch.float32: "float32", torch.float16: "float16", torch.float64: "float64",
        torch.uint8: "uint8"}  # fmt: skip


def input_dtype(dtype: torch.dtype) -> str:
    """Return the input type of a module: float32, except for float16, float64 and uint8."""
    return _FED.get(dtype, "float32")


def to_device(module: nn.Module, device: str) -> nn.Module:
    """Move a module to ``cpu`` or ``cuda``.

    Raises
    ------
    UserError
        The device is not available, or the module cannot be moved there.
    """
    if device == "cpu":
        return module
    check_device(device)
    try:
        return module.to(device)
    except Exception as error:
        raise UserError(
            f"it cannot be moved to {device} ({one_line(error)}); --device cpu runs it here"
        ) from None


def check_device(device: str) -> None:
    """Check that torch can use a device.

    Raises
    ------
    UserError        The device is not available.
    """
    if device == "cpu" or (device == "cuda" and torch.cuda.is_available()):
        return
    raise UserError(
        f"--device {device}: torch {torch.__version__} finds no such device here; use --device cpu,"
        " or install torch for CUDA (pytorch.org/get-started)"
    )


def runner(module: Callable[..., Any], device: str = "cpu") -> Callable[[Any], dict[str, Any]]:
    """Return a function that runs a module, or a function of tensors, on arrays."""

    def run(images: Any) -> dict[str, Any]:
        with torch.inference_mode():
            return arrays(module(torch.from_numpy(np.ascontiguousarray(images)).to(device)))

    return run


def arrays(outputs: Any) -> dict[str, Any]:
    """Convert outputs of any structure to arrays by name, or by index without a name."""
    found: dict[str, Any] = {}
    named = outputs.items() if isinstance(outputs, Mapping) else [("", outputs)]
    for name, value in named:
        for one in _flat(value):
            found[str(name) if name and str(name) not in found else str(len(found))] = one
    return found


def _flat(outputs: Any) -> Iterator[Any]:
    if isinstance(outputs, torch.Tensor):
        tensor = outputs.detach().cpu()
        tensor = tensor.dequantize() if tensor.is_quantized else tensor
        yield (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    elif isinstance(outputs, np.ndarray):
        yield outputs
    elif isinstance(outputs, Mapping | list | tuple):
        values = outputs.values() if isinstance(outputs, Mapping) else outputs
        for value in values:
            yield from _flat(value)


def figures_of_tensors(tensors: Iterable[torch.Tensor]) -> Figures:
    """Measure parameters, buffers and quantized tensors; null if one has an unknown form."""
    found = [_stored(tensor) for tensor in tensors]
    stored = [one for one in found if one is not None]
    return figures_of(stored) if len(stored) == len(found) else Figures()


def _stored(tensor: torch.Tensor) -> Stored | None:
    n, is_large = tensor.numel(), tensor.ndim >= 2
    if tensor.is_quantized:
        bits = 4.0 if tensor.dtype == torch.quint4x2 else 8.0 * tensor.element_size()
        return Stored(n, n * bits / 8 + _scale_bytes(tensor), is_large, bits, None)
    if type(tensor.data) is not torch.Tensor:
        return None
    size = tensor.element_size()
    if tensor.is_floating_point():
        zeros = n - int(tensor.count_nonzero())
        name = str(tensor.dtype).removeprefix("torch.")
        return Stored(n, n * size, is_large, 8.0 * size, zeros, name)
    # int64 and bool are indices and masks; several weights may be packed into one int32.
    is_weight = is_large and tensor.dtype not in (torch.int64, torch.bool)
    return Stored(n, n * size, is_weight, 8.0 if size == 1 else None, None)


def _scale_bytes(tensor: torch.Tensor) -> int:
    """Return the bytes of a quantized tensor's scales and zero points."""
    if tensor.qscheme() in (torch.per_tensor_affine, torch.per_tensor_symmetric):
        return 16  # a double and a 64-bit integer
    parts = (tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points())
    return sum(part.numel() * part.element_size() for part in parts)


def is_batch_dependent(module: nn.Module) -> bool:
    """Return whether layers compute the scale of their input per batch at run time."""
    return any(".quantized.dynamic" in type(one).__module__ for one in module.modules())


def figures_of_module(module: nn.Module) -> Figures:
    """Measure a module; its sparsity excludes a named head, as everywhere."""
    figures = figures_of_tensors([*module.parameters(), *module.buffers(), *_packed(module)])
    if figures.sparsity is None or not hasattr(module, "get_classifier"):
        return figures
    return replace(figures, sparsity=measured_sparsity(module))


def _packed(module: nn.Module) -> Iterator[torch.Tensor]:
    """Yield the packed tensors of quantized layers, neither parameters nor buffers."""
    known = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    known |= {name for name, _ in module.named_buffers(remove_duplicate=False)}
    for name, value in module.state_dict().items():
        if name not in known:
            parts = value if isinstance(value, tuple | list) else [value]
            yield from (part for part in parts if isinstance(part, torch.Tensor))


def evaluating(module: nn.Module) -> nn.Module:
    """Return a copy in evaluation mode, on the CPU."""
    return copy.deepcopy(module).cpu().eval()
