"""Compute the features of torch modules before their last layer."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from analysis.stats.features import pooled

_LINEAR = ("Linear", "LinearReLU", "NonDynamicallyQuantizableLinear")
_MAPS = ("Conv1d", "Conv2d", "Conv3d")
# Operators of a program: index of their input, and whether it is a feature map.
_OPERATORS = {
    "aten.linear.default": (0, False), "aten.addmm.default": (1, False),
    "aten.mm.default": (0, False), "aten.matmul.default": (0, False),
    "aten.conv2d.default": (0, True), "aten.convolution.default": (0, True),
}  # fmt: skip
Array = npt.NDArray[Any]
Run = Callable[[Array | torch.Tensor], Array]


def pre_logits(model: Any, images: torch.Tensor) -> torch.Tensor:
    """Return the features before the head, (N, D), of a model with timm's two methods."""
    found = model.forward_head(model.forward_features(images), pre_logits=True)
    if not isinstance(found, torch.Tensor) or found.ndim < 2 or len(found) != len(images):
        raise TypeError("forward_head returns no features")
    return found.flatten(1)


def module_features(module: nn.Module, device: str) -> Run | None:
    """Return a function that runs a module up to its last layer, (N, D); None if unknown.

    With ``forward_features`` and ``forward_head`` these are used; otherwise the features are the
    input of the last linear layer or convolution called.
    """
    if all(hasattr(module, name) for name in ("forward_features", "forward_head")):
        return _on_arrays(lambda images: pre_logits(module, images), device)
    if isinstance(module, torch.fx.GraphModule):
        return _of_program(module, device)
    layers = [one for one in module.modules() if type(one).__name__ in (*_LINEAR, *_MAPS)]
    return _on_arrays(lambda images: _hooked(module, layers, images), device) if layers else None


def _hooked(module: nn.Module, layers: list[nn.Module], images: torch.Tensor) -> Any:
    seen: list[tuple[nn.Module, torch.Tensor]] = []

    def note(layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        if inputs and isinstance(inputs[0], torch.Tensor):
            seen[:] = [(layer, inputs[0])]

    hooks = [layer.register_forward_pre_hook(note) for layer in layers]
    try:
        module(images)
    finally:
        for hook in hooks:
            hook.remove()
    if not seen:
        raise RuntimeError("no linear layer is called")
    layer, values = seen[0]
    return values, type(layer).__name__ in _MAPS


class _UpTo(torch.fx.Interpreter):
    """A program run once, recording the input of one of its nodes."""

    def __init__(self, module: torch.fx.GraphModule, node: Any, place: int) -> None:
        super().__init__(module)
        self._node, self._place = node, place
        self.recorded: Any = None

    def run_node(self, n: Any) -> Any:
        if n is self._node:
            self.recorded = self.fetch_args_kwargs_from_env(n)[0][self._place]
        return super().run_node(n)


def _of_program(module: torch.fx.GraphModule, device: str) -> Run | None:
    nodes = [node for node in module.graph.nodes if f"{node.target}" in _OPERATORS]
    if not nodes:
        return None
    place, is_map = _OPERATORS[f"{nodes[-1].target}"]

    def run(images: torch.Tensor) -> Any:
        interpreter = _UpTo(module, nodes[-1], place)
        interpreter.run(images)
        return interpreter.recorded, is_map

    return _on_arrays(run, device)


def _on_arrays(run: Callable[[torch.Tensor], Any], device: str) -> Run:
    def of(images: Array | torch.Tensor) -> Array:
        if not isinstance(images, torch.Tensor):
            images = torch.from_numpy(np.ascontiguousarray(images))
        with torch.inference_mode():
            found = run(images.to(device))
        values, is_map = found if isinstance(found, tuple) else (found, False)
        values = values.dequantize() if values.is_quantized else values
        return pooled(values.float().cpu().numpy(), is_map=is_map)

    return of
