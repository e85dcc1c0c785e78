"""Magnitude pruning: the smallest weights of every layer are removed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from analysis.compression.registry import register

if TYPE_CHECKING:
    import torch


@register(
    "magnitude",
    stage="training",
    takes_level=True,
    summary="removes the smallest weights, the same share in every layer",
)
def masks(weights: Mapping[str, "torch.Tensor"], sparsity: float) -> dict[str, "torch.Tensor"]:
    """Masks that keep the largest magnitudes of each layer: 1 kept, 0 removed.

    In a layer of n weights exactly ``round(sparsity * n)`` are removed; among equal magnitudes the
    earlier ones go first.

    Parameters
    ----------
    weights : mapping of float tensors
        The prunable weights by layer, all of them, also those now masked.
    sparsity : float
        Share to remove, 0..1.
    """
    result = {}
    for name, weight in weights.items():
        mask = weight.new_ones(weight.numel())
        order = weight.detach().abs().flatten().argsort(stable=True)
        mask[order[: round(sparsity * weight.numel())]] = 0
        result[name] = mask.view(weight.shape)
    return result
