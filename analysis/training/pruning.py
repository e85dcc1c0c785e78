"""Pruning a model while it is trained: by masks that can come and go, or by removing channels."""

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
    """A model being pruned; what is asked of it never falls."""

    def prune(self, sparsity: float) -> bool:
        """Prune to a sparsity; say whether parameters were replaced by smaller ones."""
        ...

    def finish(self) -> dict[str, str]:
        """Make it final; return what the weights alone do not say of the model's shape."""
        ...


class MaskPruning:
    """Masks on the prunable weights, made again from all weights whenever it is asked.

    A masked weight keeps its value beneath the mask, as in the code of Hooker et al. 2019, so it
    can come back when its neighbours shrink.
    """

    def __init__(self, model: nn.Module, method: Method, sources: Sources) -> None:
        self.model = model
        self.method = method
        self.sources = sources
        self.modules = prunable(model)
        for module in self.modules.values():
            _Mask.apply(module, "weight")

    def prune(self, sparsity: float) -> bool:
        """Make the masks again."""
        weights = {
            name: module.get_parameter("weight_orig") for name, module in self.modules.items()
        }
        given = {need: self.sources[need](self.model) for need in self.method.needs}
        for name, mask in self.method.work(weights, sparsity, **given).items():
            self.modules[name].get_buffer("weight_mask").copy_(mask)
        return False

    def finish(self) -> dict[str, str]:
        """Put the masked weights in place for good."""
        for module in self.modules.values():
            prune.remove(module, "weight")
        return {}


class _Mask(prune.Identity):
    """A mask of ones to begin with, whose masked weight lies in memory as the weight does."""

    def apply_mask(self, module: nn.Module) -> torch.Tensor:
        """Return ``weight_orig * weight_mask``."""
        masked: torch.Tensor = super().apply_mask(module)
        if masked.stride() == module.get_parameter("weight_orig").stride():
            return masked
        # A product of depthwise or 1 x 1 weights forgets that they are channels last, and the
        # convolution then takes the slow path.
        return masked.clone(memory_format=torch.channels_last)


class ChannelPruning:
    """Channels removed for good, a few at a time; ``sparsity`` is their share."""

    def __init__(self, model: nn.Module, method: Method, spec: ModelSpec) -> None:
        self.method = method
        self.channels = Channels(model, spec)

    def prune(self, sparsity: float) -> bool:
        """Remove channels up to this share of every group's first number."""
        return self.channels.remove(sparsity, self.method.work)

    def finish(self) -> dict[str, str]:
        """Return which channels went: a copy of the model has to lose them to take the weights."""
        return {HISTORY: json.dumps(self.channels.history())}


def start(model: nn.Module, method: Method, spec: ModelSpec, sources: Sources) -> Pruning:
    """Start pruning a model by a method of training."""
    if method.removes == "channels":
        return ChannelPruning(model, method, spec)
    return MaskPruning(model, method, sources)


def reshape(model: nn.Module, spec: ModelSpec, notes: dict[str, str]) -> None:
    """Give a new model the shape of a pruned one, from what :meth:`Pruning.finish` returned."""
    if HISTORY in notes:
        Channels(model, spec).replay(json.loads(notes[HISTORY]))
