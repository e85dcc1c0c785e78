"""The prunable weights of a model, their sparsity, and what a model takes to store."""

import torch
from torch import nn


def head_modules(model: nn.Module) -> list[nn.Module]:
    """Return the classifier head of a model: mostly one layer, in distilled models two."""
    find_head = getattr(model, "get_classifier", None)
    head = find_head() if callable(find_head) else None
    heads = head if isinstance(head, tuple | list) else [head]
    return [module for module in heads if isinstance(module, nn.Module)]


def prunable(model: nn.Module) -> dict[str, nn.Module]:
    """Modules whose ``weight`` pruning may remove, by name.

    All convolutions and linear layers except the classifier head; batch norm and biases stay. The
    rule is that of Hooker et al. 2019.
    """
    kept = {id(module) for top in head_modules(model) for module in top.modules()}
    return {name: module for name, module in layers(model).items() if id(module) not in kept}


def layers(model: nn.Module) -> dict[str, nn.Module]:
    """Convolutions and linear layers of a model by name, the classifier head among them."""
    kinds = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
    return {name: module for name, module in model.named_modules() if isinstance(module, kinds)}


def prunable_weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """Weights that pruning may remove, by module name."""
    return {name: module.get_parameter("weight") for name, module in prunable(model).items()}


def measured_sparsity(model: nn.Module, dense: int | None = None) -> float:
    """Sparsity, 0..1: the share of the dense model's prunable weights that are 0 or removed.

    Parameters
    ----------
    dense : int, optional
        Number of prunable weights of the dense model; by default, that of the model itself.
    """
    weights = prunable_weights(model).values()
    total = sum(weight.numel() for weight in weights) if dense is None else dense
    left = sum(int(weight.count_nonzero()) for weight in weights)
    return (total - left) / total if total else 0.0


def stored_bytes(model: nn.Module) -> int:
    """Bytes of all parameters and buffers as stored."""
    tensors = [*model.parameters(), *model.buffers()]
    return sum(t.numel() * t.element_size() for t in tensors)
