"""The prunable weights of a model, their sparsity, and the model's stored size."""

import torch
from torch import nn


def head_modules(model: nn.Module) -> list[nn.Module]:
    """Return the classifier head of a model, one layer, or two in distilled models."""
    find_head = getattr(model, "get_classifier", None)
    head = find_head() if callable(find_head) else None
    heads = head if isinstance(head, tuple | list) else [head]
    return [module for module in heads if isinstance(module, nn.Module)]


def prunable(model: nn.Module) -> dict[str, nn.Module]:
    """Return the modules with a prunable ``weight`` by name.

    These are all convolutions and linear layers except the classifier head, without batch norms and
    biases, as in Hooker et al. 2019.
    """
    kept = {id(module) for top in head_modules(model) for module in top.modules()}
    return {name: module for name, module in layers(model).items() if id(module) not in kept}


def layers(model: nn.Module) -> dict[str, nn.Module]:
    """Return the convolutions and linear layers of a model by name, including the head."""
    kinds = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
    return {name: module for name, module in model.named_modules() if isinstance(module, kinds)}


def prunable_weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return the prunable weights by module name."""
    return {name: module.get_parameter("weight") for name, module in prunable(model).items()}


def measured_sparsity(model: nn.Module, dense: int | None = None) -> float:
    """Return the sparsity, 0..1: the share of dense prunable weights that are 0 or removed.

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
    """Return the bytes of all parameters and buffers as stored."""
    tensors = [*model.parameters(), *model.buffers()]
    return sum(t.numel() * t.element_size() for t in tensors)
