"""Prune a model during training, by masks or by removing channels."""

import json
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import nn
from torch.nn.utils import prune

from analysis.compression.registry import Method, Need
from analysis.models.channels import Channels
from analysis.models.spec import ModelSpec
from analysis.models.weights import prunable

Sources = dict[Need, Callable[[nn.Module], Any]]
HISTORY = "removed_channels"


class Pruning(Protocol):
    """A model being pruned, to rising sparsity."""

    def prune(self, sparsity: float) -> bool:
        """Prune to a sparsity; return whether parameters were replaced by smaller ones."""
        ...

    def finish(self) -> dict[str, str]:
        """Make the pruning permanent; return what is needed to rebuild the model's shape."""
        ...


class MaskPruning:
    """Masks on the prunable weights, recomputed from all weights at each update.

    A masked weight keeps its value, as in the code of Hooker et al. 2019, so that it can return
    when its neighbours shrink.
    """

    def __init__(self, model: nn.Module, method: Method, sources: Sources) -> None:
        self.model = model
        self.method = method
        self.sources = sources
        self.modules = prunable(model)
        for module in self.modules.values():
            _Mask.apply(module, "weight")

    def prune(self, sparsity: float) -> bool:
        """Recompute the masks."""
        weights = {
            name: module.get_parameter("weight_orig") for name, module in self.modules.items()
        }
        inputs = {need: self.sources[need](self.model) for need in self.method.needs}
        for name, mask in self.method.work(weights, sparsity, **inputs).items():
            self.modules[name].get_buffer("weight_mask").copy_(mask)
        return False

    def finish(self) -> dict[str, str]:
        """Make the masks permanent."""
        for module in self.modules.values():
            prune.remove(module, "weight")
        return {}


class _Mask(prune.Identity):
    """A mask, initially ones, whose masked weight keeps the weight's memory layout."""

    def apply_mask(self, module: nn.Module) -> torch.Tensor:
        """Return ``weight_orig * weight_mask``."""
        masked: torch.Tensor = super().apply_mask(module)
        if masked.stride() == module.get_parameter("weight_orig").stride():
            return masked
        # A product of depthwise or 1 x 1 weights loses the channels-last layout, which makes
        # convolutions slow.
        return masked.clone(memory_format=torch.channels_last)


class ChannelPruning:
    """Permanent removal of channels in steps; ``sparsity`` is their share."""

    def __init__(self, model: nn.Module, method: Method, spec: ModelSpec) -> None:
        self.method = method
        self.channels = Channels(model, spec)

    def prune(self, sparsity: float) -> bool:
        """Remove channels up to this share of every group's original number."""
        return self.channels.remove(sparsity, self.method.work)

    def finish(self) -> dict[str, str]:
        """Return the removed channels, which a copy must lose before it loads the weights."""
        return {HISTORY: json.dumps(self.channels.history())}


def start_pruning(model: nn.Module, method: Method, spec: ModelSpec, sources: Sources) -> Pruning:
    """Start pruning a model with a method."""
    if method.removes == "channels":
        return ChannelPruning(model, method, spec)
    return MaskPruning(model, method, sources)


def reshape(model: nn.Module, spec: ModelSpec, notes: dict[str, str]) -> None:
    """Give a new model the shape of a pruned one, from the result of :meth:`Pruning.finish`."""
    if HISTORY in notes:
        Channels(model, spec).replay(json.loads(notes[HISTORY]))
